"""The settings: one frozen model, read from the environment, every problem reported at once.

Names of variables are in `VARIABLES`; README.md lists them with examples. Structured settings
(`TIEOUT_BOOKS`) are JSON. A Key Vault reference that the platform could not resolve arrives as its
literal text: such a value is refused, not used.
https://learn.microsoft.com/azure/app-service/app-service-key-vault-references
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from shared.domain.journal import JournalKind, Role
from shared.domain.money import exponent
from shared.domain.partition import PARTITIONS_DEFAULT
from shared.errors import SettingsRefused

UNRESOLVED_REFERENCE = "@Microsoft.KeyVault("
PARTITIONS_MAX = 64
BATCH_SECONDS = (60, 180)
WRITE_SECONDS_MIN = 90  # a request to Dynamics takes up to 60, announcing it some more
REQUIRED_ROLES = (
    *(Role.FEES, Role.FEE_TAX, Role.DISPUTES, Role.PAYOUTS_IN_TRANSIT, Role.SUSPENSE),
)


class Model(BaseModel):
    """Frozen, strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Account(Model):
    """A bank or ledger account of a company."""

    type: Literal["Bank", "Ledger"]
    id: str = Field(min_length=1, max_length=100)


class Company(Model):
    """What the integration needs to know of one legal entity (`dataAreaId`)."""

    journals: Mapping[JournalKind, str]
    customer_group: str = Field(min_length=1, max_length=10)
    one_time_customer: str = Field(min_length=1, max_length=20)
    accounts: Mapping[Role, Account]
    closed_through: date | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [str(kind) for kind in JournalKind if not self.journals.get(kind)]
        missing += [str(role) for role in REQUIRED_ROLES if role not in self.accounts]
        if missing:
            raise ValueError(f"missing: {', '.join(missing)}")
        return self


class Book(Model):
    """Where a settlement currency is booked: the owner company, its clearing and its bank."""

    company: str = Field(min_length=1, max_length=4)
    clearing: Account
    bank: Account
    balance_type: str = "payments"


class Books(Model):
    """Companies by `dataAreaId`, books by lower-case currency."""

    companies: Mapping[str, Company]
    currencies: Mapping[str, Book]
    default_company: str

    @model_validator(mode="after")
    def _known(self) -> Self:
        if not self.currencies:
            raise ValueError("currencies: at least one is needed")
        for currency, book in self.currencies.items():
            exponent(currency)
            if book.company not in self.companies:
                raise ValueError(f"currencies.{currency}: unknown company {book.company!r}")
        if self.default_company not in self.companies:
            raise ValueError(f"default_company: unknown company {self.default_company!r}")
        return self


class LedgerEntity(Model):
    """An entity set that shows the posted ledger, with the names of the properties to read."""

    entity_set: str
    account: str = "MainAccountId"
    currency: str = "TransactionCurrencyCode"
    amount: str = "TransactionCurrencyAmount"
    voucher: str = ""  # empty: vouchers that people name are never confirmed
    accounts: Mapping[str, str] = Field(default_factory=dict)  # clearing account -> main account


class Settings(Model):
    """All settings of the application. Times are seconds unless the name says otherwise."""

    stripe_api_key: SecretStr
    stripe_webhook_secrets: tuple[SecretStr, ...] = Field(min_length=1)
    stripe_livemode: bool
    stripe_base_url: str = ""
    dynamics_url: str
    dynamics_token_url: str = ""
    dynamics_client_id: str = ""
    dynamics_client_secret: SecretStr | None = None
    dynamics_dimension_delimiter: str = Field(default="-", min_length=1, max_length=2)
    customer_id_property: str = Field(min_length=1, max_length=80)
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
    signature_tolerance_seconds: int = Field(default=300, ge=1, le=3_600)
    write_settle_seconds: int = Field(default=300, ge=60, le=3_600)
    lease_seconds: int = Field(default=600, ge=120, le=7_200)
    batch_seconds_max: int = 120
    gather_seconds: int = Field(default=10, ge=0, le=300)
    attempts_max: int = Field(default=12, ge=1, le=100)
    retry_base_seconds: int = Field(default=5, ge=1, le=600)
    retry_cap_seconds: int = Field(default=3_600, ge=1, le=86_400)
    journal_lines_max: int = Field(default=1_000, ge=1, le=10_000)
    journal_hours_max: int = Field(default=24, ge=1, le=744)
    posting_wait_hours: int = Field(default=72, ge=1, le=744)
    sweep_overlap_hours: int = Field(default=24, ge=1, le=168)
    sweep_first_days: int = Field(default=30, ge=1, le=3_650)
    stripe_requests_per_second: int = Field(default=25, ge=1, le=100)
    publish_two_persons: bool = False

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"unknown time zone {value!r}") from error
        return value

    @field_validator("dynamics_url", "stripe_base_url", "dynamics_token_url")
    @classmethod
    def _url(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://127.0.0.1", "http://localhost")):
            raise ValueError("must be an https address")
        return value.rstrip("/")

    @field_validator("batch_seconds_max")
    @classmethod
    def _batch(cls, value: int) -> int:
        low, high = BATCH_SECONDS
        if not low <= value <= high:
            raise ValueError(
                f"must be {low} to {high}: one request to Dynamics may take {low} seconds, and the "
                "lock of a batch ends after 300"
            )
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        lease, settle = self.lease_seconds, self.write_settle_seconds
        problems = []
        if lease <= settle:
            problems.append(
                f"TIEOUT_LEASE_SECONDS ({lease}) must be longer than TIEOUT_WRITE_SETTLE_SECONDS "
                f"({settle}): else a write of a dead worker may land after the next one looked"
            )
        if lease <= self.write_seconds_max:
            problems.append(
                f"TIEOUT_LEASE_SECONDS ({lease}) must be longer than TIEOUT_BATCH_SECONDS_MAX, and "
                f"than {self.write_seconds_max}: else claims end while their batch is written"
            )
        if self.retry_cap_seconds < self.retry_base_seconds:
            problems.append(
                f"TIEOUT_RETRY_CAP_SECONDS ({self.retry_cap_seconds}) must not be shorter than "
                f"TIEOUT_RETRY_BASE_SECONDS ({self.retry_base_seconds}): the longest wait is no "
                "shorter than the first one"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def write_seconds_max(self) -> int:
        """How long after its announcement a write may be under way, in seconds."""
        return max(self.batch_seconds_max, WRITE_SECONDS_MIN)


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
    *_same(
        *("customer_id_property", "customer_id_chars_max", "time_zone", "partitions"),
        *("signature_tolerance_seconds", "write_settle_seconds", "lease_seconds"),
        *(
            "batch_seconds_max",
            "gather_seconds",
            "attempts_max",
            "retry_base_seconds",
            "retry_cap_seconds",
        ),
        *(
            "journal_lines_max",
            "journal_hours_max",
            "posting_wait_hours",
            "sweep_overlap_hours",
            "sweep_first_days",
        ),
        *("stripe_requests_per_second", "publish_two_persons"),
    ),
)


def _livemode_of(key: str) -> bool | None:
    """The mode a Stripe key belongs to: `sk_test_...`, `rk_live_...`."""
    mode = key.split("_")[1] if key.count("_") >= 2 else ""  # noqa: PLR2004
    return {"live": True, "test": False}.get(mode)


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
                values[variable.field] = json.loads(text)
            except ValueError as error:
                problems.append(f"{variable.name} is not JSON: {error}")
        else:
            values[variable.field] = text
    return values


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Settings from environment variables.

    Raises `SettingsRefused` naming every variable that is missing, unresolved or wrong; values
    of secrets are not shown.
    """
    problems: list[str] = []
    values = _read(environment, problems)
    if "stripe_livemode" not in values:
        mode = _livemode_of(values.get("stripe_api_key", ""))
        if mode is not None:
            values["stripe_livemode"] = mode
    named = {variable.field: variable.name for variable in VARIABLES}
    problems += _groups(values)
    broken = {problem.split(" ")[0] for problem in problems}
    try:
        settings = Settings.model_validate(values)
    except ValidationError as error:
        for item in error.errors(include_input=False, include_url=False):
            field, *rest = [str(part) for part in item["loc"]] or [""]
            name = named.get(field, field)
            if name in broken:
                continue
            reason = "is missing" if item["type"] == "missing" else item["msg"]
            reason = reason.removeprefix("Value error, ")
            where = ".".join([name, *rest])
            problems += [f"{where} {reason}"] if where else reason.split("; ")
        raise SettingsRefused(problems) from None
    if problems:
        raise SettingsRefused(problems)
    return settings


def _groups(values: Mapping[str, Any]) -> list[str]:
    """Problems of variables that belong together."""
    problems = []
    if not ("tables_connection" in values or "tables_endpoint" in values):
        problems.append("TIEOUT_TABLES_CONNECTION or TIEOUT_TABLES_ENDPOINT is missing")
    if not ("service_bus_connection" in values or "service_bus_namespace" in values):
        problems.append(
            "ServiceBusConnection or ServiceBusConnection__fullyQualifiedNamespace is missing"
        )
    if "dynamics_client_secret" in values:
        needed = ("dynamics_token_url", "dynamics_client_id")
        problems += [
            f"{field.upper()} is missing, DYNAMICS_CLIENT_SECRET needs it"
            for field in needed
            if field not in values
        ]
    return problems
