"""The version: the one place where it stands. `pyproject.toml` reads it here."""

VERSION = "0.1.0"
