"""The difference between what must exist and what was written. Pure.

Money: a line that was written is never written again; only the rendering of a draft changes, when
somebody reapplies the mapping; amounts that seem to have changed park. Master data follows facts
and rendering; what is open follows its facts. An announced write that was never settled is looked
for, and not too early.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.documents import (
    CreateOrFind,
    Document,
    Frozen,
    LinkExisting,
    Open,
    has_same_facts,
    is_parents_patch,
)
from shared.domain.records import Intent, Link, Record
from shared.errors import Parked, UncertainWrite
from shared.targets.entity_set import EntitySet

MONEY_FIELDS = ("amount", "currency")


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to happen for one object: `recover` first, then `create` what was not found, and
    `update` records with the link they have; `verify` compares written ones with Dynamics."""

    create: tuple[Record, ...] = ()
    recover: tuple[Record, ...] = ()
    update: tuple[tuple[Record, Link], ...] = ()
    verify: tuple[tuple[Record, Link], ...] = ()

    @property
    def is_empty(self) -> bool:
        """True when Dynamics holds everything already."""
        return not (self.create or self.recover or self.update or self.verify)


@dataclass(slots=True)
class _Draft:
    create: list[Record] = field(default_factory=list)
    recover: list[Record] = field(default_factory=list)
    update: list[tuple[Record, Link]] = field(default_factory=list)
    verify: list[tuple[Record, Link]] = field(default_factory=list)


def difference(
    records: Sequence[Record],
    links: Mapping[str, Link],
    intents: Mapping[str, Intent],
    now: datetime,
    *,
    verify: bool = False,
    drafts: Collection[str] = (),
) -> Plan:
    """The plan of one object; with `verify` what was written is compared with Dynamics too.
    `drafts`: roles of frozen records that may be rendered again all the same.

    Raises `UncertainWrite` (with the wait) while an announced write may still land.
    """
    draft = _Draft()
    for record in records:
        document = record.document
        link, intent = links.get(document.role), intents.get(document.role)
        changeable = not isinstance(document.later, Frozen) or document.role in drafts
        if intent is not None and (link is None or verify or changeable):
            wait = (datetime.fromisoformat(intent.at) - now).total_seconds()
            if wait > 0:
                raise UncertainWrite(f"{document.key}: its write may still land", wait)
        if link is not None:
            if changeable and (intent is not None or differs(record, link)):
                draft.update.append((record, link))
            if verify:
                draft.verify.append((record, link))
        elif isinstance(document.action, CreateOrFind | LinkExisting) or (
            intent is not None and not is_parents_patch(document)
        ):
            draft.recover.append(record)
        else:
            draft.create.append(record)
    return Plan(tuple(draft.create), tuple(draft.recover), tuple(draft.update), tuple(draft.verify))


def differs(record: Record, link: Link) -> bool:
    """Whether a record that may change is not as its link says it was written."""
    old = link.record
    if not has_same_facts(record.document, old.document):
        return True
    follows = not isinstance(record.document.later, Open)
    return follows and record.fields_hash != old.fields_hash


def merged(plans: Sequence[Plan]) -> Plan:
    """The plans of several records as one."""
    return Plan(
        tuple(record for plan in plans for record in plan.create),
        tuple(record for plan in plans for record in plan.recover),
        tuple(pair for plan in plans for pair in plan.update),
        tuple(pair for plan in plans for pair in plan.verify),
    )


def frozen(
    document: Document, links: Mapping[str, Link], intents: Mapping[str, Intent]
) -> Record | None:
    """The record as it was written or announced, where nothing may change it any more.

    None: it is to be rendered now. Raises `Parked` when Stripe shows other amounts than were
    written: the rest of the facts (dates, accounts, companies) stays what it was, whatever the
    settings say by now.
    """
    kept = links.get(document.role) or intents.get(document.role)
    if kept is None or not isinstance(document.later, Frozen):
        return None
    old = kept.record.document
    if old.key != document.key or any(
        getattr(old, name, None) != getattr(document, name, None) for name in MONEY_FIELDS
    ):
        raise _changed(document.key, "with other amounts than Stripe shows now")
    return kept.record


def unwanted(documents: Sequence[Document], links: Mapping[str, Link]) -> None:
    """Raises `Parked` when a journal line was written that Stripe shows no more."""
    wanted = {document.role: None for document in documents}
    for role, link in links.items():
        if link.record.document.journal is not None and role not in wanted:
            raise _changed(link.record.document.key, "and Stripe shows no such amount any more")


def _changed(key: str, how: str) -> Parked:
    return Parked(
        "facts_changed",
        f"{key} is written {how}",
        "Compare the line in Dynamics with Stripe; reverse it there if it is wrong.",
    )


def found_link(record: Record, found: Mapping[str, object], row: EntitySet) -> Link:
    """The link of a record that a look found in Dynamics. `row`: of its entity set."""
    return link_of(record, {name: found[name] for name in row.keys})


def link_of(record: Record, keys: Mapping[str, object], recreated: int = 0) -> Link:
    """A link to a record by its keys in Dynamics (numbers as whole numbers)."""
    plain = {
        name: value if isinstance(value, str) else int(str(value).split(".", maxsplit=1)[0])
        for name, value in keys.items()
    }
    return Link(plain, record, recreated)


def intent_of(record: Record, journal: str, at: datetime) -> Intent:
    """The announcement of a write; `at`: before this moment nobody may conclude it failed."""
    return Intent(journal, at.isoformat(), record)
