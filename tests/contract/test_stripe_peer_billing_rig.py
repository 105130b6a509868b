"""What the tests of Billing share: customers who can pay, prices, invoices, and the laws that every
invoice obeys."""

from typing import Any

from tests.contract.test_stripe_peer_rig import Json, World

MONTH = {"interval": "month"}


def customer(world: World, method: str | None = "pm_card_visa", **params: Any) -> str:
    """The id of a customer who pays by that test method."""
    how: Json = {}
    if method is not None:
        how = {"payment_method": method, "invoice_settings": {"default_payment_method": method}}
    return str(world.post("customers", **(how | params))["id"])


def price(world: World, amount: int, recurring: Json | None = None, **params: Any) -> str:
    """The id of a monthly price."""
    data = {"name": f"Plan {amount}"}
    given = {"currency": "usd", "unit_amount": amount, "recurring": recurring or MONTH}
    return str(world.post("prices", product_data=data, **(given | params))["id"])


def rate(world: World, percentage: str, *, inclusive: bool = False) -> str:
    made = world.post("tax_rates", display_name="VAT", percentage=percentage, inclusive=inclusive)
    return str(made["id"])


def subscribe(world: World, *prices: str, **params: Any) -> Json:
    items = [{"price": each} for each in prices]
    who = params.pop("customer", None) or customer(world)
    return world.post("subscriptions", **({"customer": who, "items": items} | params))


def draft(world: World, *amounts: int, who: str | None = None, **params: Any) -> Json:
    """A draft with a line for each amount."""
    who = who or customer(world)
    for amount in amounts:
        world.post("invoiceitems", customer=who, amount=amount, currency="usd")
    return world.post("invoices", customer=who, pending_invoice_items_behavior="include", **params)


def opened(world: World, *amounts: int, **params: Any) -> Json:
    return world.post(f"invoices/{draft(world, *amounts, **params)['id']}/finalize")


def paid(world: World, *amounts: int, **params: Any) -> Json:
    return world.post(f"invoices/{draft(world, *amounts, **params)['id']}/pay")


def invoice(world: World, id: str) -> Json:
    return world.get(f"invoices/{id}", expand=["payments"])


def payment_record(world: World, amount: int) -> Json:
    return world.post(
        "payment_records/report_payment",
        amount_requested={"currency": "usd", "value": amount},
        initiated_at=int(world.clock.now().timestamp()),
        outcome="guaranteed",
        payment_method_details={"type": "custom", "custom": {"type": "cpmt_1"}},
    )


def lines(world: World, id: str) -> list[Json]:
    return list(world.get(f"invoices/{id}/lines", limit=100)["data"])


def check_invoice(world: World, found: Json) -> None:
    """The laws of one invoice."""
    of_lines = lines(world, found["id"])
    off = sum(each["amount"] for line in of_lines for each in line["discount_amounts"])
    taxes = [tax for line in of_lines for tax in line["taxes"]]
    exclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
    inclusive = sum(tax["amount"] for tax in taxes) - exclusive
    shipping = (found["shipping_cost"] or {}).get("amount_total", 0)
    total = found["total"]
    assert sum(line["amount"] for line in of_lines) - off + exclusive + shipping == total
    assert sum(each["amount"] for each in found["total_discount_amounts"]) == off
    assert sum(each["amount"] for each in found["total_pretax_credit_amounts"]) == off
    assert sum(tax["amount"] for tax in found["total_taxes"]) == exclusive + inclusive
    assert found["total_excluding_tax"] == total - exclusive - inclusive
    assert found["amount_due"] == found["amount_paid"] + found["amount_remaining"]
    assert found["amount_remaining"] >= 0
    if found["status"] == "paid":
        assert found["amount_remaining"] == 0
        assert found["status_transitions"]["paid_at"] is not None
    if found["ending_balance"] is not None:
        moved = found["ending_balance"] - found["starting_balance"]
        assert moved == total - found["amount_due"] - found["pre_payment_credit_notes_amount"]
        assert found["number"] is not None
    payments = world.get("invoice_payments", invoice=found["id"], status="paid", limit=100)["data"]
    money = sum(each["amount_paid"] for each in payments)
    assert money <= found["amount_paid"] + found["amount_overpaid"]
    for each in payments:
        if each["payment"]["type"] == "payment_intent":
            check_money(world, each)
    notes = world.get("credit_notes", invoice=found["id"], limit=100)["data"]
    issued = [note for note in notes if note["status"] == "issued"]
    for kind in ("pre_payment", "post_payment"):
        credited = sum(note[f"{kind}_amount"] for note in issued)
        assert found[f"{kind}_credit_notes_amount"] == credited
    for note in issued:
        check_credit_note(world, note)


def check_money(world: World, payment: Json) -> None:
    """A paid payment is a charge of the account, and once settled a balance transaction."""
    intent = world.get(f"payment_intents/{payment['payment']['payment_intent']}")
    charge = world.charge_of(intent)
    assert (intent["status"], charge["status"]) == ("succeeded", "succeeded")
    assert payment["amount_paid"] <= charge["amount"] == intent["amount_received"]
    if charge["balance_transaction"] is not None:
        txn = world.get(f"balance_transactions/{charge['balance_transaction']}")
        assert (txn["amount"], txn["source"]) == (charge["amount"], charge["id"])


def check_credit_note(world: World, note: Json) -> None:
    """The laws of one credit note."""
    of_lines = world.get(f"credit_notes/{note['id']}/lines", limit=100)["data"]
    taxes = [tax for line in of_lines for tax in line["taxes"]]
    exclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
    shipping = (note["shipping_cost"] or {}).get("amount_total", 0)
    amount = sum(line["amount"] - line["discount_amount"] for line in of_lines)
    assert amount + exclusive + shipping == note["total"] == note["amount"]
    assert note["pre_payment_amount"] + note["post_payment_amount"] == note["total"]
    back = sum(each["amount_refunded"] for each in note["refunds"])
    credit = 0
    if note["customer_balance_transaction"] is not None:
        path = f"customers/{note['customer']}/balance_transactions"
        credit = -world.get(f"{path}/{note['customer_balance_transaction']}")["amount"]
    outside = note["out_of_band_amount"] or 0
    assert back + credit + outside == note["post_payment_amount"]


def check_customer(world: World, id: str) -> None:
    """The balance of a customer is the sum of its movements."""
    moves = world.get(f"customers/{id}/balance_transactions", limit=100)["data"]
    balance = world.get(f"customers/{id}")["balance"]
    assert balance == sum(move["amount"] for move in moves)
    if moves:
        assert moves[0]["ending_balance"] == balance


def check_all(world: World) -> None:
    """All laws, over all that the account holds."""
    for found in world.peer.objects("invoice"):
        check_invoice(world, found)
    for found in world.peer.objects("customer"):
        if not found.get("deleted"):
            check_customer(world, found["id"])
    txns = world.peer.objects("balance_transaction")
    for status in ("available", "pending"):
        for part in world.peer.balance()[status]:
            net = sum(
                txn["net"]
                for txn in txns
                if (txn["currency"], txn["status"]) == (part["currency"], status)
            )
            assert part["amount"] == net
