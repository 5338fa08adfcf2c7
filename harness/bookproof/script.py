"""Scenarios in Python, with the words of scenario files, for scripts that a file cannot say: made in a loop, computed, drawn
by Hypothesis.

    from bookproof.script import converge, fault, probe, scenario, send, settle, sync

    def gap(count: int):
        return scenario(
            f"own/gap/{count}",
            sync(), send(5), fault("drop", count=count), send(count + 2), probe(), converge(), settle(),
            title=f"{count} updates are lost",
            rules=["gap-restart", "checksum-verify"],
            needs=["sequence|checksum"],
            resync="some", honest=True,
        )

    @pytest.mark.parametrize("count", range(1, 6))
    def test_gaps(bookproof, count):
        bookproof.run(gap(count)).assert_passed()

A step is a value of `bookproof_exchange.scenario.model`; the same checks apply as to a file, and the same errors are raised,
as `UsageError` (exit 4): each says where, what was found, and how to mend it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.detect import check
from bookproof_exchange.scenario.load import loads
from bookproof_exchange.scenario.model import Scenario, Step
from bookproof_exchange.scenario.problems import Problem, ScenarioError
from bookproof_exchange.scenario.write import write

if TYPE_CHECKING:
    from bookproof.results import CaseResult

__all__ = [
    "Scenario",
    "Step",
    "as_file",
    "converge",
    "fault",
    "hold",
    "lift",
    "oddity",
    "probe",
    "problems",
    "quiet",
    "read",
    "scenario",
    "send",
    "settle",
    "step",
    "sync",
    "tried",
    "wait_for",
]

# --- steps ------------------------------------------------------------------------------------------------------------


def step(name: str, /, **parameters: Any) -> Step:
    """Any step by its name, as a file says it: ``step("send", count=3)``. Parameters that are None are left out.

    UsageError, with a hint, for what a file could not say either."""
    given = {key: value for key, value in parameters.items() if value is not None}
    text = msgspec.json.encode(
        {"id": "x", "title": "x", "purpose": "x", "rules": [], "script": [{name: given or None}]}
    ).decode()
    try:
        return loads(text).script[0]
    except ScenarioError as error:
        first = error.problems[0]
        raise UsageError(first.message, hint=first.hint) from None


def sync(lead: int = 3) -> Step:
    """Wait until the client has subscribed and shows the present book, live."""
    return step("sync", lead=lead)


def send(
    count: int = 1,
    *,
    shape: str | Mapping[str, Any] = "any",
    symbol: int = 1,
    mode: Literal["burst", "each", "bytes"] = "burst",
) -> Step:
    """The next ``count`` updates. ``shape``: what the first changes (``improve``, ``{"kind": "delete", "rank": 0}``)."""
    return step("send", count=count, shape=shape, symbol=symbol, mode=mode)


def fault(kind: str, /, **parameters: Any) -> Step:
    """Arm a fault, with the parameters that a file takes: ``fault("drop", count=2, shape="improve")``."""
    return step("fault", kind=kind, **parameters)


def oddity(kind: str, /, **parameters: Any) -> Step:
    """Arm something unusual that is legal."""
    return step("oddity", kind=kind, **parameters)


def read(symbol: int = 1) -> Step:
    """Look at the client after a ping proved that it has read everything."""
    return step("read", symbol=symbol)


def hold() -> Step:
    """From now on keep back what a recovering client waits for."""
    return step("hold")


def probe() -> Step:
    """Look at the client between the tell and its recovery, then let go what was held back."""
    return step("probe")


def converge(during: int = 3, *, limit: Literal["converge", "sync"] = "converge") -> Step:
    """The stream goes on until the client is right and live again."""
    return step("converge", during=during, limit=limit)


def settle() -> Step:
    """The exchange is quiet: exactly the last book."""
    return step("settle")


def lift() -> Step:
    """End what stands: a stall, an outage."""
    return step("lift")


def quiet(seconds: float = 3.0) -> Step:
    """No data for so many seconds (times the time scale)."""
    return step("quiet", seconds=seconds)


def wait_for(what: str, *, limit: float | None = None, level: Literal["MUST", "SHOULD", "MAY"] = "MUST") -> Step:
    """The step ``await`` (a word of Python's own): ``reconnect``, ``subscribe``, ``unsubscribe``, ``snapshot-request`` or
    ``report``. ``limit``: seconds."""
    return step("await", what=what, limit=limit, level=level)


# --- scenarios --------------------------------------------------------------------------------------------------------


def scenario(
    id: str,
    /,
    *script: Step | Iterable[Step],
    title: str = "",
    purpose: str = "",
    rules: Iterable[str],
    needs: Iterable[str] = (),
    dialects: Iterable[str] | None = None,
    market: Mapping[str, Any] | None = None,
    channels: Iterable[Literal["book", "trades"]] = ("book",),
    depth: int | Literal["least", "most"] | None = None,
    seed: int = 1,
    slow: bool = False,
    resync: Literal["none", "some", "any"] = "any",
    honest: bool = False,
    most_resyncs: int | None = 3,
    live: bool = True,
    tags: Iterable[str] = (),
    checked: bool = True,
) -> Scenario:
    """A scenario, from its steps (lists of steps are laid out one after the other).

    The keys are those of a file; what stands there in ``subscribe`` and ``expect`` is given directly. ``title`` and
    ``purpose`` may be left out: the id stands for them. ``checked``: also play it for the ideal client of every dialect
    (some hundredths of a second each), as ``bookproof scenario check`` does, so that nothing is asked that nobody can know.

    UsageError with everything that is wrong."""
    steps: list[Any] = []
    for each in script:
        if isinstance(each, model.StepBase):
            steps.append(each)
        else:
            steps.extend(each)
    made = Scenario(
        id=id,
        title=title or id,
        purpose=purpose or title or id,
        rules=tuple(rules),
        needs=tuple(needs),
        dialects=None if dialects is None else tuple(dialects),
        market=_part("market", market or {}),
        subscribe=_part("subscribe", {"channels": list(channels), **({} if depth is None else {"depth": depth})}),
        seed=seed,
        slow=slow,
        script=tuple(steps),
        expect=model.Expect(resync=resync, honest=honest, most_resyncs=most_resyncs, live=live),
        tags=tuple(tags),
    )
    wrong = [problem for problem in problems(made, played=checked) if problem.weight == "error"]
    if wrong:
        more = f" [and {len(wrong) - 1} more]" if len(wrong) > 1 else ""
        raise UsageError(f"{id}: {wrong[0]}{more}")
    return made


def problems(made: Scenario, *, played: bool = True) -> list[Problem]:
    """Everything that the linter has against a scenario, warnings too. ``played``: also what only playing it shows."""
    from bookproof_exchange.scenario.lint import lint

    dialects = list(DIALECTS)
    return check(made, dialects) if played else lint(made, dialects)


def as_file(made: Scenario) -> str:
    """The scenario as the text of a file, for ``bookproof scenario show`` and ``bookproof replay``."""
    return write(made)


def tried(made: Scenario, dialect: str, *, mutant: str | None = None) -> CaseResult:
    """What becomes of the ideal client, or of a client with one known bug, in memory: to see that a scenario passes the one
    and catches the other. UsageError where the dialect cannot express it."""
    from bookproof.authoring.rehearsal import rehearse
    from bookproof.authoring.trial import mutant_named

    bug = None if mutant is None else mutant_named(mutant)
    return rehearse(made, DIALECTS.get(dialect), mutant=bug).run.result


def _part(key: Literal["market", "subscribe"], given: Mapping[str, Any]) -> Any:
    """One mapping of a file, checked as one."""
    text = msgspec.json.encode(
        {"id": "x", "title": "x", "purpose": "x", "rules": [], "script": [], key: given}
    ).decode()
    try:
        return getattr(loads(text), key)
    except ScenarioError as error:
        first = error.problems[0]
        raise UsageError(f"{first.field}: {first.message}", hint=first.hint) from None
