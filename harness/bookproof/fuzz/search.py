"""The search: rounds of Hypothesis, each of which looks for one failure that is not known yet and shrinks it.

A round draws scenarios until one fails in a new way. That failure is run again with a fresh client; if it comes back,
Hypothesis shrinks it, and counts as the same only what breaks the same property with the same anomaly, so that one bug cannot
turn into another on the way. Then the next round begins.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence, Set

import hypothesis
import msgspec
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st

from bookproof.attempts import merged, rests_on_time
from bookproof.case_run import CaseRun
from bookproof.cases.plan import Case
from bookproof.fuzz.database import Kept, OneRound
from bookproof.fuzz.finding import FAILURES, Finding, Signature, signature
from bookproof.fuzz.players import OutOfTime, Player
from bookproof.fuzz.strategy import named, scenarios, size
from bookproof.results import CaseResult, Verdict
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.detect import impossible
from bookproof_exchange.scenario.model import Scenario, Send
from bookproof_exchange.seeds import derive

#: Examples a round; so many are drawn before Hypothesis begins anew with small ones.
ROUND = 500
#: Where a smaller script does not fail, it is tried with so many other seeds: with other prices it may.
OTHER_SEEDS = 2
#: Where so many scripts are not supported, and no other was, nothing will be.
HOPELESS = 20
#: Shrinking what was found may take so much of the time beyond the limit.
EXTRA = 0.25


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Where the search stands."""

    examples: int
    seconds: float
    findings: int
    shrinking: Signature | None = None
    """The failure that is being shrunk, in ``tries`` scripts so far, the shortest of ``size`` steps."""
    tries: int = 0
    size: int = 0


class Outcome(msgspec.Struct, kw_only=True):
    """What came of a search."""

    findings: list[Finding] = []
    verdicts: Counter[Verdict] = msgspec.field(default_factory=Counter)
    """Of all scripts that were run for the first time."""
    unconfirmed: Counter[Signature] = msgspec.field(default_factory=Counter)
    """Failures by a limit alone that did not come back."""
    unplayable: int = 0
    """Scripts that asked of the market what it could not do."""
    unfair: int = 0
    """Scripts that failed but ask for more than anybody could do, as `scenario.detect` finds."""
    examples: int = 0
    seconds: float = 0.0
    exhausted: bool = False
    """Whether there was nothing more to try."""
    samples: dict[Verdict, CaseResult] = {}
    """One result of each verdict that counts as no failure."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """When a search ends: after so many scripts, after so many seconds, or with so many findings."""

    examples: int | None = None
    seconds: float | None = None
    findings: int | None = None


class _Failed(Exception):
    """The script fails in the way that is looked for."""


class Search:
    """One search. `run` it once; what it has found stands in `outcome` at any time, also where it was interrupted."""

    def __init__(
        self,
        dialect: Dialect,
        player: Player,
        kinds: Sequence[str],
        *,
        seed: int,
        limits: Limits,
        slow: bool = False,
        channels: Sequence[str] = ("book", "trades"),
        counts: Set[Verdict] = FAILURES,
        kept: Kept | None = None,
        progress: Callable[[Progress], None] = lambda progress: None,
        found: Callable[[Finding, CaseRun], None] = lambda finding, run: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``found`` is called with every finding when it is done, with the run that showed it."""
        self.outcome = Outcome()
        self._dialect = dialect
        self._player = player
        self._strategy: st.SearchStrategy[Scenario] = scenarios(dialect, kinds, slow=slow, channels=channels)
        self._seed = seed
        self._limits = limits
        self._counts = counts
        self._kept = kept
        self._progress = progress
        self._found = found
        self._clock = clock
        self._began = clock()
        self._known: set[Signature] = set()
        self._seen: dict[str, Signature | None] = {}
        """How every script came out, by its id."""
        self._target: _Target | None = None
        self._replaying = False

    def run(self) -> Outcome:
        """Search until a limit is reached."""
        try:
            for example in () if self._kept is None else self._kept.examples():
                if self._over():
                    break
                self._replay(example)
            number = 0
            while not self._over():
                before = len(self._seen)
                self._round(OneRound(), ROUND, (Phase.generate, Phase.shrink), number)
                if len(self._seen) == before:
                    self.outcome.exhausted = True
                    break
                number += 1
        except OutOfTime:
            pass
        finally:
            self.outcome.seconds = self._clock() - self._began
        return self.outcome

    # --- rounds ------------------------------------------------------------------------------------------------------

    def _over(self) -> bool:
        limits, outcome = self._limits, self.outcome
        return (
            (limits.examples is not None and outcome.examples >= limits.examples)
            or (limits.seconds is not None and self._clock() - self._began >= limits.seconds)
            or (limits.findings is not None and len(outcome.findings) >= limits.findings)
        )

    def _replay(self, example: bytes) -> None:
        """An example of the database: first as it is, then smaller, where it still fails."""
        assert self._kept is not None
        self._replaying = True
        known = len(self._known)
        view = OneRound(example)
        try:
            self._round(view, 1, (Phase.reuse, Phase.shrink), 0)
        finally:
            self._replaying = False
        if len(self._known) == known:
            # it fails no more, or as another one does
            self._kept.replace(example, None)
        else:
            self._kept.replace(example, view.newest)

    def _round(self, view: OneRound, examples: int, phases: Sequence[Phase], number: int) -> None:
        # (`seed` takes the database away from the settings below it)
        @settings(
            max_examples=max(1, examples),
            database=view,
            deadline=None,
            derandomize=False,
            phases=phases,
            print_blob=False,
            report_multiple_bugs=False,
            stateful_step_count=1,
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.quiet,
        )
        @hypothesis.seed(derive(self._seed, "fuzz", number))
        @given(scenario=self._strategy)
        def try_one(scenario: Scenario) -> None:
            try:
                failed = self._fails(scenario)
            except Exception:
                raise
            except BaseException:
                view.closed = True
                raise
            if failed:
                raise _Failed

        self._target = None
        whole = False
        try:
            try_one()
            whole = True
        except _Failed:
            whole = True
        except OutOfTime:
            if self._target is None:
                raise
        finally:
            # also where it was interrupted: what was found is kept
            target, self._target = self._target, None
            if target is not None:
                self._finish(target, view, whole=whole)

    # --- one script --------------------------------------------------------------------------------------------------

    def _fails(self, scenario: Scenario) -> bool:
        """Whether the script fails in the way that this round is about; the first new failure decides on that."""
        shrinking = self._target is not None
        found = self._outcome_of(scenario)
        target = self._target
        if target is None:
            return False
        if shrinking:
            for number in range(OTHER_SEEDS):
                if found == target.signature:
                    break
                scenario = named(msgspec.structs.replace(scenario, seed=1 + number))
                found = self._outcome_of(scenario)
        if found != target.signature:
            return False
        target.newest = scenario
        if _weight(scenario) <= _weight(target.best):
            target.best = scenario
        return True

    def _outcome_of(self, scenario: Scenario) -> Signature | None:
        if scenario.id not in self._seen:
            self._seen[scenario.id] = self._tried(scenario)
        return self._seen[scenario.id]

    def _play(self, case: Case, *, afresh: bool = False, hurried: bool = False) -> CaseRun:
        """Within what is left of the time: for what was found there is some more than for what is to be found."""
        limit = self._limits.seconds
        if limit is None:
            return self._player.play(case, afresh=afresh, hurried=hurried)
        left = limit * (1.0 + EXTRA) - (self._clock() - self._began)
        if left <= 0:
            raise OutOfTime
        return self._player.play(case, afresh=afresh, hurried=hurried, seconds=left)

    def _tried(self, scenario: Scenario) -> Signature | None:
        """Run a script for the first time. Sets the round's target where it fails in a new way."""
        if self._target is None and not self._replaying and self._over():
            raise OutOfTime
        case = self._case(scenario)
        try:
            run = self._play(case, hurried=self._target is not None)
        except UsageError:
            # what the market can do depends on what has happened in it: nobody can know it beforehand
            self.outcome.unplayable += 1
            hypothesis.reject()
        found = signature(run.result, self._counts)
        wanted = found not in self._known if self._target is None else found == self._target.signature
        if found is not None and wanted and impossible(scenario, self._dialect):
            # blocks are made so that this does not happen; no client is blamed should it happen all the same
            self.outcome.unfair += 1
            found = None
        if self._target is not None:
            self._target.tries += 1
            self._tell()
            return found
        if not self._replaying:
            self.outcome.examples += 1
        verdicts = self.outcome.verdicts
        verdicts[run.result.verdict] += 1
        if verdicts[Verdict.UNSUPPORTED] == verdicts.total() == HOPELESS:
            raise OutOfTime
        if found is None:
            self.outcome.samples.setdefault(run.result.verdict, run.result)
        elif found not in self._known:
            self._confirm(case, run, found)
        self._tell()
        return found

    def _confirm(self, case: Case, first: CaseRun, found: Signature) -> None:
        """A failure counts when it comes back. One that does not, and was none of time, counts as what it is: seen once."""
        try:
            # what does not rest on time comes back however little there is of it
            second = self._play(case, afresh=True, hurried=not rests_on_time(first.result))
            if signature(second.result, self._counts) != found:
                second = self._play(case, afresh=True)
        except OutOfTime:
            if not rests_on_time(first.result):
                self._unsure(case, first, found)
            raise
        if signature(second.result, self._counts) == found:
            self._known.add(found)
            self._target = _Target(
                signature=found,
                first=case,
                run=second,
                newest=case.scenario,
                best=case.scenario,
                found_after=self.outcome.examples,
                replayed=self._replaying,
            )
            return
        run = merged(first, second)
        again = signature(run.result, self._counts)
        if again is None or rests_on_time(first.result):
            self.outcome.unconfirmed[found] += 1
            return
        if again not in self._known:
            self._unsure(case, run, again)

    def _unsure(self, case: Case, run: CaseRun, found: Signature) -> None:
        """A failure that was seen once, as it was seen."""
        self._known.add(found)
        finding = Finding(
            signature=found,
            case=case,
            result=run.result,
            found_after=self.outcome.examples,
            first_size=size(case.scenario),
            whole=False,
            reproduced=False,
            replayed=self._replaying,
        )
        self.outcome.findings.append(finding)
        self._found(finding, run)

    def _finish(self, target: _Target, view: OneRound, *, whole: bool) -> None:
        """The shortest script of a round becomes a finding, where a fresh client fails it once more."""
        scenario = target.newest if whole else target.best
        case, run = target.first, target.run
        try:
            if scenario.id != case.scenario.id:
                again = self._play(self._case(scenario), afresh=True, hurried=not rests_on_time(target.run.result))
                if signature(again.result, self._counts) == target.signature:
                    case, run = self._case(scenario), again
                else:
                    whole = False
        except OutOfTime:
            whole = False
        finally:
            # where no time was left for that, the script stands in which the failure was first seen, and came back
            finding = Finding(
                signature=target.signature,
                case=case,
                result=msgspec.structs.replace(run.result, reproduced=True, attempts=2),
                found_after=target.found_after,
                first_size=size(target.first.scenario),
                tries=target.tries,
                whole=whole,
                replayed=target.replayed,
            )
            self.outcome.findings.append(finding)
            if self._kept is not None and not target.replayed:
                self._kept.replace(None, view.newest)
            self._found(finding, run)

    def _case(self, scenario: Scenario) -> Case:
        return Case(dialect=self._dialect.name, scenario=scenario, seed=scenario.seed)

    def _tell(self) -> None:
        target = self._target
        self._progress(
            Progress(
                examples=self.outcome.examples,
                seconds=self._clock() - self._began,
                findings=len(self.outcome.findings),
                shrinking=None if target is None else target.signature,
                tries=0 if target is None else target.tries,
                size=0 if target is None else size(target.best),
            )
        )


class _Target(msgspec.Struct, kw_only=True):
    """The failure that a round shrinks."""

    signature: Signature
    first: Case
    run: CaseRun
    """Of `first`, the second time."""
    newest: Scenario
    """That failed last: in the end Hypothesis runs the smallest once more."""
    best: Scenario
    """The smallest by `_weight`, for where the round is cut short."""
    found_after: int
    tries: int = 0
    replayed: bool = False


def _weight(scenario: Scenario) -> tuple[int, int]:
    return size(scenario), sum(step.count for step in scenario.script if isinstance(step, Send))
