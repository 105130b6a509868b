"""What of an object is written next: what must exist, compared with what was written. Pure.

A phase plans the documents that are ready: every record that they need is there and is not changed
in the same phase. An order's lines need the number of its header first. A role may come twice: as
its record begins, and as it ends in a later phase.

Money: a line that was written is never written again; only the rendering of a draft changes, when
somebody reapplies the mapping; amounts that seem to have changed park. Master data follows facts
and rendering; what is open follows its facts. An announced write that was never settled is looked
for, and not too early.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.converge.stages import Plan, PlannedObject, Progress, WrittenObject
from shared.domain.documents import (
    CreateOrFind,
    Document,
    Frozen,
    LinkExisting,
    Open,
    has_same_facts,
    is_parents_patch,
)
from shared.domain.records import Intent, Link, Record, is_of_account
from shared.entities.common.journal_lines import JournalLine
from shared.errors import Parked, UncertainWrite
from shared.mapping.finance import Target, render, rerender
from shared.targets.entity_set import EntitySet

MONEY_FIELDS = ("amount", "currency")


def plan_phase(
    value: WrittenObject, target: Target, now: datetime, *, verify: bool = False
) -> PlannedObject:
    """The object with the plan of its next phase; what is not ready stays pending. `verify`:
    what was written is compared with Dynamics too.

    Raises `Parked`, `UncertainWrite`, and RuntimeError for documents that never get ready.
    """
    links = value.links
    over = value.progress.over  # announced and settled in an earlier phase of this run
    intents = {role: intent for role, intent in value.claim.intents.items() if role not in over}
    plans: list[Plan] = []
    landed: list[Link] = []
    touched: dict[str, None] = {}
    rest = []
    for document in value.pending:
        if not _is_ready(document, links, touched):
            rest.append(document)
            continue
        record = _record(value, document, links, target)
        old, intent = links.get(document.role), intents.get(document.role)
        if old is not None and intent is not None and _has_landed(document):
            is_wanted = has_same_facts(document, intent.record.document)
            shown = record if is_wanted else intent.record
            landed.append(link_of(shown, old.keys, old.recreated))
            if is_wanted:
                continue
        plan = difference([record], links, intents, now, verify=verify, drafts=value.drafts)
        plans.append(plan)
        if plan.create or plan.recover or plan.update:
            touched[document.role] = None
    if rest and not touched:
        raise RuntimeError(f"{rest[0].role} of {value.id} needs what nobody writes")
    old_progress = value.progress
    progress = Progress(
        (*old_progress.links, *landed),
        (*old_progress.over, *(link.role for link in landed)),
        old_progress.uncertain,
    )
    return PlannedObject(
        value.claim,
        value.snapshot,
        value.desired,
        value.drafts,
        tuple(rest),
        progress,
        merged(plans),
    )


def _is_ready(document: Document, links: Mapping[str, Link], touched: Mapping[str, None]) -> bool:
    """Whether all that a document needs is there, and nothing of it changes in this phase."""
    is_there = all(role in links and role not in touched for role in document.needs)
    return is_there and document.role not in touched


def _record(
    value: WrittenObject, document: Document, links: Mapping[str, Link], target: Target
) -> Record:
    intents = value.claim.intents
    record = frozen(document, links, intents)
    if record is not None and document.role in value.drafts:
        record = rerender(record, document, target, intents.get(document.role))
        return _on_written_accounts(record, links)
    if record is None:
        parent = links[document.parent].keys if document.parent else {}
        return _on_written_accounts(render(document, target, parent), links)
    return record


def _on_written_accounts(record: Record, links: Mapping[str, Link]) -> Record:
    """A reversal takes back what was written: its accounts, companies and dimensions, whatever the
    books say by now. Any other record as it is."""
    document = record.document
    if not isinstance(document, JournalLine) or not document.reverses:
        return record
    written = links[document.reverses].record.fields
    rest = {name: value for name, value in record.fields.items() if not is_of_account(name)}
    kept = {name: value for name, value in written.items() if is_of_account(name)}
    return replace(record, fields={**rest, **kept})


def _has_landed(document: Document) -> bool:
    """Whether Dynamics shows an announced change already."""
    return isinstance(document.later, Open) and document.later.landed


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
