"""The mapping of an embedded world: published like anybody's, before the first event comes."""

from collections.abc import Sequence
from pathlib import Path

from shared.services.publishing import Publish

FOLDER = Path(__file__).parent
WHO, WHY = "the embedded world", "what the world starts with"


def embedded() -> tuple[str, ...]:
    """The documents of the embedded world: one company sells by orders, one books receipts."""
    return ((FOLDER / "policy.yaml").read_text(encoding="utf-8"),)


async def publish(service: Publish, documents: Sequence[str]) -> None:
    """Publish documents. None: the product's own mapping stays. Raises `PublishRefused`."""
    if not documents:
        return
    named = [(f"document {number}", text) for number, text in enumerate(documents, start=1)]
    candidate = await service.submit(named, WHO)
    await service.preview(candidate.set, WHO)
    await service.publish(candidate.set, WHO, WHY)
