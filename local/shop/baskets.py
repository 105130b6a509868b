"""Shopping baskets: a small catalogue in Stripe and Checkout Sessions that sell from it."""

import random
from collections.abc import Mapping

from local.stripe import StripePeer
from shared.ports import Json

GOODS = ("T-Shirt", "Mug", "Poster", "Notebook", "Lamp")
REDUCED = ("Poster", "Notebook")  # printed matter, at the lower rate
LINES_MAX = 4
QUANTITY_MAX = 3
SHIPPING_SHARE, COUPON_SHARE, TAX_SHARE = 0.4, 0.3, 0.5
TAX_PERCENT, REDUCED_PERCENT, COUPON_PERCENT = 19, 7, 15
SUCCESS_URL = "https://shop.example/thanks"


class Baskets:
    """Fills baskets from a catalogue that it makes at the first sale of each currency."""

    def __init__(
        self, peer: StripePeer, rng: random.Random, prices_minor: Mapping[str, tuple[int, int]]
    ) -> None:
        """`prices_minor`: the least and the highest price by currency."""
        self._peer = peer
        self._rng = rng
        self._prices_minor = prices_minor
        self._catalogue: dict[str, list[str]] = {}
        self._reduced: dict[str, None] = {}  # prices at the lower rate
        self._taxes: dict[int, str] = {}
        self._coupon = ""

    def buy(
        self,
        currency: str,
        card: str,
        customer: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> Json:
        """Fill a basket and pay it, with metadata; returns the PaymentIntent.

        Raises `ApiError` (402) when the card is declined.
        """
        params = self._session(currency, customer)
        if metadata:
            params["payment_intent_data"] = {"metadata": dict(metadata)}
        session = self._peer.request("POST", "/v1/checkout/sessions", params)
        done = self._peer.complete_checkout(str(session["id"]), card)
        return self._peer.request("GET", f"/v1/payment_intents/{done['payment_intent']}")

    def lines(self, intent: str) -> dict[int, int]:
        """What each line of the paid basket came to with its tax, in minor units by number."""
        params = {"payment_intent": intent, "expand": ["data.line_items"]}
        [session] = self._peer.request("GET", "/v1/checkout/sessions", params)["data"]
        items = session["line_items"]["data"]
        return {number: int(item["amount_total"]) for number, item in enumerate(items, start=1)}

    def _session(self, currency: str, customer: str) -> dict[str, object]:
        rng = self._rng
        prices = self._prices(currency)
        taxed = rng.random() < TAX_SHARE
        lines: list[dict[str, object]] = []
        for price in rng.sample(prices, rng.randint(1, LINES_MAX)):
            line: dict[str, object] = {"price": price, "quantity": rng.randint(1, QUANTITY_MAX)}
            lines.append({**line, "tax_rates": [self._tax_rate(price)]} if taxed else line)
        params: dict[str, object] = {
            "mode": "payment",
            "success_url": SUCCESS_URL,
            "line_items": lines,
        }
        if customer:
            params["customer"] = customer
        if rng.random() < COUPON_SHARE:
            params["discounts"] = [{"coupon": self._cheaper()}]
        if rng.random() < SHIPPING_SHARE:
            low, _ = self._prices_minor[currency]
            data = {
                "display_name": "Parcel",
                "type": "fixed_amount",
                "fixed_amount": {"amount": low, "currency": currency},
            }
            params["shipping_options"] = [{"shipping_rate_data": data}]
        return params

    def _prices(self, currency: str) -> list[str]:
        """The prices of a currency, made when they are first needed."""
        if currency not in self._catalogue:
            low, high = self._prices_minor[currency]
            made = [
                self._peer.request(
                    "POST",
                    "/v1/prices",
                    {
                        "currency": currency,
                        "unit_amount": self._rng.randint(low, high),
                        "product_data": {"name": name},
                    },
                )
                for name in GOODS
            ]
            self._catalogue[currency] = [str(price["id"]) for price in made]
            self._reduced |= {
                str(price["id"]): None
                for price, name in zip(made, GOODS, strict=True)
                if name in REDUCED
            }
        return self._catalogue[currency]

    def retire(self, currency: str) -> str:
        """Archive a product; returns its id, empty where the catalogue is not made yet."""
        if currency not in self._catalogue:
            return ""
        price = self._catalogue[currency].pop()
        product = str(self._peer.request("GET", f"/v1/prices/{price}")["product"])
        self._peer.request("POST", f"/v1/products/{product}", {"active": False})
        return product

    def _tax_rate(self, price: str) -> str:
        percent = REDUCED_PERCENT if price in self._reduced else TAX_PERCENT
        if percent not in self._taxes:
            params = {
                "display_name": "VAT",
                "percentage": percent,
                "inclusive": False,
                "country": "DE",
                "tax_type": "vat",
            }
            rate = self._peer.request("POST", "/v1/tax_rates", params)
            self._taxes[percent] = str(rate["id"])
        return self._taxes[percent]

    def _cheaper(self) -> str:
        if not self._coupon:
            params = {"percent_off": COUPON_PERCENT, "duration": "forever"}
            self._coupon = str(self._peer.request("POST", "/v1/coupons", params)["id"])
        return self._coupon
