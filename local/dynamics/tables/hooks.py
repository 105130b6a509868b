"""What each table adds to the shared rules: the hooks of all sets that can be written."""

from collections.abc import Mapping

from local.dynamics.tables import free_text, prices, products
from local.dynamics.tables.books import TenantBooks
from local.dynamics.tables.customers import CustomerHooks
from local.dynamics.tables.journals import KINDS, HeaderHooks, LineHooks
from local.dynamics.tables.master import Tenant
from local.dynamics.tables.orders import ORDERS, OrderHooks, OrderLineHooks
from local.dynamics.tables.returns import RETURNS, ReturnHooks, ReturnLineHooks
from local.dynamics.tables.rules import Hooks
from local.dynamics.tables.subledger import Subledger
from shared.ports import Clock


def table_hooks(
    books: TenantBooks, tenant: Tenant, subledger: Subledger, clock: Clock
) -> Mapping[str, Hooks]:
    """Hooks by entity set; a set that is missing has none of its own."""
    store = books.store
    found: dict[str, Hooks] = {
        "CustomersV3": CustomerHooks(store, books.settings, tenant.customer_prefixes, subledger),
        ORDERS.headers: OrderHooks(books, clock),
        ORDERS.lines: OrderLineHooks(books),
        RETURNS.headers: ReturnHooks(books),
        RETURNS.lines: ReturnLineHooks(books),
        free_text.HEADERS: free_text.InvoiceHooks(books, clock),
        free_text.LINES: free_text.InvoiceLineHooks(books),
        free_text.TWINS[free_text.HEADERS]: free_text.ClassifiedHooks(books),
        products.CREATIONS: products.CreationHooks(
            store, tenant.model_groups, tenant.storage_groups
        ),
        products.RELEASED: products.ProductHooks(products.RELEASED),
        products.PRODUCTS: products.ProductHooks(products.PRODUCTS),
        prices.HEADERS: prices.JournalHooks(books),
        prices.LINES: prices.PriceLineHooks(books),
    }
    for kind in KINDS:
        found[kind.headers] = HeaderHooks(kind, books)
        found[kind.lines] = LineHooks(kind, books, clock, subledger)
    return found
