"""What must be set up before anything is booked: checks that only read, each with its remedy."""

from shared.services.readiness.checks import TRY_AGAIN, Check, Probe, Problems, checked
from shared.services.readiness.dynamics_setup import DynamicsSetup

__all__ = ("TRY_AGAIN", "Check", "DynamicsSetup", "Probe", "Problems", "checked")
