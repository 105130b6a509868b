"""What is not kept for ever: the purge after its retention, and erasing a customer."""

from shared.services.privacy.erase import Erase, EraseRefused
from shared.services.privacy.purge import Purge

__all__ = ("Erase", "EraseRefused", "Purge")
