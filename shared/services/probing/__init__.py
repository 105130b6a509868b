"""Finding out how one Dynamics behaves where that is not known for sure."""

from shared.services.probing.drafts import LeftBehind
from shared.services.probing.probing import Probing, ProbingRefused, ProbingReport
from shared.services.probing.rules import ProbeAnswer

__all__ = ("LeftBehind", "ProbeAnswer", "Probing", "ProbingRefused", "ProbingReport")
