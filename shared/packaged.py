"""The files that ship with the product: mapping templates and tables, and what they may render.

Read once a process; nothing else in the product reads files.
"""

import functools
from importlib.resources import files

from shared.mapping.compiler import CompiledMapping
from shared.mapping.loader import Loaded, load
from shared.mapping.metadata import Metadata, read_metadata
from shared.mapping.product import Product, product_of

TEMPLATES_FOLDER = "templates/finance"
ENTITIES_FILE = "data/finance_entities.json"


@functools.cache
def packaged_templates() -> tuple[Loaded, ...]:
    """The product's templates, as they ship. Raises `MappingRefused`."""
    folder = files("shared.mapping") / TEMPLATES_FOLDER
    found = sorted(folder.iterdir(), key=lambda each: each.name)
    return tuple(
        load(template.name, template.read_bytes())
        for template in found
        if template.name.endswith(".yaml")
    )


@functools.cache
def packaged_metadata() -> Metadata:
    """The entity sets that templates render, as they ship."""
    entities = files("shared.mapping") / ENTITIES_FILE
    return read_metadata(entities.read_text(encoding="utf-8"))


@functools.cache
def packaged_product(reserved: tuple[str, ...] = ()) -> Product:
    """What ships of the mapping, compiled; kept for the process's life.

    `reserved`: names of fields that settings give. Raises `MappingRefused`.
    """
    return product_of(packaged_templates(), packaged_metadata(), reserved)


def packaged_mapping(reserved: tuple[str, ...] = ()) -> CompiledMapping:
    """The product's mapping, without anybody's changes. Raises `MappingRefused`."""
    return packaged_product(reserved).alone
