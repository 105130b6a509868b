"""Records of Dynamics that the active mapping names: methods of payment, sales tax groups,
financial dimensions."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import partial
from types import MappingProxyType

from shared.converge.dimension_formats import active_formats, objection
from shared.errors import MappingUnusable
from shared.mapping.compiler import CompiledMapping
from shared.policy import OrderTax
from shared.ports import Clock, DynamicsGateway, Json, Lookup, Value
from shared.services.readiness.checks import Probe, Problems
from shared.services.readiness.reads import DATE_CHARS, EMPTY_DATE, Reads
from shared.settings import Settings
from shared.stores.mappings import Mappings
from shared.targets.entity_set import Field

METHODS = "payment_methods"  # the table of the mapping
METHOD_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "CustomerPaymentJournalLines": "PaymentMethodName",
        "LedgerJournalLines": "PaymentMethod",
        "CustomersV3": "PaymentMethod",
        "SalesOrderHeadersV2": "CustomerPaymentMethodName",
        "CDSFreeTextInvoiceHeaders": "MethodOfPayment",
    }
)
"""By entity set, the field that names a method of payment."""
OF_DOCUMENTS = ("SalesOrderHeadersV2", "CDSFreeTextInvoiceHeaders")
GROUPS, ITEM_GROUPS = "sales_tax_groups", "item_sales_tax_groups"
GROUP_SETS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        GROUPS: ("TaxGroups", "TaxGroupCode"),
        ITEM_GROUPS: ("TaxItemGroups", "TaxItemGroupCode"),
    }
)
"""Tables of the mapping, and the sets and keys of what they name."""
CODE = "TaxCodeId"
CHANGED_TAX = ("ExemptTax", "IntracomVAT", "ReverseCharge", "UseTax")
"""Flags of a code in a sales tax group with which its rate is not what the customer pays."""
RATE_PART = 2  # of a tax key: DE/vat/19/standard_rated/exclusive
SHOWN_MAX = 10
DIMENSIONS = "financial dimensions"  # the check
DIMENSION_VALUES = "FinancialDimensionValues"
VALUES_MAX = 20  # of one dimension
DIMENSIONS_REMEDY = (
    "Correct the dimensions or the table in the mapping and publish, or the format or the values "
    "in Dynamics (docs/mapping.md, Financial dimensions)."
)

type Codes = Mapping[str, Mapping[str, Json]]
"""Records by group (folded case) and tax code."""


class MappedSetup:
    """The probes of what the mapping and its policy name."""

    def __init__(self, reads: Reads, mappings: Mappings, clock: Clock) -> None:
        self._reads, self._mappings, self._clock = reads, mappings, clock

    def shared_probes(self) -> Iterator[Probe]:
        """What belongs to no company."""
        yield Probe(
            {
                "tax of orders": "Choose tax: codes or tax: lines in the policy and publish "
                "(docs/mapping.md, Tax of orders)."
            },
            self._tax_of_orders,
            group="Mapping",
        )

    def probes(self, company: str) -> Iterator[Probe]:
        """Those of one company."""
        group, by_hand = f"Company {company}", dict[str, str]()
        yield Probe(
            {
                f"payment methods {company}": "Create them in Dynamics or switch bridging off, or "
                "name others in a table payment_methods or in your rules (docs/mapping.md)."
            },
            partial(self._payment_methods, company, by_hand),
            by_hand=by_hand,
            group=group,
        )
        tables = " and ".join(GROUP_SETS)
        yield Probe(
            {
                f"sales tax groups {company}": "Create them in Dynamics, or name others in the "
                f"tables {tables} (docs/mapping.md).",
                f"tax samples {company}": "Give both groups the one tax code of the key in Tax > "
                f"Indirect taxes > Sales tax, or name others in the tables {tables}.",
            },
            partial(self._taxes, company),
            group=group,
        )

    async def _tax_of_orders(self) -> Problems:
        """Orders need a choice of where their tax is computed."""
        try:
            policy = (await self._mappings.active()).policy
        except MappingUnusable:
            return {}  # the check `mapping` says so
        if not policy.has_orders or policy.tax is not None:
            return {}
        return {
            "tax of orders": "the policy makes orders and does not say where their tax comes from"
        }

    async def _payment_methods(self, company: str, by_hand: dict[str, str]) -> Problems:
        """A missing method refuses lines; one with bridging would post a receipt twice."""
        check = f"payment methods {company}"
        try:
            mapping = await self._mappings.active()
        except MappingUnusable:
            return {}
        names, free = methods_of(mapping)
        if free:
            by_hand[check] = (
                f"rules of {', '.join(free)} take the method of payment from Stripe's data: check "
                "by hand: each value exists in Dynamics, without bridging"
            )
        bridging = "BridgingPostingEnabled"
        methods = await self._reads.rows("CustomerPaymentMethods", company, "Name", names, bridging)
        rows = {name: methods.get(name.casefold()) for name in names}
        faults = [f"{name} does not exist" for name, row in rows.items() if row is None]
        faults += [
            f"{name} uses bridging" for name, row in rows.items() if row and row[bridging] == "Yes"
        ]
        return {check: "the method of payment " + ", ".join(faults) if faults else ""}

    async def _taxes(self, company: str) -> Problems:
        """Where Dynamics computes the tax: groups that do not exist, or share no code, mean no tax,
        silently."""
        try:
            mapping = await self._mappings.active()
        except MappingUnusable:
            return {}
        if mapping.policy.tax is not OrderTax.CODES:
            return {}
        tables = {table: mapping.tables[table] for table in GROUP_SETS}
        names = {table: sorted(set(rows.values())) for table, rows in tables.items()}
        heads, datas, items = await asyncio.gather(
            self._reads.rows("TaxGroups", company, "TaxGroupCode", names[GROUPS]),
            self._codes(company, "TaxGroupDatas", "TaxGroupId", names[GROUPS], *CHANGED_TAX),
            self._codes(company, "TaxItemGroups", "TaxItemGroupCode", names[ITEM_GROUPS]),
        )
        there = {GROUPS: heads, ITEM_GROUPS: items}
        faults = []
        for table, wanted in names.items():
            faults += [
                f"{name} ({table})" for name in wanted if name.casefold() not in there[table]
            ]
            if not wanted:
                faults.append(f"row in table {table}")
        samples = await self._samples(company, tables, datas, items) if all(names.values()) else []
        return {
            f"sales tax groups {company}": f"there is no {', no '.join(faults)}" if faults else "",
            f"tax samples {company}": _shown(samples),
        }

    async def _codes(
        self, company: str, entity_set: str, key: str, names: Iterable[str], *select: str
    ) -> Codes:
        found: dict[str, dict[str, Json]] = {}
        for row in await self._reads.records(entity_set, company, key, names, CODE, *select):
            found.setdefault(str(row[key]).casefold(), {})[str(row[CODE])] = row
        return found

    async def _samples(
        self, company: str, tables: Mapping[str, Mapping[str, str]], datas: Codes, items: Codes
    ) -> list[str]:
        """What each tax key of the tables comes to: one code, whose rate is that of the key."""
        texts, expected = list[str](), list[tuple[str, str, Decimal]]()
        for key in dict.fromkeys([*tables[GROUPS], *tables[ITEM_GROUPS]]):
            group, item = tables[GROUPS].get(key), tables[ITEM_GROUPS].get(key)
            if group is None or item is None:
                missing = GROUPS if group is None else ITEM_GROUPS
                texts.append(f"{key} has no row in table {missing}")
                continue
            ours, theirs = datas.get(group.casefold(), {}), items.get(item.casefold(), {})
            if not ours or not theirs:
                continue  # the check of the groups says so
            shared = [code for code in ours if code in theirs]
            if len(shared) != 1:
                what = f"the tax codes {', '.join(shared)}" if shared else "no tax code"
                texts.append(f"{key}: {group} and {item} share {what}")
            elif not any(ours[shared[0]][flag] == "Yes" for flag in CHANGED_TAX):
                expected += [(key, shared[0], rate) for rate in _rate_of(key)]
        return [*texts, *await self._other_rates(company, expected)]

    async def _other_rates(
        self, company: str, expected: list[tuple[str, str, Decimal]]
    ) -> list[str]:
        codes = [code for _, code, _ in expected]
        rows = await self._reads.records(
            "TaxCodeValuesV2", company, CODE, codes, "Value", "FromDate", "ToDate"
        )
        today = self._clock.now().date()
        rates: dict[str, list[Decimal]] = {}
        for row in rows:
            if _day(row["FromDate"]) <= today <= (_day(row["ToDate"], empty=date.max)):
                rates.setdefault(str(row[CODE]), []).append(Decimal(row["Value"]))
        return [
            f"{key}: the tax code {code} has {_percent(rates.get(code, []))}"
            for key, code, rate in expected
            if rate not in rates.get(code, [])
        ]


def methods_of(mapping: CompiledMapping) -> tuple[list[str], list[str]]:
    """The methods of payment that templates may send, whether tables or rules name them; and the
    templates of which nobody can tell before an object comes."""
    names: dict[str, None] = {}
    free: list[str] = []
    for template in mapping.templates.values():
        field = METHOD_FIELDS.get(template.entity_set, "")
        if template.entity_set in OF_DOCUMENTS and not mapping.policy.has_documents:
            continue
        if field in template.constants:
            names[str(template.constants[field])] = None
        elif field in dict(template.fields):
            outcomes = template.outcomes.get(field, ())
            free += [] if outcomes else [template.name]
            names |= dict.fromkeys(outcomes or mapping.tables[METHODS].values())
    return sorted(name for name in names if name), free


def _rate_of(key: str) -> list[Decimal]:
    """The percentage of a tax key; nothing where it tells none."""
    try:
        return [Decimal(key.split("/")[RATE_PART])]
    except (IndexError, InvalidOperation):
        return []


def _day(value: object, empty: date = date.min) -> date:
    day = date.fromisoformat(str(value)[:DATE_CHARS])
    return empty if day == EMPTY_DATE else day


def _percent(rates: list[Decimal]) -> str:
    return " and ".join(f"{rate.normalize():f} %" for rate in rates) or "no rate today"


def _shown(texts: list[str]) -> str:
    more = [f"and {len(texts) - SHOWN_MAX} more"] if len(texts) > SHOWN_MAX else []
    return "; ".join([*texts[:SHOWN_MAX], *more])


def dimension_probe(dynamics: DynamicsGateway, settings: Settings, mappings: Mappings) -> Probe:
    """Does Dynamics take the financial dimensions that the mapping fills?

    The format may change after publishing. Of the values, constants and rows of tables are known; a
    sample of them is looked up. What metadata will say is not known.
    """
    delimiter = settings.dynamics_dimension_delimiter

    async def run() -> Mapping[str, str]:
        try:
            mapping = await mappings.active()
        except MappingUnusable:
            return {}  # the check `mapping` says so
        places = tuple(_places(mapping))
        if not places:
            return {}
        formats = await active_formats(dynamics, delimiter)
        faults = [
            f"{template}.{field}: {reason}"
            for template, field, names in places
            if (reason := objection(names, Field(field, "String").dimension_format, formats))
        ]
        for name, values in _known(mapping).items():
            faults += await _refused(dynamics, name, values)
        return {DIMENSIONS: "; ".join(faults)}

    return Probe({DIMENSIONS: DIMENSIONS_REMEDY}, run, group="Dynamics")


def _places(mapping: CompiledMapping) -> Iterator[tuple[str, str, list[str]]]:
    for template in mapping.templates.values():
        for field, dimensions in template.dimensions.items():
            yield template.name, field, [each.name for each in dimensions]


def _known(mapping: CompiledMapping) -> dict[str, list[str]]:
    """A sample of the known values, by dimension."""
    found: dict[str, dict[str, None]] = {}
    for template in mapping.templates.values():
        for dimensions in template.dimensions.values():
            for each in dimensions:
                found.setdefault(each.name, {}).update(dict.fromkeys(each.values))
    return {name: sorted(values)[:VALUES_MAX] for name, values in found.items() if values}


async def _refused(dynamics: DynamicsGateway, name: str, values: list[str]) -> list[str]:
    """Values that are suspended or that a dimension does not have. A dimension of which Dynamics
    shows no values at all (an entity stands behind it) tells nothing."""
    own: dict[str, Value] = {"FinancialDimension": name}
    wanted: list[Value] = [*values]
    rows = await dynamics.find(
        Lookup(
            DIMENSION_VALUES,
            "",
            own,
            any_of=("DimensionValue", wanted),
            select=("DimensionValue", "IsSuspended"),
        )
    )
    usable = {str(row["DimensionValue"]).casefold(): row["IsSuspended"] != "Yes" for row in rows}
    faults = [
        f"{name} {value} is suspended" for value in values if usable.get(value.casefold()) is False
    ]
    missing = [value for value in values if value.casefold() not in usable]
    if missing and await dynamics.find(
        Lookup(DIMENSION_VALUES, "", own, select=("DimensionValue",), limit=1)
    ):
        faults += [f"{name} has no value {value}" for value in missing]
    return faults
