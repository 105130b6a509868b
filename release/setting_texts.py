"""What each setting means, with an example: the part of docs/settings.md that people write."""

from collections.abc import Mapping
from types import MappingProxyType

TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "STRIPE_API_KEY": (
            "secret or restricted key; Tieout only reads, except that `customers.write_back` "
            "writes metadata of customers",
            "rk_live_...",
        ),
        "STRIPE_WEBHOOK_SECRETS": (
            "signing secrets of the webhook endpoint, comma-separated; two while you roll one",
            "whsec_new,whsec_old",
        ),
        "STRIPE_LIVEMODE": (
            "whether payments are live; Tieout skips and counts events of the other mode",
            "true",
        ),
        "STRIPE_ACCOUNT_ID": (
            "id of the default account; then readiness compares it with the key's account",
            "acct_1AbC",
        ),
        "TIEOUT_STRIPE_ACCOUNTS": (
            "further Stripe accounts, as JSON ([README](../README.md#several-stripe-accounts))",
            "",
        ),
        "STRIPE_BASE_URL": (
            "another address of the Stripe API, for the local peer",
            "http://127.0.0.1:12111",
        ),
        "DYNAMICS_URL": (
            "the environment of Dynamics 365 Finance",
            "https://contoso.operations.dynamics.com",
        ),
        "DYNAMICS_TOKEN_URL": (
            "token endpoint of your tenant; only with a client secret",
            "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token",
        ),
        "DYNAMICS_CLIENT_ID": (
            "the Entra application; only with a client secret",
            "00000000-0000-0000-0000-000000000000",
        ),
        "DYNAMICS_CLIENT_SECRET": (
            "secret of that application; without it the managed identity signs in",
            "",
        ),
        "DYNAMICS_DIMENSION_DELIMITER": (
            "delimiter of account display values "
            "(*General ledger > Chart of accounts > Dimensions*)",
            "-",
        ),
        "TIEOUT_BOOKS": (
            "first value of the books, as JSON; published ones take its place "
            "([The books](accounting.md#the-books))",
            "",
        ),
        "TIEOUT_LEDGER_ENTITY": (
            "entity set of the posted ledger, as JSON; without it the proof covers the journals of "
            "Tieout only",
            "",
        ),
        "TIEOUT_TABLES_CONNECTION": (
            "connection string of the storage account, where there is no managed identity",
            "UseDevelopmentStorage=true",
        ),
        "TIEOUT_TABLES_ENDPOINT": (
            "address of table storage, with managed identity; this or `TIEOUT_TABLES_CONNECTION`",
            "https://contosotieout.table.core.windows.net",
        ),
        "ServiceBusConnection": (
            "connection string of the Service Bus namespace, where there is no managed identity",
            "",
        ),
        "ServiceBusConnection__fullyQualifiedNamespace": (
            "host name of the namespace, with managed identity; this or `ServiceBusConnection`",
            "contoso-tieout.servicebus.windows.net",
        ),
        "ServiceBusConnection__clientId": (
            "client id of a user-assigned managed identity, for Service Bus, tables and Dynamics",
            "00000000-0000-0000-0000-000000000000",
        ),
        "TIEOUT_CUSTOMER_ID_PROPERTY": (
            "custom field of `CustomersV3` that holds the Stripe customer id, and nothing else",
            "StripeCustomerId_Custom",
        ),
        "TIEOUT_CUSTOMER_ID_CHARS_MAX": ("size of that field, in characters", ""),
        "TIEOUT_TIME_ZONE": ("cut-off time zone of clearing dates", "Europe/Berlin"),
        "TIEOUT_PARTITIONS": (
            "sessions of a queue: the most that works on it at once. Change it only while the "
            "queues are empty",
            "",
        ),
        "TIEOUT_LEDGER_PARTITIONS": (
            "sessions of the queue `ledger`, which writes all journal lines, for each Stripe "
            "account, and so the journals of one kind and date. Change it only while the queue is "
            "empty",
            "",
        ),
        "TIEOUT_SIGNATURE_TOLERANCE_SECONDS": (
            "how old, or how far ahead, the signature of an event may be",
            "",
        ),
        "TIEOUT_WRITE_SETTLE_SECONDS": (
            "wait before Tieout looks for a write whose answer was lost; longer than every "
            "time-out on the way",
            "",
        ),
        "TIEOUT_LEASE_SECONDS": (
            "how long a claim lasts; longer than `TIEOUT_WRITE_SETTLE_SECONDS` and "
            "`TIEOUT_BATCH_SECONDS_MAX`",
            "",
        ),
        "TIEOUT_BATCH_SECONDS_MAX": ("working time of one batch of messages", ""),
        "TIEOUT_GATHER_SECONDS": (
            "Tieout enqueues transactions for the next multiple of this, so that many share a "
            "request to Dynamics",
            "",
        ),
        "TIEOUT_ATTEMPTS_MAX": ("attempts before an item is parked", ""),
        "TIEOUT_RETRY_BASE_SECONDS": ("first wait, doubled with each attempt", ""),
        "TIEOUT_RETRY_CAP_SECONDS": ("longest wait; not shorter than the first", ""),
        "TIEOUT_JOURNAL_LINES_MAX": (
            "lines of a journal; not above the line limit of your journal names",
            "",
        ),
        "TIEOUT_JOURNAL_HOURS_MAX": ("age at which Tieout opens a fresh journal", ""),
        "TIEOUT_SWEEP_OVERLAP_HOURS": ("overlap of the hourly sweep", ""),
        "TIEOUT_SWEEP_FIRST_DAYS": (
            "how far back the first sweep goes: this decides where your books start",
            "",
        ),
        "TIEOUT_STRIPE_REQUESTS_PER_SECOND": (
            "requests to Stripe, for each endpoint and process",
            "",
        ),
        "TIEOUT_INGRESS": (
            "by which ways Stripe's events come: `webhook`, `event_grid` or `both` "
            "([Event Grid](operations.md#event-grid))",
            "both",
        ),
        "TIEOUT_PUBLISH_TWO_PERSONS": (
            "`true`: the person who submitted a mapping cannot publish it",
            "true",
        ),
        "TIEOUT_PLATFORM_AUTH": (
            "`true`: App Service authentication tells who calls, and app roles decide "
            "([who may do what](security.md#who-may-do-what)); takes effect only where "
            "`WEBSITE_AUTH_ENABLED` says so too",
            "true",
        ),
        "WEBSITE_AUTH_ENABLED": (
            "the platform sets it where App Service authentication is on; do not set it yourself",
            "",
        ),
        "TIEOUT_RETENTION_DAYS": (
            "how long Tieout keeps items that are done or skipped, previews of mappings and ended "
            "flows ([what is stored](security.md#what-is-stored-and-how-long))",
            "",
        ),
    }
)
