"""Carries out ``run`` and ``replay``: cases, client, reporters and files, put together."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from bookproof import collecting
from bookproof.case_run import CaseRun, Venue
from bookproof.cases.plan import Case, select
from bookproof.cli.interrupt import run_interruptible
from bookproof.cli.options import all_cases, dialects_named, every_id
from bookproof.cli.output import standard_output
from bookproof.diagnosis.library import explained
from bookproof.drivers.api import DriverFactory
from bookproof.drivers.subprocess import subprocess_factory
from bookproof.intercept.interception import Interception
from bookproof.intercept.run import run_intercepted
from bookproof.known import Known, apply_known, load_known
from bookproof.known_update import update
from bookproof.probe import probed
from bookproof.report import failures, transcript
from bookproof.report.api import Everyone, Reporter, Settings, make
from bookproof.report.collect import Collected
from bookproof.report.page.pack import detail as page_detail
from bookproof.report.story import story
from bookproof.report.words import telling
from bookproof.results import Verdict
from bookproof.suite import PRECEDENCE, Suite, run_suite
from bookproof.venues import LoopbackVenue
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.load import SUFFIX
from bookproof_exchange.server import tls
from bookproof_exchange.timing import Timing


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What `run` and `replay` have in common."""

    client: str
    report: str | None = None
    reporters: tuple[str, ...] = ()
    known_failures: str | None = None
    update_known_failures: bool = False
    jobs: int | None = None
    seed: int | None = None
    time_scale: float = 1.0
    slow: bool = False
    tls: bool = False
    intercept: bool = False
    strict: bool = False
    once: bool = False
    verbose: int = 0
    quiet: bool = False


def execute(dialects: tuple[str, ...], patterns: tuple[str, ...], paths: tuple[str, ...], options: Options) -> int:
    """Returns the exit status. Mistakes that can be seen before anything runs are raised as UsageError."""
    made, _ = all_cases(dialects_named(dialects), paths, seed=options.seed)
    chosen, left = select(made, patterns, slow=options.slow)
    if not chosen:
        raise UsageError(f"only slow cases match ({', '.join(case.id for case in left[:3])})", hint="add --slow")
    known = _known(options)
    timing = Timing().scaled(options.time_scale)
    if options.tls and options.intercept:
        raise UsageError("--tls is for clients that are redirected", hint="with --intercept everything is over TLS")
    factory = probed(subprocess_factory(options.client, timing=timing))
    folder = _folder(options.report, paths)
    collected = Collected()
    everyone = Everyone([collected, *_reporters(options, folder)])
    suite = Suite(
        cases=chosen,
        client=options.client,
        skipped_slow=left,
        all_cases=every_id(made, paths) if known else (),
        jobs=options.jobs or os.cpu_count() or 1,
        timing=timing,
        known=known,
        strict=options.strict,
        seed=options.seed,
        again=not options.once,
    )

    drawn = folder is not None or any(name.partition("=")[0] == "html" for name in options.reporters)

    def keep(case: Case, run: CaseRun) -> None:
        result = run.result
        changes: dict[str, Any] = {"reproduce": _again(case, options)}
        if result.verdict.rank > Verdict.INFO.rank:
            check = telling(result)
            changes["story"] = story(run.evidence, None if check is None else check.position)
        if folder is not None:
            path = Path("transcripts") / f"{failures.file_name(case.id)}.jsonl"
            transcript.write(run.evidence, folder / path)
            changes["transcript"] = str(path)
            if result.failing and result.known is None:
                changes["scenario_file"] = failures.write(case, result, folder)
                changes["reproduce"] = _replay(folder / changes["scenario_file"], options)
        run.result = msgspec.structs.replace(result, **changes)
        if drawn:
            run.detail = page_detail(run)

    async def run_on(factory: DriverFactory, venue: Venue) -> int:
        return await run_suite(suite, factory, venue, everyone, keep=keep, explain=explained)

    with ExitStack() as stack:
        if options.intercept:
            interception = Interception(dialects_named(dialects), stack.enter_context(_tls_folder(folder)))
            stack.callback(interception.report)

            def client_with(env: Mapping[str, str]) -> DriverFactory:
                return subprocess_factory(options.client, timing=timing, env=env)

            async def main() -> int:
                return await run_intercepted(
                    interception, client_with, lambda factory, venue: run_on(probed(factory), venue)
                )
        else:
            files = tls.make(stack.enter_context(_tls_folder(folder))) if options.tls else None

            async def main() -> int:
                return await run_on(factory, LoopbackVenue(tls=files))

        collecting.spare()
        status = run_interruptible(main, saying="interrupted, ending the clients")
    finished = collected.finished
    if finished is not None and options.update_known_failures:
        if finished.exit_status in (0, 1, 2):
            _update(options, suite, collected)
        else:
            print(
                f"bookproof: {options.known_failures} is left as it was: the run did not come to its end",
                file=sys.stderr,
            )
    if folder is not None:
        print(f"report: {folder / 'report.html'}", file=standard_output())
    found = {status}
    for trouble in everyone.troubles:
        print(f"bookproof: {trouble.message}", file=sys.stderr)
        found.add(trouble.status)
    return next(status for status in PRECEDENCE if status in found)


def _known(options: Options) -> tuple[Known, ...]:
    if options.known_failures is None:
        if options.update_known_failures:
            raise UsageError("--update-known-failures needs --known-failures FILE")
        return ()
    path = Path(options.known_failures)
    if options.update_known_failures and not path.exists():
        return ()
    return load_known(path)


def _update(options: Options, suite: Suite, collected: Collected) -> None:
    import datetime

    assert options.known_failures is not None
    today = datetime.datetime.now(tz=datetime.UTC).date()
    outdated = apply_known(
        collected.results, suite.known, all_cases=suite.all_cases, today=today, strict=suite.strict
    ).outdated
    done = update(Path(options.known_failures), collected.results, outdated, strict=suite.strict)
    text = f"{options.known_failures}: {done.added} entries added, {done.removed} removed, {done.kept} kept"
    if done.added:
        text += "; say in it why they fail. This run is judged by what it held before"
    print(text, file=standard_output())


def _reporters(options: Options, folder: Path | None) -> Iterator[Reporter]:
    settings = Settings(
        output=standard_output(),
        folder=folder,
        verbosity=-1 if options.quiet else options.verbose,
        environment=os.environ,
    )
    names = ["terminal"]
    if folder is not None:
        names += ["json", "junit", "html"]
    if os.environ.get("GITHUB_ACTIONS") == "true" or os.environ.get("GITHUB_STEP_SUMMARY"):
        names.append("github")
    names += [name for name in options.reporters if name not in names]
    for name in names:
        name, equals, target = name.partition("=")
        yield make(name, msgspec.structs.replace(settings, target=target if equals else None))


def _again(case: Case, options: Options) -> str:
    """The command that runs the case again where no failing scenario was written."""
    if case.path is not None:
        words = ["bookproof", "replay", case.path, "--client", options.client, "--dialect", case.dialect]
    else:
        words = ["bookproof", "run", "--client", options.client, "--dialect", case.dialect, "--case", case.scenario.id]
    if options.seed is not None:
        words += ["--seed", str(options.seed)]
    return shlex.join(words + _common(options))


def _replay(file: Path, options: Options) -> str:
    return shlex.join(["bookproof", "replay", str(file), "--client", options.client, *_common(options)])


def _common(options: Options) -> list[str]:
    words = ["--time-scale", f"{options.time_scale:g}"] if options.time_scale != 1.0 else []
    words += ["--tls"] if options.tls else []
    return [*words, "--intercept"] if options.intercept else words


def _folder(name: str | None, paths: tuple[str, ...]) -> Path | None:
    """The report's folder, made, and proven to be writable before anything runs. What an earlier run left there is
    removed, so that nobody takes it for this one's; never a scenario that is to be run now."""
    if name is None:
        return None
    path = Path(name)
    running = {Path(each).resolve() for each in paths}
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
        for pattern in ("report.json", "report.html", "junit.xml", "transcripts/*.jsonl", f"failures/*{SUFFIX}"):
            for file in path.glob(pattern):
                if running.isdisjoint({file.resolve(), file.parent.resolve(), path.resolve()}):
                    file.unlink()
    except OSError as error:
        raise UsageError(f"cannot write a report into {name!r}: {error.strerror}") from None
    return path


@contextmanager
def _tls_folder(report: Path | None) -> Iterator[Path]:
    """A folder for the run's certificates, kept only in a report, where transcripts may name it."""
    if report is not None:
        yield report / "tls"
    else:
        with tempfile.TemporaryDirectory(prefix="bookproof-tls-") as name:
            yield Path(name)
