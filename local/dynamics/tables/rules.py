"""How a record gets written: the checks every set shares, then the hooks of its table.

F&O's order on create: defaults, fields, validateField, validateWrite, write. Whatever a rule
refuses leaves as `Infolog`; the service wraps it into the answer.
"""

from collections.abc import Mapping
from typing import Any

from local.dynamics.odata import (
    COMPANY,
    EntitySetSchema,
    Fields,
    Infolog,
    RecordStore,
    Refusal,
    StoredRow,
    dump,
    duplicate_key,
    fold,
    unsupported,
    update_conflict,
)
from local.dynamics.settings import DynamicsSettings
from local.dynamics.tables.dimensions import is_default, normalized
from local.dynamics.tables.trait import Trait
from local.dynamics.tables.traits import TRAITS


class Hooks:
    """What a table adds to the shared rules. The base adds nothing."""

    def on_create(self, fields: Fields, given: Mapping[str, Any]) -> None:
        """Fill defaults in `fields` and check them. `given` is what the caller sent."""

    def created(self, row: StoredRow) -> None:
        """After the insert."""

    def on_change(self, row: StoredRow, changes: Fields) -> None:
        """Check (and complete) the changes of a record."""

    def changed(self, row: StoredRow, before: Fields) -> None:
        """After the update."""

    def on_remove(self, row: StoredRow) -> None:
        """Check whether the record may go."""

    def removed(self, row: StoredRow) -> None:
        """After the delete."""


class RecordWriter:
    """Creates, changes and removes records by the rules. Raises `Infolog` or `Refusal`."""

    def __init__(
        self, store: RecordStore, settings: DynamicsSettings, hooks: Mapping[str, Hooks]
    ) -> None:
        self._store = store
        self._settings = settings
        self._hooks = hooks

    def create(self, entity_set: EntitySetSchema, given: Fields) -> StoredRow:
        """Insert a record from the values of a payload."""
        trait = trait_of(entity_set)
        for name in given:
            if name in trait.assigned:
                raise Infolog(f"Field '{trait.caption(name)}' does not allow editing on create.")
        fields = {**entity_set.blank, **given}
        self._set_company(entity_set, fields)
        self._fit(trait, fields, given)
        self._dimensions(fields, given)
        _fill_check(entity_set, trait, fields, given)
        self._related(trait, fields, given)
        hooks = self._hooks.get(entity_set.name, Hooks())
        hooks.on_create(fields, given)
        for name in entity_set.key:
            if fields[name] == "":
                raise Infolog(f"Field '{trait.caption(name)}' must be filled in.")
        self._free(entity_set, trait, fields)
        row = self._store.insert(entity_set, fields)
        hooks.created(row)
        return row

    def change(self, entity_set: EntitySetSchema, row: StoredRow, given: Fields) -> None:
        """Change a record. Sending a key as it is counts as no change."""
        trait = trait_of(entity_set)
        changes = dict(given)
        for name in given:
            fixed = name in entity_set.key or name in trait.assigned or name in trait.fixed
            if fixed and fold(given[name]) != fold(row.fields[name]):
                raise Infolog(f"Field '{trait.caption(name)}' does not allow editing.")
            if fixed:
                del changes[name]
        self._fit(trait, changes, changes)
        self._dimensions(changes, changes)
        merged = {**row.fields, **changes}
        for name in trait.mandatory:
            if name in changes and changes[name] == entity_set.blank[name] == "":
                raise Infolog(f"Field '{trait.caption(name)}' must be filled in.")
        self._related(trait, merged, changes)
        hooks = self._hooks.get(entity_set.name, Hooks())
        hooks.on_change(row, changes)
        before = dict(row.fields)
        self._store.update(row, changes)
        hooks.changed(row, before)

    def remove(self, entity_set: EntitySetSchema, row: StoredRow) -> None:
        """Delete a record."""
        trait_of(entity_set)
        hooks = self._hooks.get(entity_set.name, Hooks())
        hooks.on_remove(row)
        self._store.delete(entity_set, row)
        hooks.removed(row)

    def conflict(self, entity_set: EntitySetSchema) -> str:
        """The reason to refuse a write to a record that somebody else changed meanwhile."""
        trait = trait_of(entity_set)
        return update_conflict(trait.label, trait.table)

    def _set_company(self, entity_set: EntitySetSchema, fields: Fields) -> None:
        if not entity_set.company_specific:
            return
        if not fields[COMPANY]:
            raise Infolog("Field 'Company' must be filled in.")
        found = self._store.find("LegalEntities", fields[COMPANY])
        if found is None:
            raise Infolog(f"Company '{fields[COMPANY]}' does not exist.")
        fields[COMPANY] = found.fields["LegalEntityId"]

    def _dimensions(self, fields: Fields, given: Mapping[str, Any]) -> None:
        for name in given:
            if is_default(name) and fields[name]:
                fields[name] = normalized(self._store, fields[name], self._settings.delimiter)

    def _fit(self, trait: Trait, fields: Fields, given: Mapping[str, Any]) -> None:
        for name in list(given):
            value, size = fields[name], trait.size_of(name)
            if size is None or not isinstance(value, str) or len(value) <= size:
                continue
            if self._settings.over_long == "reject":
                raise Infolog(
                    f"The text in field '{trait.caption(name)}' is longer than the {size} "
                    "characters it can hold.",
                    f"validateField failed on field '{name}'.",
                )
            fields[name] = value[:size]

    def _related(self, trait: Trait, fields: Fields, given: Mapping[str, Any]) -> None:
        for name, target in trait.related.items():
            value = fields[name]
            if name not in given or not value:
                continue
            key = self._store.schema.set_of(target).key
            parts = (fields[COMPANY], value) if key[0] == COMPANY else (value,)
            if len(key) > len(parts):  # one record for each tax code of an item sales tax group
                found = next(iter(self._store.group(target, *parts).values()), None)
            else:
                found = self._store.find(target, *parts)
            if found is None:
                raise Infolog(
                    f"The value '{value}' in field '{trait.caption(name)}' is not found in the "
                    f"related table '{TRAITS[target].label if target in TRAITS else target}'.",
                    f"validateField failed on field '{name}'.",
                )
            fields[name] = found.fields[key[len(parts) - 1]]

    def _free(self, entity_set: EntitySetSchema, trait: Trait, fields: Fields) -> None:
        if self._store.key_of(entity_set, fields) not in self._store.table(entity_set.name):
            return
        keys = [
            (trait.caption(name), str(dump(fields[name])))
            for name in entity_set.key
            if name != COMPANY
        ]
        raise Infolog(duplicate_key(trait.label, trait.table, keys))


def trait_of(entity_set: EntitySetSchema) -> Trait:
    """What is known about writing to a set; refuses loudly where this peer knows nothing."""
    trait = TRAITS.get(entity_set.name)
    if trait is None or not trait.writable:
        raise unsupported(f"Writing to {entity_set.name}")
    if trait.immutable:
        raise Refusal(405, f"The entity set '{entity_set.name}' is read-only.")
    return trait


def _fill_check(
    entity_set: EntitySetSchema, trait: Trait, fields: Fields, given: Mapping[str, Any]
) -> None:
    empty = []
    for name in trait.mandatory:
        missing = name not in given if entity_set.properties[name] != "String" else not fields[name]
        if missing:
            empty.append(f"Field '{trait.caption(name)}' must be filled in.")
    if empty:
        raise Infolog(*empty)
