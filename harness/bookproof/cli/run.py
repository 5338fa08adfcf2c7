"""``bookproof run`` and ``bookproof replay``."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import click
import msgspec
import trio
from rich.console import Console

from bookproof.case_run import CaseRun
from bookproof.cases.plan import Case, select
from bookproof.cli.options import all_cases, dialects_named
from bookproof.drivers.subprocess import subprocess_factory
from bookproof.known import Known, entries_of, load_known
from bookproof.report import transcript
from bookproof.report.api import Everyone, Reporter
from bookproof.report.collect import Collected
from bookproof.report.html import HtmlReporter
from bookproof.report.json_report import JsonReporter
from bookproof.report.junit import JunitReporter
from bookproof.report.terminal import TerminalReporter
from bookproof.suite import Suite, run_suite
from bookproof.venues import LoopbackVenue
from bookproof_exchange.errors import UsageError
from bookproof_exchange.server.tls import make
from bookproof_exchange.timing import Timing


def _options(function):  # type: ignore[no-untyped-def]
    for option in reversed(
        [
            click.option(
                "--client",
                required=True,
                metavar="CMD",
                help="Command line of the adapter, or python:module:Class.",
            ),
            click.option("--report", type=click.Path(file_okay=False), metavar="DIR", help="Write reports there."),
            click.option("--known-failures", type=click.Path(dir_okay=False), metavar="FILE", help="Expected failures."),
            click.option(
                "--update-known-failures", is_flag=True, help="Write today's failures into the known-failures file."
            ),
            click.option("--jobs", "-j", type=click.IntRange(1, 64), default=None, help="Client processes at a time."),
            click.option("--seed", type=int, default=None, help="Another seed than the scenarios' own."),
            click.option(
                "--time-scale",
                type=click.FloatRange(0.01, 100),
                default=1.0,
                show_default=True,
                help="All limits times this.",
            ),
            click.option("--slow/--no-slow", default=False, help="Also the slow cases."),
            click.option("--tls", is_flag=True, help="Serve over TLS, with a certificate authority made for the run."),
            click.option("--strict", is_flag=True, help="warn, info and non-strict count as failures."),
            click.option("--once", is_flag=True, help="Do not run a failed case again."),
            click.option("-v", "--verbose", count=True, help="Every case; twice: every check."),
            click.option("-q", "--quiet", is_flag=True, help="Only the summary."),
        ]
    ):
        function = option(function)
    return function


@click.command()
@click.option("--dialect", "dialects", multiple=True, required=True, metavar="D", help="Dialect (may be repeated).")
@click.option("--case", "patterns", multiple=True, metavar="GLOB", help="Only these cases (may be repeated).")
@click.option(
    "--scenarios", "paths", multiple=True, type=click.Path(), metavar="PATH", help="Your own scenario files or folders."
)
@_options
def run(dialects: tuple[str, ...], patterns: tuple[str, ...], paths: tuple[str, ...], **options: object) -> int:
    """Drive a client through the cases of one or more dialects and judge it."""
    return _run(dialects, patterns, paths, Options(**options))  # type: ignore[arg-type]


@click.command()
@click.argument("file", type=click.Path())
@click.option("--dialect", "dialects", multiple=True, metavar="D", help="Dialect; all that can express it if not given.")
@_options
def replay(file: str, dialects: tuple[str, ...], **options: object) -> int:
    """Run one scenario file again, for instance one that a failing run left behind."""
    chosen = Options(**options)  # type: ignore[arg-type]
    return _run(dialects, (), (file,), msgspec.structs.replace(chosen, slow=True))


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What `run` and `replay` have in common."""

    client: str
    report: str | None
    known_failures: str | None
    update_known_failures: bool
    jobs: int | None
    seed: int | None
    time_scale: float
    slow: bool
    tls: bool
    strict: bool
    once: bool
    verbose: int
    quiet: bool


def _run(dialects: tuple[str, ...], patterns: tuple[str, ...], paths: tuple[str, ...], options: Options) -> int:
    made, _ = all_cases(dialects_named(dialects), paths, seed=options.seed)
    chosen, left = select(made, patterns, slow=options.slow)
    if not chosen:
        raise UsageError("only slow cases match", hint="add --slow")
    known: tuple[Known, ...] = ()
    if options.known_failures is not None and not (
        options.update_known_failures and not Path(options.known_failures).exists()
    ):
        known = load_known(Path(options.known_failures))
    if options.update_known_failures and options.known_failures is None:
        raise UsageError("--update-known-failures needs --known-failures FILE")
    timing = Timing().scaled(options.time_scale)
    factory = subprocess_factory(options.client, timing=timing)
    folder = _report_folder(options.report)
    collected = Collected()
    console = Console(highlight=False, soft_wrap=False)
    reporters: list[Reporter] = [
        collected,
        TerminalReporter(console, verbosity=-1 if options.quiet else options.verbose),
    ]
    if folder is not None:
        reporters += [JsonReporter(folder), JunitReporter(folder), HtmlReporter(folder)]
    tls = None if not options.tls else make(_tls_folder(folder))
    suite = Suite(
        cases=chosen,
        client=options.client,
        skipped_slow=left,
        all_cases=tuple(case.id for case in made),
        jobs=options.jobs or os.cpu_count() or 1,
        timing=timing,
        known=() if options.update_known_failures else known,
        strict=options.strict,
        seed=options.seed,
        again=not options.once,
    )

    def keep(case: Case, run: CaseRun) -> None:
        run.result = msgspec.structs.replace(run.result, reproduce=_again(case, options))
        if folder is not None:
            path = Path("transcripts") / f"{case.id.replace('/', '__')}.jsonl"
            transcript.write(run.evidence, folder / path)
            run.result = msgspec.structs.replace(run.result, transcript=str(path))

    status = trio.run(lambda: run_suite(suite, factory, LoopbackVenue(tls=tls), Everyone(reporters), keep=keep))
    if options.update_known_failures:
        assert options.known_failures is not None
        _write_known(Path(options.known_failures), known, collected)
        console.print(f"known failures: {options.known_failures}")
    if folder is not None:
        console.print(f"report: {folder / 'report.html'}", soft_wrap=True)
    return status


def _again(case: Case, options: Options) -> str:
    words = ["bookproof", "run", "--client", options.client, "--dialect", case.dialect, "--case", case.scenario.id]
    if case.path is not None:
        words += ["--scenarios", case.path]
    if options.seed is not None:
        words += ["--seed", str(options.seed)]
    if options.time_scale != 1.0:
        words += ["--time-scale", f"{options.time_scale:g}"]
    return shlex.join(words)


def _report_folder(name: str | None) -> Path | None:
    if name is None:
        return None
    path = Path(name)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / "report.json"
        probe.touch()
    except OSError as error:
        raise UsageError(f"cannot write a report into {name!r}: {error.strerror}") from None
    return path


def _tls_folder(report: Path | None) -> Path:
    import tempfile

    return (report / "tls") if report is not None else Path(tempfile.mkdtemp(prefix="bookproof-tls-"))


def _write_known(path: Path, before: tuple[Known, ...], collected: Collected) -> None:
    """Today's failures, with the reasons that the file already gave."""
    from ruamel.yaml import YAML

    reasons = {(entry.case, entry.check): entry for entry in before}
    rows = []
    for entry in entries_of(collected.results, "to be explained"):
        old = reasons.get((entry.case, entry.check))
        if old is not None:
            entry = msgspec.structs.replace(entry, reason=old.reason, link=old.link, expires=old.expires)
        plain = msgspec.to_builtins(entry)
        rows.append({name: value for name, value in plain.items() if value is not None})
    yaml = YAML()
    yaml.width = 120
    try:
        with path.open("w", encoding="utf-8") as file:
            file.write("# Expected failures: an entry that passes, fails differently or matches nothing fails the run.\n")
            yaml.dump(rows, file)
    except OSError as error:
        raise UsageError(f"cannot write {str(path)!r}: {error.strerror}") from None


_ = sys
