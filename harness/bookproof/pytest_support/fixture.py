"""The fixture object of hand-written tests."""

from __future__ import annotations

import operator
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bookproof.cases.plan import Case
from bookproof.drivers.api import DriverFactory
from bookproof.pytest_support.exchange import MockExchange
from bookproof.pytest_support.words import CaseFailed
from bookproof.results import CaseResult, Verdict
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError, did_you_mean
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.load import SUFFIX, catalogue, load
from bookproof_exchange.scenario.model import Market, Scenario
from bookproof_exchange.timing import Timing

if TYPE_CHECKING:
    from bookproof.pytest_support.run import Run

#: A test's author sees the test: our own frames only where we are wrong.
__tracebackhide__ = operator.methodcaller("errisinstance", (UsageError, AssertionError))


class RunResult:
    """What came of running one scenario. ``result`` has every check."""

    def __init__(self, result: CaseResult, again: tuple[str, ...], transcript: str | None) -> None:
        self.result = result
        self.transcript = transcript
        self._again = again

    @property
    def verdict(self) -> Verdict:
        return self.result.verdict

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong: pass, info, warn or non-strict. What proved nothing did not pass."""
        return not self.result.failing and self.verdict is not Verdict.UNSUPPORTED

    def assert_passed(self) -> None:
        """CaseFailed, with the whole explanation, where it did not pass."""
        if not self.passed:
            raise CaseFailed(self.result, self._again, self.transcript)

    def __repr__(self) -> str:
        return f"<{self.result.id}: {self.verdict}>"


class Bookproof:
    """The fixture ``bookproof``."""

    def __init__(self, run: Run, test: str) -> None:
        self._run = run
        self._test = test
        self._opened: list[MockExchange] = []

    def exchange(
        self,
        dialect: str | None = None,
        *,
        symbols: int = 1,
        profile: Literal["calm", "busy", "thin", "deep", "one-sided", "load"] = "busy",
        levels: int = 40,
        seed: int = 1,
        tls: bool = False,
    ) -> MockExchange:
        """A mock exchange on loopback that the test drives, open until the ``with`` block or the test ends.

        ``dialect`` may be left out where exactly one is configured. ``symbols``: how many. ``tls``: serve ``wss`` and
        ``https`` with a certificate authority made for this test (its file: ``exchange.tls_ca``)."""
        name = self._dialect(dialect)
        scenario = Scenario(
            id="by-hand",
            title=self._test,
            purpose="A hand-written test.",
            rules=(),
            market=Market(profile=profile, levels=levels, symbols=symbols),
            script=(),
        )
        case = Case(
            dialect=name, scenario=scenario, seed=seed if self._run.settings.seed is None else self._run.settings.seed
        )
        opened = MockExchange(
            self._run.portal,
            case,
            Timing().scaled(self._run.settings.time_scale),
            tls_folder=Path(tempfile.mkdtemp(prefix="bookproof-tls-")) if tls else None,
        )
        self._opened.append(opened)
        return opened

    def run(self, scenario: Scenario | str | Path, dialect: str | None = None, *, seed: int | None = None) -> RunResult:
        """Run a scenario against the configured client, as the plugin's own items do.

        ``scenario``: a file, the id of one of the catalogue (``book/gap/single``), or a `Scenario`."""
        found, path = self._scenario(scenario)
        name = self._dialect(dialect)
        reason = applicable(found, DIALECTS.get(name))
        if reason is not None:
            raise UsageError(f"{found.id} cannot be expressed on {name}: {reason}")
        if seed is None:
            seed = found.seed if self._run.settings.seed is None else self._run.settings.seed
        return RunResult(*self._run.judge(Case(dialect=name, scenario=found, seed=seed, path=path)))

    @property
    def client(self) -> DriverFactory:
        """Makes drivers of the configured client: ``await bookproof.client()``, within trio. UsageError without one."""
        return self._run.client.factory

    def close(self) -> None:
        """End what the test left open."""
        for opened in self._opened:
            opened.close()

    def _dialect(self, name: str | None) -> str:
        if name is None:
            if len(self._run.settings.dialects) != 1:
                raise UsageError("which dialect?", hint=f"known: {', '.join(DIALECTS.names())}")
            (name,) = self._run.settings.dialects
        return DIALECTS.get(name).name

    def _scenario(self, scenario: Scenario | str | Path) -> tuple[Scenario, str | None]:
        if isinstance(scenario, Scenario):
            return scenario, None
        if isinstance(scenario, Path) or str(scenario).endswith(SUFFIX):
            return load(scenario), str(scenario)
        built_in = {loaded.scenario.id: loaded.scenario for loaded in catalogue(folder("scenarios"))}
        if scenario not in built_in:
            raise UsageError(
                f"there is no scenario {scenario!r} in the catalogue (a file's name ends in {SUFFIX})",
                hint=did_you_mean(scenario, built_in),
            )
        return built_in[scenario], None
