"""Checkout Sessions in `payment` mode: https://docs.stripe.com/api/checkout/sessions."""

from local.stripe.checkout.payment import complete
from local.stripe.checkout.routes import ROUTES

__all__ = ["ROUTES", "complete"]
