"""Reads mapping documents: YAML in which every scalar is text, within limits on size.

YAML reads `NO` as false, `010` as eight and `1_000` as a thousand, and not every reader agrees:
an unquoted scalar that YAML 1.1 would not read as text is refused, except whole numbers, `true`
and `false`. Anchors, aliases, tags, directives and merge keys are refused too.
https://yaml.org/type/
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import yaml
from yaml.error import Mark
from yaml.reader import ReaderError

from shared.domain.records import canonical, digest
from shared.mapping.problems import MappingRefused, Problem, shown

DOCUMENT_BYTES_MAX = 65_536
DEPTH_MAX = 24
NODES_MAX = 8_000
SCALAR_CHARS_MAX = 2_000
TREE_BYTES_MAX = 4 * DOCUMENT_BYTES_MAX  # canonical JSON writes more signs than YAML

_PLAIN_ALLOWED = re.compile(r"0|-?[1-9][0-9]{0,17}|true|false")
# Numbers to some readers: YAML 1.2 takes more forms for numbers than 1.1 does.
_NUMBER = re.compile(r"[-+]?(?:0[box])?\.?[0-9][0-9a-fA-F._]*(?:[eE][-+]?[0-9]+)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Category Cc without the line feed and the tab.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# Overrides, embeddings and isolates show a text in another order than it has.
# https://www.unicode.org/reports/tr9/
_TURNED = re.compile("[\u202a-\u202e\u2066-\u2069]")
_TEXT_TAG = "tag:yaml.org,2002:str"

type Tree = str | list[Tree] | dict[str, Tree]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document as it was read: `tree` holds mappings, lists and text.

    `sha256`: of the canonical JSON of the tree; comments, order and quoting do not change it.
    `lines`: of the text, by the place of a value (`currencies.usd.company`); of a tree there are
    none.
    """

    where: str
    tree: Mapping[str, Tree]
    sha256: str
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read, with the key that waits for its value."""

    value: list[Tree] | dict[str, Tree]
    key: str | None = None
    place: str = ""


@dataclass(slots=True)
class _Builder:
    """Turns YAML events into a tree without recursion, counting as it goes."""

    where: str
    open: list[_Open] = field(default_factory=list)
    nodes: int = 0
    documents: int = 0
    root: Tree | None = None
    lines: dict[str, int] = field(default_factory=dict)

    def refuse(self, reason: str, mark: Mark | None) -> MappingRefused:
        line = f"line {mark.line + 1}" if mark is not None else ""
        return MappingRefused([Problem(self.where, reason, line)])

    def take(self, event: yaml.Event) -> None:
        """One event of the parser. Raises `MappingRefused`."""
        mark = cast("Mark | None", event.start_mark)
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1 or event.version or event.tags:
                    raise self.refuse("a file holds one document, without directives", mark)
            case yaml.AliasEvent():
                raise self.refuse("aliases (*name) are refused; write the text out", mark)
            case yaml.NodeEvent():
                self._node(event, mark)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self.open.pop()

    def _node(self, event: yaml.NodeEvent, mark: Mark | None) -> None:
        if event.anchor is not None:
            raise self.refuse("anchors (&name) are refused; write the text out", mark)
        if getattr(event, "tag", None) is not None:
            raise self.refuse("tags (!name) are refused", mark)
        self.nodes += 1
        if self.nodes > NODES_MAX:
            raise self.refuse(f"more than {NODES_MAX} values", mark)
        if isinstance(event, yaml.ScalarEvent):
            self._put(self._text(event, mark), mark)
            return
        if len(self.open) >= DEPTH_MAX:
            raise self.refuse(f"nested deeper than {DEPTH_MAX} levels", mark)
        made: list[Tree] | dict[str, Tree] = {} if isinstance(event, yaml.MappingStartEvent) else []
        place = self._put(made, mark)
        self.open.append(_Open(made, place=place))

    def _text(self, event: yaml.ScalarEvent, mark: Mark | None) -> str:
        text = str(event.value)
        reason = _no_text(text)
        if not reason and event.style is None and not _PLAIN_ALLOWED.fullmatch(text):
            if text == "":
                reason = 'a value is missing; empty text is written ""'
            elif needs_quotes(text):
                reason = f"some YAML parsers do not read {shown(text)} as text; quote it"
        if reason:
            raise self.refuse(reason, mark)
        return text

    def _put(self, value: Tree, mark: Mark | None) -> str:
        """Puts a value where it belongs and returns its place; a key is not one."""
        if not self.open:
            self.root = value
            return ""
        top = self.open[-1]
        if isinstance(top.value, list):
            top.value.append(value)
            return self._placed(top, str(len(top.value) - 1), mark)
        if top.key is None:
            if not isinstance(value, str):
                raise self.refuse("a key is text", mark)
            if value in top.value:
                raise self.refuse(f"the key {shown(value)} occurs twice", mark)
            top.key = value
            return ""
        name, top.key = top.key, None
        top.value[name] = value
        return self._placed(top, name, mark)

    def _placed(self, top: _Open, name: str, mark: Mark | None) -> str:
        place = f"{top.place}.{name}" if top.place else name
        if mark is not None:
            self.lines[place] = mark.line + 1
        return place


def needs_quotes(text: str) -> bool:
    """Whether some reader of YAML would take a text for something else without quotes."""
    resolver: Any = yaml.resolver.Resolver()
    tag = resolver.resolve(yaml.ScalarNode, text, (True, False))
    return tag != _TEXT_TAG or bool(_NUMBER.fullmatch(text))


def _no_text(text: str) -> str:
    """What speaks against a text, wherever it stands."""
    if len(text) > SCALAR_CHARS_MAX:
        return f"a text longer than {SCALAR_CHARS_MAX} characters"
    if _SURROGATE.search(text):
        return "half of a surrogate pair is not text"
    if control := _CONTROL.search(text):
        return f"the control character {_sign(control[0])} is refused"
    if turned := _TURNED.search(text):
        return f"{_sign(turned[0])} is refused: it changes the direction in which text is shown"
    return ""


def _sign(character: str) -> str:
    return f"U+{ord(character):04X}"


def load(where: str, source: str | bytes) -> Loaded:
    """One document, as text; `where` names it in errors. Raises `MappingRefused`."""
    raw = source.encode(errors="surrogatepass") if isinstance(source, str) else source
    if len(raw) > DOCUMENT_BYTES_MAX:
        raise MappingRefused([Problem(where, f"larger than {DOCUMENT_BYTES_MAX} bytes")])
    builder = _Builder(where)
    last: Mark | None = None
    try:
        text = source if isinstance(source, str) else raw.decode()
        for event in yaml.parse(text, Loader=yaml.BaseLoader):
            builder.take(event)
            last = cast("Mark | None", event.end_mark)
    except UnicodeDecodeError as error:
        reason = f"not UTF-8: save the file as UTF-8 (byte {error.start + 1})"
        raise MappingRefused([Problem(where, reason, _line(raw[: error.start]))]) from None
    except ReaderError as error:
        reason = f"{_sign(chr(error.character))} is refused: YAML does not allow it"
        place = _line(text[: error.position].encode(errors="replace"))
        raise MappingRefused([Problem(where, reason, place)]) from None
    except yaml.MarkedYAMLError as error:
        raise builder.refuse(f"no YAML: {error.problem}", error.problem_mark) from None
    except (ValueError, OverflowError):
        # The parser lets numbers in escapes and directives fail in Python's own words.
        reason = "no YAML text: after this comes an escape or a directive with a number too large"
        raise builder.refuse(reason, last) from None
    if not isinstance(builder.root, dict):
        raise MappingRefused([Problem(where, "a document is a mapping of keys to values")])
    return Loaded(where, builder.root, digest(builder.root), builder.lines)


def _line(before: bytes) -> str:
    return f"line {before.count(b'\n') + 1}"


def load_tree(where: str, tree: object) -> Loaded:
    """A document that somebody read before, as mappings, lists and text; the same limits hold.

    Raises `MappingRefused`.
    """
    reason = _objection(tree) if isinstance(tree, dict) else "a document is a mapping of keys"
    if reason or not isinstance(tree, dict):
        raise MappingRefused([Problem(where, reason)])
    return Loaded(where, tree, digest(tree))


def _objection(tree: dict[str, Tree]) -> str:
    """What speaks against a tree, level by level; keys count as values."""
    nodes = 0
    level: list[object] = [tree]
    for depth in range(DEPTH_MAX + 1):
        nodes += len(level)
        if nodes > NODES_MAX:
            return f"more than {NODES_MAX} values"
        inside: list[object] = []
        for member in level:
            if isinstance(member, str):
                if reason := _no_text(member):
                    return reason
            elif not isinstance(member, list | dict):
                return "holds only mappings, lists and text"
            elif depth == DEPTH_MAX:
                return f"nested deeper than {DEPTH_MAX} levels"
            else:
                inside += member
                inside += member.values() if isinstance(member, dict) else ()
        level = inside
    large = len(canonical(tree).encode()) > TREE_BYTES_MAX
    return f"larger than {TREE_BYTES_MAX} bytes" if large else ""
