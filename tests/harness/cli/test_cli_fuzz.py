"""``bookproof fuzz`` as a user has it: mistakes, a bug found over real sockets, the file it leaves, its database, its end."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from cli_world import IDEAL, Cli, cli, running, spawn

__all__ = ["cli"]

ON_KRAKEN = ("fuzz", "--dialect", "kraken-v2", "--seed", "1")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("fuzz", "--client", "x", "--dialect", "krakenv2"), "unknown dialect 'krakenv2' (did you mean 'kraken-v2'?)"),
        (("fuzz", "--client", "x"), "Missing option '--dialect'"),
        (("fuzz", "--dialect", "kraken-v2"), "Missing option '--client'"),
        ((*ON_KRAKEN, "--client", "x", "--time", "0"), "Invalid value for '--time': 0.0 is not in the range"),
        ((*ON_KRAKEN, "--client", "x", "--time", "soon"), "Invalid value for '--time': 'soon' is not a valid float"),
        ((*ON_KRAKEN, "--client", "x", "--time", "nan"), "Invalid value for '--time'"),
        ((*ON_KRAKEN, "--client", "x", "--examples", "0"), "Invalid value for '--examples'"),
        (
            (*ON_KRAKEN, "--client", "x", "--faults", "drp"),
            "no fault that scripts for kraken-v2 can be made of matches 'drp' (did you mean 'drop'?)",
        ),
        ((*ON_KRAKEN, "--client", "x", "--faults", "stale-rest"), "no fault that scripts for kraken-v2"),
        ((*ON_KRAKEN, "--client", "x", "--database", "d", "--no-database"), "exclude each other"),
        ((*ON_KRAKEN, "--client", "x", "--out", "file/below"), "cannot write into 'file/below'"),
        ((*ON_KRAKEN, "--client", "no-such-program"), "no-such-program"),
    ],
)
def test_mistakes(cli: Cli, args: tuple[str, ...], said: str) -> None:
    Path("file").write_text("in the way")
    outcome = cli(*args)
    assert outcome.status == 4
    assert outcome.err.startswith("bookproof: ")
    assert said in outcome.err.splitlines()[0]
    assert sorted(path.name for path in Path().iterdir() if not path.name.startswith(".")) == ["file"]


def test_an_adapter_that_says_nothing_of_use(cli: Cli) -> None:
    outcome = cli(*ON_KRAKEN, "--client", cli.bad("exits"), "--time", "5")
    assert outcome.status == 3
    assert "no configuration" in outcome.err


def test_a_client_of_other_dialects_proves_nothing(cli: Cli) -> None:
    outcome = cli(
        "fuzz", "--dialect", "mexc-v3", "--client", cli.bad("stuck"), "--examples", "100", "--faults", "fragmented"
    )
    assert outcome.status == 2
    assert "20 examples" in outcome.out


def test_a_bug_is_found_written_and_replayed(cli: Cli) -> None:
    client = cli.mutant("trade-sides")
    fuzz = (*ON_KRAKEN, "--client", client, "--faults", "fragmented", "--examples", "25")
    outcome = cli(*fuzz, "--out", "found")
    assert outcome.status == 1, outcome.out
    assert "\x1b" not in outcome.out
    (path,) = Path("found").iterdir()
    head = re.search(r"^T1 \S+  example (\d+); (\d+) steps, shrunk to (\d+)", outcome.out, re.MULTILINE)
    assert head is not None
    assert int(head[3]) <= 2
    assert f"again:  bookproof replay {path} --client" in outcome.out
    assert "25 examples in" in outcome.out
    assert outcome.out.splitlines()[-1] == "exit status 1: 1 found"

    assert cli("scenario", "check", str(path)).status == 0
    replayed = cli("replay", str(path), "--client", client, "--once")
    assert replayed.status == 1
    assert "fail T1" in replayed.out
    assert cli("replay", str(path), "--client", IDEAL).status == 0

    # what failed before comes first, and the database is where Hypothesis has it
    assert any(Path(".hypothesis/examples").iterdir())
    again = cli(*fuzz[:-1], "1", "--out", "again")
    assert "first what failed before: 1 kept" in again.out
    assert "from the database; " in again.out
    assert [each.name for each in Path("again").iterdir()] == [path.name]
    assert "from the database" not in cli(*fuzz[:-1], "1", "--no-database").out


def test_nothing_is_found_within_the_time(cli: Cli) -> None:
    outcome = cli(*ON_KRAKEN, "--client", IDEAL, "--time", "2", "--faults", "fragmented", "--no-database")
    assert outcome.status == 0, outcome.out
    assert outcome.out.splitlines()[-1] == "exit status 0: nothing found"
    took = re.search(r"\d+ examples in ([\d.]+) s: \d+ pass", outcome.out)
    assert took is not None
    assert 2.0 <= float(took[1]) <= 2.0 * 1.25 + 1.0
    assert not Path("bookproof-fuzz").exists()


def test_an_interruption_keeps_what_was_found(cli: Cli) -> None:
    args = (*ON_KRAKEN, "--client", cli.mutant("trade-sides"), "--faults", "fragmented", "--time", "600")
    with spawn(*args, env={"PYTHONUNBUFFERED": "1"}) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "again:" in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "bookproof: interrupted, ending the client\n"
    assert out.splitlines()[-1] == "exit status 130: interrupted"
    assert len(list(Path("bookproof-fuzz").iterdir())) == 1
    assert running(str(cli.folder)) == []
