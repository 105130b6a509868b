"""The first stages: claim an object, and read its state in Stripe and what was written for it."""

from dataclasses import dataclass

from shared.converge import snapshots
from shared.converge.origins import Origins
from shared.converge.ports import Ports
from shared.converge.task import Task
from shared.entities.common.erasure import without_person
from shared.entities.common.objects import Context, id_of
from shared.entities.entity import Entity
from shared.stores import resolutions
from shared.stores.links import LinkStore


@dataclass(frozen=True, slots=True)
class Reader:
    """Claims and reads objects."""

    ports: Ports
    links: LinkStore
    origins: Origins

    @classmethod
    def of(cls, ports: Ports) -> "Reader":
        """A reader with the stores that it needs."""
        links, lease_seconds = ports.links(), ports.settings.lease_seconds
        return cls(ports, links, Origins(ports.tables, links, ports.clock, lease_seconds))

    async def claim_and_read(
        self, entity: Entity, task: Task, owner: str, context: Context
    ) -> None:
        """Claim first, then read: nothing that was read before the claim is used. Raises
        `ClaimHeld` while another owner has it, and what the reading raises."""
        claim = task.claim = await self.links.claim(task.id, owner)
        resolutions.respect(claim.resolution)
        fetched = await snapshots.fetch(
            self.ports.stripe,
            entity,
            task.id,
            context,
            links=dict(claim.links),
            intents=dict(claim.intents),
            choices=dict(claim.choices),
            companies=task.companies,
            was_settled=claim.settled,
        )
        if claim.is_erased or await self.links.is_erased(id_of(fetched.object.get("customer"))):
            fetched = without_person(fetched)
        task.snapshot = await self.origins.read(fetched, context)
