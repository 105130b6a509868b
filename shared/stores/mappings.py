"""Which mapping is in force: what converge renders with, read from the pointer and compiled.

An instance reads the pointer once in `MAPPING_FRESH_SECONDS`. If storage does not answer, it keeps
the version that it knows; if it knew a pointer, that is never the product's own. A set that
does not compile here stops the work.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property

from shared import telemetry
from shared.errors import MappingUnusable, TieoutError
from shared.mapping.compiler import CompiledMapping
from shared.mapping.problems import MappingRefused
from shared.mapping.product import Product
from shared.ports import Clock
from shared.stores.mapping_store import PRODUCT_ALONE, MappingStore, Version

MAPPING_FRESH_SECONDS = 30
VERSIONS_KEPT = 4  # compiled: the active one, and those that are previewed and compared


class Mappings:
    """Compiled versions of one running instance. `active` is what converge asks for.

    `product`: makes the product's own mapping. It is called when a mapping is first needed: the
    webhook needs none, and must not wait for one.
    """

    def __init__(self, store: MappingStore, clock: Clock, product: Callable[[], Product]) -> None:
        self.store = store
        self._make = product
        self._clock = clock
        self._kept: dict[str, CompiledMapping] = {}
        self._set = ""
        self._known: CompiledMapping | MappingUnusable | None = None
        self._looked_at: datetime | None = None
        self._lock = asyncio.Lock()  # one look at a time

    @cached_property
    def product(self) -> Product:
        """What ships of the mapping, compiled. Raises `MappingRefused`."""
        return self._make()

    async def active(self) -> CompiledMapping:
        """The mapping in force, at most `MAPPING_FRESH_SECONDS` old.

        Raises `MappingUnusable` when the active set cannot be used, and the error of storage when
        no version is known yet.
        """
        async with self._lock:
            now = self._clock.now()
            fresh = timedelta(seconds=MAPPING_FRESH_SECONDS)
            if self._looked_at is None or not timedelta() <= now - self._looked_at < fresh:
                await self._look()
                self._looked_at = now
        if isinstance(self._known, CompiledMapping):
            return self._known
        raise MappingUnusable(str(self._known))

    async def _look(self) -> None:
        """Follow the pointer; what cannot be read leaves the version that is known."""
        try:
            pointer = await self.store.pointer()
            if pointer.set != self._set or not isinstance(self._known, CompiledMapping):
                self._known = await self._take(pointer.set)
                self._set = pointer.set
        except TieoutError as error:
            if self._known is None:
                raise
            name = type(error).__name__
            telemetry.event("mapping_refresh_failed", logging.ERROR, error=name, set=self._set)

    async def _take(self, sha256: str) -> CompiledMapping | MappingUnusable:
        """The compiled set, noted as a version before any record carries it."""
        try:
            mapping = await self.compiled(sha256)
        except (MappingRefused, MappingUnusable) as error:
            telemetry.event("mapping_unusable", logging.ERROR, set=sha256)
            return MappingUnusable(f"the active mapping {sha256} cannot be used here: {error}")
        product = self.product.alone.sha256
        version = Version(mapping.sha256, sha256, product, mapping.documents)
        await self.store.note(version, self._clock.now())
        telemetry.event("mapping_active", set=sha256, version=version.sha256)
        return mapping

    async def compiled(self, sha256: str) -> CompiledMapping:
        """A set compiled with the product; the last `VERSIONS_KEPT` are kept.

        Raises `MappingRefused` where this product refuses it, and `MappingUnusable` where it is
        not stored whole.
        """
        if sha256 == PRODUCT_ALONE:
            return self.product.alone
        mapping = self._kept.pop(sha256, None)
        if mapping is None:
            stored = await self.store.set(sha256)
            if stored is None:
                raise MappingUnusable(f"the set {sha256} is not stored")
            mapping = self.product.compile(await self.store.documents(stored))
        self._kept[sha256] = mapping
        while len(self._kept) > VERSIONS_KEPT:
            del self._kept[next(iter(self._kept))]
        return mapping
