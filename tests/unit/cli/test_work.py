"""`tieout status`, `payouts` and `waiting`: what people and machines read."""

import json

import httpx
import pytest
from typer.testing import CliRunner, Result

from cli.main import app as command
from cli.remote import transport

SINCE = "2026-11-30 16:42:41.223382+00:00"
COUNTS = {"done": 1893, "skipped": 41, "waiting": 2, "parked": 0}
AZURE = dict.fromkeys(("queued", "in_flight", "scheduled"))


def run(body: object, *arguments: str) -> Result:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json=body)

    token = transport.set(httpx.MockTransport(answer))
    try:
        result = CliRunner().invoke(command, list(arguments))
    finally:
        transport.reset(token)
    assert asked == [f"/api/{arguments[0]}"]
    return result


def test_status_shows_counts_and_where_to_look() -> None:
    result = run({**AZURE, **COUNTS}, "status", "--url", "https://x.example")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[:4] == [
        "done          1,893",
        "skipped          41",
        "waiting           2   tieout waiting --url https://x.example",
        "parked            0",
    ]
    assert "Service Bus" in lines[4]
    local = {**AZURE, **COUNTS, "queued": 3, "in_flight": 0, "scheduled": 1}
    assert "queued            3\n" in run(local, "status").stdout


def payout(id: str, currency: str, at: str, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "payout": id,
        "status": "tied",
        "currency": currency,
        "at": at,
        "members": 3,
    }
    row |= {"amount_minor": 123456, "members_net_minor": 123456, "difference_minor": 0}
    return row | {"unwritten": 0, "unwritten_net_minor": 0, "wrong": 0} | changes


ROWS = [
    payout("po_3", "usd", "2026-11-30 16:42:41+00:00"),
    payout("po_2", "usd", "2026-11-29 16:42:41+00:00", status="open", wrong=1, difference_minor=-5),
    payout("po_1", "jpy", SINCE, status="open", unwritten=2, unwritten_net_minor=700),
]


def test_payouts_are_shown_by_currency_and_time_with_what_they_lack() -> None:
    result = run({"payouts": ROWS}, "payouts")
    lines = [line.rstrip() for line in result.stdout.splitlines() if line.startswith("po_")]
    assert [line.split()[0] for line in lines] == ["po_1", "po_2", "po_3"]
    assert "2026-11-30 16:42 UTC" in lines[0]
    assert "JPY 123,456" in lines[0]
    assert lines[0].endswith("open: 2 not written (JPY 700)")
    assert "USD 1,234.56" in lines[1]
    assert "USD -0.05" in lines[1]
    assert lines[1].endswith("open: 1 written otherwise")
    assert lines[2].endswith("tied")
    assert "1 of 3 tied out" in result.stdout


def test_only_open_payouts_can_be_asked_for() -> None:
    result = run({"payouts": ROWS}, "payouts", "--open", "--json")
    assert [each["payout"] for each in json.loads(result.stdout)["payouts"]] == ["po_2", "po_1"]
    assert run({"payouts": []}, "payouts").stdout == "no payout\n"


def pending(kind: str, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "kind": kind,
        "entity": "charge",
        "object": "ch_1",
        "type": "charge.updated",
    }
    row |= {"cause": "transaction_not_made", "text": "Stripe has not made it yet", "attempts": 0}
    return row | {"since": SINCE, "updated_at": SINCE, "next_at": SINCE} | changes


def test_what_waits_is_shown_with_since_why_and_until_when() -> None:
    items = [pending("waiting"), pending("retry", cause="unavailable", attempts=3)]
    result = run({"items": items, "more": 7}, "waiting")
    assert result.stdout.splitlines() == [
        "charge ch_1  transaction_not_made",
        "    Stripe has not made it yet",
        "    since 2026-11-30 16:42 UTC, tried again from 2026-11-30 16:42 UTC",
        "charge ch_1  unavailable",
        "    Stripe has not made it yet",
        "    since 2026-11-30 16:42 UTC, tried again at 2026-11-30 16:42 UTC, attempts so far: 3",
        "1 waiting, 1 retries scheduled",
        "... and 7 more",
    ]
    assert run({"items": [], "more": 0}, "waiting").stdout.startswith("nothing waits")


@pytest.mark.parametrize("name", ["status", "payouts", "waiting"])
def test_machines_get_the_answer_as_it_is(name: str) -> None:
    body = {**COUNTS, "payouts": [], "items": [pending("retry", next_at=None)]}
    assert json.loads(run(body, name, "--json").stdout) == body


DISPUTE = {
    "dispute": "du_1",
    "charge": "ch_1",
    "status": "needs_response",
    "reason": "fraudulent",
    "amount_minor": 123456,
    "currency": "usd",
    "due_by": "2026-12-09T23:59:59+00:00",
    "stands": [{"company": "usmf", "currency": "usd", "amount_minor": 123456}],
    "account": "default",
    "at": SINCE,
}


def test_disputes_show_amounts_in_major_units_and_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = run({"disputes": [DISPUTE], "more": 2}, "disputes").stdout
    for text in ("du_1", "fraudulent", "2026-12-09 23:59 UTC", "needs_response", "(usmf)"):
        assert text in shown
    assert shown.count("USD 1,234.56") == 2
    assert "... and 2 more" in shown
    assert "no dispute is open" in run({"disputes": [], "more": 0}, "disputes").stdout
    told = run({"disputes": [DISPUTE], "more": 0}, "disputes", "--json").stdout
    assert json.loads(told)["disputes"][0]["amount_minor"] == 123456


def test_fees_show_each_kind_and_the_total_of_a_company_and_currency() -> None:
    part = {"company": "usmf", "currency": "usd", "lines": 2}
    fees = [
        {**part, "kind": "fee", "amount_minor": 600},
        {**part, "kind": "fee_tax", "amount_minor": 114},
    ]
    answer = {"month": "2026-10", "documents": [], "differences": []}
    shown = run({**answer, "fees": fees}, "fees", "show", "2026-10").stdout
    assert "fee_tax" in shown
    assert [line.split() for line in shown.splitlines() if "total" in line] == [
        ["2026-10", "usmf", "total", "4", "USD", "7.14"]
    ]
    assert (
        "no fee of 2026-11"
        in run({"month": "2026-11", "fees": []}, "fees", "show", "2026-11").stdout
    )


DIFFERENCE = {
    "company": "usmf",
    "currency": "usd",
    "accrued_minor": 714,
    "documents_minor": 700,
    "difference_minor": 14,
    "later_minor": 320,
}
FEE_DOCUMENT = {"number": "ABC-1", "currency": "usd", "total_minor": 700, "date": "2026-10-31"}


def test_fees_show_their_documents_and_the_difference() -> None:
    part = {"company": "usmf", "currency": "usd", "kind": "fee", "amount_minor": 714, "lines": 2}
    body = {"month": "2026-10", "fees": [part], "differences": [DIFFERENCE]}
    body["documents"] = [{**FEE_DOCUMENT, "who": "Grace", "at": SINCE}]
    shown = run(body, "fees", "show", "2026-10").stdout.splitlines()
    assert shown[-2:] == [
        "document ABC-1  USD 7.00  2026-10-31, confirmed by Grace on 2026-11-30 16:42 UTC",
        "usmf: accrued USD 7.14, documents USD 7.00, difference USD 0.14; booked later: USD 3.20",
    ]


CONFIRM = (
    *("fees", "confirm", "2026-10", "--company", "usmf", "--currency", "USD", "--number", "ABC-1"),
    *("--date", "2026-10-31", "--who", "Grace"),
)


def confirm(status: int, body: object, *more: str) -> tuple[Result, list[dict[str, object]]]:
    sent: list[dict[str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(json.loads(request.content))
        return httpx.Response(status, json=body)

    token = transport.set(httpx.MockTransport(answer))
    try:
        return CliRunner().invoke(command, [*CONFIRM, *more]), sent
    finally:
        transport.reset(token)


def test_confirming_a_document_sends_minor_units_and_tells_the_difference() -> None:
    body = {"id": "feedoc_1", "written": False, "sent": 1, "remedy": "Compare."}
    result, [sent] = confirm(202, {**body, "difference": DIFFERENCE}, "--total", "7.00")
    assert result.exit_code == 0
    assert sent == {
        "month": "2026-10",
        "company": "usmf",
        "currency": "usd",
        "number": "ABC-1",
        "date": "2026-10-31",
        "total_minor": 700,
        "tax_minor": 0,
        "who": "Grace",
        "why": "Stripe's tax document",
    }
    assert result.stdout.splitlines() == [
        "feedoc_1 is confirmed",
        "usmf: accrued USD 7.14, documents USD 7.00, difference USD 0.14; booked later: USD 3.20",
        "Compare.",
    ]


def test_an_excess_is_allowed_where_the_person_says_so() -> None:
    body = {"id": "feedoc_1", "written": False, "sent": 1, "remedy": "", "difference": DIFFERENCE}
    result, [sent] = confirm(202, body, "--total", "7.00", "--allow-excess")
    assert (result.exit_code, sent["allow_excess"]) == (0, True)


def test_a_document_that_is_refused_ends_the_command_with_the_reason() -> None:
    result, _ = confirm(409, {"code": "fee_document_refused", "message": "no"}, "--total", "7")
    assert (result.exit_code, result.stderr) == (2, "no\n")


def test_an_amount_that_is_none_is_not_sent() -> None:
    for total in ("seven", "7.001", "7,00"):
        result, sent = confirm(202, {}, "--total", total)
        assert (result.exit_code, sent) == (2, [])
        assert "is not an amount of USD" in result.stderr
