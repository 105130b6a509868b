"""Looking for people, cards, secrets and payloads in what the application says about itself."""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from local.telemetry import MemoryTelemetry
from local.world import World

EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", re.IGNORECASE)
CARD_NUMBER = re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w.])")
BEARER = re.compile(r"\bBearer [\w.~+/-]{8,}|\b[sr]k_(?:test|live)_\w{8,}|\bwhsec_\w{8,}")
OBJECTS = "customer|charge|refund|dispute|payout|event|balance_transaction|payment_intent|list"
PAYLOAD = re.compile(
    rf"[\"']object[\"']: ?[\"'](?:{OBJECTS})[\"']"
    r"|[\"'](?:billing_details|last4|exp_month|PaymentId|OrganizationName)[\"']:"
)
SHAPES = {"an e-mail address": EMAIL, "a secret": BEARER, "a payload": PAYLOAD}
WORD_CHARS_MIN = 4  # a name that is shorter is in too many other words


class LogKeeper(logging.Handler):
    """Keeps every line as it would be exported, with its stack."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@contextmanager
def logs() -> Iterator[LogKeeper]:
    """All log lines of level INFO and above, of whatever logger, as in production."""
    root, keeper = logging.getLogger(), LogKeeper()
    level = root.level
    root.addHandler(keeper)
    root.setLevel(logging.INFO)
    try:
        yield keeper
    finally:
        root.removeHandler(keeper)
        root.setLevel(level)


def words_of(world: World) -> list[str]:
    """What may not be told of the people of a world, and its secrets."""
    people = [
        str(word)
        for customer in world.stripe.objects("customer")
        for field in ("name", "email", "phone", "description")
        if isinstance(word := customer.get(field), str)
    ]
    settings = world.settings
    secrets = [settings.stripe_api_key, *settings.stripe_webhook_secrets]
    if settings.dynamics_client_secret is not None:
        secrets.append(settings.dynamics_client_secret)
    texts = [*people, *(secret.get_secret_value() for secret in secrets)]
    return [word for word in dict.fromkeys(texts) if len(word) >= WORD_CHARS_MIN]


def told_by(memory: MemoryTelemetry) -> list[str]:
    """Every text of spans and metrics."""
    spans = [
        f"{span.name} {key}={value} {span.error}"
        for span in memory.spans
        for key, value in (span.attributes or {"": ""}).items()
    ]
    points = [
        f"{point.name} {key}={value}"
        for point in memory.points
        for key, value in point.dimensions.items()
    ]
    return list(dict.fromkeys([*spans, *points]))


def leaks(texts: Iterable[str], words: Sequence[str]) -> list[str]:
    """What was found, each with the text it is in."""
    found = []
    folded = [word.casefold() for word in words]
    for text in texts:
        lower = text.casefold()
        found += [f"{word}: {text}" for word in folded if word in lower]
        found += [f"{what}: {text}" for what, shape in SHAPES.items() if shape.search(text)]
        numbers = (re.sub(r"[ -]", "", match) for match in CARD_NUMBER.findall(text))
        found += [f"a card number: {text}" for number in numbers if _is_card(number)]
    return found


def _is_card(digits: str) -> bool:
    """Luhn's check."""
    doubled = [int(digit) * (1 + n % 2) for n, digit in enumerate(reversed(digits))]
    return sum(digit - 9 if digit > 9 else digit for digit in doubled) % 10 == 0
