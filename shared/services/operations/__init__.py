"""Health, readiness, and decisions about customers."""

from shared.services.operations.customers import ChoiceRefused, Customers, Decision
from shared.services.operations.health import Health

__all__ = ("ChoiceRefused", "Customers", "Decision", "Health")
