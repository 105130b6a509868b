"""The files that ship with the product: mapping templates and tables, and what they may name.

Read once a process; nothing else in the product reads files.
"""

import functools
from dataclasses import replace
from importlib.resources import files

from shared.mapping.catalogue import catalogue_of
from shared.mapping.compiler import CompiledMapping, Vocabulary
from shared.mapping.loader import Loaded, load
from shared.mapping.product import Product, product_of
from shared.registry import REGISTRY, Registry

TEMPLATES_FOLDER = "templates"

type Templates = tuple[tuple[str, str], ...]
"""Templates beside the product's own: name and YAML of each."""


@functools.cache
def packaged_templates() -> tuple[Loaded, ...]:
    """The product's templates, as they ship. Raises `MappingRefused`."""
    folder = files("shared.targets.finance") / TEMPLATES_FOLDER
    found = sorted(folder.iterdir(), key=lambda file: file.name)
    return tuple(
        load(template.name, template.read_bytes())
        for template in found
        if template.name.endswith(".yaml")
    )


@functools.cache
def packaged_vocabulary(registry: Registry = REGISTRY) -> Vocabulary:
    """What mappings may name, as it ships."""
    return Vocabulary(registry.entity_sets, catalogue_of(registry.kinds))


@functools.cache
def packaged_product(
    reserved: tuple[str, ...] = (),
    registry: Registry = REGISTRY,
    templates: Templates = (),
    delimiter: str = "-",
) -> Product:
    """What ships of the mapping, compiled; kept for the process's life.

    `reserved`: names of fields that settings give. `templates`: of entities that only `registry`
    has. `delimiter`: of display values. Raises `MappingRefused`.
    """
    added = tuple(load(name, text) for name, text in templates)
    vocabulary = replace(packaged_vocabulary(registry), delimiter=delimiter)
    return product_of((*packaged_templates(), *added), vocabulary, reserved)


def packaged_mapping(reserved: tuple[str, ...] = ()) -> CompiledMapping:
    """The product's mapping, without anybody's changes. Raises `MappingRefused`."""
    return packaged_product(reserved).alone
