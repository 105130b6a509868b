"""Health, readiness, and what support does for customers."""

from shared.services.operations.customers import ChoiceRefused, Customers, Decision
from shared.services.operations.dynamics_setup import DynamicsSetup
from shared.services.operations.health import Health

__all__ = ("ChoiceRefused", "Customers", "Decision", "DynamicsSetup", "Health")
