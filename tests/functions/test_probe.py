"""`/api/probe`: both answers of each rule; nothing is posted, and what stays is named."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import yaml

from local.world import Options, World
from shared import bootstrap
from shared.errors import Refused, Unavailable, UncertainWrite
from shared.policy import DEFAULT, Policy
from shared.ports import Json, Lookup, Write, WriteFailed, Written
from tests.world import ask, everything, live

COMPANY = "demf"
NOT_USED = "Tieout does not use it yet"


async def probed(
    world: World, status: int = 200, *, company: str = COMPANY, code: str = "STRIPE"
) -> dict[str, Any]:
    body = json.dumps({"company": company, "classification": code}).encode()
    answer = await ask(world, "POST", "probe", body)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def answers(report: Mapping[str, Any]) -> dict[str, str]:
    return {each["rule"]: each["answer"] for each in report["answers"]}


def of_rule(report: Mapping[str, Any], rule: str) -> Mapping[str, Any]:
    found: Mapping[str, Any]
    (found,) = [each for each in report["answers"] if each["rule"] == rule]
    return found


def _use(world: World, dynamics: Any) -> None:
    world.host.context.run(bootstrap.use, replace(world.app, dynamics=dynamics))


def test_every_rule_is_answered_and_dynamics_is_as_it_was() -> None:
    async def story(world: World) -> None:
        before = everything(world)
        report = await probed(world)
        assert answers(report) == {
            "line_numbers_collide": "yes",
            "negative_free_text_lines": "yes",
            "classification_set_last": "yes",
            "posted_ledger": "yes",
        }
        assert report["left_behind"] == []
        assert everything(world) == before
        (entry,) = (await ask(world, "GET", "audit?action=probe")).json()["entries"]
        assert (entry["who"], entry["detail"]) == ("key", {"company": COMPANY})

    live(story)


RULES: dict[str, tuple[str, object, str, list[str]]] = {
    "line_numbers_collide": (
        "line_numbers_collide",
        False,
        "numbers the second line anew",
        ["TIEOUT_WRITE_SETTLE_SECONDS=600", "TIEOUT_LEASE_SECONDS=1200"],
    ),
    "negative_free_text_lines": (
        "negative_free_text_lines",
        False,
        "credit memos have to be return orders, or none",
        ["refunds: {of_orders: return_order, of_receipts: none}"],
    ),
    "classification_set_last": ("classification_changes", False, "does not allow editing", []),
    "posted_ledger": (
        "not_public",
        ("GeneralJournalAccountEntries",),
        "the proof covers our journals only",
        ["TIEOUT_LEDGER_ENTITY="],
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_the_other_answer_leads_to_other_settings_and_is_cleaned_up_as_well(rule: str) -> None:
    switch, value, text, lines = RULES[rule]

    async def story(world: World) -> None:
        before = everything(world)
        plain = await probed(world)
        setattr(world.dynamics.settings, switch, value)
        report = await probed(world)
        found = of_rule(report, rule)
        assert (found["answer"], [*found["settings"], *found["policy"]]) == ("no", lines)
        assert text in found["text"]
        before_that = of_rule(plain, rule)
        assert not lines or [*before_that["settings"], *before_that["policy"]] != lines
        assert {name: each for name, each in answers(report).items() if name != rule} == {
            name: each for name, each in answers(plain).items() if name != rule
        }
        assert report["left_behind"] == []
        assert everything(world) == before

    live(story)


def test_the_settings_that_are_printed_are_settings_and_those_of_today_when_all_is_well() -> None:
    async def story(world: World) -> None:
        report = await probed(world)
        lines = [line for each in report["answers"] for line in each["settings"]]
        found = dict(line.split("=", 1) for line in lines)
        assert found["TIEOUT_WRITE_SETTLE_SECONDS"] == str(world.settings.write_settle_seconds)
        assert found["TIEOUT_LEASE_SECONDS"] == str(world.settings.lease_seconds)
        entity = world.settings.ledger_entity
        assert entity is not None
        assert json.loads(found["TIEOUT_LEDGER_ENTITY"]) == entity.model_dump(mode="json")
        (choice,) = [line for each in report["answers"] for line in each["policy"]]
        refunds = yaml.safe_load(choice)["refunds"]
        assert Policy.model_validate({"refunds": refunds}).refunds == DEFAULT.refunds

    live(story)


@pytest.mark.parametrize(
    ("code", "answer", "text"),
    [("", "unknown", "name a billing classification"), ("NOPE", "unknown", "'NOPE' in field")],
)
def test_the_classification_is_named_by_the_person_and_is_not_used_yet(
    code: str, answer: str, text: str
) -> None:
    async def story(world: World) -> None:
        report = await probed(world, code=code)
        found = of_rule(report, "classification_set_last")
        assert (found["answer"], report["left_behind"]) == (answer, [])
        assert text in found["text"]
        assert NOT_USED in found["text"]

    live(story)


def test_the_posting_jobs_find_nothing_to_post_while_it_runs() -> None:
    class PostsInBetween:
        """Runs every batch job of Dynamics after each request."""

        def __init__(self, world: World) -> None:
            self._inner, self._peer = world.app.dynamics, world.dynamics

        async def apply(
            self, writes: Sequence[Write], not_after: datetime
        ) -> list[Written | WriteFailed]:
            results = await self._inner.apply(writes, not_after)
            self._peer.run_jobs()
            return results

        async def find(self, lookup: Lookup) -> list[Json]:
            return await self._inner.find(lookup)

    async def story(world: World) -> None:
        before = everything(world)
        ledger = world.dynamics.ledger()
        _use(world, PostsInBetween(world))
        report = await probed(world)
        assert report["left_behind"] == []
        assert world.dynamics.ledger() == ledger
        assert everything(world) == before

    live(story)


# --- what it refuses ----------------------------------------------------------------------------


@pytest.mark.parametrize("company", ["usrt", "", "USMF", "x" * 500])
def test_a_company_that_the_books_do_not_have_is_refused(company: str) -> None:
    async def story(world: World) -> None:
        before = everything(world)
        found = await probed(world, 409, company=company)
        assert found["code"] == "not_a_sandbox"
        assert "they have usmf, demf" in found["message"]
        assert everything(world) == before

    live(story)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"company": 7}', b"{}"])
def test_a_body_that_names_no_company_is_malformed(body: bytes) -> None:
    async def story(world: World) -> None:
        answer = await ask(world, "POST", "probe", body)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")

    live(story)


def test_an_app_of_live_payments_probes_nothing() -> None:
    async def story(world: World) -> None:
        before = everything(world)
        found = await probed(world, 409)
        assert "this app books live payments" in found["message"]
        assert everything(world) == before

    live(story, Options(settings={"stripe_livemode": True}))


# --- what fails on the way ----------------------------------------------------------------------


class FaultyDynamics:
    """A gateway that refuses, loses or misunderstands what a test names."""

    def __init__(self, world: World, fault: str, entity_set: str, method: str = "") -> None:
        self._inner, self._fault = world.app.dynamics, fault
        self._entity_set, self._method = entity_set, method
        self.writes = 0

    async def apply(
        self, writes: Sequence[Write], not_after: datetime
    ) -> list[Written | WriteFailed]:
        hit = [w for w in writes if (w.entity_set, w.method) == (self._entity_set, self._method)]
        if hit and self._fault == "refused":
            return [WriteFailed(Refused("dynamics", "you may not")) for _ in writes]
        if hit and self._fault == "not sent":
            return [WriteFailed(UncertainWrite("no answer")) for _ in writes]
        results = await self._inner.apply(writes, not_after)
        if hit and self._fault == "lost":
            return [WriteFailed(UncertainWrite("no answer")) for _ in writes]
        return results

    async def find(self, lookup: Lookup) -> list[Json]:
        if self._fault == "silent" and lookup.entity_set == self._entity_set:
            raise Unavailable("dynamics", "no answer")
        if self._fault == "odd" and lookup.entity_set == self._entity_set:
            return [{"unexpected": "record"}]
        return await self._inner.find(lookup)


PAYMENT_HEADERS = "CustomerPaymentJournalHeaders"
PAYMENT_LINES = "CustomerPaymentJournalLines"
INVOICES = "CDSFreeTextInvoiceHeaders"


def test_a_header_that_may_not_be_deleted_is_named() -> None:
    async def story(world: World) -> None:
        _use(world, FaultyDynamics(world, "refused", PAYMENT_HEADERS, "DELETE"))
        report = await probed(world)
        (left,) = report["left_behind"]
        (header,) = [
            row
            for row in everything(world)[PAYMENT_HEADERS]
            if row["Description"] == report["token"]
        ]
        assert left == {
            "entity_set": PAYMENT_HEADERS,
            "where": f"JournalBatchNumber {header['JournalBatchNumber']}",
            "why": "dynamics refuses: you may not",
        }
        assert "unknown" not in answers(report).values()

    live(story)


@pytest.mark.parametrize(
    ("entity_set", "rule"),
    [(PAYMENT_HEADERS, "line_numbers_collide"), (INVOICES, "negative_free_text_lines")],
)
def test_a_write_whose_answer_is_lost_is_found_and_taken_back(entity_set: str, rule: str) -> None:
    async def story(world: World) -> None:
        before = everything(world)
        _use(world, FaultyDynamics(world, "lost", entity_set, "POST"))
        report = await probed(world)
        assert answers(report)[rule] == "unknown"
        assert "it could not be asked: no answer" in of_rule(report, rule)["text"]
        assert everything(world) == before
        assert report["left_behind"] == []

    live(story)


def test_a_write_that_may_still_come_is_named() -> None:
    async def story(world: World) -> None:
        _use(world, FaultyDynamics(world, "not sent", PAYMENT_HEADERS, "POST"))
        report = await probed(world)
        (left,) = report["left_behind"]
        assert left["entity_set"] == PAYMENT_HEADERS
        assert f"Description {report['token']}" in left["where"]
        assert "it may still come" in left["why"]

    live(story)


def test_what_cannot_be_looked_at_any_more_is_named_and_stops_no_other_rule() -> None:
    async def story(world: World) -> None:
        _use(world, FaultyDynamics(world, "silent", INVOICES))
        report = await probed(world)
        assert [each["entity_set"] for each in report["left_behind"]] == [INVOICES, INVOICES]
        assert all("not looked at" in each["why"] for each in report["left_behind"])
        assert answers(report)["line_numbers_collide"] == "yes"
        assert answers(report)["posted_ledger"] == "yes"

    live(story)


def test_an_answer_of_another_shape_is_unknown_and_cleaned_up_after() -> None:
    async def story(world: World) -> None:
        before = everything(world)
        _use(world, FaultyDynamics(world, "odd", "FreeTextInvoiceHeaders"))
        report = await probed(world)
        text = of_rule(report, "classification_set_last")["text"]
        assert "the answer was not understood: KeyError" in text
        assert everything(world) == before

    live(story)


def test_a_mirror_of_the_ledger_that_the_product_cannot_read_is_told() -> None:
    class WithMirror:
        """The tenant publishes the mirror of the table alone."""

        def __init__(self, world: World) -> None:
            self._inner, self.apply = world.app.dynamics, world.app.dynamics.apply

        async def find(self, lookup: Lookup) -> list[Json]:
            if lookup.entity_set == "GeneralJournalAccountEntryBiEntities":
                return [{"MainAccount": 5637144576}]
            return await self._inner.find(lookup)

    async def story(world: World) -> None:
        world.dynamics.settings.not_public = ("GeneralJournalAccountEntries",)
        assert "is there" not in of_rule(await probed(world), "posted_ledger")["text"]
        _use(world, WithMirror(world))
        found = of_rule(await probed(world), "posted_ledger")
        assert found["answer"] == "no"
        assert "BiEntities is there, which Tieout does not read yet" in found["text"]

    live(story)


def test_a_dynamics_that_refuses_our_credentials_leaves_every_rule_unknown() -> None:
    async def story(world: World) -> None:
        report = await probed(world)
        assert set(answers(report).values()) == {"unknown"}
        assert "it could not be asked" in report["answers"][0]["text"]

    live(story, Options(settings={"dynamics_client_secret": "wrong"}))
