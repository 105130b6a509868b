"""The first stages: claim an object, and read its state in Stripe and what was written for it."""

from dataclasses import dataclass, replace

from shared.converge import measures
from shared.converge.disputes import DisputeBooks
from shared.converge.origins import Origins
from shared.converge.stages import ClaimedObject, ReadObject, WantedObject
from shared.entities.common.erasure import without_person
from shared.entities.common.objects import Context, Snapshot, id_of
from shared.entities.entity import Entity
from shared.errors import ObjectMissing
from shared.ports import Json, StripeGateway
from shared.stores import resolutions
from shared.stores.links import LinkStore
from shared.stores.paging import next_cursor

EVENTS_PAGE = 100
EVENT_PAGES_MAX = 10  # of deletions, in which a missing object is looked for


@dataclass(frozen=True, slots=True)
class Reader:
    """Claims and reads objects."""

    stripe: StripeGateway
    links: LinkStore
    origins: Origins
    disputes: DisputeBooks

    async def claim(self, owner: str, wanted: WantedObject) -> ClaimedObject:
        """Take the object. Raises `ClaimHeld` while another owner has it."""
        return ClaimedObject(await self.links.claim(wanted.id, owner), wanted.companies)

    async def read(self, entity: Entity, context: Context, claimed: ClaimedObject) -> ReadObject:
        """Its state, never older than the claim. Raises `Skipped` for what a person resolved, and
        what the reading raises."""
        claim = claimed.claim
        resolutions.respect(claim.resolution)
        fetched = await fetch(self.stripe, entity, claim.id, context)
        snapshot = replace(
            fetched,
            links=dict(claim.links),
            intents=dict(claim.intents),
            choices=dict(claim.choices),
            companies=claimed.companies,
            was_settled=claim.settled,
            corrections=claim.corrections,
        )
        if claim.is_erased or await self.links.is_erased(id_of(snapshot.object.get("customer"))):
            snapshot = without_person(snapshot)
        snapshot = await self.origins.read(snapshot, context)
        snapshot = await self.disputes.read(snapshot)
        if not claim.was_read:
            claim.was_read = True
            measures.received(snapshot.object)
        return ReadObject(claim, snapshot)


async def fetch(stripe: StripeGateway, entity: Entity, id: str, context: Context) -> Snapshot:
    """The current state of an object in Stripe, with what its documents need besides. Raises
    `ObjectMissing` and the errors of the Stripe port."""
    found = await _retrieved(stripe, entity, id)
    read = entity.making().read
    if read is None:
        return Snapshot(entity.name, id, found)
    source = await read(stripe, found, context)
    return Snapshot(entity.name, id, source.object, source.related)


async def _retrieved(stripe: StripeGateway, entity: Entity, id: str) -> Json:
    """The object; `{"id", "object", "deleted": true}` for one that Stripe's events call deleted.

    Only the event tells a deleted object from a wrong key, which misses everything.
    """
    try:
        return await stripe.retrieve(entity.name, id, entity.expand)
    except ObjectMissing:
        if not entity.deletion or not await _is_told_deleted(stripe, entity.deletion, id):
            raise
    return {"id": id, "object": entity.object, "deleted": True}


async def _is_told_deleted(stripe: StripeGateway, event_type: str, id: str) -> bool:
    """Whether one of the last events of this type is about the object."""
    params: dict[str, str | int] = {"type": event_type, "limit": EVENTS_PAGE}
    for _ in range(EVENT_PAGES_MAX):
        page = await stripe.page("event", params)
        if any(
            event["type"] == event_type and id_of(event["data"]["object"]) == id
            for event in page.data
        ):
            return True
        cursor = next_cursor(page)
        if not cursor:
            return False
        params["starting_after"] = cursor
    return False
