"""What a reporter is, the ones there are, and how other packages bring theirs (see docs/reporters.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol, TextIO

import msgspec

from bookproof.results import ResultEvent, Trouble
from bookproof_exchange.errors import BookproofError, UsageError
from bookproof_exchange.registry import Registry


class Reporter(Protocol):
    """Consumes result events, in order. It writes what it has to at `RunFinished`, which always comes, also when the run
    was interrupted. It should not raise: one that does hears nothing more, and the run ends with an error."""

    def handle(self, event: ResultEvent) -> None: ...


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a reporter is made from."""

    output: TextIO
    """Standard output. Writing to it never fails, also when nobody reads it any more."""
    target: str | None = None
    """What the user gave: ``--reporter NAME=TARGET``, for most a file or folder to write."""
    folder: Path | None = None
    """Of ``--report DIR``; exists."""
    verbosity: int = 0
    """-1: only the summary; 0: failures; 1: every case; 2: every check."""
    environment: Mapping[str, str] = {}


Maker = Callable[[Settings], Reporter]

#: Reporters by the name that ``--reporter`` takes; other packages add theirs by entry point.
REPORTERS: Registry[Maker] = Registry("reporter", "bookproof.reporters")


def _terminal() -> Maker:
    from bookproof.report.terminal import TerminalReporter

    return lambda settings: TerminalReporter(
        settings.output, verbosity=settings.verbosity, folder=settings.folder, environment=settings.environment
    )


def _json() -> Maker:
    from bookproof.report.json_report import JsonReporter

    return lambda settings: JsonReporter(*_place(settings, "report.json"))


def _html() -> Maker:
    from bookproof.report.html import HtmlReporter

    return lambda settings: HtmlReporter(*_place(settings, "report.html"))


def _junit() -> Maker:
    from bookproof.report.junit import JunitReporter

    return lambda settings: JunitReporter(*_place(settings, "junit.xml"), report=settings.folder)


def _badge() -> Maker:
    from bookproof.report.badge import BadgeReporter

    return lambda settings: BadgeReporter(*_place(settings, "badge.svg"))


def _github() -> Maker:
    from bookproof.report.github import GithubReporter

    return lambda settings: GithubReporter(settings.output, settings.environment)


for _name, _maker in (
    ("terminal", _terminal),
    ("json", _json),
    ("html", _html),
    ("junit", _junit),
    ("badge", _badge),
    ("github", _github),
):
    REPORTERS.add(_name, _maker)


def make(name: str, settings: Settings) -> Reporter:
    """The reporter of this name. UsageError for an unknown name or a target that cannot be."""
    return REPORTERS.get(name)(settings)


class Everyone:
    """Passes every event to several reporters. One that raises is left out from then on; what it raised is in
    ``troubles``, for whoever decides the exit status."""

    def __init__(self, reporters: Iterable[Reporter]) -> None:
        self.reporters = tuple(reporters)
        self.troubles: list[Trouble] = []

    def __call__(self, event: ResultEvent) -> None:
        for reporter in self.reporters:
            try:
                reporter.handle(event)
            except Exception as error:
                self.reporters = tuple(other for other in self.reporters if other is not reporter)
                self.troubles.append(_trouble(reporter, error))


def _trouble(reporter: Reporter, error: Exception) -> Trouble:
    name = type(reporter).__name__
    match error:
        case BookproofError():
            return Trouble(status=error.exit_status, message=str(error))
        case OSError(strerror=str() as reason):
            where = f" {str(error.filename)!r}" if error.filename is not None else ""
            return Trouble(status=4, message=f"{name} cannot write{where}: {reason}")
        case _:
            return Trouble(status=5, message=f"{name} failed: {type(error).__name__}: {error}")


def _place(settings: Settings, name: str) -> tuple[Path, str]:
    """Folder and name of the file that the user gave, or of the usual one in the report's folder."""
    if settings.target is not None:
        file = Path(settings.target)
        if not file.parent.is_dir():
            raise UsageError(f"cannot write {settings.target!r}: there is no folder {str(file.parent)!r}")
        return file.parent, file.name
    if settings.folder is None:
        raise UsageError(f"there is no place for {name}", hint="give --report DIR, or --reporter NAME=FILE")
    return settings.folder, name
