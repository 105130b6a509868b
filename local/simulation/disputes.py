"""Disputes of all outcomes, quickly decided. A random stream of their own: the rest of a seed's
business stays what it is."""

import random
from collections.abc import Callable

from local.simulation.schedule import DAY, HOUR, Schedule
from local.stripe import StripePeer

DAYS_MIN = 2.0  # of business, in which a dispute can be opened, decided and decided again
DAYS_BETWEEN = 5  # one more dispute in each so many days
AMOUNTS_MINOR = (2_000, 20_000)
OUTCOMES = ("lost", "silent", "prevented", "won", "won after all", "part lost", "inquiry closed")


class DisputePlan:
    """Plans disputes of guests' sales in dollars, and how each ends."""

    def __init__(self, peer: StripePeer, schedule: Schedule, seed: int) -> None:
        self._peer, self._schedule = peer, schedule
        self._rng = random.Random(f"disputes {seed}")  # noqa: S311 - a seeded world

    def make(self, days: float) -> None:
        """Plan the disputes of a period; a short one has none."""
        if days < DAYS_MIN:
            return
        outcomes = self._rng.sample(OUTCOMES, k=len(OUTCOMES))
        for outcome in outcomes[: 2 + int(days / DAYS_BETWEEN)]:
            at = self._rng.uniform(HOUR, 0.4 * days * DAY)
            sold = self._rng.randint(*AMOUNTS_MINOR)
            self._schedule.at(at, f"a sale to be {outcome}", self._sale(outcome, sold))

    def _sale(self, outcome: str, amount_minor: int) -> Callable[[], str]:
        until_disputed = self._rng.uniform(HOUR, 6 * HOUR)
        until_closed = self._rng.uniform(HOUR, 12 * HOUR)

        def sell() -> str:
            params: dict[str, object] = {
                "amount": amount_minor,
                "currency": "usd",
                "confirm": True,
                "payment_method": "pm_card_bypassPending",
            }
            charge = str(self._peer.request("POST", "/v1/payment_intents", params)["latest_charge"])

            def dispute() -> str:
                part = amount_minor // 3 if outcome == "part lost" else None
                inquiry = outcome == "inquiry closed"
                id = self._peer.dispute_charge(charge, inquiry=inquiry, amount_minor=part)
                self._schedule.at(until_closed, "a dispute ends", lambda: self._end(id, outcome))
                return id

            self._schedule.at(until_disputed, "a dispute to be decided", dispute)
            return f"{charge} {amount_minor}"

        return sell

    def _end(self, id: str, outcome: str) -> str:
        match outcome:
            case "silent":
                found = self._peer.request("GET", f"/v1/disputes/{id}")
                self._peer.control.store_objects([{**found, "status": "lost"}])
            case "prevented":
                self._peer.prevent_dispute(id)
            case "won":
                self._peer.win_dispute(id)
            case _:
                self._peer.lose_dispute(id)
        if outcome == "won after all":
            again = 6 * HOUR
            self._schedule.at(again, "a dispute is won after all", lambda: self._win(id))
        return f"{id} {outcome}"

    def _win(self, id: str) -> str:
        self._peer.win_dispute(id, after_loss=True)
        return id
