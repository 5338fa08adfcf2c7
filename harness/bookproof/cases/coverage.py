"""Which scenario covers which kind of fault and which kind of mistake, on which dialect: ``docs/coverage.md``, made from
the scenarios themselves and from what the ideal client found out when it played them. To renew it:

    python -m bookproof.cases.coverage > docs/coverage.md
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from bookproof.cases.kinds import KINDS, kinds_of
from bookproof.cases.variants import NOT_HERE, VARIANTS, Variant
from bookproof.diagnosis.classes import CLASSES
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.describe import default_of
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.detect import Played, played
from bookproof_exchange.scenario.load import catalogue

Runs = Mapping[tuple[str, str], Played]
"""By scenario and dialect."""

_HEAD = """\
# Coverage

What the catalogue has for each kind of fault and each kind of mistake, on each dialect. This page is made from the
scenarios (`python -m bookproof.cases.coverage`); a test keeps it current. The kinds are read out of the scripts; the
classes are the scenarios' tags; what tells of a fault was found by playing each script for the ideal client.
"""


@functools.cache
def scenarios() -> tuple[model.Scenario, ...]:
    """The project's own."""
    return tuple(loaded.scenario for loaded in catalogue(folder("scenarios")))


def runs(chosen: Iterable[model.Scenario], dialects: Sequence[Dialect]) -> Runs:
    """Every scenario played once on every dialect that can express it."""
    return {
        (scenario.id, dialect.name): played(scenario, dialect, scenario.seed)
        for scenario in chosen
        for dialect in dialects
        if applicable(scenario, dialect) is None
    }


def page(chosen: Sequence[model.Scenario], dialects: Sequence[Dialect], found: Runs) -> str:
    """The whole page."""
    names = [dialect.name for dialect in dialects]
    parts = (
        [_HEAD],
        _kinds(chosen, names, found),
        _classes(chosen, names, found),
        _variants(chosen, names, found),
        _scenarios(chosen, names, found),
    )
    return "\n".join(line for part in parts for line in part) + "\n"


def classes_of(scenario: model.Scenario) -> tuple[str, ...]:
    """The letters of a scenario's classes."""
    return tuple(sorted(tag[len("class-") :].upper() for tag in scenario.tags if tag.startswith("class-")))


def carries(scenario: model.Scenario, by: str) -> bool:
    """Whether a scenario has what carries a variant."""
    what, _, name = by.partition(":")
    match what:
        case "symbols":
            return scenario.market.symbols > 1
        case "profile":
            return scenario.market.profile == name
        case "step":
            return any(step.__struct_config__.tag == name for step in scenario.script)
        case "shape":
            return any(_shape(step) == name for step in scenario.script)
        case _:
            kind, _, parameter = by.partition(" ")
            faults = [step.fault for step in scenario.script if isinstance(step, model.Inject | model.Oddity)]
            same = [fault for fault in faults if specs.kind_of(fault) == kind]
            return any(not parameter or _given(fault, parameter) for fault in same)


def _given(fault: specs.Fault, parameter: str) -> bool:
    (field,) = (each for each in msgspec.structs.fields(type(fault)) if each.name == parameter)
    return bool(getattr(fault, parameter) != default_of(field))


def _shape(step: model.Step) -> str | None:
    match step:
        case model.Send(shape=shape):
            return shape.kind
        case model.Inject(fault=specs.OnUpdates(shape=shape)) | model.Oddity(fault=specs.OnUpdates(shape=shape)):
            return shape.kind
        case _:
            return None


# --- the tables ---------------------------------------------------------------------------------------------------------


def _kinds(chosen: Sequence[model.Scenario], names: Sequence[str], found: Runs) -> Iterator[str]:
    yield "## Kinds of faults\n"
    yield "How many scenarios have it. `–`: none, and why is said below.\n"
    yield from _header("", "kind", "what the exchange does", *names)
    reasons: list[str] = []
    for key, kind in KINDS.items():
        counts = [_count(chosen, found, name, functools.partial(_of_kind, key)) for name in names]
        yield _row(key, kind.name, kind.meaning, *(str(count) if count else "–" for count in counts))
        for name, count in zip(names, counts, strict=True):
            if not count:
                reasons.append(f"* {key} on {name}: {NOT_HERE.get(key, {}).get(name, 'nobody has said why')}.")
    yield ""
    yield from reasons
    yield ""


def _classes(chosen: Sequence[model.Scenario], names: Sequence[str], found: Runs) -> Iterator[str]:
    yield "## Classes of mistakes\n"
    yield "How many scenarios are there to show it.\n"
    yield from _header("", "class", "what the client does", *names)
    for letter, bug in CLASSES.items():
        counts = [_count(chosen, found, name, functools.partial(_of_class, letter)) for name in names]
        if any(counts):
            yield _row(letter, bug.name, bug.meaning, *(str(count) if count else "–" for count in counts))
    yield ""


def _variants(chosen: Sequence[model.Scenario], names: Sequence[str], found: Runs) -> Iterator[str]:
    yield "## Variants\n"
    yield "What each is called in a scenario, and on how many scenarios' scripts; or why it has no place here.\n"
    yield from _header("kind", "variant", "in a scenario", *names)
    for variant in VARIANTS:
        if variant.by is None:
            yield _row(variant.kind, variant.what, f"not here: {variant.because}", *("" for _ in names))
            continue
        counts = [_count(chosen, found, name, functools.partial(_has, variant)) for name in names]
        yield _row(variant.kind, variant.what, f"`{variant.by}`", *(str(count) if count else "–" for count in counts))
    yield ""


def _of_kind(kind: str, scenario: model.Scenario) -> bool:
    return kind in kinds_of(scenario)


def _of_class(letter: str, scenario: model.Scenario) -> bool:
    return letter in classes_of(scenario)


def _has(variant: Variant, scenario: model.Scenario) -> bool:
    return variant.by is not None and carries(scenario, variant.by)


def _scenarios(chosen: Sequence[model.Scenario], names: Sequence[str], found: Runs) -> Iterator[str]:
    yield "## Scenarios\n"
    yield (
        "Under each dialect: what first tells a client that does everything right of the faults, in their order "
        "(`gap`: the sequence of the next message, `checksum`: that of the next message, `closed`, `violation`, "
        "`silence`, `refused`, `no-snapshot`, `farewell`). `·`: nothing is to be noticed. `–`: the dialect cannot express it "
        "(`bookproof list cases` says why).\n"
    )
    yield from _header("scenario", "kinds", "classes", *names)
    for scenario in chosen:
        cells = [_tells(found.get((scenario.id, name))) for name in names]
        yield _row(f"`{scenario.id}`", " ".join(kinds_of(scenario)), " ".join(classes_of(scenario)), *cells)


def _tells(run: Played | None) -> str:
    if run is None:
        return "–"
    reasons = [told.told.reason for told in run.faults if told.told is not None]
    return ", ".join(dict.fromkeys(reasons)) or "·"


def _count(chosen: Sequence[model.Scenario], found: Runs, name: str, has: Callable[[model.Scenario], bool]) -> int:
    return sum((scenario.id, name) in found and has(scenario) for scenario in chosen)


def _header(*cells: str) -> Iterator[str]:
    yield _row(*cells)
    yield _row(*("---" for _ in cells))


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    everything = scenarios()
    print(page(everything, list(DIALECTS), runs(everything, list(DIALECTS))), end="")
