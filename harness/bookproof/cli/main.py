"""``bookproof``: the commands, and the one place where errors become exit statuses."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import click

from bookproof import __version__
from bookproof.cli.adapter import adapter
from bookproof.cli.listing import list_
from bookproof.cli.run import replay, run
from bookproof.cli.scenario import scenario
from bookproof.cli.selftest import selftest
from bookproof.cli.serve import serve
from bookproof_exchange.errors import BookproofError, did_you_mean


class Commands(click.Group):
    """A group that suggests the command meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            hint = did_you_mean(args[0], self.list_commands(ctx))
            raise click.UsageError(f"there is no command {args[0]!r}" + (f" ({hint})" if hint else ""), ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="bookproof")
def bookproof() -> None:
    """Drives order-book clients against a mock exchange that misbehaves on purpose, and judges what they show.

    Exit status: 0 passed; 1 a check failed; 2 nothing was proved, or a known-failures entry is stale; 3 adapter error;
    4 wrong usage; 5 Bookproof failed; 130 interrupted.
    """


for command in (run, replay, list_, scenario, serve, selftest, adapter):
    bookproof.add_command(command)


def main(args: list[str] | None = None) -> int:
    """Run a command; returns the exit status and never shows a traceback for the user's, the adapter's or the client's
    mistakes."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        result = bookproof.main(args=args, prog_name="bookproof", standalone_mode=False)
    except BaseException as error:
        return _status(error)
    return result if isinstance(result, int) else 0


def _terminated(_number: int, _frame: FrameType | None) -> None:
    """As Ctrl-C: trio delivers that one at a safe moment."""
    signal.raise_signal(signal.SIGINT)


def _status(error: BaseException) -> int:
    leaves = _leaves(error)
    if any(isinstance(leaf, KeyboardInterrupt | click.Abort) for leaf in leaves):
        _say("interrupted")
        return 130
    for leaf in leaves:
        match leaf:
            case click.UsageError():
                _say(leaf.format_message(), leaf.ctx.get_usage() if leaf.ctx is not None else None)
                return 4
            case click.ClickException():
                _say(leaf.format_message())
                return 4
            case click.exceptions.Exit():
                return leaf.exit_code
            case SystemExit():
                return leaf.code if isinstance(leaf.code, int) else 5
            case BrokenPipeError():
                return 0
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


def _say(message: str, usage: str | None = None) -> None:
    print(f"bookproof: {message}", file=sys.stderr)
    if usage:
        print(usage, file=sys.stderr)
