"""Which books are in force: those that were published, else the first value, `TIEOUT_BOOKS`.

The one place that says so. Whoever books, proves or checks asks here; `settings.books` alone is
only the first value.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.domain.books import Books
from shared.errors import TieoutError
from shared.mapping.compiler import CompiledMapping
from shared.ports import Json
from shared.settings import Settings
from shared.stores.mappings import Mappings

PUBLISHED, FIRST = "published", "TIEOUT_BOOKS"
KIND = "books "  # begins the title of the document

type ReadBooks = Callable[[], Awaitable[Books]]
"""Reads the books in force; raises as `Mappings.active` does."""


def all_books(settings: Settings, mapping: CompiledMapping) -> Books:
    """The books in force, of all Stripe accounts. An account that they do not name has the
    currencies that `TIEOUT_STRIPE_ACCOUNTS` lists for it."""
    books = settings.books if mapping.books is None else mapping.books
    return books.assigned(settings.listed_currencies)


def active_books(settings: Settings, mapping: CompiledMapping) -> Books:
    """The books in force, of the Stripe account whose settings these are: its currencies alone, so
    that money of another currency parks."""
    return all_books(settings, mapping).of(settings.stripe_alias)


@dataclass(frozen=True, slots=True)
class BooksInForce:
    """Reads which books are in force now."""

    settings: Settings
    mappings: Mappings

    async def of_account(self) -> Books:
        """Those of the Stripe account of the settings. Raises as `Mappings.active` does."""
        return active_books(self.settings, await self.mappings.active())

    async def of_all(self) -> Books:
        """Those of all Stripe accounts. Raises as `Mappings.active` does."""
        return all_books(self.settings, await self.mappings.active())

    async def known(self) -> Books:
        """Those of all Stripe accounts; the first value where what is published cannot be read."""
        try:
            return await self.of_all()
        except TieoutError:
            return self.settings.books.assigned(self.settings.listed_currencies)

    async def described(self) -> Json:
        """Where they come from: `source`, and of published ones the `document` and the `set`."""
        try:
            mapping = await self.mappings.active()
            pointer = await self.mappings.store.pointer()
        except TieoutError:
            return {"source": "", "document": "", "set": ""}
        if mapping.books is None:
            return {"source": FIRST, "document": "", "set": ""}
        title = next(title for title in mapping.documents if title.startswith(KIND))
        return {"source": PUBLISHED, "document": title, "set": pointer.set}
