"""`DynamicsPeer`: an in-memory Dynamics 365 Finance as an ASGI application.

It answers what Tieout asks of F&O's OData, with F&O's texts, and refuses the rest loudly. No
socket, no thread, no clock of its own: the same object serves virtual time and uvicorn.
"""

import random
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from local.dynamics.auth import TokenEndpoint
from local.dynamics.control import DynamicsControl
from local.dynamics.faults import DynamicsFaults, Strikes
from local.dynamics.gate import Gate
from local.dynamics.jobs import (
    DocumentResult,
    InvoiceSelection,
    JournalResult,
    Ledger,
    Side,
    batch_jobs,
)
from local.dynamics.odata import (
    RecordStore,
    Refusal,
    Request,
    Response,
    Runner,
    Service,
    StoredRow,
    lifespan,
    read_request,
    refused,
    send_response,
    tenant_schema,
)
from local.dynamics.settings import DynamicsSettings
from local.dynamics.tables import (
    CustomerSets,
    CustomerTransaction,
    RecordWriter,
    Subledger,
    TenantBooks,
    demand,
    fill,
    table_hooks,
)
from local.transport import Asgi, PeerFault, Receive, Scope, Send, break_connection
from shared.ports import Clock

HOST = "http://127.0.0.1:7365"
TOKEN_PATH = "oauth2/v2.0/token"  # noqa: S105 - a path, not a secret
CONTROL_PATH = "/_peer/"


class DynamicsPeer:
    """The peer. `host` is its address as clients know it: token scope and links follow from it.

    `faults` and `settings` may be changed while it runs; `strikes` draws the faults instead of
    `rng`. `asgi` is the application.
    """

    def __init__(
        self,
        clock: Clock,
        rng: random.Random,
        *,
        host: str = HOST,
        client_id: str,
        client_secret: str,
        tenant: str = "local",
        settings: DynamicsSettings | None = None,
        faults: DynamicsFaults | None = None,
        strikes: Strikes | None = None,
    ) -> None:
        self.settings = settings or DynamicsSettings()
        self._clock = clock
        self._token_path = f"/{tenant}/{TOKEN_PATH}"
        self._store = RecordStore(tenant_schema())
        setup = fill(self._store, self.settings, client_id)
        self._books = TenantBooks(
            self._store,
            self.settings,
            setup.sales_accounts,
            setup.tax_rates,
            setup.tax_account,
            setup.reverse_charges,
            Subledger(clock),
        )
        self._subledger = Subledger(clock, CustomerSets(self._store, clock))
        self._jobs = batch_jobs(self._books, self._subledger, clock)
        tables = table_hooks(self._books, setup, self._subledger, clock)
        writer = RecordWriter(self._store, self.settings, tables)
        service = Service(self._store, self.settings, writer, host)
        runner = Runner(self._store, service, clock)
        scope = f"{host}/.default"
        self.tokens = TokenEndpoint(clock, rng, self.settings, client_id, client_secret, scope)
        self._gate = Gate(
            self._store,
            runner,
            self.tokens,
            self.settings,
            rng,
            host,
            faults or DynamicsFaults(),
            Counter(),
            strikes or (lambda _, rate: rng.random() < rate),
            self._jobs.run_all,
        )
        self._control = DynamicsControl(
            self._jobs, self._set_faults, lambda: self.requests, lambda: self.faults
        )

    @property
    def faults(self) -> DynamicsFaults:
        """The faults in force."""
        return self._gate.faults

    @faults.setter
    def faults(self, faults: DynamicsFaults) -> None:
        self._gate.faults = faults

    @property
    def requests(self) -> Mapping[str, int]:
        """Requests so far by kind: `token`, `get`, `post`, `patch`, `delete`, `batch`, `control`,
        `unauthorized`; inside batches `changeset` and `operation_<method>`; `fault_<name>`."""
        return dict(sorted(self._gate.counts.items()))

    def ledger(self) -> Ledger:
        """The posted ledger, and apart from it the drafts of journals."""
        return self._jobs.journals.ledger()

    def customer_transactions(self) -> tuple[CustomerTransaction, ...]:
        """All customer transactions as they stand now, in the order they were posted."""
        self._settle_queued()
        return self._subledger.all()

    def vendor_transactions(self) -> tuple[CustomerTransaction, ...]:
        """All vendor transactions, as those of customers: an invoice is negative."""
        self._settle_queued()
        return self._books.vendors.all()

    def _settle_queued(self) -> None:
        for subledger in (self._subledger, self._books.vendors):
            subledger.settle_queued()

    def post_journals(self, company: str | None = None) -> list[JournalResult]:
        """Run the batch job "Post journals" once, for one company or for all."""
        return self._jobs.journals.run(company)

    def invoice_orders(
        self,
        numbers: Collection[str] | None = None,
        lines: Collection[str] | None = None,
        company: str | None = None,
    ) -> list[DocumentResult]:
        """Invoice sales orders that are not stopped and have open lines.

        `numbers`: only these orders. `lines`: only the lines of these `InventoryLotId`s, so that
        orders are partly invoiced. Companies count both for themselves: name the `company` too.
        """
        return self._jobs.invoicing.orders(InvoiceSelection(company, numbers, lines))

    def post_free_text_invoices(
        self, ids: Collection[str] | None = None, company: str | None = None
    ) -> list[DocumentResult]:
        """Post free text invoices, all or those with these `ExternalInvoiceId`s."""
        return self._jobs.invoicing.free_text(InvoiceSelection(company, ids))

    def invoice_returns(
        self, numbers: Collection[str] | None = None, company: str | None = None
    ) -> list[DocumentResult]:
        """Make credit notes of return orders, all or those of these numbers: of their open lines
        whose disposition is "Credit only"."""
        return self._jobs.invoicing.returns(InvoiceSelection(company, numbers))

    def post_price_journals(self, company: str | None = None) -> list[DocumentResult]:
        """Post trade agreement journals: their lines become `SalesPriceAgreements`."""
        return self._jobs.prices.run(company)

    def run_jobs(self) -> tuple[list[DocumentResult], list[JournalResult]]:
        """All batch jobs once: prices, orders, free text invoices, returns, journals."""
        return self._jobs.run_all()

    def merge_customers(self, company: str, loser: str, winner: str) -> None:
        """Merge two customers: the loser's record is gone, all that was its belongs to the winner.

        Raises `KeyError` for a customer there is not, `ValueError` for one and the same.
        """
        self._jobs.office.merge(company, loser, winner)

    def block_customer(self, company: str, account: str, status: str) -> None:
        """Put a customer on hold (`All`, `Invoice`, `Payment`) or not (`No`, `Never`).

        Raises `KeyError` for a customer there is not, `ValueError` for another status.
        """
        self._jobs.office.block(company, account, status)

    def book_by_hand(self, company: str, voucher: str, sides: Sequence[Side]) -> None:
        """Post a voucher that a person entered. Raises `ValueError` where it does not balance."""
        self._jobs.journals.by_hand(company, voucher, sides)

    def infolog(self) -> list[JournalResult]:
        """The latest result of each journal that the job has seen."""
        return list(self._jobs.journals.infolog.values())

    def close_period(self, company: str, year: int, month: int, *, reopen: bool = False) -> None:
        """Close (or reopen) a month of a company for posting."""
        self._books.set_period(company, year, month, "Open" if reopen else "Closed")

    def set_access(self, company: str, year: int, month: int, module: str, level: str) -> None:
        """Give a module (`Cust`, `Ledger`, ...) another access to a month of a company."""
        self._books.set_access(company, year, month, module, level)

    def refuse_account(self, company: str, account: str, reason: str) -> None:
        """Refuse to post lines on an account, for a reason that no entity set shows; empty: for
        none any more."""
        self._books.secrets.pop((company, account), None)
        if reason:
            self._books.secrets[company, account] = reason

    def demand_dimension(self, main_account: str, name: str, *, allow_blank: bool = False) -> None:
        """Let the account structure of every ledger demand a dimension for a main account: lines
        on it that lack it are not posted. `allow_blank`: let it be blank again."""
        demand(self._store, main_account, name, allow_blank=allow_blank)

    def suspend_account(self, main_account: str, *, resume: bool = False) -> None:
        """Suspend (or resume) a main account in every chart: lines on it are not posted.

        Raises `KeyError` for an account that no chart has.
        """
        found = [
            row
            for row in self._store.table("MainAccounts").values()
            if row.fields["MainAccountId"] == main_account
        ]
        if not found:
            raise KeyError(f"no main account {main_account}")
        for row in found:
            self._store.update(row, {"IsSuspended": "No" if resume else "Yes"})

    def records(self, entity_set: str, company: str | None = None) -> list[dict[str, Any]]:
        """Copies of the records of a set, in the order they were created."""
        found = self._store.schema.set_of(entity_set)
        rows: Iterable[StoredRow] = self._store.table(found.name).values()
        if company is not None:
            rows = self._store.of_company(found.name, company)
        return [dict(row.fields) for row in rows]

    async def run(self) -> None:
        """Run all jobs every `settings.post_interval_seconds`, until cancelled."""
        while True:
            await self._clock.sleep(self.settings.post_interval_seconds)
            self.run_jobs()

    def _set_faults(self, faults: DynamicsFaults) -> None:
        self.faults = faults

    @property
    def asgi(self) -> Asgi:
        """The ASGI application: a plain function, which servers recognise as ASGI 3."""

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await self._serve(scope, receive, send)

        return application

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"the peer speaks HTTP only, not {scope['type']}")
        try:
            response = await self._answer(await read_request(scope, receive))
        except Refusal as refusal:
            response = refused(refusal)
        except PeerFault as fault:
            await break_connection(scope, send, fault)
            return
        await send_response(send, response)

    async def _answer(self, request: Request) -> Response:
        path = unquote(request.path)
        self._settle_queued()
        if path == self._token_path:
            self._gate.counts["token"] += 1
            return self.tokens.answer(request)
        if path.startswith(CONTROL_PATH):
            self._gate.counts["control"] += 1
            return self._control.answer(request, path.removeprefix(CONTROL_PATH))
        if request.path == "/data" or request.path.startswith("/data/"):
            below = request.path.removeprefix("/data").removeprefix("/")
            return await self._gate.answer(replace(request, path=below))
        raise Refusal(404, f"Nothing is at '{path[:200]}'.")
