"""`/api/ready`: whatever is set up wrongly is named, with what to do, and hides nothing else."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from local import books
from local.servicebus import Broker, LocalQueue
from local.stripe.keys import RestrictedKey
from local.transport import PeerTransport
from local.world import Options, World
from shared import bootstrap
from shared.errors import FlowsUnavailable, StorageUnavailable
from shared.ports import Json, Lookup, Operation
from tests.world import ask, live

OF_COMPANY = [
    *("company {}", "journal {} customer_payment", "journal {} general", "one-time customer {}"),
    *("customer group {}", "main accounts {}", "bank accounts {}", "payment methods {}"),
    *("sales tax groups {}", "fee invoices {}"),
]


async def ready(world: World, status: int = 503) -> list[dict[str, str]]:
    answer = await ask(world, "GET", "ready")
    assert answer.status_code == status, answer.text
    found = answer.json()
    assert found["status"] == ("ready" if status == 200 else "not ready")
    checks: list[dict[str, str]] = found["checks"]
    for check in checks:
        assert sorted(check) == ["name", "note", "problem", "remedy"]
        assert bool(check["problem"]) == bool(check["remedy"])  # whoever says no says what to do
    return checks


async def wrong(world: World) -> dict[str, str]:
    """The problems by check."""
    return {each["name"]: each["problem"] for each in await ready(world) if each["problem"]}


def changed(path: str, value: Any) -> Mapping[str, Any]:
    """Settings whose books have another value at a path."""
    whole = books.settings(stripe_url="https://s.invalid", dynamics_url="https://d.invalid")
    found = whole.books.model_dump(mode="json")
    *parents, last = path.split(".")
    at = found
    for part in parents:
        at = at[part]
    at[last] = value
    return {"books": found}


def renamed_company(old: str, new: str) -> Mapping[str, Any]:
    whole = books.settings(stripe_url="https://s.invalid", dynamics_url="https://d.invalid")
    return {"books": json.loads(whole.books.model_dump_json().replace(f'"{old}"', f'"{new}"'))}


def test_the_embedded_world_is_ready_and_everything_was_asked() -> None:
    async def story(world: World) -> None:
        names = [check["name"] for check in await ready(world, 200)]
        queues = [f"queue {queue.name}" for queue in world.broker.queues]
        assert names[:3] == ["stripe", "stripe permissions", "storage"]
        assert sorted(names[3 : 3 + len(queues)]) == sorted(queues)
        rest = names[3 + len(queues) :]
        assert rest[:6] == [
            *("flows", "mapping", "books"),
            *("customer id property", "currencies", "ledger entity"),
        ]
        assert rest[6:8] == ["tax of orders", "financial dimensions"]
        assert rest[8:] == [
            name.format(company) for company in ("usmf", "demf") for name in OF_COMPANY
        ]

    live(story)


def test_a_look_takes_few_requests_and_writes_nothing() -> None:
    async def story(world: World) -> None:
        await ready(world, 200)
        counts = world.dynamics.requests
        assert counts["get"] == 3 + 10 * len(world.settings.books.companies)
        assert counts.keys() <= {"get", "token"}
        assert all(not world.broker.depth(queue.name).ready for queue in world.broker.queues)
        assert await world.tables.query("cursors") == []

    live(story)


BANK = {"type": "Bank", "id": "NOWHERE"}
LEDGER = {"type": "Ledger", "id": "999999"}
CHART = "does not exist in the chart of accounts Shared"
ENTITY = {"entity_set": "GeneralJournalAccountEntries", "accounts": books.MAIN_ACCOUNTS}
WRONG: dict[str, tuple[Mapping[str, Any], dict[str, str]]] = {
    "a customer id property that CustomersV3 does not have": (
        {"customer_id_property": "StripeId_Nope"},
        {"customer id property": "CustomersV3 does not show the property StripeId_Nope"},
    ),
    "a fee account that is not in the chart": (
        changed("companies.usmf.accounts.fees", LEDGER),
        {"main accounts usmf": f"999999 (fees) {CHART}"},
    ),
    "one missing account in two roles": (
        changed("companies.demf.accounts", {**books.ACCOUNTS, "fees": LEDGER, "sales_tax": LEDGER}),
        {"main accounts demf": f"999999 (fees, sales_tax) {CHART}"},
    ),
    "a ledger account with dimensions of a main account that is not there": (
        changed("companies.usmf.accounts.fees", {"type": "Ledger", "id": "618901-001-022"}),
        {"main accounts usmf": f"618901 (fees) {CHART}"},
    ),
    "a role on a bank account that is not there": (
        changed("companies.usmf.accounts.reserves", BANK),
        {"bank accounts usmf": "NOWHERE (reserves) does not exist in usmf"},
    ),
    "a clearing account that is not there": (
        changed("currencies.usd.clearing", BANK),
        {"bank accounts usmf": "NOWHERE (usd clearing) does not exist in usmf"},
    ),
    "a bank of another currency": (
        changed("currencies.usd.bank", {"type": "Bank", "id": "USMF EUR"}),
        {"bank accounts usmf": "USMF EUR (usd bank) is in EUR and takes no USD"},
    ),
    "a bank of another company": (
        changed("currencies.eur.bank", {"type": "Bank", "id": "USMF OPER"}),
        {"bank accounts demf": "USMF OPER (eur bank) does not exist in demf"},
    ),
    "a bank account in another case": (
        changed("currencies.usd.bank", {"type": "Bank", "id": "usmf oper"}),
        {"bank accounts usmf": "usmf oper (usd bank) is spelled USMF OPER in Dynamics"},
    ),
    "a clearing account of main accounts": (
        changed("currencies.jpy.clearing", LEDGER),
        {"main accounts usmf": f"999999 (jpy clearing) {CHART}"},
    ),
    "a customer group that is not there": (
        changed("companies.demf.customer_group", "77"),
        {"customer group demf": "the customer group 77 does not exist in demf"},
    ),
    "a company in another case": (
        renamed_company("usmf", "USMF"),
        {"company USMF": "the books say USMF, Dynamics spells it usmf"},
    ),
    "a journal name that is not there": (
        changed("companies.usmf.journals.customer_payment", "NOPE"),
        {"journal usmf customer_payment": "the journal name NOPE does not exist in usmf"},
    ),
    "a journal name of another type": (
        changed("companies.usmf.journals.customer_payment", "GenJrn"),
        {"journal usmf customer_payment": "the journal name GenJrn is not of type CustPayment"},
    ),
    "a journal name in another case": (
        changed("companies.usmf.journals.general", "strgl"),
        {"journal usmf general": "the journal name strgl is spelled STRGL in Dynamics"},
    ),
    "no one-time customer": (
        changed("companies.usmf.one_time_customer", "NOBODY"),
        {"one-time customer usmf": "the customer NOBODY does not exist in usmf"},
    ),
    "a ledger entity that is not there": (
        {"ledger_entity": {"entity_set": "NopeEntries"}},
        {"ledger entity": "NopeEntries does not show MainAccountId, TransactionCurrencyCode"},
    ),
    "a property that the ledger entity does not have": (
        {"ledger_entity": {**ENTITY, "amount": "Nope"}},
        {"ledger entity": "GeneralJournalAccountEntries does not show MainAccountId"},
    ),
    "a clearing account that posts elsewhere than the proof reads": (
        {"ledger_entity": {**ENTITY, "accounts": {"STRIPE-USD": "110720"}}},
        {
            "bank accounts usmf": "STRIPE-USD (usd clearing) posts to main account 110710, "
            "TIEOUT_LEDGER_ENTITY says 110720"
        },
    ),
    "a main account of the proof that is not there": (
        {"ledger_entity": {**ENTITY, "accounts": {"STRIPE-EUR": "999999"}}},
        {
            "main accounts demf": f"999999 (eur clearing in the ledger) {CHART}",
            "bank accounts demf": "STRIPE-EUR (eur clearing) posts to main account 110720",
        },
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_set_up_wrongly_is_named_and_nothing_else(name: str) -> None:
    changes, expected = WRONG[name]

    async def story(world: World) -> None:
        found = await wrong(world)
        assert found.keys() == expected.keys()
        for check, problem in expected.items():
            assert found[check].startswith(problem), found[check]

    live(story, Options(settings=changes))


def test_a_company_that_dynamics_does_not_have_is_named() -> None:
    async def story(world: World) -> None:
        found = await wrong(world)
        assert found["company zzzz"].startswith("Dynamics has no company zzzz")
        assert found["main accounts zzzz"] == "zzzz has no ledger, so no chart of accounts"
        assert {name.split()[-1] for name in found} <= {"zzzz", "customer_payment", "general"}

    live(story, Options(settings=renamed_company("demf", "zzzz")))


def update(world: World, entity_set: str, *key: str, **fields: str) -> None:
    store = world.dynamics._store
    row = store.find(entity_set, *key)
    assert row is not None
    store.update(row, fields)


def remove(world: World, entity_set: str, *key: str) -> None:
    store = world.dynamics._store
    row = store.find(entity_set, *key)
    assert row is not None
    store.delete(store.schema.set_of(entity_set), row)


STATES: dict[str, tuple[Callable[[World], None], dict[str, str]]] = {
    "suspended accounts": (
        lambda world: world.dynamics.suspend_account("618900"),
        {f"main accounts {each}": "618900 (fees) is suspended" for each in ("usmf", "demf")},
    ),
    "an account without manual entry": (
        lambda world: update(
            world, "MainAccounts", "Shared", "199900", DoNotAllowManualEntry="Yes"
        ),
        {
            f"main accounts {each}": "199900 (suspense) allows no manual entry"
            for each in ("usmf", "demf")
        },
    ),
    "an inactive bank account": (
        lambda world: update(
            world,
            "BankAccounts",
            "usmf",
            "USMF OPER",
            BankAccountStatus="InactiveForAllTransactions",
        ),
        {"bank accounts usmf": "USMF OPER (usd bank) is not active (InactiveForAllTransactions)"},
    ),
    "a one-time customer on hold": (
        lambda world: world.dynamics.block_customer("usmf", "STRIPE-ONETIME", "All"),
        {"one-time customer usmf": "the customer STRIPE-ONETIME is on hold (All)"},
    ),
    "a journal name with approval": (
        lambda world: update(world, "JournalNames", "demf", "STRGL", IsApprovalActive="Yes"),
        {"journal demf general": "the journal name STRGL needs an approval before posting"},
    ),
    "a currency that is gone": (
        lambda world: remove(world, "Currencies", "JPY"),
        {"currencies": "Dynamics has no currency JPY"},
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_what_dynamics_would_refuse_later_is_named_now(name: str) -> None:
    change, expected = STATES[name]

    async def story(world: World) -> None:
        change(world)
        assert await wrong(world) == expected

    live(story)


def test_payment_methods_that_are_missing_or_bridge_are_named() -> None:
    table = "kind: table\nname: payment_methods\nrows: {credit: STRCARD, ideal: NOPE}"

    async def story(world: World) -> None:
        update(world, "CustomerPaymentMethods", "usmf", "STRCARD", BridgingPostingEnabled="Yes")
        problem = "the method of payment NOPE does not exist"
        assert await wrong(world) == {
            "payment methods usmf": f"{problem}, STRCARD uses bridging",
            "payment methods demf": problem,
        }

    live(story, Options(documents=(table,)))


ORDERS = "kind: policy\nname: mine\nsales: [{book: order}]\n"


def test_orders_without_a_choice_of_tax_are_not_ready() -> None:
    async def story(world: World) -> None:
        assert await wrong(world) == {
            "tax of orders": "the policy makes orders and does not say where their tax comes from"
        }

    live(story, Options(documents=(ORDERS,)))


def test_sales_tax_groups_that_are_missing_are_named_where_dynamics_computes_the_tax() -> None:
    table = 'kind: table\nname: sales_tax_groups\nrows: {"DE/vat/7/-/exclusive": NOPE}'

    async def story(world: World) -> None:
        problem = "there is no NOPE (sales_tax_groups), no row in table item_sales_tax_groups"
        assert await wrong(world) == {
            f"sales tax groups {company}": problem for company in ("usmf", "demf")
        }

    live(story, Options(documents=(f"{ORDERS}tax: codes\n", table)))


def test_a_stripe_key_of_the_other_mode_is_named() -> None:
    async def story(world: World) -> None:
        assert await wrong(world) == {
            "stripe": "the key belongs to the other mode than STRIPE_LIVEMODE says"
        }

    live(story, Options(settings={"stripe_livemode": True}))


def test_permissions_that_a_restricted_key_lacks_are_named() -> None:
    key = RestrictedKey("rk_test_few", read=("balance", "customer", "charge", "payout", "refund"))

    async def story(world: World) -> None:
        world.stripe.issue_key(key)
        settings = world.settings.model_copy(update={"stripe_api_key": SecretStr(key.key)})
        http = httpx.AsyncClient(transport=PeerTransport(world.stripe.asgi, world.clock))
        rng = world.app.rng
        _use(world, stripe=bootstrap.stripe_gateway(settings, http, world.clock, rng))
        assert await wrong(world) == {
            "stripe permissions": "the key may not read: dispute, balance_transaction, event"
        }

    live(story)


def test_a_queue_that_is_not_there_is_named() -> None:
    async def story(world: World) -> None:
        fewer = [queue for queue in world.broker.queues if queue.name != "ledger"]
        _use(world, queue=LocalQueue(Broker(fewer, world.clock)))
        (check,) = [each for each in await ready(world) if each["problem"]]
        assert check["name"] == "queue ledger"
        assert check["problem"].startswith("queue is not available: ledger: there is no queue")
        assert "infra/queues.json" in check["remedy"]

    live(story)


def _use(world: World, **ports: Any) -> None:
    world.host.context.run(bootstrap.use, replace(world.app, **ports))


class ReadOnlyTables:
    """Table storage that a role may read only."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.get, self.query = inner.get, inner.query

    async def transact(
        self, table: str, partition: str, operations: Sequence[Operation]
    ) -> tuple[str, ...]:
        raise StorageUnavailable(f"{table}: AuthorizationPermissionMismatch")


def test_storage_that_may_only_be_read_is_named() -> None:
    async def story(world: World) -> None:
        _use(world, tables=ReadOnlyTables(world.tables))
        (check,) = [each for each in await ready(world) if each["problem"]]
        assert check["name"] == "storage"
        assert "AuthorizationPermissionMismatch" in check["problem"]
        assert "Storage Table Data Contributor" in check["remedy"]

    live(story)


class NoFlows:
    """Durable orchestrations whose storage does not answer."""

    async def status(self, instance: str) -> str | None:
        raise FlowsUnavailable("no such host")


def test_durable_functions_that_do_not_answer_are_named() -> None:
    async def story(world: World) -> None:
        _use(world, flows=NoFlows())
        (check,) = [each for each in await ready(world) if each["problem"]]
        assert (check["name"], check["problem"]) == (
            "flows",
            "flows is not available: no such host",
        )
        assert "AzureWebJobsStorage" in check["remedy"]

    live(story)


def test_a_refused_client_secret_fails_what_asks_dynamics_and_nothing_else() -> None:
    async def story(world: World) -> None:
        checks = await ready(world)
        failed = [each for each in checks if each["problem"]]
        held = [each["name"] for each in checks if not each["problem"]]
        assert held[:3] == ["stripe", "stripe permissions", "storage"]
        assert "mapping" in held
        assert {"currencies", "main accounts usmf", "company demf"} <= {
            each["name"] for each in failed
        }
        assert all("DYNAMICS_CLIENT_SECRET" in each["remedy"] for each in failed)

    live(story, Options(settings={"dynamics_client_secret": "wrong"}))


class OddDynamics:
    """A gateway that answers some entity sets as no gateway should, and one never."""

    def __init__(self, inner: Any, odd: str, silent: str = "") -> None:
        self._inner, self._odd, self._silent = inner, odd, silent

    async def find(self, lookup: Lookup) -> list[Json]:
        if lookup.entity_set == self._odd:
            return [{"unexpected": "record"}]
        if lookup.entity_set == self._silent:
            await asyncio.Event().wait()
        found: list[Json] = await self._inner.find(lookup)
        return found


def test_an_odd_answer_or_none_is_the_problem_of_its_own_check_only() -> None:
    async def story(world: World) -> None:
        _use(world, dynamics=OddDynamics(world.app.dynamics, "CustomerGroups", "BankAccounts"))
        started = world.clock.now()
        found = await wrong(world)
        assert (world.clock.now() - started).total_seconds() < 90
        odd, silent = "the answer was not understood: KeyError", "no answer within 60 seconds"
        assert found == {
            **{f"customer group {each}": odd for each in ("usmf", "demf")},
            **{f"bank accounts {each}": silent for each in ("usmf", "demf")},
        }

    live(story)


FEES_POLICY = """
kind: policy
name: fees
fees: vendor_invoice
"""
VENDOR = "companies.usmf.stripe_vendor"
FEE_INVOICES: dict[str, tuple[Mapping[str, Any], str]] = {
    "no vendor": (changed(VENDOR, None), "the books have no stripe_vendor"),
    "an unknown account": (
        changed(f"{VENDOR}.account", "NOBODY"),
        "the vendor NOBODY does not exist in usmf",
    ),
    "a journal name that is not there": (
        changed(f"{VENDOR}.invoice_journal", "NONE"),
        "the journal name NONE does not exist in usmf",
    ),
    "a journal name of another type": (
        changed(f"{VENDOR}.payment_journal", "GenJrn"),
        "the journal name GenJrn is not of type Payment",
    ),
    "another spelling": (
        changed(f"{VENDOR}.account", "stripe"),
        "the vendor stripe is spelled STRIPE in Dynamics",
    ),
    "a group that is not there": (
        changed(f"{VENDOR}.sales_tax_group", "NONE"),
        "there is no NONE in TaxGroups",
    ),
}


@pytest.mark.parametrize("name", FEE_INVOICES)
def test_what_fee_invoices_need_is_asked_where_the_policy_makes_them(name: str) -> None:
    settings, problem = FEE_INVOICES[name]

    async def story(world: World) -> None:
        found = await wrong(world)
        assert found.keys() == {"fee invoices usmf"}
        assert problem in found["fee invoices usmf"]

    async def not_asked(world: World) -> None:
        await ready(world, 200)

    live(story, Options(settings=settings, documents=(FEES_POLICY,)))
    live(not_asked, Options(settings=settings))
