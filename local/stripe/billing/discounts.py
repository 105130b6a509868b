"""Discounts on subscriptions, invoices and their parts: https://docs.stripe.com/api/discounts."""

from collections.abc import Sequence
from dataclasses import dataclass

from local.stripe import forms, nested
from local.stripe.billing.periods import moved
from local.stripe.catalogue import coupons
from local.stripe.core import Core
from local.stripe.errors import missing, missing_parameter
from local.stripe.line_amounts import discounts as taken_off
from shared.ports import Json

DISCOUNTS_MAX = 20
SPEC = nested.several(nested.nested({"coupon": forms.text, "discount": forms.text}), DISCOUNTS_MAX)


def made(
    core: Core, given: Sequence[Json], param: str, *, customer: str | None, **of: str
) -> list[str]:
    """Ids of the discounts a request names (kept ones) or asks for (new ones of coupons)."""
    ids = []
    for index, each in enumerate(given):
        nested.only_one(each, "coupon", "discount")
        kept = each.get("discount")
        if kept is not None:
            if (core.store.get(kept) or {}).get("object") != "discount":
                raise missing("discount", kept, f"{param}[{index}][discount]", status=400)
            ids.append(kept)
            continue
        if each.get("coupon") is None:
            raise missing_parameter(f"{param}[{index}][coupon]")
        coupon = coupons.redeemable(core, each["coupon"], f"{param}[{index}][coupon]")
        end = None
        if coupon["duration"] == "repeating" and "subscription" in of:
            end = moved(core.now(), "month", coupon["duration_in_months"])
        found = coupons.discount(core, coupon, customer=customer, end=end, **of)
        coupons.redeem(coupon)
        core.store.put(found, _terms(core, coupon))
        ids.append(found["id"])
    return ids


def _terms(core: Core, coupon: Json) -> Json:
    """What a discount keeps of its coupon, which may be deleted."""
    only = core.store.beside(coupon["id"]).get("applies_to", {}).get("products")
    return {"coupon": dict(coupon), "products": only}


def _terms_of(core: Core, id: str) -> Json | None:
    """The terms of a discount; of one that was stored from elsewhere, those of its coupon."""
    held = core.store.beside(id)
    if "coupon" in held:
        return held
    found = core.store.get(id) or {}
    coupon = core.store.get((found.get("source") or {}).get("coupon") or "")
    return None if coupon is None else _terms(core, coupon)


def lasting(core: Core, ids: Sequence[str], *, used: bool) -> list[str]:
    """Those that still count now; `used`: an invoice has taken them, so `once` is over."""
    left = []
    for id in ids:
        found = core.store.get(id) or {}
        coupon = (_terms_of(core, id) or {}).get("coupon") or {}
        over = found.get("end") is not None and found["end"] <= core.now()
        if not over and not (used and coupon.get("duration") == "once"):
            left.append(id)
    return left


@dataclass(slots=True)
class Discountable:
    """One amount that discounts come off: `left_minor` is what they have left of it."""

    left_minor: int
    product: str | None
    discountable: bool = True


def take_off(core: Core, id: str, parts: Sequence[Discountable], currency: str) -> list[int]:
    """Apply one discount to amounts, in place; what it took off each."""
    terms = _terms_of(core, id)
    if terms is None:
        return [0] * len(parts)
    coupon, only = terms["coupon"], terms["products"]
    off = taken_off(
        [part.left_minor for part in parts],
        [
            part.discountable and part.left_minor > 0 and (only is None or part.product in only)
            for part in parts
        ],
        percent_off=coupon.get("percent_off"),
        amount_off_minor=coupons.amount_off_minor(core, coupon, currency),
    )
    for part, taken in zip(parts, off, strict=True):
        part.left_minor -= taken
    return off
