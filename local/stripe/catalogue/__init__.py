"""What is sold and on what terms: products, prices, tax rates, coupons, shipping rates."""

from local.stripe.catalogue import coupons, price_routes, products, shipping_rates, tax_rates
from local.stripe.core import ApiRoute

ROUTES: tuple[ApiRoute, ...] = (
    *products.ROUTES,
    *price_routes.ROUTES,
    *tax_rates.ROUTES,
    *coupons.ROUTES,
    *shipping_rates.ROUTES,
)
