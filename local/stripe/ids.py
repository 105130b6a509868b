"""Identifiers in Stripe's manner, drawn from the seed."""

import random

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTHS = {"cus": 14, "prod": 14, "req": 14, "evt": 24, "pi_secret": 25}
LENGTHS |= {"cs_test": 58, "cs_live": 58}
LENGTH_DEFAULT = 24
BARE_LENGTH = 8


class Ids:
    """Makes ids such as `ch_1kD...`; the same seed makes the same ids in the same order."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def new(self, prefix: str) -> str:
        """A fresh id of a type, named by its prefix without the underscore."""
        return f"{prefix}_{self._drawn(LENGTHS.get(prefix, LENGTH_DEFAULT))}"

    def bare(self) -> str:
        """A fresh id without prefix, as coupons have."""
        return self._drawn(BARE_LENGTH)

    def _drawn(self, length: int) -> str:
        return "".join(self._rng.choice(ALPHABET) for _ in range(length))
