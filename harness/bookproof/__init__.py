"""Bookproof: drives any order-book client against the mock exchange and judges what it showed."""

__version__ = "0.1.0"
