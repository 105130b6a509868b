"""The seeded shop of the demo: its customers, its baskets, and what they pay and ask back."""

from local.shop.baskets import Baskets
from local.shop.shop import Shop, Takings

__all__ = ["Baskets", "Shop", "Takings"]
