"""`tieout setup`: what is left to do after a deployment, step by step."""

from cli.setup.command import setup

__all__ = ("setup",)
