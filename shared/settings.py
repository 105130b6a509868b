"""The settings: one frozen model, read from the environment, every problem reported at once.

Names of variables are in `VARIABLES`; README.md lists them with examples. Structured settings
(`TIEOUT_BOOKS`, the first value of the books) are JSON. A Key Vault reference that the platform
could not resolve arrives as its literal text: such a value is refused, not used.
https://learn.microsoft.com/azure/app-service/app-service-key-vault-references
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from shared.addresses import (
    check_address,
    check_host,
    check_queue_connection,
    check_storage_connection,
)
from shared.domain.books import Books
from shared.domain.model import Model, ModelRefused
from shared.domain.partition import DEFAULT_ACCOUNT, LEDGER_QUEUE, PARTITIONS_DEFAULT, partition_of
from shared.errors import SettingsRefused
from shared.ingress import Door, Ingress, doors_of
from shared.settings_problems import group_problems, problems_of
from shared.stripe_accounts import (
    UNRESOLVED_REFERENCE,
    StripeAccount,
    accounts_in,
    check_account_id,
    check_api_key,
    check_signing_secret,
    contradictions,
    default_account,
    livemode_of,
)

NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"  # of a property or an entity set of Dynamics
PARTITIONS_MAX = 64
BATCH_SECONDS = (60, 180)
RETENTION_DAYS = (8, 3_650)
WRITE_SECONDS_MIN = 90  # a request to Dynamics takes up to 60, announcing it some more
DELIMITERS = ("-", "--", ".", "..", "_", "__", "|", "||", "~", "~~")  # that Dynamics offers
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class LedgerEntity(Model):
    """An entity set that shows the posted ledger, with the names of the properties to read."""

    entity_set: str = Field(pattern=NAME_PATTERN)
    account: str = Field(default="MainAccountId", pattern=NAME_PATTERN)
    currency: str = Field(default="TransactionCurrencyCode", pattern=NAME_PATTERN)
    amount: str = Field(default="TransactionCurrencyAmount", pattern=NAME_PATTERN)
    # Empty: vouchers that people name are never confirmed.
    voucher: str = Field(default="", pattern=rf"^$|{NAME_PATTERN}")
    accounts: Mapping[str, str] = Field(default_factory=dict)  # clearing account -> main account


class Settings(Model):
    """All settings of the application. Times are seconds unless the name says otherwise."""

    stripe_api_key: SecretStr
    stripe_webhook_secrets: tuple[SecretStr, ...] = Field(min_length=1)
    stripe_livemode: bool
    stripe_base_url: str = ""
    stripe_account_id: str = ""
    stripe_accounts: tuple[StripeAccount, ...] = ()
    ingress: Ingress = "webhook"
    dynamics_url: str
    dynamics_token_url: str = ""
    dynamics_client_id: str = ""
    dynamics_client_secret: SecretStr | None = None
    dynamics_dimension_delimiter: str = Field(default="-", min_length=1, max_length=2)
    customer_id_property: str = Field(min_length=1, max_length=80, pattern=NAME_PATTERN)
    customer_id_chars_max: int = Field(default=255, ge=20, le=1_000)
    ledger_entity: LedgerEntity | None = None
    tables_connection: SecretStr | None = None
    tables_endpoint: str = ""
    service_bus_connection: SecretStr | None = None
    service_bus_namespace: str = ""
    managed_identity_client_id: str = ""
    books: Books
    time_zone: str = "UTC"
    partitions: int = Field(default=PARTITIONS_DEFAULT, ge=1, le=PARTITIONS_MAX)
    ledger_partitions: int = Field(default=1, ge=1, le=PARTITIONS_MAX)  # one writer
    signature_tolerance_seconds: int = Field(default=300, ge=1, le=3_600)
    write_settle_seconds: int = Field(default=300, ge=60, le=3_600)
    lease_seconds: int = Field(default=600, ge=120, le=7_200)
    batch_seconds_max: int = Field(
        default=120,
        ge=BATCH_SECONDS[0],
        le=BATCH_SECONDS[1],
        description="one request to Dynamics may take 60, and the lock of a batch ends after 300",
    )
    gather_seconds: int = Field(default=10, ge=0, le=300)
    attempts_max: int = Field(default=12, ge=1, le=100)
    retry_base_seconds: int = Field(default=5, ge=1, le=600)
    retry_cap_seconds: int = Field(default=3_600, ge=1, le=86_400)
    journal_lines_max: int = Field(default=1_000, ge=1, le=10_000)
    journal_hours_max: int = Field(default=24, ge=1, le=744)
    sweep_overlap_hours: int = Field(default=24, ge=1, le=168)
    sweep_first_days: int = Field(default=30, ge=1, le=3_650)
    stripe_requests_per_second: int = Field(default=25, ge=1, le=100)
    retention_days: int = Field(
        default=30,
        ge=RETENTION_DAYS[0],
        le=RETENTION_DAYS[1],
        description="a queue knows the ids of its messages for 7 days",
    )
    publish_two_persons: bool = False
    platform_auth: bool = False
    platform_auth_enabled: bool = False  # what the platform says of itself
    _alias: str = PrivateAttr(default=DEFAULT_ACCOUNT)

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:  # of a folder: "Europe"
            raise ValueError("must be a time zone like Europe/Berlin") from error
        return value

    _api_key = field_validator("stripe_api_key")(check_api_key)
    _account_id = field_validator("stripe_account_id")(check_account_id)

    @field_validator("stripe_webhook_secrets")
    @classmethod
    def _signing_secrets(cls, values: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        return tuple(check_signing_secret(value) for value in values)

    @field_validator("dynamics_client_secret")
    @classmethod
    def _client_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and _GUID.fullmatch(value.get_secret_value()):
            raise ValueError("must be the secret's value: this is its ID (Entra shows both)")
        return value

    @field_validator("dynamics_client_id", "managed_identity_client_id")
    @classmethod
    def _client_id(cls, value: str) -> str:
        if value and not _GUID.fullmatch(value):
            raise ValueError("must be a client id, as 00000000-0000-0000-0000-000000000000")
        return value

    @field_validator("dynamics_dimension_delimiter")
    @classmethod
    def _delimiter(cls, value: str) -> str:
        if value not in DELIMITERS:
            raise ValueError(f"must be one of {' '.join(DELIMITERS)}")
        return value

    @field_validator("dynamics_url", "stripe_base_url")
    @classmethod
    def _host_address(cls, value: str) -> str:
        if value:
            check_address(value)
        return value.rstrip("/")

    @field_validator("dynamics_token_url")
    @classmethod
    def _token_address(cls, value: str) -> str:
        if value:
            check_address(value, path=True)
        return value.rstrip("/")

    @field_validator("tables_endpoint")
    @classmethod
    def _tables_address(cls, value: str) -> str:
        if value:
            check_address(value, loopback=False)  # tokens go by https only
        return value.rstrip("/")

    @field_validator("tables_connection")
    @classmethod
    def _tables_connection(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_storage_connection(value.get_secret_value())
        return value

    @field_validator("service_bus_connection")
    @classmethod
    def _queue_connection(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_queue_connection(value.get_secret_value())
        return value

    @field_validator("service_bus_namespace")
    @classmethod
    def _namespace(cls, value: str) -> str:
        if value:
            check_host(value)
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        lease, settle = self.lease_seconds, self.write_settle_seconds
        problems = []
        if lease <= settle:
            problems.append(
                f"TIEOUT_LEASE_SECONDS ({lease}) must be longer than TIEOUT_WRITE_SETTLE_SECONDS "
                f"({settle}): otherwise a write of a dead worker may land after the next worker "
                "has looked for it"
            )
        if lease <= self.write_seconds_max:
            problems.append(
                f"TIEOUT_LEASE_SECONDS ({lease}) must be longer than TIEOUT_BATCH_SECONDS_MAX, and "
                f"than {self.write_seconds_max}: otherwise claims end while their batch is written"
            )
        if self.retry_cap_seconds < self.retry_base_seconds:
            problems.append(
                f"TIEOUT_RETRY_CAP_SECONDS ({self.retry_cap_seconds}) must not be shorter than "
                f"TIEOUT_RETRY_BASE_SECONDS ({self.retry_base_seconds}): the longest wait is no "
                "shorter than the first one"
            )
        if self.stripe_accounts:
            key, secrets = self.stripe_api_key, self.stripe_webhook_secrets
            default = default_account(key, secrets, self.stripe_livemode, self.stripe_account_id)
            problems += contradictions(default, self.stripe_accounts)
        if problems:
            raise ModelRefused([("", problem) for problem in problems])
        return self

    @property
    def doors(self) -> tuple[Door, ...]:
        """By which ways events of Stripe come."""
        return doors_of(self.ingress)

    @property
    def stripe_alias(self) -> str:
        """The alias of the Stripe account whose settings these are."""
        return self._alias

    @property
    def stripe_aliases(self) -> tuple[str, ...]:
        """The aliases of all accounts, the default one's first."""
        return tuple(self.listed_currencies)

    @property
    def listed_currencies(self) -> dict[str, tuple[str, ...]]:
        """What `TIEOUT_STRIPE_ACCOUNTS` lists for each alias; nothing for the default one."""
        listed = {account.alias: account.currencies for account in self.stripe_accounts}
        return {DEFAULT_ACCOUNT: (), **listed}

    def of(self, alias: str) -> Self:
        """These settings as one Stripe account has them: its key and its secrets. Its books are
        `shared.stores.active_books.active_books`. Raises KeyError."""
        if alias == DEFAULT_ACCOUNT:
            return self
        account = {account.alias: account for account in self.stripe_accounts}[alias]
        found = self.model_copy(
            update={
                "stripe_api_key": account.api_key,
                "stripe_webhook_secrets": account.webhook_secrets,
                "stripe_livemode": account.livemode,
                "stripe_account_id": account.account_id,
            }
        )
        found._alias = alias
        return found

    def partitions_of(self, queue: str) -> int:
        """How many sessions a queue has for each Stripe account."""
        return self.ledger_partitions if queue == LEDGER_QUEUE else self.partitions

    def partition(self, queue: str, root_id: str) -> int:
        """The partition of a queue that an object belongs to; `root_id` as in `partition_of`."""
        return partition_of(root_id, self.partitions_of(queue))

    @property
    def write_seconds_max(self) -> int:
        """How long after its announcement a write may be under way, in seconds."""
        return max(self.batch_seconds_max, WRITE_SECONDS_MIN)

    @property
    def trusts_principal(self) -> bool:
        """Whether the header that says who signed in comes from the platform, and from nobody
        else."""
        return self.platform_auth and self.platform_auth_enabled


class Variable(Model):
    """One environment variable: the field it fills, how to read it."""

    name: str
    field: str
    form: Literal["text", "json", "list"] = "text"


def _same(*fields: str) -> tuple[Variable, ...]:
    return tuple(Variable(name=f"TIEOUT_{field.upper()}", field=field) for field in fields)


VARIABLES: tuple[Variable, ...] = (
    Variable(name="STRIPE_API_KEY", field="stripe_api_key"),
    Variable(name="STRIPE_WEBHOOK_SECRETS", field="stripe_webhook_secrets", form="list"),
    Variable(name="STRIPE_LIVEMODE", field="stripe_livemode"),
    Variable(name="STRIPE_BASE_URL", field="stripe_base_url"),
    Variable(name="STRIPE_ACCOUNT_ID", field="stripe_account_id"),
    Variable(name="TIEOUT_STRIPE_ACCOUNTS", field="stripe_accounts", form="json"),
    Variable(name="DYNAMICS_URL", field="dynamics_url"),
    Variable(name="DYNAMICS_TOKEN_URL", field="dynamics_token_url"),
    Variable(name="DYNAMICS_CLIENT_ID", field="dynamics_client_id"),
    Variable(name="DYNAMICS_CLIENT_SECRET", field="dynamics_client_secret"),
    Variable(name="DYNAMICS_DIMENSION_DELIMITER", field="dynamics_dimension_delimiter"),
    Variable(name="TIEOUT_BOOKS", field="books", form="json"),
    Variable(name="TIEOUT_LEDGER_ENTITY", field="ledger_entity", form="json"),
    Variable(name="TIEOUT_TABLES_CONNECTION", field="tables_connection"),
    Variable(name="TIEOUT_TABLES_ENDPOINT", field="tables_endpoint"),
    Variable(name="ServiceBusConnection", field="service_bus_connection"),
    Variable(name="ServiceBusConnection__fullyQualifiedNamespace", field="service_bus_namespace"),
    Variable(name="ServiceBusConnection__clientId", field="managed_identity_client_id"),
    Variable(name="WEBSITE_AUTH_ENABLED", field="platform_auth_enabled"),
    *_same(
        *("customer_id_property", "customer_id_chars_max", "time_zone", "partitions"),
        "ledger_partitions",
        *("signature_tolerance_seconds", "write_settle_seconds", "lease_seconds"),
        *("batch_seconds_max", "gather_seconds", "attempts_max"),
        *("retry_base_seconds", "retry_cap_seconds", "journal_lines_max", "journal_hours_max"),
        *("sweep_overlap_hours", "sweep_first_days", "retention_days"),
        *("stripe_requests_per_second", "publish_two_persons", "platform_auth", "ingress"),
    ),
)


def _read(environment: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        text = environment.get(variable.name, "").strip()
        if not text:
            continue
        if text.startswith(UNRESOLVED_REFERENCE):
            problems.append(f"{variable.name} is a Key Vault reference that was not resolved")
        elif variable.form == "list":
            values[variable.field] = [part.strip() for part in text.split(",") if part.strip()]
        elif variable.form == "json":
            try:
                values[variable.field] = json.loads(text, object_pairs_hook=_unique)
            except ModelRefused as fault:
                problems += [f"{variable.name} {reason}" for _, reason in fault.faults]
            except (ValueError, RecursionError) as error:
                why = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
                problems.append(f"{variable.name} is not JSON: {why}")
        else:
            values[variable.field] = text
    return values


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; of two values of one name the first would be lost in silence."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ModelRefused([("", f"names {twice[:20]!r} twice in one object")])
    return found


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Settings from environment variables.

    Raises `SettingsRefused` naming every variable that is missing, unresolved or wrong; values
    of secrets are not shown.
    """
    problems: list[str] = []
    values = _read(environment, problems)
    if "stripe_livemode" not in values:
        mode = livemode_of(values.get("stripe_api_key", ""))
        if mode is not None:
            values["stripe_livemode"] = mode
    if "stripe_accounts" in values:
        found = values["stripe_accounts"]
        values["stripe_accounts"] = accounts_in(found, environment, problems)
    named = {variable.field: variable.name for variable in VARIABLES}
    problems += group_problems(values)
    broken = {problem.split(" ")[0] for problem in problems}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        found = problems_of(error, Settings, named)
        problems += [text for name, text in found if name not in broken]
        raise SettingsRefused(problems) from None
    if problems:
        raise SettingsRefused(problems)
    return settings
