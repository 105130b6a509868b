"""The switches of the Dynamics peer for what is not known for sure: both answers of each."""

import pytest

from tests.contract.test_dynamics_peer_rig import (
    INVOICE_LINE,
    RECEIPT,
    World,
    infolog,
    refusal,
    virtual,
)

LINES, INVOICE_LINES = "CustomerPaymentJournalLines", "CDSFreeTextInvoiceLines"
TWIN = "FreeTextInvoiceHeaders"


@virtual
async def test_a_second_payment_line_of_a_number_is_refused_or_numbered_anew(world: World) -> None:
    line = RECEIPT | {"JournalBatchNumber": await world.journal(), "LineNumber": 1}
    await world.made(LINES, line)
    assert "The record already exists." in infolog(await world.post(LINES, line))
    world.peer.settings.line_numbers_collide = False
    assert (await world.made(LINES, line))["LineNumber"] == 2


@virtual
async def test_a_negative_line_of_a_free_text_invoice_is_taken_or_refused(world: World) -> None:
    await world.invoice({"UnitPrice": -1, "LineNumber": 1})
    world.peer.settings.negative_free_text_lines = False
    line = INVOICE_LINE | {"UnitPrice": -1, "LineNumber": 2}
    assert "must not be negative" in infolog(await world.post(INVOICE_LINES, line))
    assert len(world.peer.records(INVOICE_LINES)) == 1


async def classify(world: World, **fields: str) -> tuple[int, str]:
    id = world.one(TWIN)["InvoiceIdentifier"]
    answer = await world.patch(f"{TWIN}(dataAreaId='usmf',InvoiceIdentifier={id})", **fields)
    return answer.status_code, answer.text


@virtual
async def test_the_classification_of_a_draft_is_set_or_fixed(world: World) -> None:
    await world.invoice({})
    assert world.one(TWIN)["BillingClassification"] == ""
    assert (await classify(world, BillingClassification="STRIPE"))[0] == 204
    assert world.one(TWIN)["BillingClassification"] == "STRIPE"
    status, text = await classify(world, BillingClassification="NOPE")
    assert status == 400
    assert "not found in the related table 'Billing classification'" in text
    world.peer.settings.classification_changes = False
    status, text = await classify(world, BillingClassification="")
    assert status == 400
    assert "does not allow editing" in text
    assert world.one(TWIN)["BillingClassification"] == "STRIPE"


@virtual
async def test_a_posted_invoice_is_not_classified_and_nothing_else_changes(world: World) -> None:
    await world.invoice({})
    status, text = await classify(world, CustomerReference="x")
    assert status == 501
    assert "BillingClassification" in text
    world.peer.run_jobs()
    status, text = await classify(world, BillingClassification="STRIPE")
    assert status == 400
    assert "because it is posted" in text


@pytest.mark.parametrize("method", ["post", "delete"])
@virtual
async def test_the_twin_is_made_and_deleted_by_its_original_alone(
    world: World, method: str
) -> None:
    await world.invoice({})
    id = world.one(TWIN)["InvoiceIdentifier"]
    if method == "post":
        answer = await world.post(TWIN, {"dataAreaId": "usmf", "CustomerAccount": "US-001"})
    else:
        answer = await world.delete(f"{TWIN}(dataAreaId='usmf',InvoiceIdentifier={id})")
    assert answer.status_code == 501
    assert len(world.peer.records(TWIN)) == 1


@virtual
async def test_an_entity_set_that_is_not_public_does_not_exist_for_odata(world: World) -> None:
    assert await world.rows("GeneralJournalAccountEntries") == []
    world.peer.settings.not_public = ("GeneralJournalAccountEntries",)
    answer = await world.get("GeneralJournalAccountEntries")
    assert answer.status_code == 404
    unknown = refusal(await world.get("Nothing"))
    assert refusal(answer) == unknown.replace("Nothing", "GeneralJournalAccountEntries")
