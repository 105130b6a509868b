"""Compiles mapping documents to closures: mistakes are refused here, not in production.

A compiled mapping is immutable; the caller keeps one for each version.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from shared.domain.records import digest
from shared.domain.values import Value
from shared.errors import Parked
from shared.mapping.catalogue import Sources
from shared.mapping.expressions import Rules
from shared.mapping.fields import Made, compile_field
from shared.mapping.loader import Loaded
from shared.mapping.names import UNKNOWN, Names, declared
from shared.mapping.predicates import Test
from shared.mapping.problems import MappingRefused, Problem, RuleRefused, shown
from shared.mapping.schema import (
    MappingDocument,
    PolicyDocument,
    Rule,
    Table,
    Template,
    UserMapping,
    parse,
    title_of,
)
from shared.mapping.values import Run, Scope
from shared.policy import DEFAULT, Policy
from shared.targets.entity_set import EntitySet, EntitySets, Field

type Layer = Template | UserMapping

EXTENDS_MAX = 4
TABLES_MAX = 100


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template as closures. `key` is empty where a setting names the key field.

    `within`: the fields that narrow the key to a part of the entity set. `personal`: the fields
    whose values may not be shown.
    """

    name: str
    entity_set: str
    key: str
    key_size: int | None
    key_is_number: bool
    within: tuple[str, ...]
    constants: Mapping[str, Value]
    fields: tuple[tuple[str, Run], ...]
    checks: tuple[tuple[Test, str], ...]
    personal: frozenset[str] = frozenset()

    def render(self, scope: Scope) -> dict[str, Value]:
        """The fields of a document, without its key. Raises `Parked`, naming the field."""
        for test, message in self.checks:
            if not test(scope):
                remedy = "Correct the object in Stripe or the mapping's check, then retry."
                raise Parked("mapping_check", f"{self.name}: {message}", remedy)
        rendered = dict(self.constants)
        name = ""
        try:
            for name, run in self.fields:
                value = run(scope)
                if value is not None:
                    rendered[name] = value
        except Parked as error:
            text = f"{self.name}, {name}: {error}"
            raise Parked(error.cause, text, error.remedy) from None
        return rendered


@dataclass(frozen=True, slots=True)
class CompiledMapping:
    """All templates, tables and the policy of a version.

    `documents`: the SHA-256 of each document by kind and name; `sha256`, over these, is the
    version.
    """

    templates: Mapping[str, Compiled]
    documents: Mapping[str, str]
    policy: Policy
    sha256: str
    tables: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What mappings may name: the entity sets of the target, and by template the fields of
    documents."""

    entity_sets: EntitySets
    catalogue: Mapping[str, Sources]


@dataclass(slots=True)
class _Set:
    """The documents of one version, sorted by kind. `known`: the templates that can be extended."""

    known: tuple[str, ...]
    templates: dict[str, Template] = field(default_factory=dict)
    mappings: dict[str, UserMapping] = field(default_factory=dict)
    tables: dict[str, Mapping[str, str]] = field(default_factory=dict)
    policies: list[PolicyDocument] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def add(self, loaded: Loaded, by_product: bool) -> None:
        try:
            document = parse(loaded)
        except MappingRefused as refused:
            self.problems += refused.problems
            return
        if by_product and isinstance(document, Table) and document.name in self.tables:
            return  # somebody's table of the same name was added before and takes its place
        reason = self._objection(document, by_product)
        if reason:
            self.problems.append(Problem(loaded.where, reason, document.name))
            return
        self.hashes[title_of(document)] = loaded.sha256
        match document:
            case Template():
                self.templates[document.name] = document
            case UserMapping():
                self.mappings[document.extends] = document
            case Table():
                self.tables[document.name] = document.rows
            case PolicyDocument():
                self.policies.append(document)

    def _objection(self, document: MappingDocument, by_product: bool) -> str:
        if isinstance(document, Template) and not by_product:
            return "only the product has templates; write a mapping that extends one"
        if title_of(document) in self.hashes:
            return f"a second {document.kind} of this name"
        match document:
            case UserMapping() if document.extends in self.mappings:
                other = self.mappings[document.extends].name
                return f"{other} extends {document.extends} already; put both into one document"
            case UserMapping() if document.extends not in self.known:
                return f"extends one of {', '.join(self.known)}"
            case PolicyDocument() if self.policies:
                return f"{self.policies[0].name} is the policy already; put both into one document"
            case Table() if len(self.tables) >= TABLES_MAX:
                return f"more than {TABLES_MAX} tables"
        return ""


def compile_mapping(
    product: Iterable[Loaded],
    changes: Iterable[Loaded],
    vocabulary: Vocabulary,
    reserved: Sequence[str] = (),
) -> CompiledMapping:
    """The product's templates with somebody's changes and tables, as closures. A table takes the
    place of the product's of the same name.

    `reserved`: names of fields that settings give to the product (the customer's Stripe id).
    Raises `MappingRefused` with every problem found.
    """
    documents = _Set(tuple(vocabulary.catalogue))
    for loaded in changes:
        documents.add(loaded, by_product=False)
    for loaded in product:
        documents.add(loaded, by_product=True)
    compiled: dict[str, Compiled] = {}
    if not documents.problems:
        for name, sources in vocabulary.catalogue.items():
            work = _Work(documents, name, sources, vocabulary.entity_sets, tuple(reserved))
            made = work.compile()
            documents.problems += work.problems
            if made is not None:
                compiled[name] = made
    if documents.problems:
        raise MappingRefused(documents.problems)
    policy: Policy = documents.policies[0] if documents.policies else DEFAULT
    hashes = MappingProxyType(documents.hashes)
    version, tables = digest(dict(hashes)), MappingProxyType(documents.tables)
    return CompiledMapping(MappingProxyType(compiled), hashes, policy, version, tables)


@dataclass(slots=True)
class _Work:
    """One template on its way to closures."""

    documents: _Set
    name: str
    sources: Sources
    entity_sets: EntitySets
    reserved: tuple[str, ...]
    problems: list[Problem] = field(default_factory=list)
    made: dict[str, Made] = field(default_factory=dict)

    def compile(self) -> Compiled | None:
        chain = self._chain()
        entity_name = next((template.entity for template in chain if template.entity), "")
        entity = self.entity_sets.get(entity_name)
        key = next((template.key for template in chain if template.key), None)
        if entity is None or key is None:
            if not self.problems:
                self._refuse(self.name, "needs the entity set and the key of its target")
            return None
        changes = self.documents.mappings.get(self.name)
        layers: list[Layer] = [*reversed(chain), *([changes] if changes else [])]
        own_rules = {
            name: rule for template in chain[::-1] for name, rule in template.rules.items()
        }
        own = Rules(self.sources, {}, own_rules)  # what is protected reads nothing of a user's
        user_rules = own_rules | dict(changes.rules if changes else {})
        free = Rules(self.sources, self.documents.tables, user_rules)
        for template in chain[::-1]:
            for name, rule in template.protected.items():
                if name not in entity.protected:
                    self._refuse(template.name, "is not a protected field", f"protected.{name}")
                self._field(template.name, entity.fields.get(name), name, rule, own)
        custom, problems = declared(changes, entity, self.entity_sets)
        self.problems += problems
        names = Names(entity, custom, self.reserved)
        for layer in layers:
            for name, rule in layer.fields.items():
                reason = names.objection(name)
                if reason:
                    self._refuse(layer.name, reason, f"fields.{name}")
                else:
                    self._field(layer.name, names.target(name), name, rule, free)
        checks = self._checks(layers, free)
        key_name = key if isinstance(key, str) else ""
        if not any(template.patches for template in chain):
            self._mandatory(entity, key_name, layers)
        key_target = entity.fields.get(key_name)
        return Compiled(
            self.name,
            entity.name,
            key_name,
            key_target.size if key_target else None,
            key_target is not None and key_target.type != "String",
            next((template.within for template in chain if template.within), ()),
            MappingProxyType(
                {name: made.value for name, made in self.made.items() if made.value is not None}
            ),
            tuple((name, made.run) for name, made in self.made.items() if made.value is None),
            checks,
            frozenset(name for name, made in self.made.items() if made.personal),
        )

    def _refuse(self, document: str, reason: str, place: str = "", path: str = "") -> None:
        self.problems.append(Problem(document, reason, place, path))

    def _chain(self) -> list[Template]:
        """The template and those it extends, the nearest first."""
        chain: list[Template] = []
        name: str | None = self.name
        while name is not None:
            template = self.documents.templates.get(name)
            if template is None or len(chain) >= EXTENDS_MAX:
                reason = f"no template {shown(name)}" if template is None else "extends too deep"
                self._refuse(self.name, reason, "extends")
                return chain
            chain.append(template)
            name = template.extends
        return chain

    def _field(
        self, document: str, target: Field | None, name: str, rule: Rule, rules: Rules
    ) -> None:
        if target is None:
            self._refuse(document, UNKNOWN, f"fields.{name}")
            return
        try:
            made = compile_field(target, rule, rules)
        except RuleRefused as refused:
            self._refuse(document, refused.reason, f"fields.{name}", refused.path)
            return
        self.made.pop(name, None)
        self.made[name] = made

    def _checks(self, layers: Sequence[Layer], rules: Rules) -> tuple[tuple[Test, str], ...]:
        made = []
        for layer in layers:
            for index, check in enumerate(layer.checks):
                try:
                    made.append((rules.condition(check.rule), check.message))
                except RuleRefused as refused:
                    self._refuse(layer.name, refused.reason, f"checks.{index}", refused.path)
        return tuple(made)

    def _mandatory(self, entity: EntitySet, key: str, layers: Sequence[Layer]) -> None:
        for name in entity.mandatory:
            if name != key and name not in self.made:
                self._refuse(self.name, "must be set", f"fields.{name}")
            rules = [layer.fields[name] for layer in layers if name in layer.fields]
            if rules and rules[-1].when is not None:
                self._refuse(layers[-1].name, "must be set: it takes no when", f"fields.{name}")
