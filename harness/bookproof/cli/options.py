"""Options and look-ups that several commands share."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Sequence
from pathlib import Path

from bookproof.cases.plan import Case, Inapplicable, cases
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.load import SUFFIX, catalogue, load_with_places
from bookproof_exchange.scenario.model import Scenario


def dialects_named(names: Sequence[str]) -> tuple[Dialect, ...]:
    """The dialects of these names (all where none is given); UsageError with a hint for an unknown one."""
    return tuple(DIALECTS.get(name) for name in (dict.fromkeys(names) or DIALECTS.names()))


def dialects_meant(patterns: Sequence[str], paths: Sequence[str] = ()) -> tuple[str, ...]:
    """The dialects that case patterns begin with (``binance-spot/book/wire/*``, ``binance-*/book/*``), or else those that
    every one of the scenario files is restricted to. UsageError where that does not say it: a client speaks the dialects
    that it speaks, and cases of others prove nothing."""
    named = [_beginning(pattern) for pattern in patterns]
    if not patterns and paths:
        named = [scenario.dialects or () for scenario, _ in scenarios_of(paths)]
    if named and all(named):
        return tuple(name for name in DIALECTS.names() if any(name in each for each in named))
    raise UsageError("which dialect?", hint=_which(patterns))


def _beginning(pattern: str) -> tuple[str, ...]:
    head, slash, _ = pattern.partition("/")
    if not slash or not head.strip("*?"):
        return ()
    return tuple(fnmatch.filter(DIALECTS.names(), head))


def _which(patterns: Sequence[str]) -> str:
    names = DIALECTS.names()
    for pattern in patterns:
        head, _, rest = pattern.partition("/")
        close = difflib.get_close_matches(head, names, n=1) or [name for name in names if name.startswith(f"{head}-")]
        if close and not _beginning(pattern):
            return f"did you mean --case {close[0]}/{rest}?"
    return f"--dialect, once or more: {', '.join(names)}"


def scenarios_of(paths: Sequence[str]) -> list[tuple[Scenario, str | None]]:
    """The built-in catalogue, or the scenarios of files and folders."""
    if not paths:
        return [(loaded.scenario, None) for loaded in catalogue(folder("scenarios"))]
    found: list[tuple[Scenario, str | None]] = []
    for path in paths:
        if Path(path).is_dir():
            below = catalogue(path)
            if not below:
                raise UsageError(f"no scenario under {path!r}", hint=f"scenario files end in {SUFFIX}")
            found.extend((loaded.scenario, loaded.path) for loaded in below)
        else:
            loaded = load_with_places(path)
            found.append((loaded.scenario, loaded.path))
    return found


def all_cases(
    dialects: Sequence[Dialect], paths: Sequence[str] = (), *, seed: int | None = None
) -> tuple[tuple[Case, ...], tuple[Inapplicable, ...]]:
    """Every case of the dialects; UsageError where there is none."""
    scenarios = scenarios_of(paths)
    made, left = cases(scenarios, dialects, seed=seed)
    if not made:
        reasons = "; ".join(f"{entry.scenario} on {entry.dialect}: {entry.reason}" for entry in left[:3])
        raise UsageError(f"no scenario can be expressed: {reasons}" if reasons else "there is no scenario")
    return made, left


def every_id(made: Sequence[Case], paths: Sequence[str]) -> tuple[str, ...]:
    """The ids of all cases that there are, on every dialect: of the built-in catalogue, and of the user's own files."""
    found = dict.fromkeys(case.id for case in made)
    for scenarios in (scenarios_of(()), scenarios_of(paths) if paths else ()):
        found.update(dict.fromkeys(case.id for case in cases(scenarios, tuple(DIALECTS))[0]))
    return tuple(found)
