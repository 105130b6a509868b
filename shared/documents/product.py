"""Products: released in every company of the books, or linked by the table `items`.

A product that `items` lists is Dynamics' own: nothing of it is written, but it has to be there.
Others are created with their Stripe id as item number, where the policy says so. An archived
product stays and shows since when it is not sold; one that was never written is left out, like the
products that Checkout Sessions make up. https://docs.stripe.com/api/products
"""

from shared.documents.common import (
    Again,
    Context,
    Desired,
    Question,
    Snapshot,
    id_of,
    moment,
    text,
)
from shared.documents.items import is_released, item_of, not_released, question
from shared.domain.records import Change, Document, Ref
from shared.errors import Skipped

ENTITY = "product"
NO_DATE = "1900-01-01"  # what Dynamics holds in an empty date
GOODS, SERVICE = "goods", "service"


def questions(snapshot: Snapshot, context: Context) -> tuple[Question, ...]:
    """Whether the item that the table names is released in each company."""
    item = context.items.get(snapshot.id)
    if item is None or context.policy.catalogue.products == "off" or _is_deleted(snapshot):
        return ()
    return tuple(question(item, company) for company in context.books.companies)


def build(snapshot: Snapshot, context: Context) -> Desired:
    """The product in each company. Raises `Skipped` where the policy has no products or Stripe has
    deleted it, `Parked` where it has no item number or the item is missing."""
    if context.policy.catalogue.products == "off":
        raise Skipped("catalogue_off")
    if _is_deleted(snapshot):
        raise Skipped("product_deleted")
    item = item_of(snapshot.id, context)
    again = _price_again(snapshot, context)
    if snapshot.id in context.items:
        for company in context.books.companies:
            if not is_released(snapshot, company):
                raise not_released(item, snapshot.id, company)
        return Desired(again=again)
    if snapshot.object.get("active") is False and not (snapshot.links or snapshot.intents):
        raise Skipped("product_archived")
    documents: list[Document] = []
    for company in context.books.companies:
        documents += _created(snapshot, company, item, context)
    return Desired(tuple(documents), again=again)


def _is_deleted(snapshot: Snapshot) -> bool:
    return snapshot.object.get("deleted") is True


def _created(snapshot: Snapshot, company: str, item: str, context: Context) -> tuple[Document, ...]:
    product = snapshot.object
    goods = product.get("shippable") is True or text(product, "type") == "good"
    role = f"product~{company}"
    released = snapshot.written(role) or Document(
        role=role,
        template="product",
        company=company,
        key=item,
        facts={"product": snapshot.id},
        words={
            "name": text(product, "name") or snapshot.id,
            "description": text(product, "description"),
            "kind": GOODS if goods else SERVICE,
            "tax_code": id_of(product.get("tax_code")),
        },
        found_first=True,
    )
    return released, *_ended(snapshot, released, context)


def _ended(snapshot: Snapshot, released: Document, context: Context) -> tuple[Document, ...]:
    """Since when an archived product is not sold; taken back when it is sold again."""
    product = snapshot.object
    role = f"ended~{released.company}"
    kept = snapshot.written(role)
    if product.get("active") is not False:
        if kept is None:
            return ()
        ended = NO_DATE
    elif kept is not None and kept.facts["date"] != NO_DATE:
        ended = str(kept.facts["date"])
    else:
        since = "updated" if "updated" in product else "created"
        ended = context.local_date(moment(product, since, ENTITY)).isoformat()
    document = Document(
        role=role,
        template="product_end",
        company=released.company,
        key=released.key,
        facts={"product": snapshot.id, "date": ended},
        change=Change.OPEN,
        parent=released.role,
        patches=True,
    )
    return (document,)


def _price_again(snapshot: Snapshot, context: Context) -> tuple[Again, ...]:
    """The default price, which only the product names: it is the sales price of its item."""
    price = id_of(snapshot.object.get("default_price"))
    if not price or not context.policy.catalogue.prices:
        return ()
    updated = snapshot.object.get("updated")
    reason = updated if type(updated) is int else 0
    return (Again(Ref("price", price), f"{price}-default-{reason}"),)
