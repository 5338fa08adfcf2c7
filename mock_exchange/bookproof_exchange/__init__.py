"""The mock exchange: market truth, dialects, faults, scripts, and the server that speaks them.

Dependencies point one way: this package never imports ``bookproof``.
Everything here except ``server`` is pure: no I/O, no clock, no global randomness.
"""

__version__ = "0.1.0"
