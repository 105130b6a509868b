"""What a replay needed and its files lack, with the command that exports it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from local.replay.exported import Exported, first_places, objects_in
from local.replay.payout_members import Members
from local.replay.trace import Trace
from local.replay.witness import Witness
from local.replay.words import PAGE, command, export_of
from local.summary import ListedItem
from shared.clients.stripe.gateway import RESOURCES
from shared.domain.records import Ref
from shared.entities.common.objects import elements
from shared.ports import Json

TRANSACTION_FIELDS = ("balance_transaction", "failure_balance_transaction", "balance_transactions")
NO_TRANSACTION = "transaction_not_made"
CONSEQUENCES = {
    "balance_transaction": "the files lack it, so its amounts are not booked",
    "charge": "the files lack it, so what belongs to it is not booked",
    "customer": "the files lack it, so what it paid is not booked",
}
OTHER_CONSEQUENCE = "the files lack it, so what needs it is not booked"


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that the replay needed and the files lack. `export`: the command that gets it."""

    id: str
    object: str
    named_by: tuple[str, ...]
    why: str
    export: str


@dataclass(frozen=True, slots=True)
class Told:
    """What the replay of one mode tells of its files."""

    exported: Exported
    traces: tuple[Trace, ...]
    witness: Witness
    members: Members
    listed: tuple[ListedItem, ...]


def unnamed_transactions(exported: Exported) -> list[Ref]:
    """The balance transactions that are named anywhere and are not in the files."""
    inner = [obj for item in exported.told() for obj in objects_in(item)]
    known = dict.fromkeys(obj["id"] for obj in inner if obj["object"] == "balance_transaction")
    accounts = [event["data"]["object"] for event in exported.events if event.get("account")]
    foreign = dict.fromkeys(obj["id"] for item in accounts for obj in objects_in(item))
    named = dict.fromkeys(
        id
        for obj in inner
        if obj["id"] not in foreign
        for name in TRANSACTION_FIELDS
        for id in _texts(obj.get(name))
    )
    return [Ref("balance_transaction", id) for id in named if id not in known]


def _texts(value: object) -> Iterator[str]:
    for each in (value, *elements(value)):
        if isinstance(each, str) and each.startswith("txn_"):
            yield each


def missing_of(exported: Exported, parts: Sequence[Told]) -> tuple[Missing, ...]:
    """Everything that is missing, each once."""
    found: list[Missing] = []
    for part in parts:
        for each in (_lacked, _unsettled, _unlisted, _cut_refunds):
            found += each(part)
    found += _cut_lists(exported)
    found += _thin(exported, parts)
    return tuple({(each.object, each.id): each for each in found}.values())


def _lacked(part: Told) -> Iterator[Missing]:
    """What the app asked for in vain."""
    known = _known(part.exported)
    lacked = {id: kind for id, kind in part.witness.lacked.items() if id not in known}
    items = (*part.exported.events, *part.exported.objects)
    places = first_places(items, dict.fromkeys(lacked))
    for id, kind in lacked.items():
        export = export_of(kind, id, livemode=part.exported.livemode)
        names = _names(part.exported, places[id])
        yield Missing(id, kind, names, CONSEQUENCES.get(kind, OTHER_CONSEQUENCE), export)


def _unsettled(part: Told) -> Iterator[Missing]:
    """What is shown without its balance transaction."""
    for item in part.listed:
        if item.cause == NO_TRANSACTION:
            field = "balance_transactions" if item.entity == "dispute" else "balance_transaction"
            option = "" if item.entity == "dispute" else f" -d 'expand[]={field}'"
            yield Missing(
                item.object,
                f"{field} of a {item.entity}",
                (),
                "is shown without its balance transaction, so nothing of it is booked",
                command(
                    f"{RESOURCES[item.entity]}/{item.object}{option}",
                    f"{item.object}.json",
                    livemode=part.exported.livemode,
                ),
            )


def _names(exported: Exported, ids: Sequence[str]) -> tuple[str, ...]:
    shown = [exported.event_ids.get(id, id) for id in ids]
    return tuple(dict.fromkeys(shown))


def _known(exported: Exported) -> dict[str, None]:
    return dict.fromkeys(obj["id"] for item in exported.told() for obj in objects_in(item))


def _unlisted(part: Told) -> Iterator[Missing]:
    for id in part.members.unknown:
        yield Missing(
            id,
            "list of a payout",
            (),
            "the files do not list what it paid, so it claims no transactions and is not tied out",
            command(
                "/v1/balance_transactions",
                f"{id}.json",
                f"-d payout={id}",
                PAGE,
                livemode=part.exported.livemode,
            ),
        )


def _cut_refunds(part: Told) -> Iterator[Missing]:
    """Charges that show only some of their refunds, where the files hold no others."""
    refunds: dict[str, dict[str, int]] = {}
    charges: dict[str, Json] = {}
    for item in part.exported.told():
        for obj in objects_in(item):
            if obj["object"] == "refund" and isinstance(obj.get("charge"), str):
                amount = obj.get("amount")
                whole = amount if type(amount) is int else 0
                refunds.setdefault(obj["charge"], {})[obj["id"]] = whole
            elif obj["object"] == "charge":
                charges[obj["id"]] = obj
    for id, charge in charges.items():
        listed = charge.get("refunds")
        is_cut = isinstance(listed, dict) and listed.get("has_more") is True
        if is_cut and sum(refunds.get(id, {}).values()) != charge.get("amount_refunded"):
            path, live = "/v1/refunds", part.exported.livemode
            export = command(path, f"refunds_{id}.json", f"-d charge={id}", PAGE, livemode=live)
            why = "shows only some of its refunds (`has_more`)"
            yield Missing(id, "refunds of a charge", (), why, export)


def _cut_lists(exported: Exported) -> Iterator[Missing]:
    for cut in exported.cut:
        after = (f"-d starting_after={cut.last_id}",) if cut.last_id else ()
        url = cut.url or "/v1/..."
        name = url.split("?")[0].strip("/").replace("/", "_") or "list"
        yield Missing(
            cut.where,
            "rest of a list",
            (),
            f"the list {url} goes on after its {cut.count} items (`has_more`)",
            command(url, f"{name}_2.json", *after, PAGE, livemode=cut.livemode),
        )


def _thin(exported: Exported, parts: Sequence[Told]) -> Iterator[Missing]:
    known = dict.fromkeys(id for part in parts for id in _known(part.exported))
    for thin in exported.thin:
        if thin.id_of_object and thin.id_of_object not in known:
            yield Missing(
                thin.id_of_object,
                thin.object,
                (thin.id,),
                "a thin event names it and does not hold it",
                command(
                    thin.url or thin.id_of_object,
                    f"{thin.id_of_object}.json",
                    livemode=thin.livemode,
                ),
            )
