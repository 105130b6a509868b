"""`TIEOUT_STRIPE_ACCOUNTS`: further Stripe accounts, and every way to get them wrong."""

import json
from typing import Any

import pytest

from shared.domain.partition import partition_in, session_of
from shared.packaged import packaged_mapping
from shared.settings import Settings
from shared.stores.active_books import active_books
from shared.stripe_accounts import ACCOUNTS_MAX, ALIAS_CHARS_MAX
from tests.unit.test_settings import SECRET, problems, read

KEY, SECRETS = "sk_test_eu_very_secret", "whsec_eu_very_secret,whsec_eu_old_very_secret"
ENTRY: dict[str, Any] = {
    "alias": "shop-eu",
    "key": "STRIPE_API_KEY_EU",
    "webhook_secrets": "STRIPE_WEBHOOK_SECRETS_EU",
    "currencies": ["eur"],
}
HELD = {"STRIPE_API_KEY_EU": KEY, "STRIPE_WEBHOOK_SECRETS_EU": SECRETS}


def entry(**changes: object) -> dict[str, object]:
    return {name: value for name, value in {**ENTRY, **changes}.items() if value is not None}


def accounts(*entries: object, **changes: str | None) -> dict[str, str | None]:
    return {**HELD, "TIEOUT_STRIPE_ACCOUNTS": json.dumps(entries or [ENTRY]), **changes}


def refused(*entries: object, **changes: str | None) -> list[str]:
    return problems(**accounts(*entries, **changes))


def both() -> Settings:
    return read(**accounts())


def test_without_the_setting_there_is_one_account_and_nothing_changes() -> None:
    settings = read()
    assert settings.stripe_aliases == ("default",)
    assert settings.of("default") is settings


def test_a_further_account_takes_its_key_and_secrets_from_the_settings_it_names() -> None:
    settings = both()
    assert settings.stripe_aliases == ("default", "shop-eu")
    found = settings.of("shop-eu")
    assert (found.stripe_alias, found.stripe_livemode) == ("shop-eu", False)
    assert found.stripe_api_key.get_secret_value() == KEY
    assert [each.get_secret_value() for each in found.stripe_webhook_secrets] == SECRETS.split(",")
    assert KEY not in repr(settings)


def test_each_account_has_the_books_of_its_own_currencies_only() -> None:
    settings = both()
    names = list(settings.books.currencies)
    assert "eur" in names
    mapping = packaged_mapping()
    assert list(active_books(settings.of("shop-eu"), mapping).currencies) == ["eur"]
    default = active_books(settings.of("default"), mapping)
    assert list(default.currencies) == [name for name in names if name != "eur"]
    assert settings.of("default").stripe_alias == "default"
    assert active_books(settings.of("shop-eu"), mapping).companies == settings.books.companies


def with_its_own_books(currency: str = "usd", clearing: str = "STRIPE-EU-USD") -> str:
    """`TIEOUT_BOOKS` in which shop-eu has a book of its own in a currency."""
    plain = read().books.model_dump(mode="json")
    book = plain["currencies"][currency]
    own = {**book, "clearing": {"type": "Bank", "id": clearing}}
    plain["stripe_accounts"] = {"shop-eu": {"currencies": {currency: own}}}
    return json.dumps(plain)


def test_an_account_that_the_books_name_needs_no_list_and_shares_no_currency() -> None:
    settings = read(**accounts(entry(currencies=None), TIEOUT_BOOKS=with_its_own_books()))
    own, default = (
        active_books(settings.of(alias), packaged_mapping()) for alias in ("shop-eu", "default")
    )
    assert list(own.currencies) == ["usd"]
    assert own.currencies["usd"].clearing.id == "STRIPE-EU-USD"
    assert default.currencies == settings.books.currencies


def test_an_account_without_list_and_without_books_has_none_yet() -> None:
    settings = read(**accounts(entry(currencies=None)))
    assert active_books(settings.of("shop-eu"), packaged_mapping()).currencies == {}


@pytest.mark.parametrize(
    ("listed", "changes"),
    [
        (("sek",), {}),  # not in TIEOUT_BOOKS
        (tuple(read().books.currencies), {}),  # nothing is left to the default account
        (("eur",), {"TIEOUT_BOOKS": with_its_own_books()}),
    ],
)
def test_what_the_first_value_of_the_books_says_of_a_list_stops_nothing(
    listed: tuple[str, ...], changes: dict[str, str]
) -> None:
    """Other books may be in force: readiness compares with those."""
    settings = read(**accounts(entry(currencies=list(listed)), **changes))
    assert settings.listed_currencies == {"default": (), "shop-eu": listed}


def test_two_accounts_on_one_clearing_account_are_refused() -> None:
    used = read().books.currencies["usd"].clearing.id
    books = with_its_own_books(clearing=used.lower())
    (found,) = refused(entry(currencies=None), TIEOUT_BOOKS=books)
    place = "TIEOUT_BOOKS.stripe_accounts.shop-eu.currencies.usd.clearing"
    assert found.startswith(f"{place} must be different accounts")
    assert "the clearing account of usd and the clearing account of usd of shop-eu" in found


def test_an_unknown_alias_has_no_settings() -> None:
    with pytest.raises(KeyError):
        both().of("other")


def test_the_account_id_may_be_told_for_every_account() -> None:
    told = entry(account="acct_1EU")
    settings = read(**accounts(told, STRIPE_ACCOUNT_ID="acct_1US"))
    assert settings.stripe_account_id == "acct_1US"
    assert settings.of("shop-eu").stripe_account_id == "acct_1EU"


def test_what_is_no_account_id_is_refused() -> None:
    (found,) = problems(STRIPE_ACCOUNT_ID="cus_1")
    assert found.startswith("STRIPE_ACCOUNT_ID must be an account id (acct_...)")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"alias": "Shop"}, ".alias must be 1 to 20 of a-z, 0-9 and -, and begin with a letter"),
        ({"alias": ""}, ".alias must be 1 to 20"),
        ({"alias": "a" * (ALIAS_CHARS_MAX + 1)}, ".alias must be 1 to 20"),
        ({"alias": "1shop"}, ".alias must be 1 to 20"),
        ({"alias": "shop/eu"}, ".alias must be 1 to 20"),
        ({"alias": "shop~eu"}, ".alias must be 1 to 20"),
        ({"alias": "shop_eu"}, ".alias must be 1 to 20"),
        ({"alias": "default"}, ".alias must be another: this is the account of STRIPE_API_KEY"),
        ({"alias": 7}, ".alias must be text"),
        ({"alias": None}, ".alias is missing"),
        ({"key": None}, ".key is missing"),
        ({"key": KEY}, ".key must be the name of the setting that holds it"),
        ({"key": "nothing here"}, ".key must be the name of the setting that holds it"),
        ({"key": 5}, ".key must be the name of the setting that holds it"),
        ({"webhook_secrets": "whsec_very_secret"}, ".webhook_secrets must be the name"),
        ({"webhook_secrets": ["A"]}, ".webhook_secrets must be the name"),
        ({"key": "NOWHERE"}, ".key names NOWHERE, which is missing"),
        ({"webhook_secrets": "NOWHERE"}, ".webhook_secrets names NOWHERE, which is missing"),
        ({"currencies": []}, '.currencies must be a list of currencies, like ["eur"]'),
        ({"currencies": "eur"}, ".currencies must be a list"),
        ({"currencies": [1]}, ".currencies must be a list"),
        ({"currencies": ["EUR"]}, ".currencies must be a list of currencies, like"),
        ({"account": "ch_1"}, ".account must be an account id (acct_...)"),
        ({"account": 1}, ".account must be text"),
        ({"livemode": "true"}, ".livemode must be true or false"),
        ({"livemode": True}, ".livemode is true, and STRIPE_API_KEY_EU is a test key"),
        ({"secret": "very_secret"}, " has a name that is none of alias, key,"),
    ],
)
def test_an_entry_that_is_wrong_is_named_by_its_number(
    changes: dict[str, object], problem: str
) -> None:
    (found,) = refused(entry(**changes))
    assert found.startswith(f"TIEOUT_STRIPE_ACCOUNTS.0{problem}")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"STRIPE_API_KEY_EU": "pk_test_very_secret"}, "this is a publishable key"),
        ({"STRIPE_API_KEY_EU": "hunter2 very_secret"}, "must be a secret or restricted API key"),
        ({"STRIPE_WEBHOOK_SECRETS_EU": "sk_test_very_secret"}, "this is a secret API key"),
        ({"STRIPE_WEBHOOK_SECRETS_EU": " , "}, "is empty"),
        (
            {"STRIPE_API_KEY_EU": "@Microsoft.KeyVault(SecretUri=https://v/very_secret)"},
            ".key names STRIPE_API_KEY_EU, which is a Key Vault reference that was not resolved",
        ),
    ],
)
def test_what_the_named_settings_hold_is_checked_and_not_shown(
    changes: dict[str, str], problem: str
) -> None:
    (found,) = refused(ENTRY, **changes)
    assert found.startswith("TIEOUT_STRIPE_ACCOUNTS.0")
    assert problem in found


def test_a_key_that_does_not_show_its_mode_needs_livemode() -> None:
    (found,) = refused(ENTRY, STRIPE_API_KEY_EU="rk_very_secret")
    assert found.startswith("TIEOUT_STRIPE_ACCOUNTS.0.livemode is missing")
    told = entry(livemode=False)
    assert read(**accounts(told, STRIPE_API_KEY_EU="rk_very_secret")).of("shop-eu")


@pytest.mark.parametrize("value", ['{"alias": "a"}', "7", '["shop-eu"]', "null"])
def test_another_shape_is_refused(value: str) -> None:
    (found,) = problems(TIEOUT_STRIPE_ACCOUNTS=value)
    assert "must be a list of at most" in found or "must be a JSON object" in found


def test_more_accounts_than_a_timer_reads_are_refused() -> None:
    (found,) = refused(*[ENTRY] * (ACCOUNTS_MAX + 1))
    assert found == f"TIEOUT_STRIPE_ACCOUNTS must be a list of at most {ACCOUNTS_MAX} accounts"


OTHER = {
    "alias": "shop-jp",
    "key": "KEY_JP",
    "webhook_secrets": "SECRETS_JP",
    "currencies": ["usd"],
    "account": "acct_1JP",
}
OTHER_HELD = {"KEY_JP": "sk_test_jp_very_secret", "SECRETS_JP": "whsec_jp_very_secret"}


@pytest.mark.parametrize(
    ("entries", "changes", "problem"),
    [
        ([OTHER | {"alias": "shop-eu"}], {}, "has the alias shop-eu twice"),
        ([OTHER], {"KEY_JP": KEY}, "gives shop-eu and shop-jp the same key"),
        (
            [OTHER],
            {"SECRETS_JP": SECRETS[:20]},
            "gives shop-eu and shop-jp the same signing secret",
        ),
        ([OTHER | {"key": "STRIPE_API_KEY"}], {}, "gives default and shop-jp the same key"),
        ([OTHER], {"SECRETS_JP": SECRET}, "gives default and shop-jp the same signing secret"),
        (
            [OTHER],
            {"STRIPE_ACCOUNT_ID": "acct_1JP"},
            "gives default and shop-jp the same account id",
        ),
        ([OTHER | {"currencies": ["eur"]}], {}, "lets shop-eu and shop-jp both settle in eur"),
        ([OTHER], {"KEY_JP": "sk_live_very_secret"}, "mixes modes: shop-jp is a live account"),
    ],
)
def test_accounts_that_contradict_each_other_are_refused(
    entries: list[object], changes: dict[str, str], problem: str
) -> None:
    found = refused(ENTRY, *entries, **{**OTHER_HELD, **changes})
    assert [each for each in found if problem in each] != []


@pytest.mark.parametrize(
    ("session", "partition"),
    [("3", 3), ("shop-eu~3", 3), ("shop-eu~9", 0), ("~", 0), ("shop-eu", 0), (None, 0), ("²", 0)],
)
def test_a_session_states_its_partition_whatever_the_account(
    session: str | None, partition: int
) -> None:
    assert partition_in(session, 4) == partition


def test_two_accounts_share_no_session() -> None:
    assert session_of("default", 3) == "3"
    assert session_of("shop-eu", 3) == "shop-eu~3"
