"""``scenario new``, ``show``, ``try``, ``watch`` and ``schema``, as a user has them."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from cli_world import IDEAL, Cli, cli, spawn
from click.testing import CliRunner

from bookproof.cli.scenario import COMMANDS
from bookproof.cli.scenario.new import new
from bookproof_exchange.scenario.load import load
from bookproof_exchange.scenario.schema import text

__all__ = ["cli"]

WRITTEN = Path("best-price-lost.scenario.yaml")
ANSWERS = ("--title", "The best price is lost", "--fault", "drop", "--shape", "improve")


def test_from_nothing_to_a_verdict(cli: Cli) -> None:
    """What `new` writes is what `check`, `show`, `try` and `replay` take."""
    made = cli("scenario", "new", *ANSWERS)
    assert (made.status, made.err) == (0, "")
    assert made.out.startswith(f"written: {WRITTEN}, for binance-spot, kraken-v2, mexc-v3\n")
    assert load(WRITTEN).id == "own/best-price-lost"
    assert cli("scenario", "check", str(WRITTEN)).status == 0
    shown = cli("scenario", "show", str(WRITTEN), "--dialect", "kraken-v2", "--width", "90")
    assert shown.status == 0
    assert "kraken-v2/own/best-price-lost   seed 1" in shown.out
    words = " ".join(shown.out.split())
    assert "^ from here on a client can know: its checksum is not that of the book" in words
    assert "* step 7, converge: it is right and live again within 20 s" in words
    tried = cli("scenario", "try", str(WRITTEN))
    assert tried.status == 0
    assert tried.out.count("the ideal client, seed 1") == 3
    assert tried.out.count("     pass: ") == 3
    assert cli("replay", str(WRITTEN), "--client", IDEAL, "--dialect", "kraken-v2", "-q").status == 0


def test_it_never_overwrites(cli: Cli) -> None:
    WRITTEN.write_text("mine")
    found = cli("scenario", "new", *ANSWERS)
    assert (found.status, found.out) == (4, "")
    assert found.err == f"bookproof: {WRITTEN} is there already (choose another name, or say --force to overwrite it)\n"
    assert WRITTEN.read_text() == "mine"
    assert cli("scenario", "new", *ANSWERS, "--force").status == 0
    assert load(WRITTEN).title == "The best price is lost"


def test_without_a_terminal_it_asks_nothing(cli: Cli) -> None:
    with spawn("scenario", "new") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (4, "")
    assert err == "bookproof: what happens? (say it with --title TEXT, or run it in a terminal)\n"


def test_the_questions(cli: Cli) -> None:
    """The answers come in the order of the questions; an empty one takes what is proposed."""
    answers = ["Old snapshot", "", "10", "start", "4", "all", "own/old"]
    result = CliRunner().invoke(new, ["--ask"], input="\n".join(answers) + "\n", standalone_mode=False)
    assert result.exception is None, result.output
    scenario = load("old-snapshot.scenario.yaml")
    assert (scenario.id, scenario.title, scenario.expect.resync) == ("own/old", "Old snapshot", "any")
    assert "kraken-v2: its snapshots do not come by REST" in Path("old-snapshot.scenario.yaml").read_text()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--fault", "dorp"), "there is no fault 'dorp' (did you mean 'drop'?)"),
        (("--dialect", "krakn-v2"), "unknown dialect 'krakn-v2' (did you mean 'kraken-v2'?)"),
        (("--fault", "drop", "--where", "start"), "'drop' strikes the stream of a client that is in sync"),
        (("--id", "Own X"), "the id 'Own X' has other characters than a-z 0-9 - /"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_written(cli: Cli, args: tuple[str, ...], message: str) -> None:
    found = cli("scenario", "new", "x", "--title", "x", *args)
    assert found.status == 4
    assert found.err.startswith(f"bookproof: {message}")
    assert list(Path.cwd().iterdir()) == []


def test_a_folder_that_cannot_be_written(cli: Cli) -> None:
    Path("file").write_text("")
    found = cli("scenario", "new", "file/x", "--title", "x")
    assert found.status == 4
    assert "cannot be written" in found.err


def test_the_schema_is_found_by_new_files(cli: Cli) -> None:
    Path(".git").mkdir()
    assert cli("scenario", "schema", "-o", "schemas/scenario.v1.json").status == 0
    assert Path("schemas/scenario.v1.json").read_text() == text() == cli("scenario", "schema").out
    assert cli("scenario", "new", "tests/deep/x", "--title", "x").status == 0
    first, *_ = Path("tests/deep/x.scenario.yaml").read_text().splitlines()
    assert first == "# yaml-language-server: $schema=../../schemas/scenario.v1.json"
    Path("schemas/scenario.v1.json").write_text(json.dumps({"$id": "another"}))
    assert cli("scenario", "new", "y", "--title", "y").status == 0
    assert "yaml-language-server" not in Path("y.scenario.yaml").read_text(), "another file of that name is not taken"


def test_files_with_errors_are_not_shown(cli: Cli) -> None:
    Path("bad.scenario.yaml").write_text(
        "id: own/x\ntitle: T\npurpose: P\nrules: [gap-restart]\nscript: [sync, wait]\n"
    )
    for command in ("show", "try"):
        found = cli("scenario", command, "bad.scenario.yaml")
        assert found.status == 4
        assert found.out.startswith("bad.scenario.yaml:5:16: error: script[2]: unknown step 'wait'")
    found = cli("scenario", "show", cli.scenario(), "--dialect", "nowhere")
    assert (found.status, found.out) == (4, "")
    Path("rest.scenario.yaml").write_text(
        "id: own/x\ntitle: T\npurpose: P\nrules: [align-start]\nscript:\n  - oddity: ahead-rest\n  - sync\n  - settle\n"
    )
    found = cli("scenario", "try", "rest.scenario.yaml", "--dialect", "kraken-v2")
    assert found.status == 4
    assert "own/x makes no case on kraken-v2: its snapshots do not come by REST" in found.err


def test_known_bugs(cli: Cli) -> None:
    args = ("scenario", "try", cli.scenario(), "--dialect", "kraken-v2", "--mutant")
    found = cli(*args, "ignores-checksum")
    assert found.status == 0
    assert "ignores-checksum  caught (fail S1" in found.out
    found = cli(*args, "ignores-checksum", "--mutant", "trades-twice")
    assert found.status == 1
    assert "GOT AWAY" in found.out
    assert "caught 1 of 2 known bugs" in found.out
    assert "cannot exist here: its book messages have no sequence numbers" in cli(*args, "ignores-gap").out
    found = cli(*args, "ignores-chekcsum")
    hint = "did you mean 'ignores-checksum'?"
    assert (found.status, found.err) == (4, f"bookproof: there is no known bug 'ignores-chekcsum' ({hint})\n")


def test_watch(cli: Cli) -> None:
    """It begins with what is there, goes on at every save, says what is wrong, and ends at Ctrl-C."""
    path = Path(cli.scenario())
    good = path.read_text()
    args = ("scenario", "watch", str(path), "--dialect", "kraken-v2", "--brief")
    with spawn(*args, env={"PYTHONUNBUFFERED": "1"}) as process:

        def until(words: str) -> str:
            assert process.stdout is not None
            seen = ""
            for line in process.stdout:
                seen += line
                if words in line:
                    return seen
            raise AssertionError(f"it ended without {words!r}: {seen}")

        assert "     pass: " in until("waiting for")
        path.write_text(good.replace("fault: drop", "fault: dorp"))
        assert "did you mean 'drop'?" in until("waiting for")
        path.unlink()
        path.write_text(good.replace("send: 2", "send: 12"))
        assert "u*10" in until("waiting for"), "of 12 one is lost, and the next one tells"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.strip() == "bookproof: interrupted"


def test_watch_waits_for_a_file_that_is_not_there_yet(cli: Cli) -> None:
    with spawn("scenario", "watch", "later.scenario.yaml", "--brief", env={"PYTHONUNBUFFERED": "1"}) as process:
        assert process.stdout is not None
        assert "there is no such file" in "".join(process.stdout.readline() for _ in range(2))
        process.stdout.readline()
        Path("later.scenario.yaml").write_text(Path(cli.scenario()).read_text())
        assert any("pass: " in line for line in process.stdout)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert process.returncode == 130


def test_help_names_every_command(cli: Cli) -> None:
    out = cli("scenario", "--help").out
    for name in COMMANDS:
        assert name in out
        assert cli("scenario", name, "--help").status == 0
