"""Faults: deliberate misbehaviour of the exchange, as data (`specs`) and as pure transforms (`messages`)."""
