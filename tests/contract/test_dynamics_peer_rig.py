"""What the Dynamics peer's tests share: a world, payloads, readers of its answers."""

import inspect
import random
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx
import simplejson

from local.clock import LoopClock
from local.dynamics import HOST, DynamicsPeer, DynamicsSettings, PeerTransport
from local.loop import run_virtual

START = datetime(2026, 7, 1, 9, tzinfo=UTC)
GRANT = {
    "grant_type": "client_credentials",
    "client_id": "client",
    "client_secret": "secret",
    "scope": f"{HOST}/.default",
}
TOKEN_URL = "/local/oauth2/v2.0/token"
RECEIPT = {
    "dataAreaId": "usmf",
    "AccountDisplayValue": "US\\-001",
    "CurrencyCode": "USD",
    "CreditAmount": 20,
    "TransactionDate": "2026-07-01T12:00:00Z",
    "OffsetAccountType": "Bank",
    "OffsetAccountDisplayValue": "STRIPE\\-USD",
    "PaymentId": "txn_1:gross",
    "PaymentReference": "REF-1-GROSS",
}
FEE = {
    "dataAreaId": "usmf",
    "AccountType": "Ledger",
    "AccountDisplayValue": "618900",
    "CurrencyCode": "USD",
    "DebitAmount": 1.23,
    "TransDate": "2026-07-01T12:00:00Z",
    "OffsetAccountType": "Bank",
    "OffsetAccountDisplayValue": "STRIPE\\-USD",
    "PaymentId": "txn_1:fee",
    "PaymentReference": "REF-1-FEE",
}
CUSTOMER = {
    "dataAreaId": "usmf",
    "OrganizationName": "Jenny Rosen",
    "CustomerGroupId": "10",
    "SalesCurrencyCode": "USD",
}

ORDER = {
    "dataAreaId": "usmf",
    "OrderingCustomerAccountNumber": "US-001",
    "CurrencyCode": "USD",
    "CustomersOrderReference": "ch_1",
}
ORDER_LINE = {
    "dataAreaId": "usmf",
    "ItemNumber": "STRIPE-SALE",
    "OrderedSalesQuantity": 2,
    "SalesPrice": 10,
}
INVOICE = {
    "dataAreaId": "usmf",
    "ExternalInvoiceId": "in_1",
    "CustomerAccount": "US-001",
    "CurrencyCode": "USD",
    "InvoiceDate": "2026-07-01",
}
INVOICE_LINE = {
    "dataAreaId": "usmf",
    "ExternalInvoiceId": "in_1",
    "MainAccountDisplayValue": "401100",
    "Quantity": 2,
    "UnitPrice": 10,
}


class World:
    """A peer, a clock and a client that holds a token."""

    def __init__(self, clock: LoopClock, seed: int = 1) -> None:
        self.clock = clock
        self.peer = DynamicsPeer(
            clock,
            random.Random(seed),
            client_id="client",
            client_secret="secret",
            settings=DynamicsSettings(),
        )
        self.http = httpx.AsyncClient(
            transport=PeerTransport(self.peer.asgi, clock), base_url=HOST, timeout=30
        )

    async def sign_in(self) -> None:
        response = await self.http.post(TOKEN_URL, data=GRANT)
        self.http.headers["Authorization"] = f"Bearer {response.json()['access_token']}"

    async def get(self, path: str, **options: str) -> httpx.Response:
        """`_filter` stands for `$filter`, `cross_company` for `cross-company`."""
        names = [f"${n[1:]}" if n[0] == "_" else n.replace("_", "-") for n in options]
        query = "&".join(f"{n}={quote(v)}" for n, v in zip(names, options.values(), strict=True))
        return await self.http.get(f"/data/{path}" + (f"?{query}" if query else ""))

    async def rows(self, path: str, **options: str) -> list[dict[str, Any]]:
        response = await self.get(path, **options)
        assert response.status_code == 200, response.text
        value: list[dict[str, Any]] = response.json()["value"]
        return value

    async def post(self, entity_set: str, fields: Mapping[str, Any]) -> httpx.Response:
        return await self.http.post(f"/data/{entity_set}", json=dict(fields))

    async def made(self, entity_set: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        response = await self.post(entity_set, fields)
        assert response.status_code == 201, response.text
        record: dict[str, Any] = response.json()
        return record

    async def journal(self, kind: str = "CustomerPayment", name: str = "", **fields: str) -> str:
        default = "STRPAY" if kind == "CustomerPayment" else "STRGL"
        body = {"dataAreaId": "usmf", "JournalName": name or default} | fields
        record = await self.made(f"{kind}JournalHeaders", body)
        return str(record["JournalBatchNumber"])

    async def order(self, *lines: Mapping[str, Any], **change: Any) -> str:
        """A sales order with lines; returns its number."""
        record = await self.made("SalesOrderHeadersV2", ORDER | change)
        number = str(record["SalesOrderNumber"])
        company = {"dataAreaId": record["dataAreaId"], "SalesOrderNumber": number}
        for line in lines:
            await self.made("SalesOrderLinesV3", ORDER_LINE | company | dict(line))
        return number

    async def invoice(self, *lines: Mapping[str, Any], **change: Any) -> None:
        """A free text invoice with lines."""
        record = await self.made("CDSFreeTextInvoiceHeaders", INVOICE | change)
        key = {name: record[name] for name in ("dataAreaId", "ExternalInvoiceId")}
        for line in lines:
            await self.made("CDSFreeTextInvoiceLines", INVOICE_LINE | key | dict(line))

    def one(self, entity_set: str, company: str | None = None) -> dict[str, Any]:
        """The only record of a set."""
        [record] = self.peer.records(entity_set, company)
        return record

    async def patch(self, path: str, **fields: Any) -> httpx.Response:
        return await self.http.patch(f"/data/{path}?cross-company=true", json=fields)

    async def delete(self, path: str) -> httpx.Response:
        return await self.http.delete(f"/data/{path}?cross-company=true")

    async def batch(self, body: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named = {"Content-Type": "multipart/mixed; boundary=batch_1"} | named
        return await self.http.post("/data/$batch", content=body.encode(), headers=named)


def virtual(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test on virtual time; its first argument is a `World` that has signed in."""

    def wrapper(**arguments: Any) -> None:
        async def main(clock: LoopClock) -> None:
            world = World(clock)
            await world.sign_in()
            await test(world, **arguments)

        run_virtual(main, start=START)

    wrapper.__name__ = test.__name__
    _, *rest = inspect.signature(test).parameters.values()
    wrapper.__signature__ = inspect.Signature(rest)  # type: ignore[attr-defined]
    return wrapper


def infolog(response: httpx.Response) -> str:
    """The reason of a refused write; checks F&O's envelope around it."""
    error = response.json()["error"]
    assert error["message"] == "An error has occurred."
    assert error["innererror"]["type"].endswith("AxODataWriteException")
    text: str = error["innererror"]["message"]
    assert text.startswith(("Write failed for table row of type '", "Delete failed for table row"))
    assert "Infolog: Warning: " in text
    return text


def refusal(response: httpx.Response) -> str:
    """The text of a refusal that is not a business rule."""
    text: str = response.json()["error"]["message"]
    assert response.json()["error"]["innererror"]["message"] == text
    return text


def operation(method: str, url: str, body: Mapping[str, Any] | None = None, id: int = 1) -> str:
    """One part of a batch or changeset."""
    content = simplejson.dumps(body) if body is not None else ""
    return (
        "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: {id}\r\n\r\n{method} {url} HTTP/1.1\r\n"
        f"Content-Type: application/json\r\n\r\n{content}\r\n"
    )


def multipart(parts: Sequence[str], boundary: str = "batch_1") -> str:
    """Parts between boundaries."""
    return "".join(f"--{boundary}\r\n{part}" for part in parts) + f"--{boundary}--\r\n"


def changeset(parts: Sequence[str], boundary: str = "changeset_1") -> str:
    """A changeset as a part of a batch."""
    head = f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n"
    return head + multipart(parts, boundary)


def statuses(response: httpx.Response) -> list[int]:
    """The inner statuses of a batch answer, in order."""
    return [int(status) for status in re.findall(r"^HTTP/1\.1 (\d+) ", response.text, re.MULTILINE)]
