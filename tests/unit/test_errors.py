import inspect
import re
from datetime import UTC, datetime

import pytest

from shared import errors
from shared.errors import (
    ClaimHeld,
    CredentialsRefused,
    DuplicateKey,
    FlowsUnavailable,
    JournalPosted,
    LeaseOver,
    MappingUnusable,
    MarkTaken,
    ObjectMissing,
    Overtaken,
    Parked,
    QueueUnavailable,
    Refused,
    SettingsRefused,
    SignatureRefused,
    Skipped,
    StorageUnavailable,
    TableConflict,
    Throttled,
    TieoutError,
    Unavailable,
    UncertainWrite,
    UpdateConflict,
    Waiting,
    clean_text,
)
from shared.outcomes import TABLE, Kind, NeedsMaster, Outcome, outcome_of

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
CASES: tuple[tuple[Exception, Kind, bool, str], ...] = (
    (Throttled("Stripe"), Kind.RETRY, True, "throttled"),
    (Unavailable("Dynamics", "503"), Kind.RETRY, True, "unavailable"),
    (StorageUnavailable("timeout"), Kind.RETRY, True, "unavailable"),
    (QueueUnavailable("timeout"), Kind.RETRY, True, "unavailable"),
    (FlowsUnavailable("timeout"), Kind.RETRY, True, "unavailable"),
    (CredentialsRefused("Stripe", "401"), Kind.RETRY, True, "credentials"),
    (MappingUnusable("no rule x"), Kind.RETRY, True, "mapping_unusable"),
    (UncertainWrite("answer lost"), Kind.RETRY, True, "uncertain_write"),
    (LeaseOver(), Kind.RETRY, False, "lease_over"),
    (ClaimHeld("ch_1", NOON), Kind.RETRY, False, "claim_held"),
    (TableConflict("changed"), Kind.RETRY, False, "table_conflict"),
    (UpdateConflict("conflict"), Kind.RETRY, True, "update_conflict"),
    (JournalPosted("posted"), Kind.RETRY, False, "journal_posted"),
    (ObjectMissing("charge", "ch_1"), Kind.PARK, False, "object_missing"),
    (Refused("Dynamics", "no"), Kind.PARK, False, "refused"),
    (DuplicateKey("Dynamics", "exists"), Kind.PARK, False, "duplicate_key"),
    (Overtaken("Dynamics", "invoiced"), Kind.RETRY, True, "overtaken"),
    (MarkTaken("Dynamics", "marked"), Kind.RETRY, True, "mark_taken"),
    (Waiting("transaction_not_made", "not yet"), Kind.WAITING, False, "transaction_not_made"),
    (Skipped("charge_failed"), Kind.SKIP, False, "charge_failed"),
    (Parked("period_closed", "closed", "Open it."), Kind.PARK, False, "period_closed"),
)
NOT_ABOUT_WORK = (SignatureRefused, SettingsRefused)  # answers of the webhook


@pytest.mark.parametrize(("error", "kind", "counts", "cause"), CASES)
def test_every_error_has_its_verdict(
    error: Exception, kind: Kind, counts: bool, cause: str
) -> None:
    outcome = outcome_of(error)
    assert (outcome.kind, outcome.counts, outcome.cause) == (kind, counts, cause)
    assert outcome.text == str(error)


def test_no_error_is_missing_in_the_cases_above() -> None:
    named = [type(error) for error, *_ in CASES]
    classes = [
        found
        for _, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, TieoutError) and found not in (TieoutError, NeedsMaster)
    ]
    missing = [found for found in classes if found not in named and found not in NOT_ABOUT_WORK]
    assert missing == []


def test_the_docstring_draws_every_class() -> None:
    drawn = re.findall(r"[A-Z][A-Za-z]+", errors.__doc__ or "")
    for row in TABLE:
        assert row.error.__name__ in drawn
    for error, *_ in CASES:
        assert type(error).__name__ in drawn


def test_what_the_table_does_not_name_is_parked_loudly() -> None:
    for error in (ValueError("boom"), KeyError("x"), TieoutError("?"), ZeroDivisionError()):
        outcome = outcome_of(error)
        assert (outcome.kind, outcome.cause) == (Kind.PARK, "unexpected")
        assert type(error).__name__ in outcome.text
        assert outcome.remedy


def test_a_long_text_of_a_vendor_is_cut() -> None:
    assert len(str(Refused("Dynamics", "x" * 10_000))) < 600
    assert len(outcome_of(ValueError("x" * 10_000)).text) <= errors.TEXT_CHARS_MAX


def test_everything_that_can_end_parked_has_a_remedy() -> None:
    for row in TABLE:  # a retry of any kind ends parked when it never ends else
        assert row.remedy, row.error
    for error, kind, *_ in CASES:
        if kind is Kind.PARK:
            assert outcome_of(error).remedy


def test_a_narrower_error_is_judged_before_its_base() -> None:
    for index, row in enumerate(TABLE):
        assert not any(issubclass(row.error, earlier.error) for earlier in TABLE[:index])


@pytest.mark.parametrize("error", [Throttled("Stripe", 7.5), UncertainWrite("lost", 7.5)])
def test_a_wait_that_is_demanded_is_kept(error: Exception) -> None:
    assert outcome_of(error).delay_seconds == 7.5


def test_a_line_whose_customer_fails_shares_the_customers_verdict() -> None:
    inner = Outcome(Kind.RETRY, True, 3.0, "throttled", "Stripe asks Tieout to slow down", "Wait.")
    outcome = outcome_of(NeedsMaster("customer cus_1 in usmf", inner))
    assert outcome.text == "customer cus_1 in usmf: Stripe asks Tieout to slow down"
    assert (outcome.kind, outcome.counts, outcome.delay_seconds) == (Kind.RETRY, True, 3.0)


ODD = "Bro\ud83dken\x00 and\x9b \udc00 😀 fine\n"


@pytest.mark.parametrize(
    "error",
    [
        *(Refused("dynamics", ODD), Unavailable("stripe", ODD), UncertainWrite(ODD)),
        *(Parked("x", ODD, ODD, ODD), Waiting("x", ODD), TieoutError(ODD), ValueError(ODD)),
        *(UpdateConflict(ODD), NeedsMaster(ODD, Outcome(Kind.PARK, text=ODD))),
        *(ObjectMissing("charge", ODD), CredentialsRefused("stripe", ODD)),
    ],
)
def test_the_words_of_a_vendor_are_text_that_can_be_stored(error: Exception) -> None:
    outcome = outcome_of(error)
    kept = [outcome.text, outcome.remedy, outcome.evidence, getattr(error, "text", "")]
    for words in kept:
        words.encode()
        assert not any(ord(char) < 32 and char not in "\n\t\r" for char in words)
    assert "Bro?ken" in outcome.text
    assert "😀 fine" in outcome.text


def test_a_clean_text_stays_as_it_is() -> None:
    text = "Müller & Söhne\t😀\r\n第三"
    assert clean_text(text) == text
