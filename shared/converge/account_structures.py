"""Which dimensions a ledger account has to have, and lacks.

An account structure says for each main account what its other segments may hold; a segment whose
criteria do not allow a blank must be filled. Dynamics checks that when it posts. Advanced rules may
demand more, which is not read here.
https://learn.microsoft.com/dynamics365/finance/general-ledger/tasks/create-account-structures
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from shared.converge.dimension_formats import Formats, active_formats, is_main_account
from shared.ports import DynamicsGateway, Json, Lookup, Value
from shared.targets.entity_set import LEDGER_FORMAT

STRUCTURES_MAX = 20  # of a ledger
SEGMENTS_MAX = 11  # of a structure
BLANK = '""'  # among the criteria of a segment: it may be empty
RANGE, ANY = "..", "*"


@dataclass(frozen=True, slots=True)
class LedgerAccount:
    """A main account with dimensions: `segments` in the order of the tenant's ledger format."""

    company: str
    main_account: str
    segments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a structure allows: criteria by name of dimension, in folded case."""

    names: Mapping[str, str]
    criteria: Mapping[str, str]

    def is_for(self, main_account: str) -> bool:
        return any(
            matches(main_account, criterion)
            for name, criterion in self.criteria.items()
            if is_main_account(name)
        )

    def demanded(self) -> dict[str, str]:
        """Names of dimensions that must be filled, by folded case."""
        return {
            name: self.names[name]
            for name, criterion in self.criteria.items()
            if not is_main_account(name) and demands(criterion)
        }


def matches(value: str, criteria: str) -> bool:
    """Whether a value meets criteria such as `1*;2*`, `600000..699999` or `618900`."""
    for criterion in (each.strip() for each in criteria.split(";")):
        first, is_range, last = criterion.partition(RANGE)
        if is_range and first.strip() <= value <= last.strip():
            return True
        if criterion.endswith(ANY) and value.startswith(criterion.removesuffix(ANY)):
            return True
        if criterion and criterion.casefold() == value.casefold():
            return True
    return False


def demands(criteria: str) -> bool:
    """Whether a segment with these criteria must be filled."""
    parts = [each.strip() for each in criteria.split(";") if each.strip()]
    return bool(parts) and BLANK not in parts


@dataclass(slots=True)
class AccountStructures:
    """Reads structures and formats once. `delimiter`: of display values."""

    dynamics: DynamicsGateway
    delimiter: str
    _formats: Formats | None = None
    _rules: dict[str, Sequence[_Rule]] = field(default_factory=dict)

    async def missing(self, accounts: Iterable[LedgerAccount]) -> dict[LedgerAccount, list[str]]:
        """The names of the dimensions that accounts lack, of those that lack any. Raises the
        port's errors."""
        found: dict[LedgerAccount, list[str]] = {}
        for account in dict.fromkeys(accounts):
            rules = [
                rule
                for rule in await self._of_company(account.company)
                if rule.is_for(account.main_account)
            ]
            if not rules:
                continue
            filled = await self._filled(account)
            # Of several rules for an account one is enough: what all of them demand is missing.
            demanded = [rule.demanded() for rule in rules]
            lacking = [
                text
                for name, text in demanded[0].items()
                if name not in filled and all(name in other for other in demanded)
            ]
            if lacking:
                found[account] = lacking
        return found

    async def _filled(self, account: LedgerAccount) -> set[str]:
        if self._formats is None:
            self._formats = await active_formats(self.dynamics, self.delimiter)
        names = [name for name in self._formats.get(LEDGER_FORMAT, ()) if not is_main_account(name)]
        pairs = zip(names, account.segments, strict=False)
        return {name.casefold() for name, value in pairs if value}

    async def _of_company(self, company: str) -> Sequence[_Rule]:
        if company not in self._rules:
            self._rules[company] = await self._read(company)
        return self._rules[company]

    async def _read(self, company: str) -> list[_Rule]:
        select = tuple(f"AccountStructureName{number + 1}" for number in range(STRUCTURES_MAX))
        ledgers = await self.dynamics.find(
            Lookup("Ledgers", "", {"LegalEntityId": company}, select=select)
        )
        names: list[Value] = [row[key] for row in ledgers for key in select if row.get(key)]
        if not names:
            return []
        structures = await self._active(
            "AccountStructures", "AccountStructureName", names, "SegmentName"
        )
        segments = {
            str(row["AccountStructureName"]): _numbered(row, "SegmentName") for row in structures
        }
        rows = await self._active(
            "AccountStructureConstraints", "AccountStructure", names, "SegmentCriteria"
        )
        rules = []
        for row in rows:
            own = segments.get(str(row["AccountStructure"]), [])
            criteria = _numbered(row, "SegmentCriteria")
            pairs = {name.casefold(): name for name in own if name}
            told = {
                name.casefold(): text for name, text in zip(own, criteria, strict=False) if name
            }
            rules.append(_Rule(MappingProxyType(pairs), MappingProxyType(told)))
        return rules

    async def _active(
        self, entity_set: str, key: str, names: Sequence[Value], part: str
    ) -> list[Json]:
        numbers = (f"{part}{number + 1:02}" for number in range(SEGMENTS_MAX))
        lookup = Lookup(entity_set, "", any_of=(key, names), select=(key, "Status", *numbers))
        return [row for row in await self.dynamics.find(lookup) if row["Status"] == "Active"]


def _numbered(row: Json, part: str) -> list[str]:
    return [str(row.get(f"{part}{number + 1:02}") or "") for number in range(SEGMENTS_MAX)]
