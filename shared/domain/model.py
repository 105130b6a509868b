"""The base of values that people write down: frozen, strict, every contradiction told at once."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Frozen, strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelRefused(ValueError):
    """What a check of several values found: where (below the model it checks), and what."""

    def __init__(self, faults: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{where} {reason}" for where, reason in faults))
        self.faults = tuple(faults)
