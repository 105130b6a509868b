"""The difference between what must exist and what was written. Pure.

Money: a line that was written is never written again and never changed; facts that seem to have
changed park. Master data: a changed spelling is an update. An announced write that was never
settled is looked for, and not too early.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from shared.domain.records import Intent, Link, Record
from shared.errors import Parked, UncertainWrite


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to happen for one object: `look` first, then `create` what was not found, and
    `update` records with the link they have; `check` compares written ones with Dynamics."""

    create: tuple[Record, ...] = ()
    look: tuple[Record, ...] = ()
    update: tuple[tuple[Record, Link], ...] = ()
    check: tuple[tuple[Record, Link], ...] = ()

    @property
    def is_empty(self) -> bool:
        """True when Dynamics holds everything already."""
        return not (self.create or self.look or self.update or self.check)


@dataclass(slots=True)
class _Draft:
    create: list[Record] = field(default_factory=list)
    look: list[Record] = field(default_factory=list)
    update: list[tuple[Record, Link]] = field(default_factory=list)
    check: list[tuple[Record, Link]] = field(default_factory=list)


def difference(
    records: Sequence[Record],
    links: Mapping[str, Link],
    intents: Mapping[str, Intent],
    now: datetime,
    *,
    verify: bool = False,
) -> Plan:
    """The plan of one object; with `verify` what was written is compared with Dynamics too.

    Raises `UncertainWrite` (with the wait) while an announced write may still land, and `Parked`
    when the facts of something written differ from the facts of today.
    """
    draft = _Draft()
    for record in records:
        document = record.document
        link, intent = links.get(document.role), intents.get(document.role)
        if intent is not None and (link is None or verify):
            wait = (datetime.fromisoformat(intent.at) - now).total_seconds()
            if wait > 0:
                raise UncertainWrite(f"{document.key}: its write may still land", wait)
        if link is not None:
            _compare(record, link, draft)
            if verify:
                draft.check.append((record, link))
        elif intent is not None or document.journal is None:
            draft.look.append(record)  # master data is always found before it is created
        else:
            draft.create.append(record)
    return Plan(tuple(draft.create), tuple(draft.look), tuple(draft.update), tuple(draft.check))


def _compare(record: Record, link: Link, draft: _Draft) -> None:
    document = record.document
    if link.facts_hash != document.facts_hash:
        raise Parked(
            "facts_changed",
            f"{document.key} is written with other amounts, parties or dates than Stripe shows now",
            "Compare the line in Dynamics with Stripe; reverse it there if it is wrong.",
        )
    if document.journal is None and link.spelling_hash != record.spelling_hash:
        draft.update.append((record, link))


def found_link(record: Record, found: Mapping[str, object]) -> Link:
    """The link of a record that a look found in Dynamics."""
    return link_of(record, {name: found[name] for name in KEYS[record.entity_set]})


KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "CustomersV3": ("CustomerAccount",),
        "CustomerPaymentJournalLines": ("JournalBatchNumber", "LineNumber"),
        "LedgerJournalLines": ("JournalBatchNumber", "LineNumber"),
    }
)


def link_of(record: Record, keys: Mapping[str, object], recreated: int = 0) -> Link:
    """A link to a record by its keys in Dynamics (numbers as whole numbers)."""
    document = record.document
    plain = {
        name: value if isinstance(value, str) else int(str(value).split(".", maxsplit=1)[0])
        for name, value in keys.items()
    }
    return Link(
        role=document.role,
        entity_set=record.entity_set,
        company=document.company,
        keys=plain,
        facts_hash=document.facts_hash,
        spelling_hash=record.spelling_hash,
        clearing_minor=clearing_effect(record),
        recreated=recreated,
    )


def clearing_effect(record: Record) -> int:
    """What the record does to clearing, in minor units, debits positive."""
    facts = record.document.facts
    offset = facts.get("offset")
    if not isinstance(offset, Mapping) or offset.get("role") != "clearing":
        return 0
    return -int(str(facts["amount_minor"]))


def intent_of(record: Record, journal: str, at: datetime) -> Intent:
    """The announcement of a write; `at`: before this moment nobody may conclude it failed."""
    document = record.document
    return Intent(
        role=document.role,
        entity_set=record.entity_set,
        company=document.company,
        key_field=record.key_field,
        key=document.key,
        journal=journal,
        facts_hash=document.facts_hash,
        spelling_hash=record.spelling_hash,
        clearing_minor=clearing_effect(record),
        at=at.isoformat(),
    )
