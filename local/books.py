"""The settings of the embedded world: its companies, books and addresses."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from shared.domain.partition import DEFAULT_ACCOUNT
from shared.settings import RETENTION_DAYS, Settings

STRIPE_API_KEY = "sk_test_tieoutlocal"
STRIPE_API_KEY_LIVE = "sk_live_tieoutlocal"
SIGNING_SECRETS = ("whsec_tieout_current", "whsec_tieout_previous")
DYNAMICS_CLIENT_ID = "00000000-0000-4000-8000-000000000000"
DYNAMICS_CLIENT_SECRET = "embedded"  # noqa: S105 - of the embedded world
CUSTOMER_ID_PROPERTY = "StripeCustomerId_Custom"

ACCOUNTS: Mapping[str, Mapping[str, str]] = {
    role: {"type": "Ledger", "id": id}
    for role, id in (
        ("fees", "618900"),
        ("fee_tax", "154300"),
        ("fees_accrued", "218900"),
        ("network_costs", "618920"),
        ("application_fees", "618910"),
        ("withheld_tax", "154300"),
        ("disputes", "132900"),
        ("dispute_fees", "618905"),
        ("dispute_losses", "618200"),
        ("payouts_in_transit", "110900"),
        ("connect", "133200"),
        ("platform_earnings", "401300"),
        ("reserves", "133100"),
        ("loans", "223100"),
        ("issuing", "133400"),
        ("contributions", "618940"),
        ("fee_credits", "133500"),
        ("tax_funds", "133600"),
        ("balance_payments", "133700"),
        ("adjustments", "133800"),
        ("suspense", "199900"),
        ("unapplied_receipts", "130200"),
        ("fx_transit", "110950"),
        ("sales_returns", "402100"),
        ("sales_tax", "403300"),
    )
}
BOOKS: Mapping[str, tuple[str, str, str]] = {
    "usd": ("usmf", "STRIPE-USD", "USMF OPER"),
    "eur": ("demf", "STRIPE-EUR", "DEMF OPER"),
    "jpy": ("usmf", "STRIPE-JPY", "USMF JPY"),
}
MAIN_ACCOUNTS = {
    **{"STRIPE-USD": "110710", "STRIPE-EUR": "110720", "STRIPE-JPY": "110730"},
    **{"STRIPE2-USD": "110740", "STRIPE2-EUR": "110750", "STRIPE2-JPY": "110760"},
}
SECOND = "STRIPE2"  # begins the clearing accounts of a further Stripe account with own books
OTHER_CLEARING, OTHER_BANK = "110790", "110190"


def api_key(alias: str, *, livemode: bool) -> str:
    """The secret key of an account."""
    key = STRIPE_API_KEY_LIVE if livemode else STRIPE_API_KEY
    return key if alias == DEFAULT_ACCOUNT else f"{key}_{alias.replace('-', '')}"


def signing_secret(alias: str) -> str:
    """The signing secret of a further account's webhook endpoint."""
    return f"whsec_tieout_{alias}"


def account_id(alias: str) -> str:
    """The id of an account."""
    name = "Local0000" if alias == DEFAULT_ACCOUNT else alias.replace("-", "")
    return f"acct_1Tieout{name}"


def _company(accounting_currency: str) -> dict[str, Any]:
    return {
        "accounting_currency": accounting_currency,
        "journals": {"customer_payment": "STRPAY", "general": "STRGL"},
        "customer_group": "10",
        "one_time_customer": "STRIPE-ONETIME",
        "stripe_vendor": {
            "account": "STRIPE",
            "invoice_journal": "STRINV",
            "payment_journal": "STRSET",
            "sales_tax_group": "EU-RC-IN",
            "item_sales_tax_group": "FULL",
        },
        "accounts": ACCOUNTS,
    }


def _book(currency: str) -> dict[str, Any]:
    """Three currencies have bank accounts; all others have ledger accounts of usmf: a clearing
    account each, and one bank."""
    if currency in BOOKS:
        company, clearing, bank = BOOKS[currency]
        kind = "Bank"
    else:
        company, clearing, bank, kind = (
            "usmf",
            OTHER_CLEARING + currency.upper(),
            OTHER_BANK,
            "Ledger",
        )
    return {
        "company": company,
        "clearing": {"type": kind, "id": clearing},
        "bank": {"type": kind, "id": bank},
    }


def _own_books(currencies: Iterable[str]) -> dict[str, Any]:
    """The books of a further Stripe account: clearing accounts of its own, the same banks."""
    placed = {}
    for currency in currencies:
        clearing = {"type": "Bank", "id": f"{SECOND}-{currency.upper()}"}
        placed[currency] = {**_book(currency), "clearing": clearing}
    return {"currencies": placed}


def settings(
    *,
    livemode: bool = False,
    stripe_url: str,
    dynamics_url: str,
    currencies: Iterable[str] = (),
    accounts: Mapping[str, Sequence[str]] | None = None,
    own_books: Mapping[str, Sequence[str]] | None = None,
    **changes: Any,  # noqa: ANN401 - fields of Settings
) -> Settings:
    """Valid settings of an embedded world; `currencies` adds books to the three there are;
    `accounts`: the currencies of further Stripe accounts by alias; `own_books`: further accounts
    with books of their own, in three currencies at most."""
    found, own = dict.fromkeys((*BOOKS, *currencies)), own_books or {}
    values: dict[str, Any] = {
        "stripe_api_key": api_key(DEFAULT_ACCOUNT, livemode=livemode),
        "stripe_webhook_secrets": SIGNING_SECRETS,
        "stripe_livemode": livemode,
        "stripe_base_url": stripe_url,
        "stripe_accounts": [
            {
                "alias": alias,
                "account_id": account_id(alias),
                "api_key": api_key(alias, livemode=livemode),
                "webhook_secrets": [signing_secret(alias)],
                "livemode": livemode,
                "currencies": settled,
            }
            for alias, settled in (*(accounts or {}).items(), *((name, ()) for name in own))
        ],
        "dynamics_url": dynamics_url,
        "dynamics_token_url": f"{dynamics_url}/local/oauth2/v2.0/token",
        "dynamics_client_id": DYNAMICS_CLIENT_ID,
        "dynamics_client_secret": DYNAMICS_CLIENT_SECRET,
        "customer_id_property": CUSTOMER_ID_PROPERTY,
        "retention_days": RETENTION_DAYS[1],  # a world's reports read what became of every event
        "books": {
            "companies": {"usmf": _company("usd"), "demf": _company("eur")},
            "currencies": {currency: _book(currency) for currency in found},
            "default_company": "usmf",
            "stripe_accounts": {alias: _own_books(names) for alias, names in own.items()},
        },
        "ledger_entity": {
            "entity_set": "GeneralJournalAccountEntries",
            "voucher": "Voucher",
            "accounts": MAIN_ACCOUNTS,
        },
    }
    return Settings.model_validate(values | changes)
