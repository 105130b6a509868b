"""What the product ships of the mapping, and the compiling of somebody's changes with it."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.mapping.compiler import CompiledMapping, compile_mapping
from shared.mapping.loader import Loaded
from shared.mapping.metadata import Metadata


@dataclass(frozen=True, slots=True)
class Product:
    """Templates and tables as they ship, entity sets, and field names that settings give.

    `alone`: the product's mapping without anybody's changes.
    """

    documents: tuple[Loaded, ...]
    metadata: Metadata
    reserved: tuple[str, ...]
    alone: CompiledMapping

    def compile(self, changes: Iterable[Loaded]) -> CompiledMapping:
        """The product with somebody's documents. Raises `MappingRefused` with every problem."""
        found = tuple(changes)
        if not found:
            return self.alone
        return compile_mapping(self.documents, found, self.metadata, self.reserved)


def product_of(
    documents: Iterable[Loaded], metadata: Metadata, reserved: tuple[str, ...] = ()
) -> Product:
    """A product of these documents. Raises `MappingRefused`."""
    found = tuple(documents)
    alone = compile_mapping(found, (), metadata, reserved)
    return Product(found, metadata, reserved, alone)
