"""Targets: what Tieout knows of the systems that it writes to."""
