"""The compiled mapping over hand-written Python, for a charge and its order of 3 lines.

Both render the same documents (receipt, fee, order, 3 lines), interleaved in one process; the ratio
of their best rounds is printed, so that a busy machine disturbs both alike. Their records are
compared before.
"""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType

from bench.by_hand import by_hand
from bench.sales import customers_of, documents_of
from local import books
from shared.domain.documents import Document
from shared.domain.records import Record
from shared.mapping.finance import Target, render
from shared.packaged import packaged_mapping

SALES = 300
ROUNDS = 25
TARGET_RATIO = 3.0
NUMBER = "SO-000001"
PARENT = MappingProxyType({"SalesOrderNumber": NUMBER})


def _mapped(document: Document, target: Target) -> Record:
    return render(document, target, PARENT)


def _plain(document: Document, target: Target) -> Record:
    return by_hand(document, target, NUMBER)


def seconds(
    render: Callable[[Document, Target], Record], found: Sequence[Document], target: Target
) -> float:
    """Seconds for all documents."""
    started = time.perf_counter()
    for document in found:
        render(document, target)
    return time.perf_counter() - started


def main() -> None:
    """Print the figure."""
    settings = books.settings(stripe_url="", dynamics_url="https://example.invalid")
    target = Target(
        settings.books, settings.customer_id_property, 255, customers_of(SALES), packaged_mapping()
    )
    found = [each for number in range(SALES) for each in documents_of(number, settings.books)]
    for document in found:
        if replace(_mapped(document, target), mapping="") != _plain(document, target):
            raise AssertionError(f"{document.key}: the two render it differently")
    gc.disable()
    pairs = [
        (seconds(_mapped, found, target), seconds(_plain, found, target)) for _ in range(ROUNDS)
    ]
    mapped, plain = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    print(
        f"compiled mapping over hand-written Python, {SALES} charges with an order of 3 lines "
        f"({len(found) // SALES} records each), best of {ROUNDS} interleaved rounds "
        f"({mapped / SALES * 1e6:.1f} us a charge)"
    )
    print(f"mapping ratio={mapped / plain:.2f} target<={TARGET_RATIO:g}")


if __name__ == "__main__":
    main()
