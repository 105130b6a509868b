"""The Dynamics peer: how it reads financial dimensions, and what it demands of accounts."""

import pytest

from tests.contract.test_dynamics_peer_rig import FEE, RECEIPT, World, infolog, virtual

PAYMENT_LINES = "CustomerPaymentJournalLines"
LEDGER_LINES = "LedgerJournalLines"
OF_ACCOUNT = "DefaultDimensionsForAccountDisplayValue"


@virtual
async def test_two_formats_are_active(world: World) -> None:
    rows = await world.rows("DimensionIntegrationFormats")
    assert {row["DimensionFormatType"]: row["FinancialDimensionFormat"] for row in rows} == {
        "DataEntityDefaultDimensionFormat": "BusinessUnit-Department-CostCenter",
        "DataEntityLedgerDimensionFormat": "MainAccount-BusinessUnit-Department-CostCenter",
    }
    assert {row["IsActive"] for row in rows} == {"Yes"}


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("001--017", "001--017"),
        ("001", "001--"),
        ("001--017-more", "001--017"),
        (r"0\-1", r"0\-1--"),
    ],
)
@virtual
async def test_default_dimensions_are_read_by_position(world: World, sent: str, shown: str) -> None:
    """What is left out is blank, what is too much is dropped without a word."""
    line = RECEIPT | {"JournalBatchNumber": await world.journal(), OF_ACCOUNT: sent}
    assert (await world.made(PAYMENT_LINES, line))[OF_ACCOUNT] == shown


@virtual
async def test_without_an_active_format_dimensions_are_refused(world: World) -> None:
    store = world.peer._store
    for row in list(store.table("DimensionIntegrationFormats").values()):
        store.update(row, {"IsActive": "No"})
    line = RECEIPT | {"JournalBatchNumber": await world.journal(), OF_ACCOUNT: "001"}
    response = await world.post(PAYMENT_LINES, line)
    assert "no active financial dimension format" in infolog(response)


@virtual
async def test_an_account_that_demands_a_dimension_is_not_posted_without(world: World) -> None:
    world.peer.demand_dimension("618900", "CostCenter")
    batch = await world.journal("Ledger")
    line = await world.made(LEDGER_LINES, FEE | {"JournalBatchNumber": batch})
    (result,) = world.peer.post_journals()
    assert not result.posted
    assert "demands a value for CostCenter" in result.reasons[0]
    await world.made(
        LEDGER_LINES,
        FEE
        | {
            "JournalBatchNumber": await world.journal("Ledger"),
            "AccountDisplayValue": "618900---017",
            "PaymentId": "txn_2:fee",
        },
    )
    assert [result.posted for result in world.peer.post_journals()] == [False, True]
    world.peer.demand_dimension("618900", "CostCenter", allow_blank=True)
    assert [result.posted for result in world.peer.post_journals()] == [True]
    assert line["AccountDisplayValue"] == "618900"


@virtual
async def test_default_dimensions_fill_what_a_customer_account_demands(world: World) -> None:
    world.peer.demand_dimension("130100", "CostCenter")  # the summary account of customers
    for number, dimensions in enumerate(("001", "--017")):
        await world.made(
            PAYMENT_LINES,
            RECEIPT
            | {
                "JournalBatchNumber": await world.journal(),
                OF_ACCOUNT: dimensions,
                "PaymentId": f"txn_{number}:gross",
            },
        )
    assert [result.posted for result in world.peer.post_journals()] == [False, True]
