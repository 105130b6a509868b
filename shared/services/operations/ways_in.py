"""Which way of Stripe's events is alive? For `/api/ready`, where Event Grid is one of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from types import MappingProxyType

from shared.domain.partition import DEFAULT_ACCOUNT, named
from shared.ingress import Door
from shared.services.readiness import Probe, Problems
from shared.settings import Settings
from shared.stores.doors import Doors

SILENT_HOURS = 24  # of one way, while events come by the other
REMEDIES: MappingProxyType[Door, str] = MappingProxyType(
    {
        "webhook": "See the endpoint's deliveries in Stripe (Workbench, Webhooks); enable it "
        "again, or set TIEOUT_INGRESS to event_grid.",
        "event_grid": "See that the destination in Stripe and the partner topic in Azure are "
        "active, and the metrics of the event subscription; or set TIEOUT_INGRESS to webhook.",
    }
)


class WaysIn:
    """When an event came last by each way, for each Stripe account."""

    def __init__(self, doors: Doors, settings: Settings) -> None:
        self._doors, self._settings = doors, settings

    def probes(self) -> list[Probe]:
        """None with the webhook alone: then nothing is noted."""
        if "event_grid" not in self._settings.doors:
            return []
        return [self._probe(alias) for alias in self._settings.stripe_aliases]

    def _probe(self, alias: str) -> Probe:
        end = "" if alias == DEFAULT_ACCOUNT else f" {alias}"
        doors, notes = self._settings.doors, dict[str, str]()
        remedies = {f"ingress {door}{end}": REMEDIES[door] for door in doors}
        run = partial(self._problems, alias, list(remedies), notes)
        return Probe(remedies, run, notes, group="Stripe")

    async def _problems(self, alias: str, checks: Sequence[str], notes: dict[str, str]) -> Problems:
        """A way is dead when nothing has come by it for long, and something by the other."""
        last = await self._doors.last()
        moments = {
            check: last.get(named(alias, door))
            for check, door in zip(checks, self._settings.doors, strict=True)
        }
        notes |= {check: f"last event: {_moment(moment)}" for check, moment in moments.items()}
        newest = max((moment for moment in moments.values() if moment), default=None)
        problems = {}
        for check, moment in moments.items():
            if newest is None or (moment and newest - moment <= timedelta(hours=SILENT_HOURS)):
                continue
            silence = "nothing ever came by this way"
            if moment is not None:
                silence = f"nothing came by this way since {_moment(moment)}"
            problems[check] = f"{silence}, and by the other one at {_moment(newest)}"
        return problems


def _moment(moment: datetime | None) -> str:
    return "never" if moment is None else moment.isoformat(timespec="seconds")
