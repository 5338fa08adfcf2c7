"""The plugin's options, from the command line or the configuration file, checked. Mistakes are `pytest.UsageError`s."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from bookproof_exchange.errors import BookproofError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to run the cases."""

    client: str | None
    """Command line of the adapter; None: only hand-written tests can run."""
    client_cwd: Path
    """Where the command runs: the invocation's directory, or the root directory for one of the configuration file."""
    dialects: tuple[str, ...]
    slow: bool
    strict: bool
    again: bool
    """Run a failed case once more in a fresh process."""
    seed: int | None
    time_scale: float
    known_failures: Path | None
    report: Path | None
    arguments: tuple[str, ...]
    """The options of the command line that a case needs to be run again the same way."""


def read(config: pytest.Config) -> Settings:
    """The settings of a run; UsageError, in one line, where something is missing or wrong."""
    here, root = Path(config.invocation_params.dir), config.rootpath
    client = config.getoption("bookproof_client") or config.getini("bookproof_client") or None
    dialects = tuple(config.getoption("bookproof_dialects") or config.getini("bookproof_dialects"))
    conformance = any(str(arg).startswith("bookproof.conformance") for arg in config.args)
    if client is None and conformance:
        raise pytest.UsageError(
            "bookproof: there is no client to test (give --bookproof-client CMD, or bookproof_client in the "
            "configuration file)"
        )
    _check_dialects(dialects, needed=client is not None)
    seed = _of(config, "bookproof_seed")
    time_scale = _of(config, "bookproof_time_scale")
    known = _of(config, "bookproof_known_failures")
    report = config.getoption("bookproof_report")
    settings = Settings(
        client=client,
        client_cwd=here if config.getoption("bookproof_client") else root,
        dialects=tuple(dict.fromkeys(dialects)),
        slow=bool(config.getoption("bookproof_slow") or config.getini("bookproof_slow")),
        strict=bool(config.getoption("bookproof_strict") or config.getini("bookproof_strict")),
        again=not config.getoption("bookproof_once"),
        seed=None if seed is None else _integer("bookproof-seed", seed),
        time_scale=1.0 if time_scale is None else _scale(time_scale),
        known_failures=None
        if known is None
        else (here if config.getoption("bookproof_known_failures") else root) / known,
        report=None if report is None else here / report,
        arguments=_arguments(config),
    )
    if config.getoption("bookproof_client") or conformance or config.getoption("dist", "no") != "no":
        check_client(settings)
    if settings.report is not None:
        try:
            settings.report.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise pytest.UsageError(f"bookproof: cannot write a report into {report!r}: {error.strerror}") from None
    return settings


def _of(config: pytest.Config, name: str) -> str | None:
    value = config.getoption(name)
    if value is None:
        value = config.getini(name) or None
    return None if value is None else str(value)


def _check_dialects(names: tuple[str, ...], *, needed: bool) -> None:
    from bookproof_exchange.dialects import DIALECTS

    if needed and not names:
        raise pytest.UsageError(
            "bookproof: which dialect is to be tested? (give --bookproof-dialect D, or bookproof_dialects in the "
            f"configuration file; known: {', '.join(DIALECTS.names())})"
        )
    for name in names:
        if name not in DIALECTS:
            hint = did_you_mean(name, DIALECTS.names())
            raise pytest.UsageError(f"bookproof: unknown dialect {name!r} ({hint})")


def check_client(settings: Settings) -> None:
    """What can be known of the client's command without running it: better once than at every case."""
    from bookproof.drivers.subprocess import check_command  # brings trio: not for a run that turns out to have no case

    if settings.client is None:
        return
    try:
        check_command(settings.client, cwd=settings.client_cwd)
    except BookproofError as error:
        raise pytest.UsageError(f"bookproof: {error}") from None


def _integer(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise pytest.UsageError(f"bookproof: --{name} must be an integer, not {text!r}") from None


def _scale(text: str) -> float:
    try:
        scale = float(text)
    except ValueError:
        scale = 0.0
    if not 0.01 <= scale <= 100:
        raise pytest.UsageError(f"bookproof: --bookproof-time-scale must be a number from 0.01 to 100, not {text!r}")
    return scale


def _arguments(config: pytest.Config) -> tuple[str, ...]:
    words: list[str] = []
    for name in ("client", "seed", "time_scale"):
        value = config.getoption(f"bookproof_{name}")
        if value is not None:
            words += [f"--bookproof-{name.replace('_', '-')}", str(value)]
    return tuple(words)


def quoted(words: list[str]) -> str:
    """A command line to be copied into a shell."""
    return shlex.join(words)
