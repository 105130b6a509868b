"""What all resources share: the account's parts, and the few moves every one of them makes."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local.stripe.cards import Behaviour
from local.stripe.errors import missing
from local.stripe.events import Events, seconds
from local.stripe.forms import Spec
from local.stripe.ids import Ids
from local.stripe.ledger import BalanceLedger
from local.stripe.schedule import ActionSchedule
from local.stripe.settings import PeerSettings, Strikes, StripeFaults
from local.stripe.store import Store
from shared.ports import Clock, Json


@dataclass(slots=True)
class Core:
    """The account. `behaviours`: how a payment method, or the charge made with it, turns out.

    `strikes` draws the faults of requests and deliveries; None: the account's own chance does.
    `account`: its id. `watchers`: what is told of the object of that id: that a payment intent has
    succeeded, failed or been canceled, that a customer was deleted, that a subscription is over or,
    by the name of its alarm, about to turn.
    """

    settings: PeerSettings
    clock: Clock
    rng: random.Random
    ids: Ids
    store: Store
    schedule: ActionSchedule
    events: Events
    ledger: BalanceLedger
    livemode: bool
    faults: StripeFaults
    resend: Callable[[Json], None]
    strikes: Strikes | None = None
    account: str = ""
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    watchers: dict[str, list[Callable[[Json], None]]] = field(default_factory=dict)

    def now(self) -> int:
        """Unix seconds."""
        return seconds(self.clock.now())

    def find(self, type: str, id: str, param: str = "id", *, status: int = 404) -> Json:
        """The object of that type and id. Raises `resource_missing`."""
        found = self.store.get(id)
        if found is None or found["object"] != type:
            raise missing(type, id, param, status=status)
        return found

    def given(self, type: str, params: Json, param: str) -> Json | None:
        """The object a parameter names, if it is given; deleted ones do not count."""
        id = params.get(param)
        if id is None:
            return None
        found = self.find(type, id, param, status=400)
        if found.get("deleted"):
            raise missing(type, id, param, status=400)
        return found

    def draw_seconds(self, bounds: tuple[float, float]) -> float:
        """A delay within its bounds."""
        return self.rng.uniform(*bounds)

    def change(self, obj: Json, changes: Mapping[str, Any], event: str | None = None) -> Json:
        """Set members of an object and emit the event with what they were; no change, no event.

        Answers what they were, as far as they differ.
        """
        previous = _before({name: obj.get(name) for name in changes}, changes)
        obj.update(changes)
        self.store.relate(obj)
        if event is not None and previous:
            self.events.emit(event, obj, previous)
        return previous

    def edit(self, obj: Json, params: Json, event: str | None) -> Json:
        """The update request of a resource: parameters become members, metadata is merged."""
        changes = dict(params)
        if "metadata" in changes:
            changes["metadata"] = merged(obj.get("metadata") or {}, changes["metadata"])
        self.change(obj, changes, event)
        return obj


def _before(old: Mapping[str, Any], new: Mapping[str, Any]) -> Json:
    """What was there before of all that differs, down into objects: null for what is new."""
    return {
        name: _before(was, becomes) if isinstance(was, dict) and isinstance(becomes, dict) else was
        for name in {**old, **new}
        if (was := old.get(name)) != (becomes := new.get(name))
    }


def merged(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """Metadata after an update: empty values remove their keys, no keys remove all."""
    if not new:
        return {}
    both = {**old, **new}
    return {key: value for key, value in both.items() if value != ""}


@dataclass(frozen=True, slots=True)
class Call:
    """A request as its handler sees it: ids from the path, parameters in their types."""

    path: str
    ids: tuple[str, ...]
    params: Json


type Handler = Callable[[Core, Call], Json]


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """One request of the API. `{}` in the path stands for an id."""

    method: str
    path: str
    handler: Handler
    spec: Spec = field(default_factory=dict)
    required: tuple[str, ...] = ()
