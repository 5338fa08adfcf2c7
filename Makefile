.PHONY: help demo test lint bench selftest real-bugs clean
PYTHON ?= python3
BIN := .venv/bin
DEMO := .venv-demo
DEMO_DIALECT ?= kraken-v2

help:
	@echo "make demo      a real client from PyPI against the mock exchange, with a report"
	@echo "make test      the whole test suite"
	@echo "make lint      ruff and mypy"
	@echo "make bench     the benchmarks"
	@echo "make selftest  ideal clients pass, mutants are caught"
	@echo "make real-bugs releases of real clients with a bug fail, the mended ones pass (needs the network once)"

$(BIN)/.installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	@touch $@

# the client under test lives in an environment of its own, as it would in its project
$(DEMO)/.installed: pyproject.toml examples/ccxt_python/requirements.txt
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(DEMO)/bin/python -m pip install --quiet -e . -r examples/ccxt_python/requirements.txt
	@touch $@

test: $(BIN)/.installed
	$(BIN)/python -m pytest -q -n 2

lint: $(BIN)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

demo: $(BIN)/.installed $(DEMO)/.installed
	@bash examples/demo.sh $(BIN) $(DEMO) $(DEMO_DIALECT)

bench: $(BIN)/.installed
	$(BIN)/python bench/run.py

selftest: $(BIN)/.installed
	$(BIN)/bookproof selftest

# BUGS: parts of the names of those wanted, as in `make real-bugs BUGS="ccxt cryptofeed"`
real-bugs: $(BIN)/.installed
	$(BIN)/python examples/real_bugs/run.py $(BUGS)

clean:
	rm -rf .venv $(DEMO) .real-bugs .pytest_cache .mypy_cache .ruff_cache .hypothesis bookproof-report
