"""Cases as pytest items: the catalogue's, and those of the user's own scenario files."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from bookproof.cases.plan import Case, cases
from bookproof.pytest_support.words import BookproofWarning, CaseFailed, explanation, headline, longrepr
from bookproof.results import CaseResult, Verdict
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import BookproofError, Where
from bookproof_exchange.scenario.lint import lint
from bookproof_exchange.scenario.load import catalogue, load_with_places
from bookproof_exchange.scenario.problems import Problem, ScenarioError

if TYPE_CHECKING:
    from bookproof.pytest_support.run import Run


class CaseItem(pytest.Item):
    """One case."""

    def __init__(self, *, case: Case, run: Run, **kw: Any) -> None:
        super().__init__(**kw)
        self.case = case
        self.run = run
        self.bookproof_id = case.id
        self.bookproof_outcome: dict[str, Any] | None = None
        scenario = case.scenario
        topic = _topic(scenario.id)
        self.add_marker(pytest.mark.bookproof(dialect=case.dialect, scenario=scenario.id, topic=topic))
        names = [case.dialect, topic, *scenario.tags, *(["slow"] if scenario.slow else [])]
        for name in dict.fromkeys(names):
            _register(self.config, name)
            self.add_marker(name)

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return self.path, 0, self.case.id

    def runtest(self) -> None:
        if self.case.scenario.slow and not self._slow_wanted():
            self.bookproof_outcome = {"id": self.case.id, "slow": True}
            raise pytest.skip.Exception("slow (--bookproof-slow runs it)", _use_item_location=True)
        result, again, transcript = self.run.judge(self.case, node=self._node())
        self.bookproof_outcome = {"id": self.case.id, "result": msgspec.to_builtins(result)}
        if self.run.detail is not None:
            self.bookproof_outcome["detail"] = msgspec.to_builtins(self.run.detail)
        self.user_properties += [("bookproof_verdict", str(result.verdict)), ("bookproof_seed", result.seed)]
        if transcript is not None:
            self.user_properties.append(("bookproof_transcript", transcript))
        if result.known is not None:
            pytest.xfail(f"known failure: {result.known} ({headline(result)})")
            result = msgspec.structs.replace(result, known=None)  # with --runxfail the line above does nothing
        if result.verdict is Verdict.UNSUPPORTED:
            raise pytest.skip.Exception(f"unsupported: {result.message}", _use_item_location=True)
        if _bad(result, strict=self.run.settings.strict):
            raise CaseFailed(result, again, transcript)
        if result.verdict in (Verdict.WARN, Verdict.NON_STRICT):
            self.warn(BookproofWarning("\n".join([headline(result), *again[:1]])))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        error = excinfo.value
        path = str(self.path)
        match error:
            case CaseFailed():
                lines = explanation(error.result, again=error.again, transcript=error.transcript)
                return longrepr(headline(error.result), lines, path)
            case BookproofWarning():
                return longrepr(str(error).splitlines()[0], [self.case.id, str(error)], path)
            case BookproofError():
                return longrepr(str(error), [self.case.id, str(error)], path)
            case _:
                return super().repr_failure(excinfo)

    def _slow_wanted(self) -> bool:
        """By the option, by ``-m slow``, or by its whole name."""
        if self.run.settings.slow or re.search(r"\bslow\b", self.config.getoption("markexpr", "")):
            return True
        return any(str(arg).endswith(f"::{self.case.id}") for arg in self.config.args)

    def _node(self) -> str:
        if self.case.path is None:
            return f"bookproof.conformance.catalogue::{self.case.id}"
        return f"{os.path.relpath(self.path, self.config.invocation_params.dir)}::{self.case.id}"


class Inapplicable(pytest.Item):
    """An own scenario that a chosen dialect cannot express: visible, not silent."""

    def __init__(self, *, reason: str, **kw: Any) -> None:
        super().__init__(**kw)
        self._reason = reason
        self.bookproof_id = self.name

    def reportinfo(self) -> tuple[os.PathLike[str] | str, int | None, str]:
        return self.path, 0, self.name

    def runtest(self) -> None:
        raise pytest.skip.Exception(f"cannot be expressed: {self._reason}", _use_item_location=True)


class _File(pytest.File):
    def __init__(self, *, run: Run, **kw: Any) -> None:
        super().__init__(**kw)
        self.run = run

    def repr_failure(  # type: ignore[override]  # pytest's own two signatures differ
        self, excinfo: pytest.ExceptionInfo[BaseException]
    ) -> Any:
        """Words, with file, line and column; no traceback."""
        error = excinfo.value
        match error:
            case ScenarioError():
                return "\n".join(_placed(problem, self.path) for problem in error.problems)
            case BookproofError() | pytest.UsageError():
                return str(error)
            case _:
                return super().repr_failure(excinfo)

    def _items(self, made: Iterable[Case]) -> Iterator[pytest.Item]:
        for case in made:
            yield CaseItem.from_parent(self, name=case.id, case=case, run=self.run)


class CatalogueFile(_File):
    """The built-in catalogue on the chosen dialects."""

    def collect(self) -> Iterator[pytest.Item]:
        if self.run.settings.client is None:
            raise pytest.UsageError("bookproof: there is no client to test (give --bookproof-client CMD)")
        scenarios = [(loaded.scenario, None) for loaded in catalogue(folder("scenarios"))]
        dialects = [DIALECTS.get(name) for name in self.run.settings.dialects]
        made, _ = cases(scenarios, dialects, seed=self.run.settings.seed)
        return self._items(made)


class ScenarioFile(_File):
    """One scenario file of the user's."""

    def collect(self) -> Iterator[pytest.Item]:
        loaded = load_with_places(self.path)
        scenario = loaded.scenario
        problems = [
            msgspec.structs.replace(problem, where=loaded.where(problem.field))
            for problem in lint(scenario, list(DIALECTS))
            if problem.weight == "error"
        ]
        if problems:
            raise ScenarioError(problems)
        dialects = [DIALECTS.get(name) for name in self.run.settings.dialects]
        path = os.path.relpath(self.path, self.config.invocation_params.dir)
        made, left = cases([(scenario, path)], dialects, seed=self.run.settings.seed)
        yield from self._items(made)
        if not made:
            for entry in left:
                yield Inapplicable.from_parent(self, name=f"{entry.dialect}/{entry.scenario}", reason=entry.reason)


class Nothing(pytest.File):
    """A file without items."""

    def collect(self) -> Sequence[pytest.Item]:
        return ()


def _bad(result: CaseResult, *, strict: bool) -> bool:
    from bookproof.suite import exit_status

    return exit_status([result], (), strict=strict) != 0


def _topic(scenario: str) -> str:
    """``book/gap/single``: ``gap``."""
    parts = scenario.split("/")
    return parts[-2] if len(parts) > 1 else parts[0]


def _register(config: pytest.Config, marker: str) -> None:
    """Tags are markers that only the catalogue knows: registered as they come, so that strict mode takes them."""
    known = config.stash.setdefault(_REGISTERED, set())
    if marker not in known:
        known.add(marker)
        config.addinivalue_line("markers", f"{marker}: set by bookproof on its cases")


_REGISTERED: pytest.StashKey[set[str]] = pytest.StashKey()


def _placed(problem: Problem, path: Path) -> str:
    if problem.where is not None:
        return str(problem)
    return str(msgspec.structs.replace(problem, where=Where(str(path))))
