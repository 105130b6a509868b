"""The first stages: claim an object, and read its state in Stripe and what was written for it."""

from dataclasses import dataclass

from shared.converge import snapshots
from shared.converge.origins import Origins
from shared.converge.stages import ClaimedObject, ReadObject, WantedObject
from shared.entities.common.objects import Context
from shared.entities.entity import Entity
from shared.ports import StripeGateway
from shared.stores import resolutions
from shared.stores.links import LinkStore


@dataclass(frozen=True, slots=True)
class Reader:
    """Claims and reads objects."""

    stripe: StripeGateway
    links: LinkStore
    origins: Origins

    async def claim(self, owner: str, wanted: WantedObject) -> ClaimedObject:
        """Take the object. Raises `ClaimHeld` while another owner has it."""
        return ClaimedObject(await self.links.claim(wanted.id, owner), wanted.companies)

    async def read(self, entity: Entity, context: Context, claimed: ClaimedObject) -> ReadObject:
        """Its state, never older than the claim. Raises `Skipped` for what a person resolved, and
        what the reading raises."""
        claim = claimed.claim
        resolutions.respect(claim.resolution)
        fetched = await snapshots.fetch(
            self.stripe,
            entity,
            claim.id,
            context,
            links=dict(claim.links),
            intents=dict(claim.intents),
            choices=dict(claim.choices),
            companies=claimed.companies,
            was_settled=claim.settled,
        )
        return ReadObject(claim, await self.origins.read(fetched, context))
