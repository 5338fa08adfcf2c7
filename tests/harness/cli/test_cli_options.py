"""Which dialects a command means that does not name them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_world import IDEAL, Cli, cli

from bookproof.cli.options import dialects_meant
from bookproof_exchange.errors import UsageError

__all__ = ["cli"]


@pytest.mark.parametrize(
    ("patterns", "meant"),
    [
        (["kraken-v2/book/gap/*"], ("kraken-v2",)),
        (["mexc-v3/book/gap/*", "binance-spot/*", "mexc-v3/trades/*"], ("binance-spot", "mexc-v3")),
        (["*-spot/book/gap/single"], ("binance-spot",)),
    ],
)
def test_patterns_name_dialects(patterns: list[str], meant: tuple[str, ...]) -> None:
    assert dialects_meant(patterns) == meant


@pytest.mark.parametrize("patterns", [[], ["book/gap/*"], ["*"], ["*/book/gap/single"], ["kraken-v2/*", "book/gap/*"]])
def test_patterns_that_name_none(patterns: list[str]) -> None:
    with pytest.raises(UsageError, match=r"which dialect\? \(--dialect, once or more: binance-spot"):
        dialects_meant(patterns)


def test_scenarios_name_dialects_if_every_one_does(cli: Cli) -> None:
    file = Path(cli.scenario())
    with pytest.raises(UsageError, match=r"which dialect\?"):
        dialects_meant([], [str(file)])
    file.write_text(file.read_text().replace("script:", "dialects: [kraken-v2]\nscript:"))
    assert dialects_meant([], [str(file)]) == ("kraken-v2",)
    cli.scenario("other")
    with pytest.raises(UsageError, match=r"which dialect\?"):
        dialects_meant([], [str(file.parent)])


def test_run_without_a_dialect_and_with_a_badge(cli: Cli) -> None:
    args = ("--scenarios", cli.scenario(), "--case", "kraken-v2/own/single")
    found = cli("run", "--client", IDEAL, *args, "--badge", "badge.svg", "-v")
    assert (found.status, found.err) == (0, "")
    assert "kraken-v2/own/single" in found.out
    assert "1 of 1 pass" in Path("badge.svg").read_text(encoding="utf-8")
    found = cli("run", "--client", IDEAL, *args, "--badge", "no/badge.svg")
    assert found.status == 4
    assert "there is no folder 'no'" in found.err
