"""What the app's Stripe key has to be allowed, computed from the policy and the registry.

https://docs.stripe.com/keys#limit-access. `tieout setup` prints these, and asks for the webhook
events that go with them: an event of an object that the key may not read would park.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from shared.entities.common.sale_attributes import reads_product, reads_session
from shared.entities.common.sale_routing import needs_session
from shared.policy import Policy
from shared.registry import Registry


class Access(StrEnum):
    """What a restricted key may do with a resource. Who may write may read."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class StripePermission:
    """One permission. `resource`: as Stripe's API names the object; `label`: where the dashboard
    shows it; `why`: what it is needed for."""

    resource: str
    access: Access
    label: str
    why: str


ALWAYS = (
    ("charge", "Charges and Refunds", "what was sold"),
    ("refund", "Charges and Refunds", "what was given back"),
    ("dispute", "Disputes", "what was disputed"),
    ("payout", "Payouts", "what the bank gets"),
    ("balance", "Balance", "the proof"),
    ("balance_transaction", "Balance transaction sources", "money: every line comes from these"),
    ("event", "Events", "the sweep that finds deliveries that were lost"),
)
SALES = (
    ("checkout_session", "Checkout Sessions", "the lines of orders, and rules that look at them"),
    ("invoice_payment", "Invoices", "whether an invoice of Stripe stands for the sale"),
)
PRODUCTS = ("product", "Products", "the catalogue")
CATALOGUE = (PRODUCTS, ("price", "Prices", "the catalogue"))
METADATA_OF_PRODUCTS = ("product", "Products", "their metadata, which a mapping reads")


def events_of(policy: Policy, registry: Registry) -> tuple[str, ...]:
    """The event types that the webhook endpoint needs under a policy, in the registry's order."""
    left_out = () if _has_catalogue(policy) else tuple(name for name, _, _ in CATALOGUE)
    return tuple(
        event_type
        for entity in registry.entities
        if entity.name not in left_out
        for event_type in entity.event_types
    )


def permissions_of(
    policy: Policy,
    registry: Registry,
    events: Collection[str] | None = None,
    reads: Collection[str] = (),
) -> tuple[StripePermission, ...]:
    """The permissions that the key needs under a policy and its mappings, and no more.

    `events`: what the endpoint sends; by default what the policy needs. One that sends events of
    products needs the key to read products. `reads`: what mappings read.
    """
    sent = events_of(policy, registry) if events is None else events
    customers = Access.WRITE if policy.customers.write_back else Access.READ
    why = "accounts"
    if customers is Access.WRITE:
        why += ", and their numbers in the metadata (customers.write_back)"
    permissions = [StripePermission("customer", customers, "Customers", why)]
    wanted = list(ALWAYS)
    if needs_session(policy) or reads_session(reads):
        wanted += SALES
    catalogue = [row for row in CATALOGUE if _is_sent(row[0], sent, registry)]
    wanted += catalogue
    if reads_product(reads) and PRODUCTS not in catalogue:
        wanted.append(METADATA_OF_PRODUCTS)
    permissions += [StripePermission(name, Access.READ, label, why) for name, label, why in wanted]
    return tuple(permissions)


def _has_catalogue(policy: Policy) -> bool:
    return policy.catalogue.products != "off" or policy.catalogue.prices


def _is_sent(name: str, events: Collection[str], registry: Registry) -> bool:
    entities = [entity for entity in registry.entities if entity.name == name]
    return any(event_type in events for entity in entities for event_type in entity.event_types)
