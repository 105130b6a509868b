"""What the app read of Stripe, and what it asked for in vain: for the inventory of a replay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from local.replay.exported import objects_in
from shared.errors import ObjectMissing
from shared.ports import Json, Page, StripeGateway


@dataclass(slots=True)
class Witness:
    """`read`: ids of the objects that were answered. `lacked`: the entity of each id that was not
    there."""

    read: dict[str, None] = field(default_factory=dict)
    lacked: dict[str, str] = field(default_factory=dict)

    def over(self, gateway: StripeGateway) -> StripeGateway:
        """The gateway, its answers noted."""
        return _Witnessed(gateway, self)

    def note(self, objects: Sequence[Json]) -> None:
        """Keep what an answer holds."""
        for obj in objects:
            for each in objects_in(obj):
                self.read[each["id"]] = None


class _Witnessed:
    """A `StripeGateway` whose answers are noted."""

    def __init__(self, inner: StripeGateway, witness: Witness) -> None:
        self._inner, self._witness = inner, witness

    async def retrieve(self, entity: str, id: str, expand: Sequence[str] = ()) -> Json:
        """See `StripeGateway`."""
        try:
            found = await self._inner.retrieve(entity, id, expand)
        except ObjectMissing:
            self._witness.lacked[id] = entity
            raise
        self._witness.note([found])
        return found

    async def page(self, entity: str, params: Mapping[str, str | int] = {}) -> Page:
        """See `StripeGateway`."""
        page = await self._inner.page(entity, params)
        self._witness.note(page.data)
        return page

    async def balance(self) -> Json:
        """See `StripeGateway`."""
        return await self._inner.balance()

    async def note(
        self, entity: str, id: str, metadata: Mapping[str, str], idempotency_key: str
    ) -> Json:
        """See `StripeGateway`."""
        return await self._inner.note(entity, id, metadata, idempotency_key)
