"""Published books in a whole world: what they change, what stays, and how one sees it."""

from typing import Any

from cli.documents import as_text
from local import books
from local.world import Options, World
from shared.stores.mappings import MAPPING_FRESH_SECONDS
from tests.functions.test_mappings import get, post, publish, sold, submit
from tests.functions.test_reapply import NOT_POSTING, reapply
from tests.world import (
    HOUR,
    Booked,
    Json,
    ask,
    booked_and_proved,
    lines,
    live,
    new_customer,
    parked,
    rest,
    sell,
)

OTHER_FEES = "618910"


def text_of(world: World, **places: Any) -> str:
    """The books of the world as a document, with other values at places (`a__b=...`)."""
    plain = world.settings.books.model_dump(mode="json", exclude_none=True)
    for place, value in places.items():
        *parents, last = place.split("__")
        at = plain
        for part in parents:
            at = at.setdefault(part, {})
        at[last] = value
    return as_text({"kind": "books", "name": "main", **plain})


def other_fees(world: World) -> str:
    return text_of(world, companies__usmf__accounts__fees__id=OTHER_FEES)


def fees(world: World) -> dict[str, str]:
    """The account of each fee, by transaction."""
    found = {key.partition(":"): line for key, line in lines(world).items()}
    return {key[0]: account(line) for key, line in found.items() if key[2] == "fee"}


def account(line: Booked) -> str:
    sides = [side.partition(" ")[2] for side in (line.account, line.offset)]
    return next(side for side in sides if side not in books.MAIN_ACCOUNTS)


async def in_force(world: World) -> Json:
    found: Json = (await world.get("ready"))["books"]
    return found


def test_a_currency_that_only_published_books_have_may_be_listed_for_an_account() -> None:
    whole = books.settings(stripe_url="https://s.invalid", dynamics_url="https://d.invalid")
    first = whole.books.model_dump(mode="json")
    yen = first["currencies"].pop("jpy")

    async def problem(world: World) -> str:
        checks = (await ask(world, "GET", "ready")).json()["checks"]
        [found] = [each["problem"] for each in checks if each["name"] == "books"]
        return str(found)

    async def story(world: World) -> None:
        assert await problem(world) == (
            "the Stripe account shop has no currency in the books, so all its money parks; "
            "TIEOUT_STRIPE_ACCOUNTS lists jpy for shop, which the books do not give it"
        )
        await publish(world, text_of(world, currencies__jpy=yen))
        await rest(world, 2 * MAPPING_FRESH_SECONDS)
        assert await problem(world) == ""

    live(story, Options(accounts={"shop": ["jpy"]}, settings={"books": first}))


def test_what_was_written_keeps_its_accounts_and_what_comes_takes_the_new_ones() -> None:
    async def story(world: World) -> None:
        posted = await sold(world)
        world.dynamics.post_journals()
        draft = await sold(world)
        old = str(books.ACCOUNTS["fees"]["id"])
        before = lines(world)
        assert await in_force(world) == {"source": "TIEOUT_BOOKS", "document": "", "set": ""}
        name = await publish(world, other_fees(world))
        assert await in_force(world) == {
            "source": "published",
            "document": "books main",
            "set": name,
        }
        await rest(world, 30 * HOUR)  # sweeps look at both again
        assert lines(world) == before
        new = await sold(world)
        assert fees(world) == {posted: old, draft: old, new: OTHER_FEES}
        await reapply(world)
        assert fees(world) == {posted: old, draft: OTHER_FEES, new: OTHER_FEES}
        await post(world, "mappings/rollback", who="Ada", why="a mistake")
        await world.clock.sleep(MAPPING_FRESH_SECONDS)
        assert (await in_force(world))["source"] == "TIEOUT_BOOKS"
        last = await sold(world)
        assert fees(world) == {posted: old, draft: OTHER_FEES, new: OTHER_FEES, last: old}
        await booked_and_proved(world)

    live(story, NOT_POSTING)


def test_a_preview_tells_the_values_the_drafts_and_what_dynamics_lacks() -> None:
    async def story(world: World) -> None:
        await sold(world)
        missing = text_of(
            world,
            companies__usmf__accounts__fees__id="999999",
            companies__usmf__journals__general="NOWHERE",
        )
        found = await post(world, "mappings/preview", set=await submit(world, missing), who="Ada")
        assert {each["place"]: each["after"] for each in found["books"]} == {
            "companies.usmf.accounts.fees.id": "999999",
            "companies.usmf.journals.general": "NOWHERE",
        }
        assert found["groups"]["drafts"]["changed"] == 1
        assert sorted(warning.partition(":")[0] for warning in found["warnings"]) == [
            "journal usmf general",
            "main accounts usmf",
        ]

    live(story, NOT_POSTING)


def test_readiness_checks_the_books_that_are_published() -> None:
    async def story(world: World) -> None:
        await publish(world, text_of(world, companies__usmf__accounts__fees__id="999999"))
        answer = (await ask(world, "GET", "ready")).json()
        problems = {each["name"] for each in answer["checks"] if each["problem"]}
        assert problems == {"main accounts usmf"}

    live(story)


def test_a_probe_uses_the_journals_of_the_books_that_are_published() -> None:
    async def story(world: World) -> None:
        name = "companies__demf__journals__customer_payment"
        await publish(world, text_of(world, **{name: "NOWHERE"}))
        report = await post(world, "probe", company="demf", classification="STRIPE")
        found = {each["rule"]: each["answer"] for each in report["answers"]}
        assert found["line_numbers_collide"] == "unknown"

    live(story)


def test_a_day_that_published_books_close_is_held() -> None:
    async def story(world: World) -> None:
        await publish(
            world,
            text_of(
                world,
                companies__usmf__closed_through=f"{world.clock.now():%Y-%m-%d}",
            ),
        )
        sell(world, customer=new_customer(world))
        await rest(world, HOUR)
        assert {item.cause for item in await parked(world)} == {"period_closed"}
        assert lines(world) == {}

    live(story)


def test_a_currency_that_only_published_books_have_is_booked() -> None:
    async def story(world: World) -> None:
        sell(world, currency="gbp", customer=new_customer(world))
        await rest(world, HOUR)
        assert {item.cause for item in await parked(world)} == {"currency_not_configured"}
        book = {
            "company": "usmf",
            "clearing": {"type": "Ledger", "id": f"{books.OTHER_CLEARING}GBP"},
            "bank": {"type": "Ledger", "id": books.OTHER_BANK},
        }
        await publish(world, text_of(world, currencies__gbp=book))
        await post(world, "inbox/retry", 202, cause="currency_not_configured")
        await rest(world, HOUR)
        assert await parked(world) == []
        proof = await get(world, "proof")
        assert proof["currencies"]["gbp"]["gap_minor"] == 0
        assert proof["currencies"]["gbp"]["balance_minor"] > 0

    live(story)
