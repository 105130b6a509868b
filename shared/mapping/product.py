"""The mapping documents that ship with the product, and how a user's changes compile with them."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.domain.books import Books
from shared.mapping.compiler import CompiledMapping, Vocabulary, compile_mapping
from shared.mapping.loader import Loaded
from shared.mapping.problems import MappingRefused, Problem
from shared.policy import problems


@dataclass(frozen=True, slots=True)
class Product:
    """Templates and tables as they ship, what they may name, and field names that settings give.

    `alone`: the product's mapping without anybody's changes. `books`: the first value,
    where no books are published; they have the companies that a policy may name (None: any).
    """

    documents: tuple[Loaded, ...]
    vocabulary: Vocabulary
    reserved: tuple[str, ...]
    alone: CompiledMapping
    books: Books | None = None

    def compile(self, changes: Iterable[Loaded]) -> CompiledMapping:
        """The product with somebody's documents. Raises `MappingRefused` with every problem."""
        documents = tuple(changes)
        if not documents:
            return self.alone
        made = compile_mapping(self.documents, documents, self.vocabulary, self.reserved)
        books = made.books or self.books
        reasons = [] if books is None else problems(made.policy, books)
        if reasons:
            raise MappingRefused([Problem("policy", reason) for reason in reasons])
        return made


def product_of(
    documents: Iterable[Loaded], vocabulary: Vocabulary, reserved: tuple[str, ...] = ()
) -> Product:
    """A product of these documents. Raises `MappingRefused`."""
    loaded = tuple(documents)
    alone = compile_mapping(loaded, (), vocabulary, reserved)
    return Product(loaded, vocabulary, reserved, alone)
