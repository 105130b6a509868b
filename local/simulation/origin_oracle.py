"""The independent judge of origins: what follows a sale stands where the sale's own line stands.

Like `oracle` it shares no code with the product. A dispute's amount has to stand in the company of
its sale; its fee is the owner's of the Stripe account and is not judged.
"""

from collections.abc import Mapping
from typing import Any

from local.dynamics import DynamicsPeer
from local.simulation.oracle import WAITS, line_keys, place_of
from local.stripe import StripePeer

DISPUTES = "132900"  # what banks took back and have not decided

type Place = tuple[str, str]
"""Company and customer; the customer is empty where the record names none."""


def strangers(stripe: StripePeer, dynamics: DynamicsPeer) -> list[str]:
    """Sales whose lines, order and credit notes are not all in one company and on one customer."""
    lines, documents = _lines(dynamics), _documents(stripe, dynamics)
    members = _members(stripe)
    found = []
    for charge in stripe.objects("charge"):
        id = str(charge["id"])
        places = dict(documents.get(id, {}))
        for txn in members.get(id, ()):
            places |= {place: f"{txn} {what}" for place, what in lines.get(txn, {}).items()}
        companies = dict.fromkeys(company for company, _ in places)
        customers = dict.fromkeys(customer for _, customer in places if customer)
        if len(companies) > 1 or len(customers) > 1:
            told = ", ".join(f"{what} in {' '.join(place)}" for place, what in places.items())
            found.append(f"{id}: {told}")
    return found


def _lines(dynamics: DynamicsPeer) -> dict[str, dict[Place, str]]:
    """Where the lines of each balance transaction stand, as far as they concern the sale: on
    a customer's account, or in dispute."""
    ledger, keys = dynamics.ledger(), line_keys(dynamics)
    places: dict[str, dict[Place, str]] = {}
    for line in (*ledger.posted, *ledger.drafts):
        is_customer = line.account_type == "Cust"
        txn, _, component = keys.get(place_of(line), "").partition(":")
        if txn and (is_customer or line.account in (WAITS, DISPUTES)):
            customer = line.account if is_customer else ""
            places.setdefault(txn, {})[line.company, customer] = component
    return places


def _documents(stripe: StripePeer, dynamics: DynamicsPeer) -> dict[str, dict[Place, str]]:
    """Where the order and the credit notes of each charge stand."""
    charges = {str(each["id"]): str(each["charge"]) for each in stripe.objects("refund")}
    places: dict[str, dict[Place, str]] = {}
    for row in dynamics.records("SalesOrderHeadersV2"):
        customer = str(row["OrderingCustomerAccountNumber"])
        place = (str(row["dataAreaId"]), customer)
        places.setdefault(str(row["CustomersOrderReference"]), {})[place] = "order"
    for row in dynamics.records("CDSFreeTextInvoiceHeaders"):
        id = str(row["ExternalInvoiceId"]).partition(":")[0]
        place = (str(row["dataAreaId"]), str(row["CustomerAccount"]))
        places.setdefault(charges.get(id, id), {})[place] = f"credit note of {id}"
    return places


def _members(stripe: StripePeer) -> dict[str, list[str]]:
    """The balance transactions of each charge: its own, and those of what followed."""
    members: dict[str, list[str]] = {}
    for charge in stripe.objects("charge"):
        members.setdefault(str(charge["id"]), []).extend(_transactions(charge))
    for refund in stripe.objects("refund"):
        members.setdefault(str(refund["charge"]), []).extend(_transactions(refund))
    for dispute in stripe.objects("dispute"):
        ids = [str(txn["id"]) for txn in dispute["balance_transactions"]]
        members.setdefault(str(dispute["charge"]), []).extend(ids)
    return members


def _transactions(source: Mapping[str, Any]) -> list[str]:
    names = ("balance_transaction", "failure_balance_transaction")
    return [str(source[name]) for name in names if source.get(name)]
