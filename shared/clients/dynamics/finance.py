"""The Dynamics 365 Finance gateway: `shared.ports.DynamicsGateway` over OData.

https://learn.microsoft.com/dynamics365/fin-ops-core/dev-itpro/data-entities/odata
"""

from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType

from shared.clients.dynamics import batch, odata
from shared.clients.dynamics.batch import PartAnswer, Unit
from shared.clients.dynamics.errors import RETRY_AFTER_SECONDS_MAX, SYSTEM, error_of
from shared.clients.dynamics.odata import BatchOperation
from shared.clients.dynamics.transport import DynamicsHttp, HttpAnswer, data_path_of
from shared.clients.retry_after import retry_after_seconds
from shared.errors import (
    CredentialsRefused,
    LeaseOver,
    Refused,
    Throttled,
    TieoutError,
    Unavailable,
    UncertainWrite,
)
from shared.ports import Clock, Json, Lookup, Write, WriteFailed, Written

PAGES_MAX = 1_000  # of one query, each up to 10,000 records
JSON_HEADERS = MappingProxyType({"Content-Type": "application/json;charset=utf-8"})

STOPPING = (UncertainWrite, Throttled, Unavailable, CredentialsRefused, LeaseOver)
"""After one of these nothing more is sent: the next request would fare no better, and after a
lost answer it could overlap with the one that may still be running in the same journal."""

type WriteResult = Written | WriteFailed


class FinanceGateway:
    """Reads and writes one Dynamics 365 environment in its own names.

    `delimiter` is the dimension segment delimiter of the environment (General ledger >
    Chart of accounts > Dimensions), by which accounts are escaped.
    """

    def __init__(
        self, http: DynamicsHttp, clock: Clock, *, delimiter: str = odata.DELIMITER
    ) -> None:
        if delimiter not in odata.DELIMITERS:
            raise ValueError(f"{delimiter!r} is not a dimension segment delimiter of Dynamics")
        self._http = http
        self._clock = clock
        self._delimiter = delimiter

    async def apply(self, writes: Sequence[Write], not_after: datetime) -> list[WriteResult]:
        """See `DynamicsGateway.apply`.

        Requests go one after another, `BATCH_OPERATIONS_MAX` writes each; a single write goes as
        a plain request. The writes of a group go where its first write stands. A group that
        holds a write we cannot render, or more writes than one request takes, is refused whole.
        """
        operations, outcomes = self._render(writes)
        units = []
        for unit in batch.units_of([write.group for write in writes]):
            refusal = _refusal_of(unit, outcomes)
            if refusal is None:
                units.append(unit)
            else:
                outcomes |= dict.fromkeys(unit, WriteFailed(refusal))
        stop: Exception | None = None
        for request in batch.requests_of(units):
            if stop is None:
                answers = await self._send(request, operations, not_after)
            else:
                answers = {at: WriteFailed(_not_sent(stop)) for unit in request for at in unit}
            outcomes |= answers
            stop = stop or _stopping(answers)
        return [outcomes[at] for at in range(len(writes))]

    async def find(self, lookup: Lookup) -> list[Json]:
        """See `DynamicsGateway.find`."""
        rows: list[Json] = []
        for target in odata.queries(lookup, self._delimiter):
            rows += await self._pages(target)
            if lookup.limit is not None and len(rows) >= lookup.limit:
                return rows[: lookup.limit]
        return rows

    async def _pages(self, target: str) -> list[Json]:
        rows: list[Json] = []
        for _ in range(PAGES_MAX):
            answer = await self._http.read(target)
            try:
                page, next_link = odata.rows_of(answer.body, self._delimiter)
            except (ValueError, RecursionError) as error:
                raise Unavailable(SYSTEM, f"GET {target}: not a page of records") from error
            rows += page
            if not next_link:
                return rows
            target = data_path_of(next_link)
        raise Refused(SYSTEM, f"more than {PAGES_MAX} pages of one query; narrow it")

    def _render(
        self, writes: Sequence[Write]
    ) -> tuple[dict[int, BatchOperation], dict[int, WriteResult]]:
        operations: dict[int, BatchOperation] = {}
        outcomes: dict[int, WriteResult] = {}
        for at, write in enumerate(writes):
            try:
                operations[at] = odata.operation_of(write, self._delimiter)
            except Refused as error:
                outcomes[at] = WriteFailed(error)
        return operations, outcomes

    async def _send(
        self, request: Sequence[Unit], operations: dict[int, BatchOperation], not_after: datetime
    ) -> dict[int, WriteResult]:
        """One request, plain or `$batch`. Never raises."""
        positions = [at for unit in request for at in unit]
        try:
            if len(positions) == 1:
                operation = operations[positions[0]]
                answer = await self._http.write(
                    operation.method,
                    operation.target,
                    operation.body,
                    not_after,
                    JSON_HEADERS if operation.body else None,
                )
                return {positions[0]: self._outcome(operation, answer.status, answer.body)}
            return await self._send_batch(request, operations, not_after)
        except TieoutError as error:
            return dict.fromkeys(positions, WriteFailed(error))
        except Exception as error:  # closed by default: the request may be on its way
            unknown = UncertainWrite(
                f"{SYSTEM} may or may not have executed it: {type(error).__name__} {error}"
            )
            unknown.__cause__ = error
            return dict.fromkeys(positions, WriteFailed(unknown))

    async def _send_batch(
        self, request: Sequence[Unit], operations: dict[int, BatchOperation], not_after: datetime
    ) -> dict[int, WriteResult]:
        changesets = [[operations[at] for at in unit] for unit in request]
        body = batch.batch_body(changesets, self._http.base_url)
        answer: HttpAnswer = await self._http.write(
            "POST", batch.BATCH_TARGET, body, not_after, batch.BATCH_HEADERS
        )
        answers = batch.answers_of(
            answer.content_type, answer.body, [len(unit) for unit in request]
        )
        outcomes: dict[int, WriteResult] = {}
        for unit, told in zip(request, answers, strict=True):
            if isinstance(told, list):
                for at, part in zip(unit, told, strict=True):
                    outcomes[at] = self._outcome(operations[at], part.status, part.body)
            elif isinstance(told, PartAnswer):
                outcomes |= dict.fromkeys(unit, self._failure(operations[unit[0]], told))
            else:
                outcomes |= dict.fromkeys(unit, WriteFailed(told))
        return outcomes

    def _outcome(self, operation: BatchOperation, status: int, body: bytes) -> WriteResult:
        """What a 2xx answer says. A creation must bring its record, with generated numbers."""
        if operation.method != "POST" and not body.strip():
            return Written({})
        try:
            return Written(odata.record_of(body, self._delimiter))
        except (ValueError, RecursionError):
            return WriteFailed(
                UncertainWrite(f"{operation.what}: HTTP {status}, but the record is malformed")
            )

    def _failure(self, operation: BatchOperation, part: PartAnswer) -> WriteFailed:
        retry_after = retry_after_seconds(
            part.retry_after, self._clock.now(), RETRY_AFTER_SECONDS_MAX
        )
        return WriteFailed(
            error_of(
                part.status,
                part.body,
                operation.what,
                writing=True,
                retry_after_seconds=retry_after,
            )
        )


def _refusal_of(unit: Unit, outcomes: dict[int, WriteResult]) -> Exception | None:
    """Why a changeset cannot be sent: a write in it has no rendering, or it is too large."""
    for at in unit:
        outcome = outcomes.get(at)
        if isinstance(outcome, WriteFailed):
            return outcome.error
    if len(unit) > batch.BATCH_OPERATIONS_MAX:
        return Refused(
            SYSTEM,
            f"a group of {len(unit)} writes; one request takes {batch.BATCH_OPERATIONS_MAX}",
        )
    return None


def _stopping(outcomes: dict[int, WriteResult]) -> Exception | None:
    for outcome in outcomes.values():
        if isinstance(outcome, WriteFailed) and isinstance(outcome.error, STOPPING):
            return outcome.error
    return None


def _not_sent(stop: Exception) -> Exception:
    """The certain error of a write that was not sent because of an earlier request's error."""
    if isinstance(stop, UncertainWrite):
        return Unavailable(SYSTEM, "not sent, because the answer of an earlier request is lost")
    return stop
