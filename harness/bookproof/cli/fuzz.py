"""``bookproof fuzz``: Hypothesis searches for a schedule of market and faults in which a client fails."""

from __future__ import annotations

import math
import random
import shlex
import tempfile
from pathlib import Path

import click
import msgspec
import trio

from bookproof.case_run import CaseRun
from bookproof.cli.interrupt import run_interruptible
from bookproof.cli.main import INTERRUPTED
from bookproof.cli.output import standard_output
from bookproof.diagnosis.library import explained
from bookproof.drivers.api import ClientCrashed, ClientHung
from bookproof.drivers.subprocess import subprocess_factory
from bookproof.fuzz.database import Kept, default_folder
from bookproof.fuzz.files import write
from bookproof.fuzz.finding import FAILURES, STRICT, Finding
from bookproof.fuzz.ground import kinds
from bookproof.fuzz.players import ProcessPlayer
from bookproof.fuzz.search import Limits, Outcome, Search
from bookproof.fuzz.terminal import Terminal
from bookproof.probe import probed
from bookproof.results import Verdict
from bookproof.suite import exit_status
from bookproof.venues import LoopbackVenue
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.errors import AdapterError, UsageError
from bookproof_exchange.timing import Timing

#: Seconds, where neither a time nor a number of examples is given.
_USUAL_TIME = 60.0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command was asked to do."""

    client: str
    dialect: str
    seconds: float | None
    examples: int | None
    seed: int | None
    out: str
    faults: tuple[str, ...]
    database: str | None
    no_database: bool
    slow: bool
    strict: bool
    time_scale: float
    quiet: bool


@click.command()
@click.option("--client", required=True, metavar="CMD", help="Command line of the adapter, or python:module:Class.")
@click.option("--dialect", required=True, metavar="D", help="Dialect.")
@click.option(
    "--time",
    "seconds",
    type=click.FloatRange(0, 10_000_000, min_open=True),
    metavar="S",
    help=f"Search for so many seconds. Default: {_USUAL_TIME:g}, where --examples is not given. "
    "Shrinking what was found may take a quarter more.",
)
@click.option("--examples", type=click.IntRange(1), metavar="N", help="Try so many scripts at most.")
@click.option(
    "--seed",
    type=click.IntRange(0),
    metavar="N",
    help="The same seed makes the same scripts. Default: a new one, shown.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    default="bookproof-fuzz",
    show_default=True,
    metavar="DIR",
    help="Write what was found there, as scenario files.",
)
@click.option(
    "--faults",
    multiple=True,
    metavar="GLOB",
    help="Only these kinds of fault (may be repeated), as in 'drop' or '*-rest': see 'bookproof list faults'.",
)
@click.option(
    "--database",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Hypothesis's example database: what failed before is tried first. Default: .hypothesis/examples.",
)
@click.option("--no-database", is_flag=True, help="Neither read nor keep failing examples.")
@click.option(
    "--slow/--no-slow", default=False, help="Also scripts that rest on a client's own timers of many seconds."
)
@click.option("--strict", is_flag=True, help="warn, info and non-strict count as failures too.")
@click.option(
    "--time-scale",
    type=click.FloatRange(0.01, 100),
    default=1.0,
    show_default=True,
    metavar="X",
    help="All limits of the client times this; 3 for a slow machine.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def fuzz(**options: object) -> int:
    """Search for a schedule of market and faults in which a client fails.

    Scripts are made at random, valid for the dialect and fair to a client that does everything right. A failure is run
    again, shrunk to the shortest script that still fails in the same way, and written as a scenario file for
    'bookproof replay', CI or a pull request. Exit status 1: something was found; 0: nothing.
    """
    return _fuzz(msgspec.convert(options, Options))


def _fuzz(options: Options) -> int:
    if options.seconds is not None and math.isnan(options.seconds):
        raise UsageError("Invalid value for '--time': it is no number")
    dialect = DIALECTS.get(options.dialect)
    chosen = kinds(dialect, options.faults)
    if options.no_database and options.database is not None:
        raise UsageError("--database and --no-database exclude each other")
    out = _writable(Path(options.out))
    seconds = options.seconds
    if seconds is None and options.examples is None:
        seconds = _USUAL_TIME
    limits = Limits(examples=options.examples, seconds=seconds)
    seed = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    kept = None
    if not options.no_database:
        folder = default_folder() if options.database is None else Path(options.database)
        kept = Kept(folder, dialect.name, options.client, *chosen, *(["slow"] if options.slow else []))
    terminal = Terminal(standard_output(), limits, quiet=options.quiet)
    terminal.start(dialect.name, options.client, seed, chosen, 0 if kept is None else len(kept.examples()))
    work = _Work(options, dialect, chosen, seed, limits, kept, out, terminal)
    interrupted = True
    try:
        status = run_interruptible(work.search, saying="interrupted, ending the client")
        interrupted = status == INTERRUPTED
    finally:
        terminal.stop()
    if work.outcome is not None:
        status = _status(work.outcome, interrupted=interrupted, strict=options.strict)
        terminal.finish(work.outcome, seed, status)
    return status


class _Work:
    """The search with everything around it."""

    def __init__(
        self,
        options: Options,
        dialect: Dialect,
        chosen: tuple[str, ...],
        seed: int,
        limits: Limits,
        kept: Kept | None,
        out: Path,
        terminal: Terminal,
    ) -> None:
        self.outcome: Outcome | None = None
        self._options = options
        self._dialect = dialect
        self._chosen = chosen
        self._seed = seed
        self._limits = limits
        self._kept = kept
        self._out = out
        self._terminal = terminal

    async def search(self) -> int:
        """Start the client and search, in a thread: Hypothesis is no async code. What was found stands in `outcome`."""
        options = self._options
        timing = Timing().scaled(options.time_scale)
        player = ProcessPlayer(probed(subprocess_factory(options.client, timing=timing)), LoopbackVenue(), timing)
        try:
            info = await player.begin()
        except (ClientHung, ClientCrashed) as error:
            last = "; ".join(error.stderr[-3:])
            raise AdapterError(
                f"{options.client}: {error}",
                hint=f"its last words: {last}" if last else "it wrote nothing to stderr",
            ) from None
        except AdapterError as error:
            raise AdapterError(f"{options.client}: {error.message}", hint=error.hint) from None
        search = Search(
            self._dialect,
            player,
            self._chosen,
            seed=self._seed,
            limits=self._limits,
            slow=options.slow,
            channels=info.channels,
            counts=STRICT if options.strict else FAILURES,
            kept=self._kept,
            progress=self._terminal.progress,
            found=self._found,
        )
        self.outcome = search.outcome
        try:
            await trio.to_thread.run_sync(search.run)
        finally:
            await player.close()
        return 0

    def _found(self, finding: Finding, run: CaseRun) -> None:
        run.result = finding.result
        finding = msgspec.structs.replace(finding, result=explained(run))
        path = write(finding, self._out)
        words = ["bookproof", "replay", str(path), "--client", self._options.client]
        if self._options.time_scale != 1.0:
            words += ["--time-scale", f"{self._options.time_scale:g}"]
        self._terminal.found(finding, str(path), shlex.join(words))


def _status(outcome: Outcome, *, interrupted: bool, strict: bool) -> int:
    results = [finding.result for finding in outcome.findings]
    proved = [result for verdict, result in outcome.samples.items() if verdict.rank < Verdict.UNSUPPORTED.rank]
    # a script in which a fault did not strike proves nothing; that matters where none proved anything
    results += proved[:1] or list(outcome.samples.values())[:1]
    return exit_status(results, (), interrupted=interrupted, strict=strict)


def _writable(folder: Path) -> Path:
    """Proven before anything runs; made only where something is found."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise UsageError(f"cannot write into {str(folder)!r}: {error.strerror}") from None
    return folder
