"""The catalogue as a pytest test suite: ``pytest --bookproof-client CMD --bookproof-dialect D --pyargs
bookproof.conformance``."""
