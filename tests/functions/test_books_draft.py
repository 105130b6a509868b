"""A draft of the books from what Dynamics has, and a file with blanks that is refused by line."""

import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import books
from cli.documents import check
from cli.main import app
from local.books import DYNAMICS_CLIENT_ID, DYNAMICS_CLIENT_SECRET
from local.dynamics import DynamicsPeer
from local.transport import PeerTransport
from local.world import World
from shared.clients.clock import SystemClock
from shared.domain.books import Books
from shared.domain.journal import JournalKind, Role
from shared.mapping.loader import load
from shared.mapping.problems import MappingRefused
from shared.mapping.schema import BLANK, parse
from shared.services.operations import DraftRefused, draft
from tests.world import live


def drafted(*companies: str) -> str:
    async def story(world: World) -> str:
        before = world.dynamics.requests.get("batch", 0)
        text = await draft(world.app.dynamics, companies)
        assert world.dynamics.requests.get("batch", 0) == before
        assert set(world.dynamics.requests) <= {"get", "token"}
        return text

    return live(story)


def problems(text: str) -> list[str]:
    with pytest.raises(MappingRefused) as caught:
        parse(load("books.yaml", text))
    return [str(problem) for problem in caught.value.problems]


def test_a_draft_suggests_journals_accounts_and_banks_and_comments_every_choice() -> None:
    text = drafted("usmf", "demf")
    tree: dict[str, Any] = dict(load("books.yaml", text).tree)
    company = tree["companies"]["usmf"]
    assert company["journals"] == {"customer_payment": "STRPAY", "general": "STRGL"}
    assert company["accounts"] == {
        "fees": {"type": "Ledger", "id": "618900"},
        "fee_tax": {"type": "Ledger", "id": "154300"},
        "disputes": {"type": "Ledger", "id": "132900"},
        "payouts_in_transit": {"type": "Ledger", "id": "110900"},
        "suspense": {"type": "Ledger", "id": "199900"},
    }
    assert company["customer_group"] == BLANK
    assert [each["accounting_currency"] for each in tree["companies"].values()] == ["usd", "eur"]
    assert "one of 10, 80, 90" in text
    assert '# fx_transit: {type: Ledger, id: "110950"}   # Foreign exchange transit' in text
    assert all(f"{role}:" in text for role in Role if role not in ("customer", "clearing", "bank"))
    assert all(f"{kind}:" in text for kind in JournalKind)


def test_blanks_are_refused_by_place_and_line() -> None:
    text = drafted("usmf")
    rows = text.splitlines()
    told = problems(text)
    assert told
    for problem in told:
        place, _, line = problem.partition(": is blank")[0].partition(", line ")
        assert BLANK in rows[int(line) - 1]
        assert place.rpartition(".")[2] in rows[int(line) - 1]
    assert len(told) == sum(f'"{BLANK}"' in row for row in rows if not row.lstrip().startswith("#"))


def test_a_draft_whose_blanks_are_filled_in_is_valid(tmp_path: Path) -> None:
    text = drafted("usmf")
    for name, value in (("customer_group", "10"), ("one_time_customer", "STRIPE-ONETIME")):
        text = text.replace(f'{name}: "?"', f'{name}: "{value}"')
    for currency in ("USD", "JPY"):  # two bank accounts are called after Stripe
        text = text.replace(
            'clearing: {type: Bank, id: "?"}',
            f'clearing: {{type: Bank, id: "STRIPE-{currency}"}}',
            1,
        )
    text = text.replace('bank: {type: Bank, id: "?"}', 'bank: {type: Bank, id: "USMF OPER"}')
    path = tmp_path / "books.yaml"
    path.write_text(text, encoding="utf-8")
    _, made, _ = check([path])
    assert isinstance(made.books, Books)
    assert made.books.currencies["usd"].bank.id == "USMF OPER"


def test_a_mistake_in_books_is_told_with_its_line() -> None:
    text = drafted("usmf").replace('"?"', '"x"').replace("type: Bank", "type: Cash")
    told = problems(text)
    rows = text.splitlines()
    for problem in told:
        line = int(problem.partition(", line ")[2].partition(":")[0])
        assert "Cash" in rows[line - 1]


def test_a_company_that_dynamics_does_not_have_is_refused_with_those_there_are() -> None:
    async def story(world: World) -> None:
        with pytest.raises(DraftRefused, match="no company frrt: name some of"):
            await draft(world.app.dynamics, ["usmf", "frrt"])
        with pytest.raises(DraftRefused):
            await draft(world.app.dynamics, [])

    live(story)


def test_the_command_writes_a_file_once_and_needs_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "books.yaml"
    runner = CliRunner()
    for name in books.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    given = ["books", "init", "--company", "usmf", "--into", str(path)]
    refused = runner.invoke(app, given)
    assert (refused.exit_code, "missing: DYNAMICS_URL" in refused.output) == (2, True)
    for name in books.VARIABLES:
        monkeypatch.setenv(name, "https://dynamics.example.com")
    path.write_text("mine")
    refused = runner.invoke(app, given)
    assert (refused.exit_code, "is there already" in refused.output) == (2, True)
    assert path.read_text() == "mine"


def test_the_command_asks_dynamics_and_writes_the_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, clock = "https://dynamics.example.com", SystemClock()
    peer = DynamicsPeer(
        clock,
        random.Random(1),
        host=url,
        client_id=DYNAMICS_CLIENT_ID,
        client_secret=DYNAMICS_CLIENT_SECRET,
    )
    given = (url, f"{url}/local/oauth2/v2.0/token", DYNAMICS_CLIENT_ID, DYNAMICS_CLIENT_SECRET)
    for name, value in zip(books.VARIABLES, given, strict=True):
        monkeypatch.setenv(name, value)
    path = tmp_path / "books.yaml"
    token = books.transport.set(PeerTransport(peer.asgi, clock))
    try:
        command = ["books", "init", "--company", "usmf", "--into", str(path)]
        done = CliRunner().invoke(app, command)
        assert (done.exit_code, "tieout mapping validate" in done.output) == (0, True), done.output
        assert len(problems(path.read_text("utf-8"))) > 0
        refused = CliRunner().invoke(app, [*command[:3], "frrt", "--into", str(tmp_path / "x")])
        assert (refused.exit_code, "no company frrt" in refused.output) == (2, True)
    finally:
        books.transport.reset(token)
