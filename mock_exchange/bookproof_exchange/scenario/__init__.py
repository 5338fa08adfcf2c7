"""Scenarios: files that say what the exchange does and what must follow. `model` is the value, `load` the reader."""
