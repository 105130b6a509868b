"""Azure Tables.

https://learn.microsoft.com/rest/api/storageservices/table-service-rest-api
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.data.tables import (
    EdmType,
    EntityProperty,
    RequestTooLargeError,
    TableErrorCode,
    UpdateMode,
)
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.clients.table_rules import RowRefused, check_key, check_operations, check_table
from shared.errors import StorageUnavailable, TableConflict
from shared.ports import (
    QUERY_ROWS_MAX,
    Cell,
    Delete,
    Insert,
    Operation,
    Put,
    Replace,
    Row,
)

CALL_SECONDS_MAX = 30  # of one call of ours, retries included
CONNECT_SECONDS_MAX = 5
READ_SECONDS_MAX = 15
RETRIES_MAX = 2
RETRY_BACKOFF_SECONDS = 0.2
PREFIX_END_MAX = 0xD7FE  # the character after it must be one, and sort alike in UTF-16

_CONFLICTS = (404, 409, 412)
_REFUSALS = (400, 413)


class AzureTables:
    """`shared.ports.Tables` on `azure.data.tables.aio`.

    Either `connection_string` (Azurite, or an account key) or `endpoint` with `credential`
    (`https://<account>.table.core.windows.net`, role Storage Table Data Contributor). Tables
    are created when first used. Nothing connects before the first call. Integers are always
    Int64 and moments keep their microseconds, so every cell comes back as it was.

    Raises `TableConflict`, `StorageUnavailable` and `RowRefused`. Reads are tried again by the
    SDK where that may help; a write only when it never left, so that a `TableConflict` is never
    the echo of our own write whose answer was lost.
    """

    def __init__(
        self,
        *,
        connection_string: str | None = None,
        endpoint: str | None = None,
        credential: AsyncTokenCredential | None = None,
        call_seconds_max: float = CALL_SECONDS_MAX,
    ) -> None:
        options: dict[str, Any] = {
            "connection_timeout": CONNECT_SECONDS_MAX,
            "read_timeout": READ_SECONDS_MAX,
            "retry_total": RETRIES_MAX,
            "retry_backoff_factor": RETRY_BACKOFF_SECONDS,
        }
        if connection_string is not None and endpoint is None:
            self._service = TableServiceClient.from_connection_string(connection_string, **options)
        elif endpoint is not None and credential is not None and connection_string is None:
            self._service = TableServiceClient(endpoint, credential=credential, **options)
        else:
            raise ValueError("tables need a connection string, or an endpoint and a credential")
        self._call_seconds_max = call_seconds_max
        self._clients: dict[str, TableClient] = {}

    async def close(self) -> None:
        """Close the connections. The credential belongs to the caller."""
        self._clients.clear()
        await self._service.close()

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        """One row, or None."""
        check_table(table)
        check_key("partition key", partition)
        check_key("row key", row)
        async with self._call(table) as client:
            try:
                return _row_of(await client.get_entity(partition, row))
            except ResourceNotFoundError as error:
                if _is_table_missing(error):
                    raise
                return None

    async def query(
        self,
        table: str,
        *,
        partition: str | None = None,
        prefix: str = "",
        after: tuple[str, str] | None = None,
        limit: int = QUERY_ROWS_MAX,
    ) -> list[Row]:
        """Rows in the order of (partition, row), at most `limit`; see `shared.ports.Tables`."""
        check_table(table)
        if prefix and partition is None:
            raise RowRefused("a prefix of the row key needs a partition")
        if prefix and ord(prefix[-1]) > PREFIX_END_MAX:
            raise RowRefused(f"a prefix cannot end in {prefix[-1]!r}")
        if not 1 <= limit <= QUERY_ROWS_MAX:
            raise RowRefused(f"limit is 1 to {QUERY_ROWS_MAX}, got {limit}")
        if partition is not None and after is not None and after[0] != partition:
            if after[0] > partition:
                return []
            after = None
        words, values = _filter(partition, prefix, after)
        rows: list[Row] = []
        async with self._call(table) as client:
            entities = (
                client.query_entities(words, parameters=values, results_per_page=limit)
                if words
                else client.list_entities(results_per_page=limit)
            )
            async for entity in entities:
                rows.append(_row_of(entity))
                if len(rows) == limit:
                    break
        return rows

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        """All or nothing on one partition. Returns the new ETags; see `shared.ports.Tables`."""
        check_table(table)
        check_key("partition key", partition)
        check_operations(partition, operations)
        batch = [_sdk_operation(partition, operation) for operation in operations]
        async with self._call(table, conflicts=True) as client:
            # Never sent again after it may have arrived: see the class.
            done = await client.submit_transaction(batch, retry_read=0, retry_status=0)
        return tuple(
            "" if isinstance(operation, Delete) else answer["etag"]
            for operation, answer in zip(operations, done, strict=True)
        )

    @asynccontextmanager
    async def _call(self, table: str, *, conflicts: bool = False) -> AsyncIterator[TableClient]:
        """The client of an existing table, within the time limit, errors translated."""
        try:
            async with asyncio.timeout(self._call_seconds_max):
                yield await self._client(table)
        except HttpResponseError as error:
            status = error.status_code or 0
            if _is_table_missing(error):
                self._clients.pop(table, None)  # created again by the next call
            elif conflicts and status in _CONFLICTS:
                raise TableConflict(f"{table}: {_text(error)}") from error
            elif status in _REFUSALS or isinstance(error, RequestTooLargeError):
                raise RowRefused(f"{table}: {_text(error)}") from error
            raise StorageUnavailable(f"{table}: {_text(error)}") from error
        except AzureError as error:
            raise StorageUnavailable(f"{table}: {_text(error)}") from error
        except TimeoutError as error:
            seconds = self._call_seconds_max
            raise StorageUnavailable(f"{table}: no answer within {seconds} s") from error

    async def _client(self, table: str) -> TableClient:
        if table not in self._clients:
            client = self._service.get_table_client(table)
            try:
                await client.create_table()
            except ResourceExistsError as error:
                if _code(error) != TableErrorCode.TABLE_ALREADY_EXISTS:
                    raise
            self._clients[table] = client
        return self._clients[table]


def _filter(
    partition: str | None, prefix: str, after: tuple[str, str] | None
) -> tuple[str, dict[str, str]]:
    """An OData filter and its parameters; the SDK wants a blank on each side of a parameter."""
    if partition is None:
        if after is None:
            return "", {}
        # `and` binds stronger than `or`
        return (
            "PartitionKey gt @p or PartitionKey eq @p and RowKey gt @after",
            {"p": after[0], "after": after[1]},
        )
    words, values = ["PartitionKey eq @p"], {"p": partition}
    if prefix:
        words.append("RowKey ge @prefix and RowKey lt @end")
        values |= {"prefix": prefix, "end": prefix[:-1] + chr(ord(prefix[-1]) + 1)}
    if after is not None:
        words.append("RowKey gt @after")
        values["after"] = after[1]
    return " and ".join(words), values


def _sdk_operation(
    partition: str, operation: Operation
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    entity: dict[str, Any] = {"PartitionKey": partition, "RowKey": operation.row}
    if not isinstance(operation, Delete):
        entity |= {name: _sdk_cell(cell) for name, cell in operation.cells.items()}
    match operation:
        case Insert():
            return "create", entity, {}
        case Put():
            return "upsert", entity, {"mode": UpdateMode.REPLACE}
        case Replace(etag=etag):
            return "update", entity, {"mode": UpdateMode.REPLACE} | _if_unchanged(etag)
        case Delete(etag=etag):
            return "delete", entity, {} if etag is None else _if_unchanged(etag)


def _if_unchanged(etag: str) -> dict[str, Any]:
    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


def _sdk_cell(cell: Cell) -> object:
    if isinstance(cell, int) and not isinstance(cell, bool):
        return EntityProperty(cell, EdmType.INT64)
    return cell


def _row_of(entity: Any) -> Row:  # noqa: ANN401 - the SDK's TableEntity, a dict with metadata
    cells: dict[str, Cell] = {}
    for name, value in entity.items():
        if name in ("PartitionKey", "RowKey"):
            continue
        if isinstance(value, EntityProperty):
            cells[name] = value.value
        elif isinstance(value, datetime):
            cells[name] = datetime.combine(value.date(), value.time(), UTC)
        else:
            cells[name] = value
    return Row(entity["PartitionKey"], entity["RowKey"], cells, entity.metadata["etag"])


def _is_table_missing(error: HttpResponseError) -> bool:
    return _code(error) == TableErrorCode.TABLE_NOT_FOUND


def _code(error: HttpResponseError) -> str | None:
    """The service's code, which the SDK hangs on its errors without declaring it."""
    return getattr(error, "error_code", None)


def _text(error: AzureError) -> str:
    return " ".join(str(error.message).split())
