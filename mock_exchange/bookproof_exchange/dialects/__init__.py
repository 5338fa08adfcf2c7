"""Dialects: one package a protocol of a venue, all with the same file names. See docs/dialects.md."""

from bookproof_exchange.dialects.registry import DIALECTS

__all__ = ["DIALECTS"]
