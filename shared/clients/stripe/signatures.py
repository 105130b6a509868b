"""Webhook signatures of Stripe.

https://docs.stripe.com/webhooks/signature
"""

import hmac
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from shared.errors import SignatureRefused

HEADER_CHARS_MAX = 4_096
SIGNATURES_MAX = 16  # Stripe sends one for each secret of an endpoint that is being rolled

_TIMESTAMP = re.compile("[0-9]{1,11}")  # eleven digits reach the year 5138


class StripeSignatures:
    """`shared.ports.Signatures` on the bytes as they came.

    The SDK's `WebhookSignature` decodes the body as UTF-8 before it signs it, so it cannot judge
    a body of another encoding, and it loads the whole SDK into the webhook's cold start. This
    is the same computation (the tests hold the two against each other) on bytes.
    """

    def verify(self, payload: bytes, header: str, secrets: Sequence[str]) -> datetime:
        """The signed moment, aware, UTC; its age is the caller's to judge.

        `header` is `t=<unix seconds>,v1=<hex>[,v1=<hex>...]`, other schemes are passed over.
        `secrets` are the endpoint's signing secrets (`whsec_...`), any of which may match; blank
        ones are left out, for a signature with an empty key is one that anybody can make.
        Raises `SignatureRefused`.
        """
        timestamp, signatures = _parse(header)
        keys = [secret.encode() for secret in secrets if secret.strip()]
        if not keys:
            raise SignatureRefused("no signing secret is configured")
        signed = timestamp + b"." + payload
        for key in keys:
            expected = hmac.digest(key, signed, "sha256").hex().encode()
            for signature in signatures:
                if hmac.compare_digest(expected, signature):
                    return datetime.fromtimestamp(int(timestamp), UTC)
        raise SignatureRefused("no signature of the header matches a signing secret")


def _parse(header: str) -> tuple[bytes, list[bytes]]:
    """The timestamp as it was signed, and the `v1` signatures."""
    if not header:
        raise SignatureRefused("the Stripe-Signature header is missing")
    if len(header) > HEADER_CHARS_MAX:
        raise SignatureRefused(f"the Stripe-Signature header is over {HEADER_CHARS_MAX} characters")
    timestamp = ""
    signatures: list[bytes] = []
    for item in header.split(","):
        name, _, value = item.partition("=")
        if name == "t" and not timestamp:
            timestamp = value
        elif name == "v1":
            signatures.append(value.encode(errors="replace"))
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureRefused("the Stripe-Signature header has no timestamp t=<unix seconds>")
    if not signatures:
        raise SignatureRefused("the Stripe-Signature header has no signature v1=<hex>")
    if len(signatures) > SIGNATURES_MAX:
        raise SignatureRefused(f"the Stripe-Signature header has over {SIGNATURES_MAX} signatures")
    return timestamp.encode(), signatures
