"""The pytest plugin (entry point ``pytest11``): options, fixtures, and thin hooks.

It is loaded into every pytest run of an environment that has Bookproof installed, so it imports nothing but pytest, and
does nothing, until a client is configured, `bookproof.conformance` is asked for, or a fixture is used.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bookproof.pytest_support.fixture import Bookproof
    from bookproof.pytest_support.run import Run

_SCENARIO = ".scenario.yaml"
_CATALOGUE = Path(__file__).with_name("conformance") / "catalogue.py"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bookproof", "conformance of order-book clients (bookproof)")
    group.addoption(
        "--bookproof-client", metavar="CMD", help="command line of the client's adapter, or python:module:Class"
    )
    group.addoption(
        "--bookproof-dialect",
        metavar="D",
        action="append",
        dest="bookproof_dialects",
        help="dialect to test (may be repeated); `bookproof list dialects` names them",
    )
    group.addoption("--bookproof-slow", action="store_true", default=None, help="also the slow cases")
    group.addoption(
        "--bookproof-strict", action="store_true", default=None, help="warn, info and non-strict count as failures"
    )
    group.addoption("--bookproof-once", action="store_true", help="do not run a failed case again in a fresh process")
    group.addoption("--bookproof-seed", metavar="N", help="another seed than the scenarios' own")
    group.addoption("--bookproof-time-scale", metavar="X", help="all time limits times this")
    group.addoption("--bookproof-known-failures", metavar="FILE", help="expected failures; one that is stale fails")
    group.addoption(
        "--bookproof-report", metavar="DIR", help="write report.html, report.json, junit.xml and transcripts there"
    )
    parser.addini("bookproof_client", "command line of the client's adapter, or python:module:Class")
    parser.addini("bookproof_dialects", "dialects to test", type="args", default=[])
    parser.addini("bookproof_slow", "also the slow cases", type="bool", default=False)
    parser.addini("bookproof_strict", "warn, info and non-strict count as failures", type="bool", default=False)
    parser.addini("bookproof_seed", "another seed than the scenarios' own")
    parser.addini("bookproof_time_scale", "all time limits times this")
    parser.addini("bookproof_known_failures", "file of expected failures, relative to the root directory")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "bookproof(dialect, scenario, topic): a conformance case (set by the plugin on its items)"
    )
    if _configured(config):
        config.addinivalue_line("markers", "slow: rests on a client's own timers; runs with --bookproof-slow")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Mistakes in the configuration end the session here, in one line, before anything is collected."""
    config = session.config
    if _configured(config) or any(str(arg).startswith("bookproof.conformance") for arg in config.args):
        from bookproof.pytest_support.run import Run

        config.stash[_RUN] = Run(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    run = _run(config)
    return None if run is None or run.settings.client is None else run.header()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    run = _run(parent.config)
    if file_path.name.endswith(_SCENARIO):
        if run is None or run.settings.client is None:
            return None
        from bookproof.pytest_support.items import ScenarioFile

        return ScenarioFile.from_parent(parent, path=file_path, run=run)
    if _is_catalogue(file_path):
        from bookproof.pytest_support.items import CatalogueFile

        return CatalogueFile.from_parent(parent, path=file_path, run=_needed_run(parent.config))
    return None


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The catalogue's module is no test module as well."""
    if not _is_catalogue(module_path):
        return None
    from bookproof.pytest_support.items import Nothing

    return Nothing.from_parent(parent, path=module_path)


def pytest_collection_finish(session: pytest.Session) -> None:
    run = _run(session.config)
    if run is not None:
        run.summary.selected(session.items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    outcome = getattr(item, "bookproof_outcome", None)
    if outcome is not None and call.when == "call":
        # a plain value: it travels with the report from an xdist worker to the controller
        report.__dict__["bookproof"] = outcome
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """xdist: a worker has ended and says which cases were selected (all workers say the same)."""
    run = _run(node.config)
    if run is not None:
        run.summary.selected_ids(getattr(node, "workeroutput", {}).get("bookproof_cases", ()))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    run = _run(session.config)
    if run is not None:
        run.finish(session)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    run = _run(terminalreporter.config)
    if run is not None:
        run.summary.show(terminalreporter)


def pytest_unconfigure(config: pytest.Config) -> None:
    run = _run(config)
    if run is not None:
        run.close()


@pytest.fixture
def bookproof(request: pytest.FixtureRequest) -> Iterator[Bookproof]:
    """Hand-written tests: ``bookproof.exchange("kraken-v2")`` serves a mock exchange that the test drives,
    ``bookproof.run("my.scenario.yaml")`` runs a scenario against the configured client."""
    from bookproof.pytest_support.fixture import Bookproof

    handle = Bookproof(_needed_run(request.config), request.node.nodeid)
    yield handle
    handle.close()


@pytest.fixture
def bookproof_exchange(bookproof: Bookproof) -> Any:
    """``bookproof_exchange("kraken-v2")``: a context manager, see ``Bookproof.exchange``."""
    return bookproof.exchange


@pytest.fixture
def bookproof_client(bookproof: Bookproof) -> Any:
    """The configured client as a driver factory (``await bookproof_client()``, in a trio test)."""
    return bookproof.client


# --- the run of this process -------------------------------------------------------------------------------------------

_RUN: pytest.StashKey[Run] = pytest.StashKey()


def _configured(config: pytest.Config) -> bool:
    return bool(config.getoption("bookproof_client") or config.getini("bookproof_client"))


def _run(config: pytest.Config) -> Run | None:
    return config.stash.get(_RUN, None)


def _needed_run(config: pytest.Config) -> Run:
    run = _run(config)
    if run is None:
        from bookproof.pytest_support.run import Run

        run = config.stash[_RUN] = Run(config)
    return run


def _is_catalogue(path: Path) -> bool:
    return path.name == _CATALOGUE.name and path.parent.name == _CATALOGUE.parent.name and path.samefile(_CATALOGUE)
