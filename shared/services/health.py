"""Is the application ready, and what is it doing? For `/api/health` and `/api/status`."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import MappingProxyType

from shared import telemetry
from shared.domain.journal import JournalKind
from shared.errors import MappingUnusable, TieoutError
from shared.ports import Json, Lookup, Value
from shared.registry import ENTITIES
from shared.services.converge import Ports
from shared.services.ingest import INGEST
from shared.services.items import Items, places

JOURNAL_TYPES = MappingProxyType(
    {JournalKind.CUSTOMER_PAYMENT: "CustPayment", JournalKind.GENERAL: "Daily"}
)
METHODS = "payment_methods"  # the table of the mapping
FLAGS = (
    ("IsApprovalActive", "needs an approval before posting"),
    ("IsWorkflowApprovalActive", "has an approval workflow"),
    ("IsFixedOffsetAccount", "has a fixed offset account"),
    ("DeleteLinesAfterPosting", "deletes its lines after posting"),
)


@dataclass(frozen=True, slots=True)
class Check:
    """One readiness check: `problem` is empty when it holds."""

    name: str
    problem: str


class Health:
    """Readiness with reasons, and the counters."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def status(self) -> Json:
        """`queued`, `in_flight`, `scheduled` (null where the broker does not tell), and the
        objects that are `waiting`, `parked`, `done`, `skipped`."""
        ports = self._ports
        counts = await ports.queue.counts()
        queues = dict.fromkeys(entity.queue for entity in ENTITIES)
        items = await Items(ports.tables, ports.clock).counts(places([*queues, INGEST]))
        return {
            "queued": counts.queued if counts else None,
            "in_flight": counts.in_flight if counts else None,
            "scheduled": counts.scheduled if counts else None,
            **items,
        }

    async def ready(self) -> list[Check]:
        """All checks, each with its problem or none. They read only."""
        checks: list[tuple[str, Callable[[], Awaitable[str]]]] = [
            ("stripe", self._stripe),
            ("storage", self._storage),
            ("mapping", self._mapping),
        ]
        for company in self._ports.settings.books.companies:
            for kind in JournalKind:
                checks.append((f"journal {company} {kind}", self._journal_check(company, kind)))
            checks.append((f"one-time customer {company}", self._customer_check(company)))
            checks.append((f"payment methods {company}", self._methods_check(company)))
        found = []
        for name, check in checks:
            try:
                problem = await check()
            except TieoutError as error:
                telemetry.event("check_failed", check=name, error=type(error).__name__)
                problem = str(error)
            found.append(Check(name, problem))
        return found

    async def _stripe(self) -> str:
        balance = await self._ports.stripe.balance()
        if balance.get("livemode") is not self._ports.settings.stripe_livemode:
            return "the key belongs to the other mode than STRIPE_LIVEMODE says"
        return ""

    async def _storage(self) -> str:
        await self._ports.tables.get("cursors", "sweep", "balance_transaction")
        return ""

    async def _mapping(self) -> str:
        await self._ports.mappings.active()
        return ""

    def _journal_check(self, company: str, kind: JournalKind) -> Callable[[], Awaitable[str]]:
        async def check() -> str:
            name = self._ports.settings.books.companies[company].journals[kind]
            found = await self._ports.dynamics.find(Lookup("JournalNames", company, {"Name": name}))
            if not found:
                return f"the journal name {name} does not exist in {company}"
            if found[0]["Type"] != JOURNAL_TYPES[kind]:
                return f"the journal name {name} is not of type {JOURNAL_TYPES[kind]}"
            faults = [text for flag, text in FLAGS if found[0].get(flag) == "Yes"]
            return f"the journal name {name} " + ", ".join(faults) if faults else ""

        return check

    def _customer_check(self, company: str) -> Callable[[], Awaitable[str]]:
        async def check() -> str:
            account = self._ports.settings.books.companies[company].one_time_customer
            lookup = Lookup(
                "CustomersV3", company, {"CustomerAccount": account}, select=("CustomerAccount",)
            )
            found = await self._ports.dynamics.find(lookup)
            return "" if found else f"the customer {account} does not exist in {company}"

        return check

    def _methods_check(self, company: str) -> Callable[[], Awaitable[str]]:
        """Methods of payment that the mapping names: a missing one refuses lines, bridging would
        post a receipt twice."""

        async def check() -> str:
            try:
                mapping = await self._ports.mappings.active()
            except MappingUnusable:
                return ""  # the check `mapping` says so
            names = sorted(set(mapping.tables[METHODS].values()))
            values: list[Value] = list(names)
            lookup = Lookup(
                "CustomerPaymentMethods",
                company,
                any_of=("Name", values),
                select=("Name", "BridgingPostingEnabled"),
            )
            rows = await self._ports.dynamics.find(lookup)
            found = {str(row["Name"]): row["BridgingPostingEnabled"] for row in rows}
            faults = [f"{name} does not exist" for name in names if name not in found]
            faults += [f"{name} uses bridging" for name in names if found.get(name) == "Yes"]
            return "the method of payment " + ", ".join(faults) if faults else ""

        return check
