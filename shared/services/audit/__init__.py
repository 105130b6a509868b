"""The audit: compares what is linked with what Dynamics holds, and watches which journals are
posted."""

from shared.services.audit.audit import Audit
from shared.services.audit.journals import PostingWatch

__all__ = ("Audit", "PostingWatch")
