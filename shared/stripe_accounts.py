"""The Stripe accounts beside the default one, as `TIEOUT_STRIPE_ACCOUNTS` names them.

The setting is a JSON list. It names the *settings* that hold a key and signing secrets, so that
these can be Key Vault references as the default account's are:

    [{"alias": "shop-eu", "key": "STRIPE_API_KEY_EU", "webhook_secrets": "STRIPE_SECRETS_EU",
      "account": "acct_1ABC", "livemode": true}]

`account` and `livemode` may be left out. The books have the currencies of the account in
`stripe_accounts`; without that, `"currencies": ["eur"]` gives it some of the default account's.
https://docs.stripe.com/keys
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field, SecretStr, TypeAdapter, ValidationError, field_validator

from shared.domain.model import Model
from shared.domain.money import is_currency
from shared.domain.partition import DEFAULT_ACCOUNT

VARIABLE = "TIEOUT_STRIPE_ACCOUNTS"
ALIAS_CHARS_MAX = 20
ACCOUNTS_MAX = 50  # a timer reads them side by side
UNRESOLVED_REFERENCE = "@Microsoft.KeyVault("
FIELDS = ("alias", "key", "webhook_secrets", "currencies", "account", "livemode")
REQUIRED = FIELDS[:3]

_ALIAS = re.compile(rf"[a-z][a-z0-9-]{{0,{ALIAS_CHARS_MAX - 1}}}")
_ACCOUNT_ID = re.compile(r"acct_[A-Za-z0-9]{1,100}")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
_API_KEY = re.compile(r"(sk|rk)_[A-Za-z0-9_]+")
_SIGNING_SECRET = re.compile(r"whsec_\S+")
_KINDS = (  # of what Stripe gives: prefix, what it is
    ("pk_", "a publishable key"),
    ("whsec_", "the signing secret of a webhook endpoint"),
    ("sk_", "a secret API key"),
    ("rk_", "a restricted API key"),
    ("ek_", "an ephemeral key"),
    ("acct_", "an account id"),
)


def check_api_key(value: SecretStr) -> SecretStr:
    """Raises ValueError for what is no secret or restricted key; the value is not shown."""
    if not _API_KEY.fullmatch(value.get_secret_value()):
        raise ValueError(
            f"must be a secret or restricted API key (sk_... or rk_...){_is_kind(value)}"
        )
    return value


def check_signing_secret(value: SecretStr) -> SecretStr:
    """Raises ValueError for what is no signing secret; the value is not shown."""
    if not _SIGNING_SECRET.fullmatch(value.get_secret_value()):
        raise ValueError(
            f"must be signing secrets of webhook endpoints (whsec_...){_is_kind(value)}"
        )
    return value


def check_alias(value: str) -> str:
    """Raises ValueError for what is no alias of a further account."""
    if value == DEFAULT_ACCOUNT:
        raise ValueError("must be another: this is the account of STRIPE_API_KEY")
    if not _ALIAS.fullmatch(value):
        raise ValueError(
            f"must be 1 to {ALIAS_CHARS_MAX} of a-z, 0-9 and -, and begin with a letter"
        )
    return value


def check_account_id(value: str) -> str:
    """Raises ValueError for what is neither empty nor an account id."""
    if value and not _ACCOUNT_ID.fullmatch(value):
        raise ValueError("must be an account id (acct_...)")
    return value


def _is_kind(value: SecretStr) -> str:
    """What stands there instead, by its prefix."""
    text = value.get_secret_value()
    return next((f"; this is {what}" for prefix, what in _KINDS if text.startswith(prefix)), "")


def livemode_of(key: str) -> bool | None:
    """The mode a Stripe key belongs to: `sk_test_...`, `rk_live_...`."""
    mode = key.split("_")[1] if key.count("_") >= 2 else ""  # noqa: PLR2004
    return {"live": True, "test": False}.get(mode)


def livemode_in(environment: Mapping[str, str]) -> bool | None:
    """The mode that the environment says, whatever else it lacks; None where it says none."""
    text = environment.get("STRIPE_LIVEMODE", "").strip()
    if not text:
        return livemode_of(environment.get("STRIPE_API_KEY", "").strip())
    try:
        return TypeAdapter(bool).validate_python(text)
    except ValidationError:
        return None


class StripeAccount(Model):
    """One further account. `currencies`: those of the default account's books that are its own,
    where the books themselves do not name it."""

    alias: str
    api_key: SecretStr
    webhook_secrets: tuple[SecretStr, ...] = Field(min_length=1)
    livemode: bool
    currencies: tuple[str, ...] = ()
    account_id: str = ""

    _alias = field_validator("alias")(check_alias)
    _key = field_validator("api_key")(check_api_key)
    _id = field_validator("account_id")(check_account_id)

    @field_validator("webhook_secrets")
    @classmethod
    def _secrets(cls, values: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        return tuple(check_signing_secret(value) for value in values)


def accounts_in(
    found: object, environment: Mapping[str, str], problems: list[str]
) -> list[StripeAccount]:
    """The accounts of the parsed setting; what is wrong with it is added to `problems`."""
    if not isinstance(found, list) or len(found) > ACCOUNTS_MAX:
        problems.append(f"{VARIABLE} must be a list of at most {ACCOUNTS_MAX} accounts")
        return []
    accounts = []
    for number, entry in enumerate(found):
        faults = list(_faults(entry))
        if not faults:
            account = _account(entry, environment, faults)
            accounts += [account] if account is not None else []
        problems += [f"{VARIABLE}.{number}{fault}" for fault in faults]
    return accounts


def _faults(entry: object) -> Iterator[str]:
    """What is wrong with the form of an entry. Nobody's secret is shown, should one stand here."""
    if not isinstance(entry, dict):
        yield " must be a JSON object"
        return
    if any(name not in FIELDS for name in entry):
        yield f" has a name that is none of {', '.join(FIELDS)}"
    yield from (f".{name} is missing" for name in REQUIRED if name not in entry)
    for name in ("key", "webhook_secrets"):
        value = entry.get(name, "KEY")
        if not isinstance(value, str) or not _NAME.fullmatch(value) or _holds_secret(value):
            yield (
                f".{name} must be the name of the setting that holds it, like STRIPE_API_KEY_EU: "
                "no secret stands here"
            )
    for name in ("alias", "account"):
        if not isinstance(entry.get(name, ""), str):
            yield f".{name} must be text"
    currencies = entry.get("currencies", ["usd"])
    if (
        not isinstance(currencies, list)
        or not currencies
        or not all(is_currency(currency) for currency in currencies)
    ):
        yield '.currencies must be a list of currencies, like ["eur"]'
    if not isinstance(entry.get("livemode", True), bool):
        yield ".livemode must be true or false"


def _holds_secret(text: str) -> bool:
    return any(text.startswith(prefix) for prefix, _ in _KINDS)


def _account(
    entry: Mapping[str, Any], environment: Mapping[str, str], faults: list[str]
) -> StripeAccount | None:
    """The account of a well-formed entry, with what the settings that it names hold."""

    def held(name: str) -> str:
        setting = entry[name]
        text = environment.get(setting, "").strip()
        if not text:
            faults.append(f".{name} names {setting}, which is missing")
        elif text.startswith(UNRESOLVED_REFERENCE):
            faults.append(
                f".{name} names {setting}, which is a Key Vault reference that was not resolved"
            )
            return ""
        return text

    def checked[T](name: str, check: Callable[[], T]) -> T | None:
        try:
            return check()
        except ValueError as error:
            faults.append(f".{name} {error}")
            return None

    key, secrets = held("key"), held("webhook_secrets")
    signing = tuple(SecretStr(part.strip()) for part in secrets.split(",") if part.strip())
    where = f"key ({entry['key']})"
    is_key = key != "" and checked(where, lambda: check_api_key(SecretStr(key))) is not None
    if secrets:
        where = f"webhook_secrets ({entry['webhook_secrets']})"
        checked(where, lambda: [check_signing_secret(secret) for secret in signing])
        if not signing:
            faults.append(f".{where} is empty")
    checked("alias", lambda: check_alias(entry["alias"]))
    checked("account", lambda: check_account_id(entry.get("account", "")))
    mode = livemode_of(key)
    livemode = entry.get("livemode", mode)
    if is_key and livemode is None:
        faults.append(".livemode is missing: the key does not show its mode")
    if mode is not None and livemode is not mode:
        told = "live" if mode else "test"
        faults.append(f".livemode is {str(livemode).lower()}, and {entry['key']} is a {told} key")
    if faults:
        return None
    return StripeAccount(
        alias=entry["alias"],
        api_key=SecretStr(key),
        webhook_secrets=signing,
        livemode=livemode is True,
        currencies=tuple(entry.get("currencies", ())),
        account_id=entry.get("account", ""),
    )


def default_account(
    api_key: SecretStr, webhook_secrets: tuple[SecretStr, ...], livemode: bool, account_id: str
) -> StripeAccount:
    """The account of `STRIPE_API_KEY`: it settles in what no other account names."""
    return StripeAccount.model_construct(
        alias=DEFAULT_ACCOUNT,
        api_key=api_key,
        webhook_secrets=webhook_secrets,
        livemode=livemode,
        currencies=(),
        account_id=account_id,
    )


def _own(account: StripeAccount) -> Iterator[tuple[str, str]]:
    """What an account may share with no other: kind and value, each once."""
    yield "alias", account.alias
    yield "key", account.api_key.get_secret_value()
    secrets = (secret.get_secret_value() for secret in account.webhook_secrets)
    yield from (("signing secret", secret) for secret in dict.fromkeys(secrets))
    yield from (("account id", id) for id in [account.account_id] if id)
    yield from (("currency", name) for name in dict.fromkeys(account.currencies))


def contradictions(default: StripeAccount, further: Sequence[StripeAccount]) -> list[str]:
    """What several accounts may not share. What the books in force say of them is readiness'."""
    problems: list[str] = []
    owners: dict[tuple[str, str], StripeAccount] = {}
    for account in (default, *further):
        for what, value in _own(account):
            owner = owners.setdefault((what, value), account)
            if owner is not account:
                problems.append(_shared(what, value, owner.alias, account.alias))
    for account in further:
        if account.livemode is not default.livemode:
            mode, other = ("live", "test") if account.livemode else ("test", "live")
            problems.append(
                f"{VARIABLE} mixes modes: {account.alias} is a {mode} account and STRIPE_LIVEMODE "
                f"says {other}; test money and real money need two applications"
            )
    return problems


def _shared(what: str, value: str, owner: str, other: str) -> str:
    if what == "currency":
        return (
            f"{VARIABLE} lets {owner} and {other} both settle in {value}: a list gives a "
            "currency with its clearing account to one Stripe account, because two on one clearing "
            "account could not be proved apart; leave it to one of them, or give each its own "
            "books (stripe_accounts, docs/accounting.md)"
        )
    if what == "alias":
        return f"{VARIABLE} has the alias {value} twice: each account needs one of its own"
    return f"{VARIABLE} gives {owner} and {other} the same {what}: each account has its own"
