"""``run`` and ``replay`` from outside: good clients, bad ones, and everything that is left behind."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from cli_world import IDEAL, Cli, cli, running
from report_world import check, result

from bookproof import attempts, case_run
from bookproof.case_run import CaseRun
from bookproof.cases.plan import Case
from bookproof.known import load_known
from bookproof.report.json_report import schema
from bookproof.results import Verdict

__all__ = ["cli"]

KRAKEN = ("--dialect", "kraken-v2")

SOON = ("--time-scale", "0.25")
"""For clients that never get it right: they are given up sooner."""


def report(folder: str = "out") -> dict[str, Any]:
    """The report, which must validate; the other files must be whole."""
    read: dict[str, Any] = json.loads(Path(folder, "report.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema()).validate(read)
    ElementTree.parse(Path(folder, "junit.xml"))
    assert Path(folder, "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    return read


def test_a_good_client(cli: Cli) -> None:
    found = cli("run", *KRAKEN, "--client", IDEAL, "--scenarios", cli.scenario(), "--report", "out", "-vv")
    assert (found.status, found.err) == (0, "")
    assert re.search(r"^pass +kraken-v2/own/single  \d+\.\d\d s$", found.out, re.MULTILINE)
    assert re.search(r"^    pass +S1 ", found.out, re.MULTILINE)
    assert found.out.splitlines()[-2:] == [
        "exit status 0: everything passed, or failed as listed",
        "report: out/report.html",
    ]
    read = report()
    assert (read["exit_status"], read["counts"], read["interrupted"]) == (0, {"pass": 1}, False)
    assert not Path("out/failures").exists()
    (transcript,) = Path("out/transcripts").iterdir()
    assert read["cases"][0]["transcript"] == f"transcripts/{transcript.name}"
    assert {json.loads(line)["what"] for line in transcript.read_text().splitlines()} >= {"sent", "observed", "struck"}


def test_a_failure_can_be_replayed_with_the_same_verdict(cli: Cli) -> None:
    scenarios = str(Path(cli.scenario()).parent)
    cli.scenario("other")
    client = cli.mutant("ignores-checksum")
    args = (*KRAKEN, "--client", client, "--scenarios", scenarios, "--seed", "7", *SOON)
    found = cli("run", *args, "--report", "out", "--case", "own/single")
    assert found.status == 1
    (again,) = re.findall(r"^    again:  (bookproof replay out/failures/.*)$", found.out, re.MULTILINE)
    first = report()["cases"][0]
    assert first["scenario_file"] == "failures/kraken-v2__own__single.scenario.yaml"
    assert first["reproduce"] == again
    assert first["story"]
    second_run = cli(*shlex.split(again)[1:], "--report", "out2")
    assert second_run.status == 1
    second = report("out2")["cases"][0]
    for name in ("id", "dialect", "seed", "verdict"):
        assert second[name] == first[name]
    assert [_outcome(check) for check in second["checks"]] == [_outcome(check) for check in first["checks"]]
    assert Path("out/transcripts").exists()
    # reported into the folder that holds the file: it must not be swept away with what the earlier run left
    assert cli(*shlex.split(again)[1:], "--report", "out").status == 1
    assert Path("out", first["scenario_file"]).exists()


def _outcome(check: dict[str, Any]) -> tuple[Any, ...]:
    return check["id"], check["verdict"], check["anomaly"], check["diff"]


def test_another_seed_is_another_market(cli: Cli) -> None:
    texts = []
    for seed in ("1", "2"):
        args = ("run", *KRAKEN, "--client", IDEAL, "--scenarios", cli.scenario(), "--seed", seed, "--report", "out")
        assert cli(*args).status == 0
        assert report()["cases"][0]["seed"] == int(seed)
        lines = map(json.loads, next(Path("out/transcripts").iterdir()).read_text().splitlines())
        texts.append([line["text"] for line in lines if line["what"] == "sent" and line["kind"] == "snapshot"][:1])
    assert texts[0] != texts[1]


def test_over_tls(cli: Cli) -> None:
    found = cli("run", *KRAKEN, "--client", IDEAL, "--scenarios", cli.scenario(), "--tls", "-v")
    assert found.status == 0
    assert "pass " in found.out


def test_quiet_shows_only_the_summary(cli: Cli) -> None:
    client = cli.mutant("ignores-checksum")
    found = cli("run", *KRAKEN, "--client", client, "--scenarios", cli.scenario(), "-q", "--once", *SOON)
    assert found.status == 1
    assert [line.split()[0] for line in found.out.splitlines()] == ["bookproof", "client:", "1", "exit"]


def test_several_clients_at_a_time(cli: Cli) -> None:
    for name in "abc":
        path = cli.scenario(name)
    args = ("--client", IDEAL, "--scenarios", str(Path(path).parent), "--jobs", "3", "--report", "out")
    assert cli("run", *KRAKEN, *args).status == 0
    assert (report()["counts"], report()["jobs"]) == ({"pass": 3}, 3)


def test_strict(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run_case(case: Case, *_: object) -> CaseRun:
        mild = result(case.scenario.id, Verdict.WARN, [check("S2", Verdict.WARN, anomaly="went-back")])
        return CaseRun(result=mild, evidence=(), chains={})

    monkeypatch.setattr(attempts, "run_case", run_case)
    args = ("run", *KRAKEN, "--client", IDEAL, "--scenarios", cli.scenario(), "--report", "out")
    assert (cli(*args).status, report()["counts"]) == (0, {"warn": 1})
    assert (cli(*args, "--strict").status, report()["counts"]) == (1, {"warn": 1})


def test_known_failures_from_nothing_to_green_to_stale(cli: Cli) -> None:
    client = cli.mutant("ignores-checksum")
    args = ("run", *KRAKEN, "--scenarios", cli.scenario(), "--once", "--known-failures", "known.yaml", *SOON)
    found = cli(*args, "--client", client, "--update-known-failures")
    assert found.status == 1, "this run is judged by what the file held before"
    assert "known.yaml: " in found.out
    entries = load_known(Path("known.yaml"))
    assert entries
    assert {entry.case for entry in entries} == {"kraken-v2/own/single"}
    found = cli(*args, "--client", client, "-v", "--report", "out")
    assert found.status == 0
    assert "known: to be explained" in found.out
    assert report()["counts"] == {"known": 1}
    assert not Path("out/failures").exists()
    found = cli(*args, "--client", IDEAL)
    assert found.status == 2
    assert "does not fail any more" in found.out
    assert cli(*args, "--client", IDEAL, "--update-known-failures").status == 2
    assert load_known(Path("known.yaml")) == ()
    assert cli(*args, "--client", IDEAL).status == 0


def test_known_failures_of_other_dialects_and_of_the_catalogue_are_left_alone(cli: Cli) -> None:
    Path("known.yaml").write_text(
        "- {case: binance-spot/own/single, check: S1, reason: r}\n"
        "- {case: kraken-v2/book/gap/single, check: S1, reason: r}\n"
    )
    path = cli.scenario()
    args = ("run", *KRAKEN, "--scenarios", path, "--client", IDEAL, "--known-failures", "known.yaml")
    assert cli(*args).status == 0
    Path("known.yaml").write_text("- {case: kraken-v2/own/singel, check: S1, reason: r}\n")
    found = cli(*args)
    assert found.status == 2
    assert "there is no such case" in found.out


@pytest.mark.parametrize(
    ("what", "scale", "status", "said"),
    [
        ("exits", 1, 3, "the adapter ended before its hello: exit status 7 (its last words: no configuration)"),
        ("silent", 0.05, 3, "no answer to 'hello' within 1.5 s (it wrote nothing to stderr)"),
        ("garbage", 1, 3, "line 1: expected a JSON object"),
        ("floods", 1, 3, "line 1: longer than 16777216 bytes"),
        ("lies", 1, 3, "the adapter lies: it started a client for the dialect 'bookproof-no-such-dialect'"),
        ("mute", 0.1, 1, "No answer to 'start' within 2 s"),
        ("dies", 1, 1, "The client ended: signal SIGSEGV"),
        ("breaks", 1, 3, "bok"),
    ],
)
def test_bad_clients(cli: Cli, what: str, scale: float, status: int, said: str) -> None:
    args = ("--client", cli.bad(what), "--scenarios", cli.scenario(), "--time-scale", str(scale), "--once")
    found = cli("run", *KRAKEN, *args, "--report", "out")
    assert found.status == status
    assert said in found.out
    assert "\x1b" not in found.out
    read = report()
    assert read["exit_status"] == status
    if status == 3 and what != "breaks":
        assert read["not_run"] == ["kraken-v2/own/single"]
        assert said.split("(")[0].strip() in read["troubles"][0]["message"]
    else:
        (case,) = read["cases"]
        assert case["scenario_file"] is not None
        assert ("about to die" in found.out) == (what == "dies")
    assert running(str(cli.folder)) == []


def test_a_client_that_never_stops_talking(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_run, "_MOST_SAID", 500)
    found = cli("run", *KRAKEN, "--client", cli.bad("spams"), "--scenarios", cli.scenario(), "--once")
    assert found.status == 3
    assert "said more than 500 things in one case" in found.out
    assert running(str(cli.folder)) == []


def test_a_known_failures_file_is_left_alone_where_the_run_could_not_be(cli: Cli) -> None:
    Path("known.yaml").write_text("- {case: kraken-v2/own/single, check: S1, reason: r}\n")
    args = ("--known-failures", "known.yaml", "--update-known-failures")
    found = cli("run", *KRAKEN, "--client", cli.bad("exits"), "--scenarios", cli.scenario(), *args)
    assert found.status == 3
    assert "known.yaml is left as it was" in found.err
    assert len(load_known(Path("known.yaml"))) == 1


def test_a_client_that_will_not_end_is_ended_with_its_children(cli: Cli) -> None:
    args = ("--client", cli.bad("stuck"), "--scenarios", cli.scenario(), "--time-scale", "0.1", "--once")
    found = cli("run", *KRAKEN, *args)
    assert found.status == 1
    assert running(str(cli.folder)) == []


def test_one_more_reporter(cli: Cli) -> None:
    args = ("run", *KRAKEN, "--client", IDEAL, "--scenarios", cli.scenario())
    assert cli(*args, "--reporter", "junit=mine.xml", "--reporter", "json=mine.json").status == 0
    assert ElementTree.parse("mine.xml").getroot().get("tests") == "1"
    assert json.loads(Path("mine.json").read_text())["counts"] == {"pass": 1}


def test_a_report_that_cannot_be_written_in_the_end_is_said_and_fails_the_run(cli: Cli) -> None:
    Path("taken").mkdir()
    found = cli(
        "run", *KRAKEN, "--client", IDEAL, "--scenarios", cli.scenario(), "--reporter", "json=taken", "-v"
    )  # fmt: skip
    assert found.status == 4
    assert "pass " in found.out
    assert found.err == "bookproof: JsonReporter cannot write 'taken': Is a directory\n"


def test_on_github(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(cli.folder / "summary.md"))
    client = cli.mutant("ignores-checksum")
    found = cli("run", *KRAKEN, "--client", client, "--scenarios", cli.scenario(), "--once", *SOON)
    assert found.status == 1
    (annotation,) = [line for line in found.out.splitlines() if line.startswith("::")]
    assert annotation.startswith("::error title=kraken-v2/own/single%3A fail ")
    assert "%0Abookproof replay " in annotation
    assert "| kraken-v2/own/single | fail" in Path("summary.md").read_text()


def test_what_an_earlier_run_left_in_the_report_is_swept_away_and_nothing_else(cli: Cli) -> None:
    for name in ("failures/old.scenario.yaml", "transcripts/old.jsonl", "failures/notes.txt", "mine.txt"):
        file = Path("out", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("old")
    assert cli("run", *KRAKEN, "--client", IDEAL, "--scenarios", cli.scenario(), "--report", "out").status == 0
    files = [file for file in Path("out").rglob("*") if file.is_file()]
    left = {str(file.relative_to("out")) for file in files if file.read_bytes() == b"old"}
    assert left == {"failures/notes.txt", "mine.txt"}
