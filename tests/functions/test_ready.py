"""`/api/ready`: whatever is set up wrongly is named, with what to do, and hides nothing else."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from local import books
from local.servicebus import Broker, LocalQueue
from local.stripe import PeerSettings
from local.stripe.keys import RestrictedKey
from local.transport import PeerTransport
from local.world import Options, World
from shared import bootstrap
from shared.domain.books import Books
from shared.errors import FlowsUnavailable, Refused, StorageUnavailable
from shared.ports import Json, Lookup, Operation
from shared.services.operations import check_books
from tests.world import HOUR, ask, live, rest, sell

OF_COMPANY = [
    *("company {}", "journal {} customer_payment", "journal {} general", "vouchers {}"),
    *("one-time customer {}", "customer group {}", "intercompany {}", "main accounts {}"),
    *("revaluation {}", "bank accounts {}", "clearing accounts {}"),
    *("accounting currency {}", "exchange rates {}"),
    *("payment methods {}", "sales tax groups {}", "tax samples {}", "fee invoices {}"),
    "closed days {}",
]


FIELDS = ["advice", "by_hand", "group", "name", "note", "problem", "remedy"]


async def ready(world: World, status: int = 503) -> list[dict[str, Any]]:
    answer = await ask(world, "GET", "ready")
    assert answer.status_code == status, answer.text
    found = answer.json()
    assert found["status"] == ("ready" if status == 200 else "not ready")
    checks: list[dict[str, Any]] = found["checks"]
    for check in checks:
        assert sorted(check) == FIELDS
        assert check["group"]
        assert bool(check["problem"]) == bool(check["remedy"])  # whoever says no says what to do
    return checks


async def wrong(world: World) -> dict[str, str]:
    """The problems by check."""
    return {each["name"]: each["problem"] for each in await ready(world) if each["problem"]}


async def by_hand(world: World) -> dict[str, str]:
    """What a person has to look at, by check, in a world that is ready."""
    checks = await ready(world, 200)
    return {each["name"]: each["by_hand"] for each in checks if each["by_hand"]}


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
        assert names[:4] == ["stripe", "stripe permissions", "time zone", "storage"]
        assert sorted(names[4 : 4 + len(queues)]) == sorted(queues)
        rest = names[4 + len(queues) :]
        assert rest[:8] == [
            *("flows", "mapping", "books", "customer id property", "ledger entity"),
            *("tax of orders", "financial dimensions", "currencies"),
        ]
        assert rest[8:] == [
            name.format(company) for company in ("usmf", "demf") for name in OF_COMPANY
        ]

    live(story)


READS = {"usmf": 14, "demf": 13}
"""Of each company: journal names twice, customers, groups, methods of payment, banks twice; main
accounts and what the company has set of them, each in two parts, and again those behind the banks;
the rate of each currency."""


DOCS = Path(__file__).parents[2] / "docs" / "operations.md"


def test_the_operations_guide_lists_every_check_and_no_other() -> None:
    text = DOCS.read_text(encoding="utf-8").partition("### What `ready` checks\n")[2]
    rows = re.findall(r"^\| (`[^|]+) \|", text.partition("\n## ")[0], re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert len(listed) == len(set(listed))

    async def story(world: World) -> None:
        names = [str(check["name"]) for check in await ready(world, 200)]
        assert {_general(name) for name in names} == set(listed)

    settings = {"stripe_account_id": books.account_id("default")}
    live(story, Options(settings=settings, ingress="both"))


def _general(name: str) -> str:
    """A check as the guide names it, for any company, queue, way and kind of journal."""
    first, *rest = name.split(" ")
    if first == "queue":
        return "queue <name>"
    if first == "ingress":
        return "ingress <way>"
    words = {"usmf": "<c>", "demf": "<c>", "general": "<kind>", "customer_payment": "<kind>"}
    return " ".join([first, *(words.get(word, word) for word in rest)])


def test_a_look_takes_few_requests_and_writes_nothing() -> None:
    async def story(world: World) -> None:
        await ready(world, 200)
        counts = world.dynamics.requests
        shared = 4  # the customer's property, the ledger entity, currencies, ledgers
        assert counts["get"] == shared + sum(READS.values())
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
        {"customer id property": "CustomersV3 does not show StripeId_Nope"},
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
    "a role on the main account that clearing is posted to": (
        changed("companies.usmf.accounts.fees", {"type": "Ledger", "id": "110710"}),
        {
            "clearing accounts usmf": "STRIPE-USD (usd clearing) shares main account 110710 with "
            "fees"
        },
    ),
    "two balances of a currency on one main account": (
        changed("currencies.usd.balances", {"issuing": {"type": "Ledger", "id": "110710-001"}}),
        {
            "clearing accounts usmf": "STRIPE-USD (usd clearing) shares main account 110710 with "
            "usd issuing; 110710-001 (usd issuing) shares main account 110710 with usd clearing"
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
        assert found["exchange rates zzzz"] == "zzzz has no ledger, so no accounting currency"
        assert {name.split()[-1] for name in found} <= {"zzzz", "customer_payment", "general"}

    live(story, Options(settings=renamed_company("demf", "zzzz")))


def update(world: World, entity_set: str, *key: str, **fields: Any) -> None:
    store = world.dynamics._store
    row = store.find(entity_set, *key)
    assert row is not None
    store.update(row, fields)


def remove(world: World, entity_set: str, *key: str) -> None:
    store = world.dynamics._store
    row = store.find(entity_set, *key)
    assert row is not None
    store.delete(store.schema.set_of(entity_set), row)


def insert(world: World, entity_set: str, **fields: Any) -> None:
    store = world.dynamics._store
    shape = store.schema.set_of(entity_set)
    store.insert(shape, {**shape.blank, **fields})


def rows_of(world: World, entity_set: str, **fields: str) -> list[Any]:
    rows = world.dynamics._store.table(entity_set).values()
    return [row for row in rows if fields.items() <= row.fields.items()]


def remove_all(world: World, entity_set: str, **fields: str) -> None:
    store = world.dynamics._store
    for row in rows_of(world, entity_set, **fields):
        store.delete(store.schema.set_of(entity_set), row)


def begin_rates(world: World, currency: str, start: datetime) -> None:
    rates = rows_of(world, "ExchangeRates", FromCurrency=currency)
    remove_all(world, "ExchangeRates", FromCurrency=currency)
    for row in rates:
        insert(world, "ExchangeRates", **{**row.fields, "StartDate": start})


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
    "journal names with one voucher for all lines": (
        lambda world: update(world, "JournalNames", "usmf", "STRPAY", NewVoucher="OneVoucher"),
        {"vouchers usmf": "STRPAY put all lines on one voucher"},
    ),
    "an account that one company suspends": (
        lambda world: insert(
            world,
            "MainAccountLegalEntities",
            **{"MainAccountId": "618900", "ChartOfAccounts": "Shared", "LegalEntityId": "demf"},
            IsSuspended="Yes",
        ),
        {"main accounts demf": "618900 (fees) is suspended in this company"},
    ),
    "an account that was active until last year": (
        lambda world: update(
            world,
            "MainAccounts",
            "Shared",
            "199900",
            ActiveTo=datetime(2025, 12, 31, 12, tzinfo=UTC),
        ),
        {
            f"main accounts {each}": "199900 (suspense) is active until 2025-12-31 only"
            for each in ("usmf", "demf")
        },
    ),
    "a suspended main account behind a bank account": (
        lambda world: world.dynamics.suspend_account("110730"),
        {
            "bank accounts usmf": "STRIPE-JPY (jpy clearing) posts to main account 110730, which "
            "is suspended",
            "main accounts usmf": "110730 (jpy clearing in the ledger) is suspended",
        },
    ),
    "a transit account under revaluation": (
        lambda world: update(
            world, "MainAccounts", "Shared", "110950", ForeignCurrencyRevaluation="Yes"
        ),
        {
            f"revaluation {each}": "110950 (fx_transit) is under foreign currency revaluation"
            for each in ("usmf", "demf")
        },
    ),
    "another accounting currency than the books say": (
        lambda world: update(world, "Ledgers", "demf", AccountingCurrency="USD"),
        {
            "accounting currency demf": "the books say eur, its ledger usd",
        },
    ),
    "a currency without an exchange rate": (
        lambda world: remove_all(world, "ExchangeRates", FromCurrency="JPY"),
        {"exchange rates usmf": "no exchange rate from JPY to USD of type Default"},
    ),
    "exchange rates that begin next year": (
        lambda world: begin_rates(world, "JPY", datetime(2027, 1, 1, 12, tzinfo=UTC)),
        {"exchange rates usmf": "no exchange rate from JPY to USD of type Default"},
    ),
    "a reporting currency without an exchange rate": (
        lambda world: update(
            world,
            "Ledgers",
            "usmf",
            ReportingCurrency="GBP",
            ReportingCurrencyExchangeRateType="Average",
        ),
        {
            "exchange rates usmf": "no exchange rate from USD to GBP of type Average, none from "
            "JPY to GBP of type Average"
        },
    ),
    "another bank account on the main account of clearing": (
        lambda world: update(
            world,
            "BankAccounts",
            "demf",
            "STRIPE-USD",
            BankMainAccountIdDisplayValue="110720",
            CurrencyCode="EUR",
        ),
        {
            "clearing accounts demf": "STRIPE-EUR (eur clearing) shares main account 110720 with "
            "bank account STRIPE-USD"
        },
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_what_dynamics_would_refuse_later_is_named_now(name: str) -> None:
    change, expected = STATES[name]

    async def story(world: World) -> None:
        change(world)
        assert await wrong(world) == expected

    live(story)


def test_a_policy_may_allow_approval_and_then_readiness_says_who_approves() -> None:
    policy = "kind: policy\nname: mine\napprovals: {general: Chief accountant}\n"

    async def story(world: World) -> None:
        for name in ("STRGL", "STRPAY"):
            update(world, "JournalNames", "demf", name, IsApprovalActive="Yes")
        needs = "needs an approval before posting"
        assert await wrong(world) == {
            "journal demf customer_payment": f"the journal name STRPAY {needs}"
        }
        [note] = [
            each["note"] for each in await ready(world) if each["name"] == "journal demf general"
        ]
        assert note == (
            f"the journal name STRGL {needs}; drafts wait until Chief accountant approves them"
        )

    live(story, Options(documents=(policy,)))


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


RULES = """
kind: mapping
name: receipts
extends: customer_payment_line
fields:
  PaymentMethodName:
    cases:
      - {when: {payment_method.type: paypal}, value: STRPAYPAL}
      - {use: payment_method}
"""


def test_a_method_of_payment_that_only_a_rule_names_is_looked_for() -> None:
    async def story(world: World) -> None:
        assert await wrong(world) == {
            f"payment methods {company}": "the method of payment STRPAYPAL does not exist"
            for company in ("usmf", "demf")
        }

    live(story, Options(documents=(RULES,)))


def test_a_value_for_what_has_no_row_is_a_method_of_payment_too() -> None:
    async def story(world: World) -> None:
        remove(world, "CustomerPaymentMethods", "usmf", "STRWALLET")
        problem = "the method of payment STRWALLET does not exist"
        assert await wrong(world) == {"payment methods usmf": problem}

    table = "kind: table\nname: payment_methods\nrows: {credit: STRCARD}"
    live(story, Options(documents=(table,)))


def test_a_method_of_payment_that_only_stripe_knows_is_to_be_looked_at_by_hand() -> None:
    rule = "{from: payment_method.type, default: other}"
    document = RULES[: RULES.index("    cases")].rstrip() + f" {rule}\n"

    async def story(world: World) -> None:
        found = await by_hand(world)
        for company in ("usmf", "demf"):
            assert found[f"payment methods {company}"].startswith(
                "rules of customer_payment_line take the method of payment from Stripe's data"
            )

    live(story, Options(documents=(document,)))


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


KEY = "DE/vat/19/standard_rated/exclusive"
SAMPLES: dict[str, tuple[str, str, str]] = {
    "one code of the rate": ("DE-DOM", "FULL", ""),
    "no shared code": ("EU-RC", "FULL", f"{KEY}: EU-RC and FULL share no tax code"),
    "a code of another rate": ("DE-DOM", "REDUCED", f"{KEY}: the tax code UST7 has 7 %"),
}


def groups(key: str, group: str, item: str) -> tuple[str, ...]:
    """Documents with which Dynamics computes the tax."""
    tables = {"sales_tax_groups": group, "item_sales_tax_groups": item}
    rows = [
        f'kind: table\nname: {name}\nrows: {{"{key}": {value}}}' for name, value in tables.items()
    ]
    return (f"{ORDERS}tax: codes\n", *rows)


@pytest.mark.parametrize("name", SAMPLES)
def test_each_tax_key_comes_to_one_code_of_its_rate(name: str) -> None:
    group, item, problem = SAMPLES[name]

    async def story(world: World) -> None:
        checks = await ready(world, 503 if problem else 200)
        found = {each["name"]: each["problem"] for each in checks if each["problem"]}
        assert found == (
            {f"tax samples {company}": problem for company in ("usmf", "demf")} if problem else {}
        )

    live(story, Options(documents=groups(KEY, group, item)))


def test_a_code_with_reverse_charge_may_have_another_rate_than_the_customer_pays() -> None:
    async def story(world: World) -> None:
        update(world, "TaxGroupDatas", "usmf", "DE-DOM", "UST7", ReverseCharge="Yes")
        problem = "DE/vat/0/reverse_charge/exclusive: the tax code UST7 has 7 %"
        assert await wrong(world) == {"tax samples demf": problem}

    key = "DE/vat/0/reverse_charge/exclusive"
    live(story, Options(documents=groups(key, "DE-DOM", "REDUCED")))


def test_a_tax_key_with_one_group_only_is_named() -> None:
    async def story(world: World) -> None:
        problem = "DE/vat/7/-/exclusive has no row in table item_sales_tax_groups"
        found = await wrong(world)
        assert {found[f"tax samples {company}"] for company in ("usmf", "demf")} == {problem}

    documents = list(groups(KEY, "DE-DOM", "FULL"))
    documents[1] = documents[1].replace("}", ', "DE/vat/7/-/exclusive": DE-DOM}')
    live(story, Options(documents=documents))


ROUTES = "kind: policy\nname: mine\nroutes: [{when: {currency: [eur]}, company: usmf}]\n"
BETWEEN = "LedgerInterCompanyAccounts"


def test_intercompany_accounts_that_a_route_needs_are_named() -> None:
    async def story(world: World) -> None:
        await ready(world, 200)
        remove(world, BETWEEN, "demf", "usmf")  # no route leads this way
        await ready(world, 200)
        remove(world, BETWEEN, "usmf", "demf")
        assert await wrong(world) == {
            "intercompany usmf": "there are no intercompany accounts from usmf to demf"
        }

    live(story, Options(documents=(ROUTES,)))


def test_intercompany_accounts_that_are_left_empty_are_named() -> None:
    async def story(world: World) -> None:
        update(world, BETWEEN, "usmf", "demf", DestinationDebitAccountDisplayValue="")
        assert await wrong(world) == {
            "intercompany usmf": "from usmf to demf, DestinationDebitAccountDisplayValue is empty"
        }

    live(story, Options(documents=(ROUTES,)))


def test_a_route_needs_the_rate_of_its_currency_in_the_company_that_sells() -> None:
    async def story(world: World) -> None:
        remove_all(world, "ExchangeRates", FromCurrency="EUR", ToCurrency="USD")
        remove_all(world, "ExchangeRates", FromCurrency="USD", ToCurrency="EUR")
        assert await wrong(world) == {
            "exchange rates usmf": "no exchange rate from EUR to USD of type Default"
        }

    live(story, Options(documents=(ROUTES,)))


class HidingDynamics:
    """A gateway to an environment without some entity sets."""

    def __init__(self, inner: Any, *hidden: str) -> None:
        self._inner, self._hidden = inner, hidden

    async def find(self, lookup: Lookup) -> list[Json]:
        if lookup.entity_set in self._hidden:
            raise Refused("dynamics", f"no segment {lookup.entity_set}")
        found: list[Json] = await self._inner.find(lookup)
        return found


def test_what_no_entity_set_tells_is_to_be_looked_at_by_hand() -> None:
    async def story(world: World) -> None:
        hidden = (BETWEEN, "MainAccountLegalEntities")
        _use(world, dynamics=HidingDynamics(world.app.dynamics, *hidden))
        found = await by_hand(world)
        assert found.keys() == {
            *("time zone", "customer id property", "intercompany usmf"),
            *("main accounts usmf", "main accounts demf"),
        }
        assert all("check by hand: " in text for text in found.values())
        assert found["intercompany usmf"].endswith("Intercompany accounting, from usmf to demf")

    live(story, Options(documents=(ROUTES,)))


def test_a_journal_name_with_vouchers_by_hand_is_to_be_looked_at() -> None:
    async def story(world: World) -> None:
        update(world, "JournalNames", "demf", "STRGL", NewVoucher="Manually")
        assert "New voucher of STRGL is Manual" in (await by_hand(world))["vouchers demf"]

    live(story)


def test_with_one_voucher_dynamics_puts_every_line_of_a_journal_on_it() -> None:
    async def story(world: World) -> None:
        update(world, "JournalNames", "usmf", "STRPAY", NewVoucher="OneVoucher")
        for _ in range(2):
            sell(world)
        await rest(world, HOUR)
        lines = world.dynamics.records("CustomerPaymentJournalLines")
        assert len(lines) == 2
        assert len({line["Voucher"] for line in lines}) == 1

    live(story)


ACCOUNT = {"stripe_account_id": books.account_id("default")}


def test_the_days_that_dynamics_has_closed_are_told_and_today_is_an_advice() -> None:
    async def story(world: World) -> None:
        world.dynamics.close_period("usmf", 2026, 8)
        world.dynamics.set_access("usmf", 2026, 10, "Cust", "None")
        (check,) = [each for each in await ready(world, 200) if each["name"] == "closed days usmf"]
        assert "module ledger: through " in check["note"]
        assert ", 2026-08-01 to 2026-08-31, from " in check["note"]
        assert ", 2026-08-01 to 2026-08-31, 2026-10-01 to 2026-10-31, from " in check["note"]
        assert check["problem"] == "today, 2026-10-01, is closed in usmf (module customers)"
        assert check["advice"]

    live(story, Options(settings=changed("companies.usmf.closed_through", "follow")))


def test_days_of_another_time_zone_than_stripes_are_an_advice() -> None:
    async def story(world: World) -> None:
        (check,) = [each for each in await ready(world, 200) if each["problem"]]
        assert (check["name"], check["advice"]) == ("time zone", True)
        assert check["problem"] == (
            "Stripe's days are those of Europe/Berlin, TIEOUT_TIME_ZONE is UTC"
        )

    stripe = PeerSettings(time_zone="Europe/Berlin")
    live(story, Options(settings=ACCOUNT, stripe=stripe))


@pytest.mark.parametrize(("ours", "theirs"), [("UTC", "Etc/UTC"), ("Europe/Berlin", "Europe/Rome")])
def test_a_time_zone_of_another_name_with_the_same_days_holds(ours: str, theirs: str) -> None:
    async def story(world: World) -> None:
        (check,) = [each for each in await ready(world, 200) if each["name"] == "time zone"]
        assert (check["problem"], check["by_hand"]) == ("", "")

    stripe = PeerSettings(time_zone=theirs)
    live(story, Options(settings={**ACCOUNT, "time_zone": ours}, stripe=stripe))


def test_a_time_zone_that_stripe_does_not_show_is_to_be_looked_at_by_hand() -> None:
    async def story(world: World) -> None:
        assert "says UTC" in (await by_hand(world))["time zone"]

    live(story, Options(settings=ACCOUNT, stripe=PeerSettings(time_zone="")))


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
        assert held[:4] == ["stripe", "stripe permissions", "time zone", "storage"]
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
            **{f"clearing accounts {each}": silent for each in ("usmf", "demf")},
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


SHOP = {"shop": ["usd", "eur"]}


def test_what_the_books_of_a_further_stripe_account_name_is_checked_too() -> None:
    async def story(world: World) -> None:
        await ready(world, 200)
        remove(world, "BankAccounts", "demf", "STRIPE2-EUR")
        assert await wrong(world) == {
            "bank accounts demf": "STRIPE2-EUR (eur of shop clearing) does not exist in demf"
        }

    live(story, Options(own_books=SHOP))


def test_clearing_of_two_stripe_accounts_in_a_currency_may_not_share_a_main_account() -> None:
    async def story(world: World) -> None:
        display = {"BankMainAccountIdDisplayValue": "110710"}
        update(world, "BankAccounts", "usmf", "STRIPE2-USD", **display)
        assert await wrong(world) == {
            "bank accounts usmf": "STRIPE2-USD (usd of shop clearing) posts to main account "
            "110710, TIEOUT_LEDGER_ENTITY says 110740",
            "clearing accounts usmf": "STRIPE-USD (usd clearing) shares main account 110710 with "
            "usd of shop clearing; STRIPE2-USD (usd of shop clearing) shares main account 110710 "
            "with usd clearing",
        }

    live(story, Options(own_books=SHOP))


def test_a_route_needs_intercompany_accounts_with_the_owners_of_any_stripe_account() -> None:
    async def story(world: World) -> None:
        await ready(world, 200)
        remove(world, BETWEEN, "usmf", "demf")
        assert (await wrong(world)).keys() == {"intercompany usmf"}

    whole = books.settings(stripe_url="https://s.invalid", dynamics_url="https://d.invalid")
    found = whole.books.model_dump(mode="json")
    euros = {"eur": found["currencies"].pop("eur")}
    ours = {"books": {**found, "stripe_accounts": {"shop": {"currencies": euros}}}}
    live(story, Options(own_books={"shop": ["eur"]}, settings=ours, documents=(ROUTES,)))


def test_the_preview_of_books_finds_what_readiness_would() -> None:
    async def story(world: World) -> None:
        remove(world, "Currencies", "JPY")
        new = Books.model_validate(
            changed("companies.usmf.accounts.fees", {"type": "Ledger", "id": "110710"})["books"]
        )
        listed = {"default": (), "shop": ("sek",)}
        assert await check_books(world.app._dynamics_setup(), new, listed) == [
            "the Stripe account shop has no currency in the books, so all its money parks",
            "TIEOUT_STRIPE_ACCOUNTS lists sek for shop, which the books do not give it",
            "currencies: Dynamics has no currency JPY",
            "clearing accounts usmf: STRIPE-USD (usd clearing) shares main account 110710 with "
            "fees",
        ]

    live(story)
