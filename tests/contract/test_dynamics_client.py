"""The Dynamics client against the peer: what one writes the other understands, and back."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest

from local.dynamics import DynamicsFaults, DynamicsPeer
from local.loop import run_virtual
from local.transport import PeerTransport
from shared.clients.dynamics.auth import ClientCredentials
from shared.clients.dynamics.finance import FinanceGateway
from shared.clients.dynamics.transport import DynamicsHttp
from shared.errors import (
    CredentialsRefused,
    DuplicateKey,
    JournalPosted,
    LeaseOver,
    Refused,
    Throttled,
    Unavailable,
    UncertainWrite,
    UpdateConflict,
)
from shared.ports import Clock, Json, Lookup, Symbol, Value, Write, WriteFailed, Written

HOST = "http://127.0.0.1:7365"
START = datetime(2026, 7, 15, 8, tzinfo=UTC)
HEADERS = "CustomerPaymentJournalHeaders"
LINES = "CustomerPaymentJournalLines"
CUST = Symbol("LedgerJournalACType", "Cust")
BANK = Symbol("LedgerJournalACType", "Bank")


@dataclass(frozen=True)
class Bench:
    peer: DynamicsPeer
    gateway: FinanceGateway
    clock: Clock

    async def apply(self, *writes: Write) -> list[Written | WriteFailed]:
        return await self.gateway.apply(writes, self.clock.now() + timedelta(minutes=10))

    async def created(self, write: Write) -> Json:
        (result,) = await self.apply(write)
        assert isinstance(result, Written), result
        return result.fields

    async def journal(self, name: str = "STRPAY", entity_set: str = HEADERS) -> str:
        fields = {"JournalName": name, "Description": "stripe test"}
        header = await self.created(Write("POST", entity_set, "usmf", fields))
        return str(header["JournalBatchNumber"])


def on_a_bench(
    test: Callable[[Bench], Coroutine[Any, Any, None]],
    secret: str = "right",
    seed: int = 1,
) -> None:
    async def main(clock: Clock) -> None:
        peer = DynamicsPeer(
            clock, random.Random(seed), host=HOST, client_id="app", client_secret="right"
        )
        http = httpx.AsyncClient(transport=PeerTransport(peer.asgi, clock))
        url = f"{HOST}/local/oauth2/v2.0/token"
        tokens = ClientCredentials(url, "app", secret, f"{HOST}/.default", http=http, clock=clock)
        transport = DynamicsHttp(HOST, tokens, http, clock)
        await test(Bench(peer, FinanceGateway(transport, clock), clock))

    run_virtual(main, start=START)


def customer(name: str, **fields: Any) -> Write:
    given = {"CustomerGroupId": "10", "SalesCurrencyCode": "USD", "OrganizationName": name}
    return Write("POST", "CustomersV3", "usmf", given | fields)


def line(batch: str, number: int, account: str, group: str | None = None, **more: Any) -> Write:
    fields: dict[str, Value] = {
        "JournalBatchNumber": batch,
        "LineNumber": Decimal(number),
        "TransactionDate": date(2026, 7, 15),
        "AccountType": CUST,
        "AccountDisplayValue": account,
        "CurrencyCode": "USD",
        "CreditAmount": Decimal("10.10"),
        "OffsetAccountType": BANK,
        "OffsetAccountDisplayValue": "STRIPE-USD",
        "PaymentId": f"txn_{number:04}:gross",
    }
    return Write("POST", LINES, "usmf", fields | more, group=group)


def told(results: list[Written | WriteFailed]) -> list[Any]:
    return [type(result.error) if isinstance(result, WriteFailed) else "done" for result in results]


def test_a_customer_is_created_found_and_changed() -> None:
    async def test(bench: Bench) -> None:
        stripe_id = "cus_NffrFeUfNV2Hib"
        record = await bench.created(customer("O'Hara & Söhne", StripeCustomerId_Custom=stripe_id))
        account = record["CustomerAccount"]
        assert "-" in account
        lookup = Lookup("CustomersV3", "usmf", equals={"StripeCustomerId_Custom": stripe_id})
        (found,) = await bench.gateway.find(lookup)
        assert (found["CustomerAccount"], found["OrganizationName"]) == (account, "O'Hara & Söhne")
        key = {"CustomerAccount": account}
        patch = Write("PATCH", "CustomersV3", "usmf", {"OrganizationName": "日本"}, key)
        assert await bench.apply(patch) == [Written({})]
        by_name = Lookup(
            "CustomersV3", "usmf", equals={"OrganizationName": "日本"}, select=["CustomerAccount"]
        )
        assert await bench.gateway.find(by_name) == [{"CustomerAccount": account}]
        assert await bench.apply(Write("DELETE", "CustomersV3", "usmf", {}, key)) == [Written({})]
        assert await bench.gateway.find(by_name) == []

    on_a_bench(test)


def test_another_company_than_the_default_is_read_and_written() -> None:
    async def test(bench: Bench) -> None:
        given = {"CustomerGroupId": "10", "SalesCurrencyCode": "EUR", "OrganizationName": "GmbH"}
        record = await bench.created(Write("POST", "CustomersV3", "demf", given))
        key = {"CustomerAccount": record["CustomerAccount"]}
        patch = Write("PATCH", "CustomersV3", "demf", {"OrganizationName": "AG"}, key)
        assert told(await bench.apply(patch)) == ["done"]
        assert await bench.gateway.find(Lookup("CustomersV3", "usmf", equals=key)) == []
        (found,) = await bench.gateway.find(Lookup("CustomersV3", "demf", equals=key))
        assert found["OrganizationName"] == "AG"

    on_a_bench(test)


def test_lines_written_in_one_batch_read_back_as_they_were_meant() -> None:
    async def test(bench: Bench) -> None:
        account = (await bench.created(customer("Shop")))["CustomerAccount"]
        batch = await bench.journal()
        lines = [line(batch, n, account, f"txn_{n}") for n in range(1, 101)]
        assert told(await bench.apply(*lines)) == ["done"] * 100
        assert bench.peer.requests["batch"] == 1
        wanted = [f"txn_{n:04}:gross" for n in range(1, 101)]
        rows = await bench.gateway.find(
            Lookup(
                LINES,
                "usmf",
                equals={"JournalBatchNumber": batch, "AccountDisplayValue": account},
                any_of=("PaymentId", [*wanted, "txn_none:gross"]),
                at_least={"TransactionDate": date(2026, 7, 15)},
                at_most={"TransactionDate": date(2026, 7, 15)},
            )
        )
        assert sorted(row["PaymentId"] for row in rows) == wanted
        assert {row["AccountDisplayValue"] for row in rows} == {account}
        assert {row["OffsetAccountDisplayValue"] for row in rows} == {"STRIPE-USD"}
        assert {row["CreditAmount"] for row in rows} == {Decimal("10.10")}
        assert {row["AccountType"] for row in rows} == {"Cust"}

    on_a_bench(test)


def test_a_bad_line_fails_with_its_group_and_nothing_else() -> None:
    async def test(bench: Bench) -> None:
        account = (await bench.created(customer("Shop")))["CustomerAccount"]
        batch = await bench.journal()
        results = await bench.apply(
            line(batch, 1, account),
            line(batch, 2, account, "pair"),
            line(batch, 3, "US-999999", "pair"),
            line(batch, 1, account, CreditAmount=Decimal(5)),
            line(batch, 4, account, "single"),
            line(batch, 5, account, NoSuchField="x"),
        )
        assert told(results) == ["done", Refused, Refused, DuplicateKey, "done", Refused]
        texts = [str(result.error) for result in results if isinstance(result, WriteFailed)]
        assert "NoSuchField" in texts[-1]
        assert not any("validate" in text or "Infolog" in text for text in texts)
        rows = await bench.gateway.find(Lookup(LINES, "usmf", equals={"JournalBatchNumber": batch}))
        assert sorted(row["LineNumber"] for row in rows) == [1, 4]

    on_a_bench(test)


def test_a_posted_journal_takes_no_more_lines() -> None:
    async def test(bench: Bench) -> None:
        account = (await bench.created(customer("Shop")))["CustomerAccount"]
        batch = await bench.journal()
        assert told(await bench.apply(line(batch, 1, account))) == ["done"]
        bench.peer.post_journals()
        late = line(batch, 2, account)
        assert told(await bench.apply(late)) == [JournalPosted]
        assert told(await bench.apply(late, late)) == [JournalPosted] * 2
        (header,) = await bench.gateway.find(
            Lookup(
                HEADERS,
                "usmf",
                equals={"JournalBatchNumber": batch, "IsPosted": Symbol("NoYes", "Yes")},
            )
        )
        assert header["JournalBatchNumber"] == batch

    on_a_bench(test)


def test_ledger_accounts_travel_with_their_dimensions_and_banks_escaped() -> None:
    async def test(bench: Bench) -> None:
        batch = await bench.journal("STRGL", "LedgerJournalHeaders")
        fields: dict[str, Value] = {
            "JournalBatchNumber": batch,
            "TransDate": date(2026, 7, 15),
            "AccountType": Symbol("LedgerJournalACType", "Ledger"),
            "AccountDisplayValue": "618900",
            "DebitAmount": Decimal("0.59"),
            "CurrencyCode": "USD",
            "OffsetAccountType": BANK,
            "OffsetAccountDisplayValue": "STRIPE-USD",
            "Text": "fee",
            "PaymentId": "txn_1:fee",
        }
        record = await bench.created(Write("POST", "LedgerJournalLines", "usmf", fields))
        assert record["AccountDisplayValue"] == "618900"
        assert record["OffsetAccountDisplayValue"] == "STRIPE-USD"
        assert record["DebitAmount"] == Decimal("0.59")
        assert record["LineNumber"] == 1

    on_a_bench(test)


def test_two_writers_of_one_journal_meet_in_an_update_conflict() -> None:
    async def test(bench: Bench) -> None:
        account = (await bench.created(customer("Shop")))["CustomerAccount"]
        batch = await bench.journal()
        bench.peer.faults.latency_seconds = (0.1, 0.1)
        results = await asyncio.gather(
            *(bench.apply(line(batch, number, account)) for number in (1, 2))
        )
        assert sorted(str(told(result)[0]) for result in results) == sorted(
            ["done", str(UpdateConflict)]
        )

    on_a_bench(test)


def test_a_long_list_comes_in_pages() -> None:
    async def test(bench: Bench) -> None:
        bench.peer.settings.page_rows_max = 7
        rows = await bench.gateway.find(Lookup("Currencies", "", select=("CurrencyCode",)))
        codes = [row["CurrencyCode"] for row in rows]
        assert len(codes) > 100
        assert len(dict.fromkeys(codes)) == len(codes)

    on_a_bench(test)


def test_unknown_names_are_refused_with_the_text_of_dynamics() -> None:
    async def test(bench: Bench) -> None:
        results = await bench.apply(
            Write("POST", "customersv3", "usmf", {"A": "x"}),
            Write("PATCH", "CustomersV3", "usmf", {"NameAlias": "x"}, {"CustomerAccount": "none"}),
        )
        assert told(results) == [Refused, Refused]
        assert isinstance(results[0], WriteFailed)
        assert "Resource not found for the segment 'customersv3'" in str(results[0].error)

    on_a_bench(test)


def test_a_wrong_secret_is_a_refusal_of_our_credentials() -> None:
    async def test(bench: Bench) -> None:
        assert told(await bench.apply(customer("Shop"))) == [CredentialsRefused]

    on_a_bench(test, secret="wrong")


def test_a_token_is_renewed_over_the_hours() -> None:
    async def test(bench: Bench) -> None:
        for _ in range(4):
            await bench.created(customer("Shop"))
            await bench.clock.sleep(1_800)

    on_a_bench(test)


def test_an_answer_lost_after_the_write_leaves_it_uncertain_and_it_is_found() -> None:
    async def test(bench: Bench) -> None:
        await bench.created(customer("First"))
        bench.peer.faults.error_after_commit = 1.0
        lost = customer("Lost", StripeCustomerId_Custom="cus_1")
        assert told(await bench.apply(lost)) == [UncertainWrite]
        assert told(await bench.apply(lost, lost)) == [UncertainWrite] * 2
        bench.peer.faults.error_after_commit = 0.0
        lookup = Lookup("CustomersV3", "usmf", equals={"StripeCustomerId_Custom": "cus_1"})
        assert len(await bench.gateway.find(lookup)) == 3

    on_a_bench(test)


@pytest.mark.parametrize("fault", ["drop_mid_batch", "truncate_batch"])
def test_a_batch_cut_in_the_middle_tells_no_more_than_is_true(fault: str) -> None:
    async def test(bench: Bench) -> None:
        setattr(bench.peer.faults, fault, 1.0)
        names = [f"Customer {n}" for n in range(20)]
        results = told(await bench.apply(*(customer(name) for name in names)))
        assert UncertainWrite in results
        assert all(one in {"done", UncertainWrite} for one in results)
        setattr(bench.peer.faults, fault, 0.0)
        found = await bench.gateway.find(
            Lookup("CustomersV3", "usmf", any_of=("OrganizationName", names))
        )
        written = {row["OrganizationName"] for row in found}
        known = [name for name, one in zip(names, results, strict=True) if one == "done"]
        assert written.issuperset(known)

    on_a_bench(test)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_goes_wrong_no_result_is_more_certain_than_it_may_be(seed: int) -> None:
    async def test(bench: Bench) -> None:
        faults = bench.peer.faults = DynamicsFaults(
            latency_seconds=(0.0, 2.0), late_commit_seconds=40.0
        )
        for name in ("throttle", "server_error", "html_error", "timeout_before_commit"):
            setattr(faults, name, 0.03)
        for name in ("error_after_commit", "late_commit", "drop_mid_batch", "truncate_batch"):
            setattr(faults, name, 0.1)
        outcomes: dict[str, Any] = {}
        for round_ in range(40):
            names = [f"Customer {round_}.{n}" for n in range(1 + round_ % 5)]
            writes = [
                replace(customer(name, CustomerGroupId=("10", "none")[n == 3]), group="ab"[n % 2])
                for n, name in enumerate(names)
            ]
            outcomes |= zip(names, told(await bench.apply(*writes)), strict=True)
        await bench.clock.sleep(100)
        counts = Counter(row["OrganizationName"] for row in bench.peer.records("CustomersV3"))
        kinds = Counter(str(outcome) for outcome in outcomes.values())
        assert kinds["done"] > 30
        assert kinds[str(UncertainWrite)] > 10
        for name, outcome in outcomes.items():
            allowed = {"done": (1,), UncertainWrite: (0, 1)}.get(outcome, (0,))
            assert counts[name] in allowed, (name, outcome)

    on_a_bench(test, seed=seed)


def test_throttling_is_told_with_its_patience() -> None:
    async def test(bench: Bench) -> None:
        bench.peer.faults.throttle = 1.0
        (result,) = await bench.apply(customer("Shop"))
        assert isinstance(result, WriteFailed)
        assert isinstance(result.error, Throttled)
        assert result.error.retry_after_seconds is not None

    on_a_bench(test)


def test_a_gateways_error_page_is_no_answer_of_dynamics() -> None:
    async def test(bench: Bench) -> None:
        bench.peer.faults.html_error = 1.0
        results = await bench.apply(customer("Shop"), customer("Other"))
        assert told(results) == [UncertainWrite] * 2
        with pytest.raises(Unavailable, match="502 Bad Gateway"):
            await bench.gateway.find(Lookup("Currencies", ""))

    on_a_bench(test)


def test_nothing_reaches_dynamics_after_the_lease() -> None:
    async def test(bench: Bench) -> None:
        results = await bench.gateway.apply(
            [customer("Late")], bench.clock.now() + timedelta(seconds=30)
        )
        assert told(results) == [LeaseOver]
        lookup = Lookup("CustomersV3", "usmf", equals={"OrganizationName": "Late"})
        assert await bench.gateway.find(lookup) == []

    on_a_bench(test)


def test_a_limited_lookup_brings_so_many_records_and_asks_for_no_more() -> None:
    async def test(bench: Bench) -> None:
        bench.peer.settings.page_rows_max = 1
        names = [f"C{number}" for number in range(30)]
        for limit in (1, 2):
            before = bench.peer.requests.get("get", 0)
            found = await bench.gateway.find(
                Lookup("CustomersV3", "usmf", select=("CustomerAccount",), limit=limit)
            )
            assert len(found) == limit
            assert bench.peer.requests["get"] - before == limit
        values: list[Value] = [*names, "US-001", "US-002"]
        lookup = Lookup("CustomersV3", "usmf", any_of=("CustomerAccount", values), limit=1)
        assert len(await bench.gateway.find(lookup)) == 1

    on_a_bench(test)


@pytest.mark.parametrize(
    ("entity_set", "property", "text"),
    [
        ("CustomersV3", "Nope", "Could not find a property named 'Nope'"),
        ("NopeEntries", "Name", "Resource not found for the segment 'NopeEntries'"),
    ],
)
def test_a_property_or_set_that_is_not_there_is_refused_though_there_are_no_records(
    entity_set: str, property: str, text: str
) -> None:
    async def test(bench: Bench) -> None:
        lookup = Lookup(entity_set, "", {}, select=(property,), limit=1)
        with pytest.raises(Refused) as caught:
            await bench.gateway.find(lookup)
        assert text in str(caught.value)

    on_a_bench(test)


@pytest.mark.parametrize("company", ["usmf", "USMF"])
def test_set_up_is_read_without_case_and_comes_as_dynamics_spells_it(company: str) -> None:
    async def test(bench: Bench) -> None:
        lookup = Lookup("JournalNames", company, {"Name": "strpay"}, select=("dataAreaId", "Name"))
        assert await bench.gateway.find(lookup) == [{"dataAreaId": "usmf", "Name": "STRPAY"}]

    on_a_bench(test)
