"""The files that ship with the product: mapping templates and tables, and what they may name.

Read once a process; nothing else in the product reads files.
"""

import functools
from importlib.resources import files

from shared.mapping.catalogue import catalogue_of
from shared.mapping.compiler import CompiledMapping, Vocabulary
from shared.mapping.loader import Loaded, load
from shared.mapping.product import Product, product_of
from shared.registry import KINDS
from shared.targets.finance import FINANCE

TEMPLATES_FOLDER = "templates"


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
def packaged_vocabulary() -> Vocabulary:
    """What mappings may name, as it ships."""
    return Vocabulary(FINANCE, catalogue_of(KINDS))


@functools.cache
def packaged_product(reserved: tuple[str, ...] = ()) -> Product:
    """What ships of the mapping, compiled; kept for the process's life.

    `reserved`: names of fields that settings give. Raises `MappingRefused`.
    """
    return product_of(packaged_templates(), packaged_vocabulary(), reserved)


def packaged_mapping(reserved: tuple[str, ...] = ()) -> CompiledMapping:
    """The product's mapping, without anybody's changes. Raises `MappingRefused`."""
    return packaged_product(reserved).alone
