"""``bookproof run`` and ``bookproof replay``: their options."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from bookproof.cli.execute import Options, execute
from bookproof.cli.options import dialects_meant

F = TypeVar("F", bound=Callable[..., Any])


class ClientCommand(click.Command):
    """Says what is most probably meant where the client's command was not put into quotes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            at = given.index("--client") if "--client" in given else -1
            words = list(itertools.takewhile(lambda word: not word.startswith("-"), given[at + 1 :])) if at >= 0 else []
            if "unexpected extra argument" not in error.message or len(words) < 2:
                raise
            hint = f'put the client\'s command into quotes: --client "{" ".join(words)}"'
            raise click.UsageError(f"{error.message.rstrip('.')} ({hint})", ctx) from None


def _options(function: F) -> F:
    for option in reversed(
        (
            click.option(
                "--client",
                required=True,
                metavar="CMD",
                help="Command line of the adapter, or python:module:Class.",
            ),
            click.option(
                "--report",
                type=click.Path(file_okay=False),
                metavar="DIR",
                help="Write report.html, report.json, junit.xml, transcripts and failing scenarios there.",
            ),
            click.option(
                "--reporter",
                "reporters",
                multiple=True,
                metavar="NAME[=TARGET]",
                help="One more reporter: json, html, junit, badge (TARGET: the file), github, or one of another package.",
            ),
            click.option(
                "--badge",
                type=click.Path(dir_okay=False),
                metavar="FILE",
                help="Write a badge for a README: an SVG image with how many cases pass.",
            ),
            click.option(
                "--known-failures",
                type=click.Path(dir_okay=False),
                metavar="FILE",
                help="Failures that are expected; an entry that is stale fails the run.",
            ),
            click.option(
                "--update-known-failures",
                is_flag=True,
                help="Put today's failures into the known-failures file and take stale entries out.",
            ),
            click.option(
                "--jobs",
                "-j",
                type=click.IntRange(1, 64),
                default=None,
                metavar="N",
                help="Client processes at a time. Default: one a processor.",
            ),
            click.option("--seed", type=int, default=None, metavar="N", help="Instead of the scenarios' own seeds."),
            click.option(
                "--time-scale",
                type=click.FloatRange(0.01, 100),
                default=1.0,
                show_default=True,
                metavar="X",
                help="All limits times this; 3 for a slow machine.",
            ),
            click.option("--slow/--no-slow", default=False, help="Also the slow cases."),
            click.option(
                "--intercept",
                is_flag=True,
                help="For clients that cannot be redirected: their venue's addresses lead to the mock exchange.",
            ),
            click.option("--tls", is_flag=True, help="Serve over TLS, with a certificate authority made for the run."),
            click.option("--strict", is_flag=True, help="warn, info and non-strict fail the run too."),
            click.option("--once", is_flag=True, help="Do not run a failed case again."),
            click.option("-v", "--verbose", count=True, help="Show every case; twice: every check."),
            click.option("-q", "--quiet", is_flag=True, help="Show only the summary."),
        )
    ):
        function = option(function)
    return function


@click.command(cls=ClientCommand)
@click.option(
    "--dialect",
    "dialects",
    multiple=True,
    metavar="D",
    help="Dialect (may be repeated). Not needed where the case patterns or the scenario files name it.",
)
@click.option(
    "--case", "patterns", multiple=True, metavar="GLOB", help="Only these cases (may be repeated), as in 'book/gap/*'."
)
@click.option(
    "--scenarios",
    "paths",
    multiple=True,
    type=click.Path(),
    metavar="PATH",
    help="Your own scenario files or folders (may be repeated), instead of the built-in ones.",
)
@_options
def run(dialects: tuple[str, ...], patterns: tuple[str, ...], paths: tuple[str, ...], **options: Any) -> int:
    """Drive a client through the cases of one or more dialects and judge it.

    Failures are shown as they come, each with the rule that it breaks and the command that runs it again. With --report,
    everything is also written to files, and every failing case as a scenario for 'bookproof replay'.
    """
    return execute(dialects or dialects_meant(patterns, paths), patterns, paths, _made(**options))


@click.command(cls=ClientCommand)
@click.argument("file", type=click.Path())
@click.option(
    "--dialect", "dialects", multiple=True, metavar="D", help="Dialect; not given: all that can express the scenario."
)
@_options
def replay(file: str, dialects: tuple[str, ...], **options: Any) -> int:
    """Run one scenario file again, for instance one that a failing run left behind."""
    return execute(dialects, (), (file,), msgspec.structs.replace(_made(**options), slow=True))


def _made(*, badge: str | None, reporters: tuple[str, ...], **options: Any) -> Options:
    """A badge is one more reporter."""
    return Options(reporters=reporters if badge is None else (*reporters, f"badge={badge}"), **options)
