"""Products and prices: released or linked, journalised, posted, changed, archived."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from local.dynamics import DynamicsFaults
from local.world import Options, World
from shared.errors import Throttled
from shared.ports import Write, WriteFailed, Written
from tests.world import (
    DAY,
    HOUR,
    Json,
    booked_and_proved,
    check_out,
    live,
    new_customer,
    parked,
    rest,
    sell,
    waiting,
)

JOURNALS, LINES = "OpenTradeAgreementJournalHeadersV2", "OpenSalesPriceJournalLinesV2"
AGREEMENTS, RELEASED = "SalesPriceAgreements", "ReleasedProductsV2"


def options(products: str, prices: bool = True, items: str = "") -> Options:
    """A world whose policy has a catalogue; `items`: rows of the table."""
    policy = f"catalogue: {{products: {products}, prices: {str(prices).lower()}}}"
    documents = [f"kind: policy\nname: mine\n{policy}\n"]
    if items:
        documents.append(f"kind: table\nname: items\nrows: {{{items}}}\n")
    return Options(documents=tuple(documents))


def new_product(world: World, **params: Any) -> str:
    return str(world.stripe.request("POST", "/v1/products", {"name": "Gold plan", **params})["id"])


def new_price(world: World, product: str, **params: Any) -> str:
    given = {"product": product, "currency": "usd", "unit_amount": 1_500, **params}
    return str(world.stripe.request("POST", "/v1/prices", given)["id"])


def change(world: World, kind: str, id: str, **params: Any) -> None:
    world.stripe.request("POST", f"/v1/{kind}/{id}", params)


def released(world: World, item: str) -> list[Json]:
    return [row for row in world.dynamics.records(RELEASED) if row["ItemNumber"] == item]


def open_prices(world: World) -> list[tuple[str, str, str, Decimal, Decimal]]:
    """Company, item, currency, price and its quantity of each line that is not posted."""
    return [_price(row) for row in world.dynamics.records(LINES)]


def prices_in_force(world: World) -> list[tuple[str, str, str, Decimal, Decimal]]:
    return [_price(row) for row in world.dynamics.records(AGREEMENTS)]


def _price(row: Json) -> tuple[str, str, str, Decimal, Decimal]:
    company, item, currency = row["dataAreaId"], row["ItemNumber"], row["PriceCurrencyCode"]
    return company, item, currency, row["Price"], row["SalesPriceQuantity"]


def test_a_product_and_its_prices_come_into_dynamics_and_are_in_force_once_posted() -> None:
    async def story(world: World) -> None:
        product = new_product(world)
        new_price(world, product, currency_options={"eur": {"unit_amount": 1_400}})
        await rest(world)
        found = released(world, product)
        assert [row["dataAreaId"] for row in found] == ["usmf", "demf"]
        assert {row["ProductGroupId"] for row in found} == {"STR-SALE"}
        one = Decimal(1)
        lines = [
            ("usmf", product, "USD", Decimal(15), one),
            ("demf", product, "EUR", Decimal(14), one),
        ]
        assert sorted(open_prices(world)) == sorted(lines)
        names = {row["TradeAgreementJournalNameId"] for row in world.dynamics.records(JOURNALS)}
        assert names == {"STRPRICE"}
        assert all(result.posted for result in world.dynamics.post_price_journals())
        assert sorted(prices_in_force(world)) == sorted(lines)
        before = dict(world.dynamics.requests)
        change(world, "products", product, metadata={"shelf": "4"})
        await rest(world)
        assert dict(world.dynamics.requests) == before
        await booked_and_proved(world)

    live(story, options("create"))


def test_a_changed_price_is_a_new_line_and_what_is_posted_stays() -> None:
    async def story(world: World) -> None:
        product = new_product(world)
        price = new_price(world, product, currency_options={"jpy": {"unit_amount": 2_000}})
        await rest(world)
        world.dynamics.post_price_journals()
        for amount in (2_500, 2_000):
            options = {"jpy": {"unit_amount": amount}}
            change(world, "prices", price, currency_options=options)
            await rest(world)
            expected = ("usmf", product, "JPY", Decimal(amount), Decimal(1))
            assert open_prices(world) == [expected], "one line for what changed, none for USD"
            world.dynamics.post_price_journals()
            assert expected in prices_in_force(world)
        assert len(prices_in_force(world)) == 2
        await booked_and_proved(world)

    live(story, options("create"))


def test_an_archived_product_stays_with_its_last_day_and_comes_back() -> None:
    async def story(world: World) -> None:
        product = new_product(world)
        await rest(world)
        change(world, "products", product, active=False)
        await rest(world)
        ends = [f"{row['SellEndDate']:%Y-%m-%d}" for row in released(world, product)]
        assert ends == ["2026-10-01", "2026-10-01"]
        change(world, "products", product, active=True)
        await rest(world)
        ends = [f"{row['SellEndDate']:%Y-%m-%d}" for row in released(world, product)]
        assert ends == ["1900-01-01", "1900-01-01"]
        await booked_and_proved(world)

    live(story, options("create"))


@pytest.mark.parametrize(("products", "prices"), [("create", True), ("'off'", False)])
def test_a_product_or_price_that_stripe_deleted_before_it_was_read_is_no_alarm(
    products: str, prices: bool
) -> None:
    async def story(world: World) -> None:
        kept, gone = new_product(world), new_product(world)
        world.stripe.request("DELETE", f"/v1/products/{gone}")
        world.stripe.delete_price(new_price(world, kept))
        await rest(world)
        assert released(world, gone) == []
        assert open_prices(world) == []
        await booked_and_proved(world)

    live(story, options(products, prices))


def test_a_product_of_the_table_is_linked_and_nothing_of_it_written() -> None:
    async def story(world: World) -> None:
        before = world.dynamics.records(RELEASED)
        product = new_product(world, id="prod_speaker")
        new_price(world, product)
        await rest(world)
        assert world.dynamics.records(RELEASED) == before
        assert open_prices(world) == [("usmf", "D0001", "USD", Decimal(15), Decimal(1))]
        unit = world.dynamics.records(LINES)[0]["QuantityUnitSymbol"]
        assert unit == "ea"
        await booked_and_proved(world)

    live(story, options("link", items="prod_speaker: D0001"))


def test_a_product_without_a_row_or_with_a_wrong_one_is_put_before_a_person() -> None:
    async def story(world: World) -> None:
        new_product(world, id="prod_unknown")
        wrong = new_product(world, id="prod_wrong")
        new_price(world, wrong)
        await rest(world)
        found = {item.object: item.cause for item in await parked(world)}
        price = next(name for name in found if name.startswith("price_"))
        assert found == {
            "prod_unknown": "product_not_linked",
            "prod_wrong": "item_not_released",
            price: "item_not_released",
        }
        assert open_prices(world) == []

    live(story, options("link", items="prod_wrong: NO-SUCH"))


def test_prices_that_dynamics_cannot_say_are_put_before_a_person() -> None:
    async def story(world: World) -> None:
        product = new_product(world)
        tiers = [
            {"up_to": 10, "unit_amount": 500},
            {"up_to": "inf", "unit_amount": 400},
        ]
        world.stripe.request(
            "POST",
            "/v1/prices",
            {
                "product": product,
                "currency": "usd",
                "billing_scheme": "tiered",
                "tiers_mode": "volume",
                "tiers": tiers,
                "recurring": {"interval": "month"},
            },
        )
        await rest(world)
        (item,) = await parked(world)
        assert item.cause == "price_not_supported"
        assert "has tiers" in item.text
        assert open_prices(world) == []

    live(story, options("create"))


def test_parts_of_a_cent_are_the_price_of_several_units() -> None:
    async def story(world: World) -> None:
        product = new_product(world)
        price = {"product": product, "currency": "usd", "unit_amount_decimal": "0.25"}
        world.stripe.request("POST", "/v1/prices", price)
        await rest(world)
        assert open_prices(world) == [("usmf", product, "USD", Decimal("0.25"), Decimal(100))]
        await booked_and_proved(world)

    live(story, options("create"))


def test_the_default_price_is_the_one_that_is_written() -> None:
    async def story(world: World) -> None:
        data = {"currency": "usd", "unit_amount": 900}
        product = new_product(world, default_price_data=data)
        other = new_price(world, product, unit_amount=9_900, recurring={"interval": "year"})
        await rest(world)
        assert [line[3] for line in open_prices(world)] == [Decimal(9)]
        world.dynamics.post_price_journals()
        change(world, "products", product, default_price=other)
        await rest(world)
        assert [line[3] for line in open_prices(world)] == [Decimal(99)]
        world.dynamics.post_price_journals()
        assert [line[3] for line in prices_in_force(world)] == [Decimal(99)]
        assert await waiting(world) == []
        await booked_and_proved(world)

    live(story, options("create"))


def test_without_the_policy_nothing_of_the_catalogue_is_written() -> None:
    async def story(world: World) -> None:
        new_price(world, new_product(world))
        sell(world, customer=new_customer(world))
        await rest(world)
        assert open_prices(world) == []
        assert len(world.dynamics.records(RELEASED, "usmf")) == 7
        await booked_and_proved(world)

    live(story)


def test_a_price_line_whose_answer_was_lost_is_found_though_its_journal_was_posted_since() -> None:
    async def story(world: World) -> None:
        product = new_product(world)
        await rest(world)
        world.dynamics.faults = DynamicsFaults(error_after_commit=1)
        new_price(world, product)
        for _ in range(60):
            await world.clock.sleep(60)
            if open_prices(world):
                break
        assert all(result.posted for result in world.dynamics.post_price_journals())
        world.dynamics.faults = DynamicsFaults()
        await rest(world, 3_600)
        assert await parked(world) == []
        assert open_prices(world) == []
        assert prices_in_force(world) == [("usmf", product, "USD", Decimal(15), Decimal(1))]

    live(story, options("create"))


ORDERS = Options(
    documents=(
        "kind: policy\nname: mine\nsales: [{when: {lines: [checkout, metadata]}, book: order}]\n"
        "catalogue: {products: create}\n",
    )
)


def sold_items(world: World) -> list[str]:
    rows = world.dynamics.records("SalesOrderLinesV3")
    return [row["ItemNumber"] for row in rows]


def test_an_order_sells_the_product_that_was_created_and_waits_for_it() -> None:
    async def story(world: World) -> None:
        product = new_product(world)
        price = new_price(world, product)
        made_up = {"currency": "usd", "unit_amount": 750, "product_data": {"name": "Card"}}
        check_out(
            world,
            new_customer(world),
            [{"price": price, "quantity": 2}, {"price_data": made_up, "quantity": 1}],
        )
        await rest(world)
        (order,) = world.dynamics.records("SalesOrderHeadersV2")
        assert order["OrderTotalAmount"] == Decimal("37.50")
        assert sold_items(world) == [product, "STRIPE-SALE"]
        assert await parked(world) == []

    live(story, ORDERS)


def test_a_price_that_was_taken_off_the_market_after_the_sale_changes_nothing() -> None:
    async def story(world: World) -> None:
        product = new_product(world)
        price = new_price(world, product)
        await rest(world)
        check_out(world, new_customer(world), [{"price": price, "quantity": 2}])
        change(world, "prices", price, active=False)
        await rest(world)
        assert sold_items(world) == [product]

    live(story, ORDERS)


def test_lines_that_come_later_than_their_header_sell_the_same_item() -> None:
    async def story(world: World) -> None:
        product = new_product(world)
        price = new_price(world, product)
        await rest(world)
        apply = world.app.dynamics.apply
        refused: list[int] = []

        async def once(
            writes: Sequence[Write], not_after: datetime
        ) -> Sequence[Written | WriteFailed]:
            if not refused and any(each.entity_set == "SalesOrderLinesV3" for each in writes):
                refused.append(len(writes))
                return [WriteFailed(Throttled("dynamics")) for _ in writes]
            return await apply(writes, not_after)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(world.app.dynamics), "apply", lambda _, *given: once(*given))
            check_out(world, new_customer(world), [{"price": price, "quantity": 2}])
            await rest(world, HOUR)
        assert refused
        assert sold_items(world) == [product]
        assert await parked(world) == []

    live(story, ORDERS)


def test_an_order_does_not_wait_for_ever_for_a_product_that_is_not_created() -> None:
    async def story(world: World) -> None:
        product = new_product(world)
        check_out(world, new_customer(world), [{"price": new_price(world, product), "quantity": 2}])
        change(world, "products", product, active=False)
        await rest(world, HOUR)
        assert "product_not_created" in {each.cause for each in await waiting(world)}
        await rest(world, 4 * DAY)
        assert sold_items(world) == ["STRIPE-SALE"]
        assert await parked(world) == []

    live(story, ORDERS)


@pytest.mark.parametrize("product", ["SKU/1", "SKU 1", "T-SHIRT", "../x", "prod_" + "x" * 30])
def test_what_metadata_calls_a_product_disturbs_nobody(product: str) -> None:
    async def story(world: World) -> None:
        items = json.dumps([{"product": product, "amount": 5_000}])
        sell(world, 5_000, "usd", new_customer(world), metadata={"items": items})
        sell(world, 7_000, "usd", new_customer(world))
        await rest(world, HOUR)
        assert sold_items(world) == ["STRIPE-SALE"]
        assert await parked(world) == []

    live(story, ORDERS)
