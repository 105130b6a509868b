"""Publishing over tables in process: documents in a few words, and a shelf with all parts."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from local.tables import MemoryTables
from shared.mapping.loader import load
from shared.mapping.preview import StoredObject
from shared.mapping.product import Product, product_of
from shared.packaged import (
    TEMPLATES_FOLDER,
    packaged_product,
    packaged_templates,
    packaged_vocabulary,
)
from shared.services.publishing.mapping_names import PublishRefused
from shared.services.publishing.publish import Candidate, Publish
from shared.services.publishing.published import Published
from shared.stores.mapping_store import Change, MappingStore
from shared.stores.mappings import Mappings
from tests.unit.services.fakes import FakeDynamics, ManualClock, settings

BRANDS = "kind: table\nname: brands\nrows: {visa: CC-VISA, amex: CC-AMEX}\n"


def stamped(text: str) -> str:
    """A mapping that puts a constant into the document number of general journal lines."""
    return (
        "kind: mapping\nname: ours\nextends: general_line\n"
        f"fields: {{Document: {{value: {text}}}}}\n"
    )


USES = (  # a rule of the product
    "kind: mapping\nname: ours\nextends: general_line\n"
    "fields: {Document: {use: line_text, do: [{max: 20}]}}\n"
)


def product_with(old: str, new: str, *more: str) -> Product:
    """Another version of the product: its templates with one text replaced, and more documents."""
    folder = files("shared.targets.finance") / TEMPLATES_FOLDER
    texts = {each.where: (folder / each.where).read_text("utf-8") for each in packaged_templates()}
    assert any(old in text for text in texts.values())
    loaded = [load(name, text.replace(old, new)) for name, text in texts.items()]
    loaded += [load(f"more{index}", text) for index, text in enumerate(more)]
    return product_of(loaded, packaged_vocabulary())


@dataclass
class Shelf:
    """One instance's services over tables that others may share."""

    tables: MemoryTables = field(default_factory=MemoryTables)
    clock: ManualClock = field(default_factory=ManualClock)
    product: Product = field(default_factory=packaged_product)
    objects: Sequence[StoredObject] = ()
    changes: dict[str, Any] = field(default_factory=dict)
    dynamics: FakeDynamics = field(default_factory=FakeDynamics)

    def __post_init__(self) -> None:
        self.store = MappingStore(self.tables)
        self.mappings = Mappings(self.store, self.clock, lambda: self.product)
        self.publisher = Publish(
            self.mappings, settings(**self.changes), self.clock, self._recent, self.dynamics
        )
        self.published = Published(self.mappings)

    async def _recent(self, limit: int) -> AsyncIterator[StoredObject]:
        for each in self.objects[:limit]:
            yield each

    async def submit(self, *documents: str, who: str = "Ada") -> Candidate:
        named = [(f"file{index}", text) for index, text in enumerate(documents)]
        return await self.publisher.submit(named, who)

    async def publish(self, *documents: str, who: str = "Ada", why: str = "because") -> Change:
        """Submit, preview and publish in one go."""
        candidate = await self.submit(*documents, who=who)
        await self.publisher.preview(candidate.set, who)
        return await self.publisher.publish(candidate.set, who, why)


async def refusal(work: Any) -> PublishRefused:
    """The refusal of a piece of work."""
    try:
        await work
    except PublishRefused as refused:
        return refused
    raise AssertionError("it was not refused")
