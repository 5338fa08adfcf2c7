.PHONY: help demo test lint bench clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

help:
	@echo "make demo   drive a real client against the mock exchange and open a report"
	@echo "make test   run the whole test suite"
	@echo "make lint   ruff and mypy"
	@echo "make bench  the benchmarks"

$(BIN)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@

test: $(BIN)/.installed
	$(BIN)/python -m pytest -q -n 2

lint: $(BIN)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy harness mock_exchange tests

bench: $(BIN)/.installed
	$(BIN)/python bench/run.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
