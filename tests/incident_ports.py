"""Ports around a world, for tests of what goes wrong in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.errors import QueueUnavailable
from shared.ports import Json, Message, Page, StripeGateway


@dataclass
class WatchedStripe:
    """Stripe's gateway as it is; tests change a part of it."""

    inner: StripeGateway

    async def retrieve(self, entity: str, id: str, expand: Sequence[str] = ()) -> Json:
        return await self.inner.retrieve(entity, id, expand)

    async def page(self, entity: str, params: Mapping[str, str | int] = {}) -> Page:
        return await self.inner.page(entity, params)

    async def balance(self) -> Json:
        return await self.inner.balance()

    async def note(
        self, entity: str, id: str, metadata: Mapping[str, str], idempotency_key: str
    ) -> Json:
        return await self.inner.note(entity, id, metadata, idempotency_key)


class NoQueue:
    """A broker that takes nothing."""

    async def send(self, queue: str, messages: Sequence[Message]) -> None:
        raise QueueUnavailable(f"{queue}: away")
