"""The command line."""

from bookproof.cli.main import main

__all__ = ["main"]
