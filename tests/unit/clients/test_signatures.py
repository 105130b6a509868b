import hmac
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stripe import SignatureVerificationError, WebhookSignature

from shared.clients.stripe.signatures import (
    HEADER_CHARS_MAX,
    SIGNATURES_MAX,
    StripeSignatures,
)
from shared.errors import SignatureRefused

SECRET = "whsec_test"
OTHER = "whsec_other"
PAYLOAD = '{"id": "evt_1", "object": "event", "name": "Zoë 😀"}'.encode()
SIGNED_AT = 1_792_000_000
BAD_HEX = "0" * 64


def signed(payload: bytes = PAYLOAD, secret: str = SECRET, at: str = str(SIGNED_AT)) -> str:
    """The hexadecimal signature of the bytes."""
    return hmac.digest(secret.encode(), at.encode() + b"." + payload, "sha256").hex()


def verify(header: str, payload: bytes = PAYLOAD, *secrets: str) -> datetime:
    return StripeSignatures().verify(payload, header, secrets or (SECRET,))


def test_a_header_of_the_sdk_is_accepted_and_gives_its_moment() -> None:
    header = WebhookSignature.generate_signature_header(PAYLOAD.decode(), SECRET, SIGNED_AT)
    moment = verify(header)
    assert moment == datetime.fromtimestamp(SIGNED_AT, UTC)
    assert moment.tzinfo is UTC


@given(
    text=st.text(st.characters(codec="utf-8")),
    secret=st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Z"]), min_size=1),
    at=st.integers(0, 99_999_999_999),
    tampered=st.booleans(),
)
def test_the_verdict_is_the_sdks(text: str, secret: str, at: int, tampered: bool) -> None:
    header = WebhookSignature.generate_signature_header(text, secret, at)
    payload = text.encode() + (b" " if tampered else b"")
    try:
        WebhookSignature.verify_header(payload, header, secret, None)
        is_good = True
    except SignatureVerificationError:
        is_good = False
    assert is_good is not tampered
    if is_good:
        assert verify(header, payload, secret) == datetime.fromtimestamp(at, UTC)
    else:
        with pytest.raises(SignatureRefused, match="matches"):
            verify(header, payload, secret)


def test_a_body_of_another_encoding_can_be_signed_well() -> None:
    payload = "Zoë".encode("latin-1")
    assert verify(f"t={SIGNED_AT},v1={signed(payload)}", payload)


def test_an_old_and_a_future_moment_are_the_callers_to_judge() -> None:
    for at in ("1", "99999999999"):
        assert verify(f"t={at},v1={signed(at=at)}") == datetime.fromtimestamp(int(at), UTC)


def test_any_of_the_secrets_may_match() -> None:
    header = f"t={SIGNED_AT},v1={signed(secret=OTHER)}"
    assert verify(header, PAYLOAD, SECRET, OTHER)
    with pytest.raises(SignatureRefused):
        verify(header, PAYLOAD, SECRET)


def test_any_of_the_signatures_may_match_while_a_secret_is_rolled() -> None:
    assert verify(f"t={SIGNED_AT},v1={BAD_HEX},v1={signed()},v0={BAD_HEX}")


def test_a_signature_of_another_scheme_does_not_count() -> None:
    with pytest.raises(SignatureRefused, match="no signature v1"):
        verify(f"t={SIGNED_AT},v0={signed()}")


@pytest.mark.parametrize("position", [0, 10, len(PAYLOAD) - 1])
def test_one_changed_byte_of_the_body_is_refused(position: int) -> None:
    payload = bytearray(PAYLOAD)
    payload[position] ^= 1
    with pytest.raises(SignatureRefused, match="matches"):
        verify(f"t={SIGNED_AT},v1={signed()}", bytes(payload))


def test_a_truncated_body_is_refused() -> None:
    with pytest.raises(SignatureRefused, match="matches"):
        verify(f"t={SIGNED_AT},v1={signed()}", PAYLOAD[:-1])


def test_another_moment_than_the_signed_one_is_refused() -> None:
    with pytest.raises(SignatureRefused, match="matches"):
        verify(f"t={SIGNED_AT + 1},v1={signed()}")


def test_the_first_moment_is_the_signed_one() -> None:
    with pytest.raises(SignatureRefused, match="matches"):
        verify(f"t=1,t={SIGNED_AT},v1={signed()}")


@pytest.mark.parametrize("secrets", [(), ("",), ("  ", "\t")])
def test_a_blank_secret_never_verifies(secrets: tuple[str, ...]) -> None:
    for secret in ("", "  "):
        header = f"t={SIGNED_AT},v1={signed(secret=secret)}"
        with pytest.raises(SignatureRefused, match="no signing secret is configured"):
            StripeSignatures().verify(PAYLOAD, header, secrets)


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("", "header is missing"),
        ("garbage", "no timestamp"),
        (",,,", "no timestamp"),
        (f"v1={BAD_HEX}", "no timestamp"),
        (f"t=,v1={BAD_HEX}", "no timestamp"),
        (f"t=soon,v1={BAD_HEX}", "no timestamp"),
        (f"t=-1,v1={BAD_HEX}", "no timestamp"),
        (f"t=1_0,v1={BAD_HEX}", "no timestamp"),
        (f"t=１２,v1={BAD_HEX}", "no timestamp"),  # noqa: RUF001 - digits of another script
        (f"t=1.5,v1={BAD_HEX}", "no timestamp"),
        (f"t={'9' * 12},v1={BAD_HEX}", "no timestamp"),
        (f"t={SIGNED_AT}", "no signature v1"),
        (f"t={SIGNED_AT},v1", "matches"),
        (f"t={SIGNED_AT},v1=", "matches"),
        (f"t={SIGNED_AT},v1=Zoë", "matches"),
        (f"t={SIGNED_AT},v1=\ud800", "matches"),
        (f"t={SIGNED_AT}" + f",v1={BAD_HEX}" * (SIGNATURES_MAX + 1), "over 16 signatures"),
        ("t=" + "1" * HEADER_CHARS_MAX, "over 4096 characters"),
    ],
)
def test_a_header_that_is_no_signature_is_refused(header: str, text: str) -> None:
    with pytest.raises(SignatureRefused, match=text):
        verify(header)


@given(header=st.text(max_size=200))
def test_no_header_does_more_than_be_refused(header: str) -> None:
    with pytest.raises(SignatureRefused):
        verify(header)


def test_the_webhooks_cold_start_does_not_load_the_sdk() -> None:
    code = "import sys, shared.clients.stripe.signatures; print('stripe' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
