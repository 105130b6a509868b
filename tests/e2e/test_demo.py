"""The demo as a command: one seed, one digest, in any process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.shop import Shop, Takings
from local.world import World
from tests.world import live, rest

TIEOUT = Path(sys.executable).parent / "tieout"
SMALL = ("--customers", "4", "--charges", "14", "--days", "1")
COMMAND_SECONDS_MAX = 120

type Json = dict[str, Any]


def start(*arguments: str, hash_seed: str) -> "subprocess.Popen[str]":
    """The demo in a process of its own, whose hashes differ from those of others."""
    return subprocess.Popen(
        [TIEOUT, "demo", *SMALL, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )


@pytest.fixture(scope="module")
def runs() -> dict[str, tuple[int, str, str]]:
    """Exit code and output of three demos: one seed as JSON and as a page, and another seed."""
    started = {
        "one": start("--json", hash_seed="1"),
        "page": start(hash_seed="2"),
        "other": start("--json", "--seed", "7", hash_seed="3"),
    }
    found = {}
    for name, process in started.items():
        output, errors = process.communicate(timeout=COMMAND_SECONDS_MAX)
        found[name] = (process.returncode, output, errors)
    return found


def figures(run: tuple[int, str, str]) -> Json:
    code, output, errors = run
    assert code == 0, errors
    found: Json = json.loads(output)
    return found


def test_another_seed_is_another_run_and_as_clean(runs: dict[str, tuple[int, str, str]]) -> None:
    one, other = figures(runs["one"]), figures(runs["other"])
    assert other["digest"] != one["digest"]
    for found in (one, other):
        currencies = found["proof"]["currencies"]
        gaps = {name: each["gap_minor"] for name, each in currencies.items()}
        assert gaps == {"usd": 0, "eur": 0, "jpy": 0}


def test_one_seed_gives_one_run_in_two_processes(runs: dict[str, tuple[int, str, str]]) -> None:
    code, output, errors = runs["page"]
    assert code == 0, errors
    digest = figures(runs["one"])["digest"]
    assert len(digest) == 64
    assert output.strip().splitlines()[-2:] == [
        f"summary digest: {digest}",
        "tie-out difference: USD 0.00  EUR 0.00  JPY 0",
    ]


def test_the_demo_lives_through_what_it_promises(runs: dict[str, tuple[int, str, str]]) -> None:
    found = figures(runs["one"])
    events, requests = found["events"], found["requests"]
    assert events["deliveries"] > events["unique"] > 14
    assert requests["dynamics"].get("batch", 0) > 0
    assert found["status"]["parked"] == 0
    assert found["status"]["waiting"] == 2  # the disputes that the bank has not decided yet
    assert found["records"]["CustomerPaymentJournalLines"] >= 13
    assert found["payouts"]
    assert {payout["status"] for payout in found["payouts"]} == {"tied"}


def test_at_most_two_journals_for_a_company_date_and_posting_run(
    runs: dict[str, tuple[int, str, str]],
) -> None:
    _, page, _ = runs["page"]
    count = figures(runs["one"])["journals"]
    assert count["posted"] > count["most"] == 2
    text = "at most 2 for a company, accounting date and posting run"
    assert f"journals       {count['posted']} posted, {text}" in " ".join(page.split("\n"))
    for name in ("one", "other"):
        assert figures(runs[name])["journals"]["most"] <= 2


def test_the_page_says_why_items_were_skipped_and_how_long_it_took(
    runs: dict[str, tuple[int, str, str]],
) -> None:
    _, page, _ = runs["page"]
    found = figures(runs["one"])
    assert sum(found["skipped"].values()) == found["status"]["skipped"] > 0
    assert f"{found['skipped']['unknown_type']} events of types that need no work" in page
    assert any(line.startswith("took ") for line in page.splitlines())
    assert "took" not in json.dumps(found)


def test_the_page_says_why_customers_have_more_accounts_than_there_are_customers(
    runs: dict[str, tuple[int, str, str]],
) -> None:
    _, page, _ = runs["page"]
    accounts = figures(runs["one"])["customers"]
    counted = ", ".join(f"{count} in {company}" for company, count in accounts.items())
    (line,) = [line for line in page.splitlines() if " in Stripe are " in line]
    assert f"4 in Stripe are {sum(accounts.values())} accounts: {counted}" in line
    assert ("has an account in each" in line) is (sum(accounts.values()) > 4)


def test_payouts_are_told_by_currency_in_the_order_they_were_made(
    runs: dict[str, tuple[int, str, str]],
) -> None:
    payouts = figures(runs["one"])["payouts"]
    currencies = [each["currency"] for each in payouts]
    assert currencies == sorted(currencies, key=["usd", "eur", "jpy"].index)
    for currency in dict.fromkeys(currencies):
        made = [each["created"] for each in payouts if each["currency"] == currency]
        assert made == sorted(made)
        assert min(made) > 0


def test_a_demo_of_nothing_is_refused() -> None:
    done = subprocess.run(
        [TIEOUT, "demo", "--charges", "0"],
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )
    assert done.returncode == 2
    assert "--charges" in done.stderr


def test_the_posted_ledger_names_the_order_of_each_sale() -> None:
    """Clearing shows texts alone: `PaymentId` does not survive posting."""

    async def story(world: World) -> tuple[list[str], list[str]]:
        shop = Shop(world.stripe, world.clock, 1)
        await shop.run(3, 9, 1, lambda _: None)
        await rest(world)
        world.dynamics.post_journals()
        rows = world.dynamics.records("GeneralJournalAccountEntries")
        assert all(row["PaymentReference"] for row in rows)
        orders = [
            str(each["metadata"]["order_id"])
            for each in world.stripe.objects("charge")
            if each["paid"]
        ]
        return orders, [str(row["Text"]) for row in rows]

    orders, texts = live(story)
    assert len(orders) == len(set(orders)) >= 7
    sales = [text for text in texts if text.split()[1] in ("charge", "refund", "dispute")]
    assert sales
    assert all(any(f" order {order}" in text for order in orders) for text in sales)
    for order in orders:
        assert any(text.endswith(f"order {order}") or f"order {order} " in text for text in texts)


@pytest.mark.parametrize("charges", [1, 2, 9])
def test_every_seed_makes_a_shop_that_can_do_business(charges: int) -> None:
    """However few its sales, and whichever of them are refunded, declined or disputed."""

    async def story(world: World) -> list[Takings]:
        shops = [Shop(world.stripe, world.clock, seed) for seed in range(40)]
        for shop in shops:
            await shop.run(2, charges, 0, lambda _: None)
        return [shop.takings for shop in shops]

    takings = live(story)
    assert {each.charges + each.declined for each in takings} == {charges}
    assert all(each.declined >= 1 for each in takings)
    if charges > 1:  # a shop's only sale is its declined one
        assert sum(each.refunds for each in takings) > 0
        assert sum(each.disputes for each in takings) > 0
