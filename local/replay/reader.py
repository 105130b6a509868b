"""Sorting what files hold: events, objects, lists of them, and what is neither."""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from local.replay.exported import (
    CutList,
    Exported,
    FileProblem,
    LineItems,
    ThinEvent,
    mode_of,
    objects_in,
)
from local.replay.json_text import UnusableError, clean, usable
from local.stripe import event_reason, object_reason
from shared.domain.ids import EVENT_ID_CHARS_MAX, is_id
from shared.entities.common.objects import id_of
from shared.entities.payout.making import ENTITY as PAYOUT
from shared.ports import Json
from shared.registry import ENTITIES

LINE_ITEMS_URL = re.compile(r"/checkout/sessions/(\w+)/line_items")
PAYOUT_ID = re.compile(r"po_[A-Za-z0-9_]*[A-Za-z0-9]")
LISTS_MAX = 10  # lists inside lists
WITH_LINES = ("balance_transaction", "charge", "dispute", PAYOUT, "refund")
ALIASES = {"payment": ("charge", ("py_", "ch_")), "payment_refund": ("refund", ("pyr_", "re_"))}
"""What the source of a transaction was called, and the types and ids of what it is."""


class ExportReader:
    """Sorts what the files hold into an `Exported`: `sort` each value, then `close`."""

    def __init__(self, found: Exported) -> None:
        self._found = found
        self._events: dict[str, list[str]] = {}  # id in the files -> contents
        self._objects: dict[str, tuple[int, str]] = {}  # id -> place in the list, content
        self._pages: list[tuple[CutList, list[Json]]] = []
        self._firsts: list[tuple[str, Json]] = []  # url and first item of every list

    def sort(self, value: Any, where: str, depth: int = LISTS_MAX) -> None:  # noqa: ANN401 - JSON
        """A value of a file: an event, an object, a list of them."""
        value = _unwrapped(value)
        data = value.get("data") if _is_list(value) else value
        if not depth:
            self._problem(where, f"is a list in more than {LISTS_MAX} lists")
        elif _is_list(value) and not isinstance(data, list):
            self._problem(where, "is a list without `data`")
        elif not isinstance(data, list):
            self._one(value, where)
        elif _is_list(value) and (url := LINE_ITEMS_URL.search(str(value.get("url")))):
            self._line_items(value, url[1], where)
        else:
            self._note_page(value if _is_list(value) else {}, data, where)
            for index, item in enumerate(data):
                self.sort(item, f"{where}[{index}]", depth - 1)

    def _problem(self, where: str, reason: str) -> None:
        self._found.problems.append(FileProblem(where, reason))

    def _one(self, item: Any, where: str) -> None:  # noqa: ANN401 - any JSON
        try:
            item = usable(item)
        except UnusableError as error:
            self._problem(where, str(error))
            return
        if not isinstance(item, dict):
            self._problem(where, "is not a JSON object")
            return
        if _is_thin(item):
            self._thin(item, where)
            return
        if isinstance(item.get("error"), dict) and "id" not in item:
            message = item["error"].get("message") or item["error"].get("code")
            self._problem(where, f"is an error that Stripe answered, no object: {message}")
            return
        if isinstance(item.get("object"), str) and "id" not in item and not _needs_id(item):
            kind = item["object"]
            self._found.notes.append(f"{where}: {kind} has no id and is not used")
            return
        data = item.get("data")
        is_bare = "object" not in item and "type" in item and isinstance(data, dict)
        is_event = is_bare or item.get("object") == "event"
        reason = event_reason(item) if is_event else object_reason(item)
        if reason is None and not is_event:
            reason = _id_reason(item)
        if reason is not None:
            self._problem(where, reason)
            return
        for obj in list(objects_in(item)):
            kind, prefixes = ALIASES.get(obj["object"], ("", ("",)))
            if kind and obj["id"].startswith(prefixes):
                obj["object"] = kind
        if is_event:
            self._event(item, where)
        else:
            self._object(item, where)

    def _event(self, event: Json, where: str) -> None:
        """An event, once; those that share an id and differ each get an id of their own."""
        id = event["id"]
        content = _canonical([event["type"], event["data"]["object"]])
        known = self._events.setdefault(id, [])
        if content in known:
            self._found.repeated += 1
            return
        known.append(content)
        if len(known) > 1:
            number = len(known)
            while (own := f"{id[: EVENT_ID_CHARS_MAX - 8]}_{number}") in self._events:
                number += 1
            self._events[own] = []
            self._found.event_ids[own] = id
            event = {**event, "id": own}
        self._found.events.append(event)
        self._found.places[event["id"]] = where

    def _object(self, obj: Json, where: str) -> None:
        """An object, once; of two states the one that was read last."""
        id, content = obj["id"], _canonical(obj)
        place, before = self._objects.get(id, (len(self._found.objects), ""))
        if place < len(self._found.objects):
            self._found.repeated += 1
            if content != before:
                self._found.notes.append(
                    f"{id} is in {self._found.places[id]} and, with another content, in {where}: "
                    "the latter counts"
                )
            self._found.objects[place] = obj
        else:
            self._found.objects.append(obj)
        self._objects[id] = (place, content)
        self._found.places[id] = where

    def _thin(self, item: Json, where: str) -> None:
        related = item.get("related_object")
        related = related if isinstance(related, dict) else {}
        id, kind, url = (related.get(name) for name in ("id", "type", "url"))
        self._found.thin.append(
            ThinEvent(
                str(item.get("id")),
                str(item.get("type")),
                where,
                kind if isinstance(kind, str) else "",
                id if isinstance(id, str) else "",
                url if isinstance(url, str) else "",
                item.get("livemode") is True,
            )
        )

    def _note_page(self, value: Json, data: list[Any], where: str) -> None:
        """Whose members a list holds, and whether it goes on."""
        url = clean(str(value.get("url") or ""))
        items = [item for item in data if isinstance(item, dict)]
        if items:
            self._firsts.append((url, items[0]))
        is_cut = value.get("has_more") is True or bool(value.get("next_page_url"))
        if is_cut:
            last = clean(str(items[-1].get("id", ""))) if items else ""
            next_url = clean(str(value.get("next_page_url") or url))
            live = any(mode_of(item) is True for item in items)
            self._pages.append((CutList(where, next_url, len(data), last, live), items))
        self._note_members(data, f"{url} {where}", is_whole=not is_cut)

    def _note_members(self, data: list[Any], where: str, *, is_whole: bool) -> None:
        """A list of balance transactions that is the list of a payout: its address or the name of
        its file says so, or it holds one payout's own transaction and adds up to nothing."""
        txns = [item for item in data if isinstance(item, dict)]
        if not txns or any(txn.get("object") != "balance_transaction" for txn in txns):
            return
        named = dict.fromkeys(PAYOUT_ID.findall(where))
        if not named and is_whole:
            own = [id_of(txn.get("source")) for txn in txns if txn.get("type") == PAYOUT]
            nets = [txn.get("net") for txn in txns]
            if len(own) == 1 and own[0] and sum(n for n in nets if type(n) is int) == 0:
                named = {own[0]: None}
        for payout in named:
            members = self._found.members.setdefault(payout, {})
            listed = [id_of(txn) for txn in txns if id_of(txn.get("source")) != payout]
            members |= dict.fromkeys(id for id in listed if id)

    def _line_items(self, value: Json, session: str, where: str) -> None:
        """A page of the list that `/v1/checkout/sessions/:id/line_items` gives."""
        items = self._found.line_items.setdefault(session, LineItems(where))
        items.is_whole |= value.get("has_more") is not True
        data = value.get("data")
        for item in data if isinstance(data, list) else ():
            try:
                found = usable(item)
            except UnusableError as error:
                self._problem(where, str(error))
                continue
            if isinstance(found, dict) and isinstance(found.get("id"), str):
                items.data[found["id"]] = found
            else:
                self._problem(where, "holds a line item without `id`")

    def close(self) -> None:
        """What can be told only when all files are read."""
        for cut, items in self._pages:
            if not any(url == cut.url and _goes_on(items, first) for url, first in self._firsts):
                self._found.cut.append(cut)
        _join_line_items(self._found)
        _join_failures(self._found)


def _unwrapped(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """What EventBridge (`detail`) and Event Grid (CloudEvents, `data`) wrap around an event."""
    if isinstance(value, dict) and "object" not in value:
        for name, mark in (("detail", "detail-type"), ("data", "specversion")):
            inner = value.get(name)
            if mark in value and isinstance(inner, dict):
                return inner
    return value


def _is_list(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """A list object of API v1, a search result, or a list of API v2."""
    if not isinstance(value, dict):
        return False
    if value.get("object") in ("list", "search_result"):
        return True
    return "object" not in value and isinstance(value.get("data"), list)


def _is_thin(item: Json) -> bool:
    data = item.get("data")
    is_snapshot = isinstance(data, dict) and isinstance(data.get("object"), dict)
    is_v2 = item.get("object") == "v2.core.event" or "related_object" in item
    return is_v2 and not is_snapshot


def _needs_id(item: Json) -> bool:
    """Whether an object without id is a broken one; a balance or a preview has none."""
    return item["object"] in ("event", *(entity.object for entity in ENTITIES))


def _id_reason(obj: Json) -> str | None:
    """Why an object that moves money cannot be looked up by its id."""
    if obj["object"] in WITH_LINES and not is_id(obj["id"], EVENT_ID_CHARS_MAX):
        return f"has an `id` that no {obj['object']} of Stripe has"
    return None


def _goes_on(items: Sequence[Json], first: Json) -> bool:
    """Whether a list that begins so is the next page of these items, newest first."""
    if not items or any(first.get("id") == item.get("id") for item in items):
        return False
    last, following = items[-1].get("created"), first.get("created")
    return type(last) is int and type(following) is int and following <= last


def _canonical(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _join_line_items(found: Exported) -> None:
    """Line items from lists of their own go into their sessions; what is cut is a problem."""
    known: dict[str, None] = {}
    for obj in found.told():
        if obj.get("object") != "checkout.session":
            continue
        id, listed = str(obj.get("id")), obj.get("line_items")
        known[id] = None
        items = found.line_items.get(id)
        if items is not None:
            data = list(items.data.values())
            obj["line_items"] = {"object": "list", "data": data, "has_more": not items.is_whole}
        elif isinstance(listed, dict) and listed.get("has_more") is True:
            found.problems.append(
                FileProblem(id, "shows only some of its line items: export them all")
            )
    for id, items in found.line_items.items():
        if id not in known:
            found.problems.append(
                FileProblem(items.where, f"line items of {id}, which is not there")
            )
        elif not items.is_whole:
            found.problems.append(
                FileProblem(items.where, f"not all line items of {id}: more pages")
            )


def _join_failures(found: Exported) -> None:
    """A transaction of a failed payment may name a `pyr_` that no export shows: its charge, which
    names it as its failure, stands for that."""
    inner = [obj for item in found.told() for obj in objects_in(item)]
    known = dict.fromkeys(obj["id"] for obj in inner)
    failed = {
        id_of(obj.get("failure_balance_transaction")): obj["id"]
        for obj in inner
        if obj["object"] == "charge"
    }
    for obj in inner:
        source = obj.get("source")
        charge = failed.get(obj["id"])
        is_lacking = isinstance(source, str) and source not in known
        if obj["object"] == "balance_transaction" and charge and is_lacking:
            found.notes.append(
                f"{obj['id']} is of {source}, which the files lack; {charge} names it as its "
                "failure and stands for it"
            )
            obj["source"] = charge
