"""The audit: compares what is linked with what Dynamics holds."""

from shared.services.audit.audit import Audit

__all__ = ("Audit",)
