"""``bookproof``: the commands, and the one place where errors become exit statuses."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import NoReturn

import click

from bookproof import __version__
from bookproof.cli.group import LazyGroup
from bookproof.report.text import clean
from bookproof_exchange.errors import BookproofError

#: Where each command is, and what it does in a line: ``--help`` and a mistyped name need not import them all.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "run": ("bookproof.cli.run:run", "Drive a client through cases and judge it."),
    "replay": ("bookproof.cli.run:replay", "Run a scenario file again, as a failing run left it."),
    "fuzz": ("bookproof.cli.fuzz:fuzz", "Search for a schedule of faults in which a client fails."),
    "list": ("bookproof.cli.listing:list_", "Show the cases, dialects, faults or rules that there are."),
    "scenario": ("bookproof.cli.scenario:scenario", "Write, check, show and try scenario files."),
    "serve": ("bookproof.cli.serve:serve", "Serve a mock exchange by itself, until interrupted."),
    "record": ("bookproof.cli.record:record", "Record what a client and a real exchange say to each other."),
    "adapter": ("bookproof.cli.adapter:adapter", "Try an adapter without any exchange."),
    "init": ("bookproof.cli.init:init", "Write an adapter skeleton in your language, and a CI workflow."),
    "selftest": ("bookproof.cli.selftest:selftest", "Let Bookproof prove itself."),
}

INTERRUPTED = 130


class _OutputClosed(Exception):
    """Nobody reads our output any more, as in ``bookproof list cases | head``."""


class Commands(LazyGroup):
    """The commands; nobody has to read their output to the end."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _OutputClosed from None  # click would make exit status 1 of it


@click.group(
    cls=Commands, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, prog_name="bookproof", message="%(prog)s %(version)s")
def bookproof() -> None:
    """Drives order-book clients against a mock exchange that misbehaves on purpose, and judges what they show.

    \b
    Exit status, the first that applies:
      130  interrupted
        5  Bookproof itself failed
        4  wrong usage, or a file that cannot be used
        3  the adapter broke the driver protocol
        1  a check failed, or the client crashed or hung
        2  nothing was proved, or a known-failures entry is stale
        0  everything passed, or failed as listed
    """


def main(args: list[str] | None = None) -> int:
    """Run a command; returns the exit status and never shows a traceback for the user's, the adapter's or the client's
    mistakes."""
    before = signal.signal(signal.SIGTERM, _terminated)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # what the encoding lacks is spelled out: no text may end a run
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        result = bookproof.main(args=args, prog_name="bookproof", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        return _status(error)
    finally:
        signal.signal(signal.SIGTERM, before)
    return result if isinstance(result, int) else 0


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _status(error: BaseException) -> int:
    leaves = _leaves(error)
    if any(isinstance(leaf, KeyboardInterrupt | click.Abort) for leaf in leaves):
        _say("interrupted")
        return INTERRUPTED
    for leaf in leaves:
        match leaf:
            case click.UsageError() if type(leaf).__name__ == "NoArgsIsHelpError":  # click 8.2 and later has it
                print(leaf.format_message(), file=sys.stderr)
                return 4
            case click.UsageError():
                _say(leaf.format_message().rstrip("."))
                if leaf.ctx is not None:
                    print(f"{leaf.ctx.get_usage()}\nHelp:  {leaf.ctx.command_path} --help", file=sys.stderr)
                return 4
            case click.ClickException():
                _say(leaf.format_message())
                return 4
            case click.exceptions.Exit():
                return leaf.exit_code
            case _OutputClosed() | BrokenPipeError():
                # whoever read our output has seen enough; what is buffered must not fail when the interpreter ends
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return 0
            case SystemExit():
                return leaf.code if isinstance(leaf.code, int) else 5
            case BookproofError():
                _say(str(leaf))
                return leaf.exit_status
            case _:
                continue
    # a bug of ours: the traceback is what the report needs
    import traceback

    traceback.print_exception(error)
    _say("Bookproof itself failed; please report this with the lines above")
    return 5


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


def _say(message: str) -> None:
    print(f"bookproof: {clean(message)}", file=sys.stderr)
