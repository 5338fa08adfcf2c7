"""Every reporter, on the same results: what it says, and that hostile text stays text."""

from __future__ import annotations

import datetime
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import msgspec
import pytest
from report_world import HOSTILE, MIXED, check, events, hostile, result

from bookproof.report.api import REPORTERS, Everyone, Settings, make
from bookproof.report.github import GithubReporter, data, markdown, property_value
from bookproof.report.json_report import JsonReporter, schema
from bookproof.report.junit import JunitReporter
from bookproof.report.terminal import TerminalReporter
from bookproof.results import CaseResult, LevelDiff, Moment, ResultEvent, RunFinished, Suspect, Trouble, Verdict
from bookproof_exchange.data import folder
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError

RULE = DIALECTS.get("kraken-v2").rules["checksum-verify"]
RULED = result(
    "book/gap/single",
    Verdict.FAIL,
    [
        check(
            rule="kraken-v2/checksum-verify",
            diff=(LevelDiff(side="bid", price="1.5", shown="2", truth=None, note="ghost: deleted by update 7"),),
        )
    ],
    reproduce="bookproof replay x.yaml --client c",
    transcript="transcripts/x.jsonl",
    reproduced=True,
)


class Pipe(io.StringIO):
    """As a pipe or file."""


class Screen(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def feed(reporter: object, heard: Sequence[ResultEvent]) -> None:
    for event in heard:
        reporter.handle(event)  # type: ignore[attr-defined]


# --- terminal -------------------------------------------------------------------------------------------------------


class Clock:
    """Says what it is set to, so many seconds later each time."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def shown(
    heard: Sequence[ResultEvent],
    verbosity: int = 0,
    output: io.StringIO | None = None,
    *,
    folder: Path | None = None,
    clock: Clock | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    output = output or Pipe()
    reporter = TerminalReporter(
        output, verbosity=verbosity, folder=folder, environment=environment, clock=clock or Clock()
    )
    feed(reporter, heard)
    return output.getvalue()


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def test_terminal_a_failure_says_what_where_why_and_how_to_see_more() -> None:
    lines = shown(events([RULED, result("book/gap/twice")]), folder=Path("out")).splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("fail"))
    rule = f"    rule kraken-v2/checksum-verify ({RULE.level}): {RULE.text}"
    assert lines[start].split() == ["fail", "S1", "ghost", "kraken-v2/book/gap/single", "0.25", "s"]
    assert lines[start + 1 : start + 4] == ["    One update is lost", "    A ghost.", "    broken: S1, a property"]
    assert lines[start + 4 : start + 6] == [rule, f"      {RULE.source}"]
    assert lines[start + 6 : start + 11] == [
        "      side  price  client  truth",
        "      bid   1.5    2       -      ghost: deleted by update 7",
        "    run again in a fresh process: the same",
        "    see:    out/transcripts/x.jsonl  (position 7)",
        "    again:  bookproof replay x.yaml --client c",
    ]
    assert lines[-2:] == [
        "1 pass, 1 fail in 1.5 s",
        "exit status 1: some check failed, or the client crashed or hung",
    ]
    assert not any("twice" in line for line in lines)


def test_terminal_a_rule_is_quoted_once() -> None:
    text = shown(events([RULED, RULED]))
    assert text.count(RULE.text) == 1
    assert "rule kraken-v2/checksum-verify (SHOULD), as above" in text


def test_terminal_a_diagnosis_is_given_once() -> None:
    suspect = Suspect(bug_class="A", name="a snapshot that does not replace the book", reason="Old levels live on.")
    said = "This looks like a snapshot that does not replace the book (class A): Old levels live on."
    bad = [result(f"book/gap/{n}", Verdict.FAIL, [check()], suspects=(suspect,), diagnosis=said) for n in range(2)]
    text = shown(events(bad))
    assert text.count("Old levels live on.") == 1
    assert text.count("    This looks like a snapshot that does not replace the book, as above.\n") == 1


@pytest.mark.parametrize("verbosity", [-1, 0, 1, 2])
def test_terminal_verbosity(verbosity: int) -> None:
    text = shown(events(MIXED), verbosity)
    assert ("kraken-v2/book/gap/twice" in text) == (verbosity >= 1)
    assert ("known: they know" in text) == (verbosity >= 1)
    assert ("the client ended: signal" in text.lower()) == (verbosity >= 0)
    assert ("broken: S1, a property" in text) == (verbosity >= 0)
    assert ("    pass         E1@7     a property" in text) == (verbosity >= 2)
    assert "1 pass, 1 warn, 1 unsupported, 1 inconclusive, 1 fail, 1 crashed, 1 known" in text
    assert "exit status 1" in text


def test_terminal_a_pipe_gets_whole_plain_lines() -> None:
    long = "word " * 100
    text = shown(events([result(verdict=Verdict.FAIL, checks=[check(message=long)])], client="c " * 100), 2)
    assert "\x1b" not in text
    assert "\r" not in text
    assert long.strip() in text
    assert all(line == line.rstrip() for line in text.splitlines())


def test_terminal_a_screen_gets_text_wrapped_at_words_but_whole_commands() -> None:
    command = "bookproof replay " + "x" * 100
    failed = result(verdict=Verdict.FAIL, checks=[check(message="word " * 30)], reproduce=command)
    text = plain(shown(events([failed]), output=Screen(), environment={"COLUMNS": "60", "TERM": "xterm"}))
    assert command in text
    assert max(len(line) for line in text.splitlines() if "word" in line) <= 60


COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize(
    ("output", "environment", "coloured"),
    [
        (Pipe, {}, False),
        (Pipe, {"FORCE_COLOR": "1"}, True),
        (Pipe, {"FORCE_COLOR": "1", "TERM": "dumb"}, True),
        (Pipe, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        (Pipe, {"FORCE_COLOR": ""}, False),
        (Screen, {"TERM": "xterm"}, True),
        (Screen, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Screen, {"TERM": "xterm", "CI": "true"}, True),
        (Screen, {"TERM": "dumb"}, False),
    ],
)
def test_terminal_colours(output: type[io.StringIO], environment: dict[str, str], coloured: bool) -> None:
    text = shown(events(MIXED), output=output(), environment=environment)
    assert bool(COLOUR.search(text)) == coloured
    rewritten = "\r" in text or bool(re.search(r"\x1b\[[0-9?]*[A-Zhl]", text))
    assert rewritten == (output is Screen and "CI" not in environment and environment["TERM"] != "dumb")


def test_terminal_a_log_hears_of_progress_when_it_was_silent_for_long() -> None:
    many = [result(f"book/gap/{n}") for n in range(40)]
    lines = shown(events(many), clock=Clock(1.0)).splitlines()
    said = [line for line in lines if line.startswith("…")]
    assert 2 <= len(said) <= 10
    assert re.fullmatch(r"… \d+ of 40 cases done: \d+ pass; about \d+ (s|min) left", said[0])
    assert not [line for line in shown(events(many)).splitlines() if line.startswith("…")], "no time has passed"
    assert not [line for line in shown(events(many), -1, clock=Clock(1.0)).splitlines() if line.startswith("…")]


def test_terminal_a_screen_sees_counts_and_time_left() -> None:
    failed = result("book/gap/twice", Verdict.FAIL, [check()])
    many = [result(f"book/gap/{n}") for n in range(9)]
    heard = events([failed, *many])
    reporter = TerminalReporter(Screen(), environment={"TERM": "xterm", "COLUMNS": "100"}, clock=Clock(0.5))
    feed(reporter, heard[:-4])  # one case is running, none of the rest has begun
    assert reporter._progress is not None
    bar = reporter._progress._bar
    assert bar is not None
    with reporter.console.capture() as captured:
        reporter.console.print(bar.get_renderable())
    reporter._progress.stop()
    line = plain(captured.get())
    assert re.search(r" 8/10 .* 7 pass, 1 fail \d+ s, about \d+ s left book/gap/7 *\n", line)


def test_terminal_a_narrow_screen_gets_a_list_instead_of_a_wide_table() -> None:
    wide = plain(shown(events(MIXED), output=Screen(), environment={"COLUMNS": "100", "TERM": "xterm"})).splitlines()
    narrow = plain(shown(events(MIXED), output=Screen(), environment={"COLUMNS": "36", "TERM": "xterm"})).splitlines()
    assert [line.split() for line in wide if "binance-spot" in line and "kraken-v2" in line and "/" not in line]
    assert "book/gap  1 pass, 1 fail" in [re.sub(" +", " ", line).replace("gap ", "gap  ") for line in narrow]
    start = narrow.index("binance-spot")
    assert narrow[start + 1].split() == ["book/gap", "1", "inconclusive"]


def test_terminal_suspects_the_adapter_where_nothing_works() -> None:
    def said(*verdicts: Verdict, verbosity: int = 0) -> bool:
        ended = [result(f"book/gap/{n}", verdict, message="it ended") for n, verdict in enumerate(verdicts)]
        return "bookproof adapter check --client './client --fast'" in shown(events(ended), verbosity)

    assert said(Verdict.CRASHED, Verdict.HUNG, Verdict.CRASHED, Verdict.CRASHED)
    assert not said(Verdict.CRASHED, Verdict.PASS, Verdict.CRASHED, Verdict.CRASHED)
    assert not said(Verdict.CRASHED, Verdict.CRASHED)
    assert not said(Verdict.CRASHED, Verdict.CRASHED, Verdict.CRASHED, verbosity=-1)


def test_terminal_says_what_the_failures_have_in_common() -> None:
    ghosts = Suspect(bug_class="A", name="a snapshot that does not replace the book", reason="r")
    failed = [result(f"book/gap/{n}", Verdict.FAIL, [check()], suspects=(ghosts,)) for n in range(5)]
    lines = shown(events([*failed, *MIXED])).splitlines()
    start = lines.index("what it looks like, by how many cases show it:")
    assert lines[start + 1] == (
        "   5  a snapshot that does not replace the book (class A): book/gap/0, book/gap/1, book/gap/2 and 2 more"
    )
    assert lines[start + 2].startswith("   4  no diagnosis: book/gap/single, ")
    assert "--report DIR writes a page that draws every one of them" in lines
    assert "--report" not in shown(events(failed), folder=Path("out"))
    passed = shown(events([result(), result("book/gap/twice")]))
    assert "what it looks like" not in passed
    assert "--report" not in passed


def test_terminal_counts_what_was_not_run() -> None:
    text = shown(events(MIXED, interrupted=True, not_run=[f"k/c{n}" for n in range(20)], skipped_slow=["k/slow"]))
    assert "not run any more, 20: k/c0, k/c1" in text
    assert "and 12 more" in text
    assert "slow, left out (--slow runs them), 1: k/slow" in text
    assert text.splitlines()[-1] == "exit status 130: interrupted"


def test_terminal_says_why_cases_are_unsupported() -> None:
    reason = "the adapter does not declare the channel 'trades'"
    told = [result(f"trades/{n}", Verdict.UNSUPPORTED, message=reason) for n in range(3)]
    lines = shown(events([*told, result()])).splitlines()
    assert lines[-2] == "unsupported, 3: The adapter does not declare the channel 'trades'."
    assert not [line for line in shown(events([result()])).splitlines() if "unsupported" in line]


def test_terminal_where_nothing_could_run_it_says_only_that() -> None:
    heard = events(troubles=[Trouble(status=4, message="no client")], not_run=["k/c"], skipped_slow=["k/slow"])
    assert shown(heard).splitlines()[2:] == [
        "trouble: no client",
        "nothing was run in 1.5 s",
        "exit status 4: wrong usage, or a file that cannot be used",
    ]


def test_terminal_hostile_text_steers_nothing() -> None:
    for output in (Pipe(), Screen()):
        text = shown(events(hostile(), client=HOSTILE, troubles=[Trouble(status=5, message=HOSTILE)]), 2, output)
        allowed = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text) if output.isatty() else text
        assert "\x1b" not in allowed
        assert "\x1b[31m\r\n" not in text
        # a CI system reads no terminal, where text is wrapped
        assert output.isatty() or not [line for line in text.splitlines() if line.lstrip().startswith("::")]
        text.encode("utf-8")


# --- JSON -----------------------------------------------------------------------------------------------------------


def test_json_schema_is_current() -> None:
    file = folder("schemas") / "report.v1.json"
    renew = "renew it: python -m bookproof.report.json_report > schemas/report.v1.json"
    assert json.loads(file.read_text(encoding="utf-8")) == json.loads(json.dumps(schema())), renew
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize(
    "heard",
    [
        events(MIXED, troubles=[Trouble(status=2, message="stale")]),
        events([RULED]),
        events(hostile(), client=HOSTILE),
        events(interrupted=True, not_run=["a"]),
    ],
)
def test_json_reports_validate(tmp_path: Path, heard: list[ResultEvent]) -> None:
    feed(JsonReporter(tmp_path), heard)
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema()).validate(report)
    assert report["exit_status"] == heard[-1].exit_status  # type: ignore[union-attr]


def test_json_has_everything(tmp_path: Path) -> None:
    feed(JsonReporter(tmp_path, "other.json"), events(MIXED, not_run=["x"]))
    report = json.loads((tmp_path / "other.json").read_text(encoding="utf-8"))
    assert report["counts"] == {
        "pass": 1, "warn": 1, "unsupported": 1, "inconclusive": 1, "fail": 1, "crashed": 1, "known": 1,
    }  # fmt: skip
    assert [case["id"] for case in report["cases"]] == [each.id for each in MIXED]
    assert report["not_run"] == ["x"]
    assert report["causes"] == [
        {
            "bug_class": "",
            "name": "no diagnosis",
            "cases": [each.id for each in MIXED if each.known is None and each.verdict not in ("pass", "unsupported")],
        }
    ]
    assert datetime.datetime.fromisoformat(report["began"]).utcoffset() == datetime.timedelta(0)
    assert report["cases"][0]["checks"][0]["anomaly"] == "ghost"


def test_json_schema_refuses_what_is_no_report(tmp_path: Path) -> None:
    feed(JsonReporter(tmp_path), events(MIXED))
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    for spoil in ({"exit_status": 7}, {"counts": {"good": 1}}, {"cases": [{"id": "x"}]}, {"format": "other"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.Draft202012Validator(schema()).validate({**report, **spoil})


# --- JUnit ----------------------------------------------------------------------------------------------------------


def junit(tmp_path: Path, heard: Sequence[ResultEvent]) -> ElementTree.Element:
    feed(JunitReporter(tmp_path), heard)
    return ElementTree.parse(tmp_path / "junit.xml").getroot()


def test_junit_is_what_viewers_expect(tmp_path: Path) -> None:
    root = junit(tmp_path, events(MIXED, troubles=[Trouble(status=2, message="an entry is stale")]))
    assert root.tag == "testsuites"
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "8", "failures": "2", "errors": "2", "skipped": "2", "time": "1.500",
    }  # fmt: skip
    assert [suite.get("name") for suite in root] == ["kraken-v2", "binance-spot", "run"]
    for suite in root:
        cases = suite.findall("testcase")
        assert suite.get("tests") == str(len(cases))
        for case in cases:
            assert case.get("classname")
            assert float(case.get("time", "")) >= 0
            outcomes = [child for child in case if child.tag in ("failure", "error", "skipped")]
            assert len(outcomes) <= 1
            for outcome in outcomes:
                assert outcome.get("message")
    first = root[0].findall("testcase")[0]
    assert (first.get("classname"), first.get("name")) == ("kraken-v2.book.gap", "book/gap/single")
    failure = first.find("failure")
    assert failure is not None
    assert (failure.get("message"), failure.get("type")) == ("fail S1 ghost: A ghost.", "fail")
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(names) == len(set(names)), "viewers take equal names for one test"


#: By element: attributes and children that viewers know (Jenkins' junit-10.xsd, of its xunit plugin).
JUNIT = {
    "testsuites": ({"name", "time", "tests", "failures", "errors", "skipped"}, {"testsuite"}),
    "testsuite": ({"name", "time", "timestamp", "tests", "failures", "errors", "skipped"}, {"properties", "testcase"}),
    "properties": (set[str](), {"property"}),
    "property": ({"name", "value"}, set[str]()),
    "testcase": (
        {"classname", "name", "time"},
        {"properties", "failure", "error", "skipped", "system-out", "system-err"},
    ),
    "failure": ({"message", "type"}, set[str]()),
    "error": ({"message", "type"}, set[str]()),
    "skipped": ({"message"}, set[str]()),
    "system-out": (set[str](), set[str]()),
    "system-err": (set[str](), set[str]()),
}


@pytest.mark.parametrize("heard", [events(MIXED, troubles=[Trouble(status=2, message="x")]), events(hostile())])
def test_junit_has_only_what_viewers_know(tmp_path: Path, heard: list[ResultEvent]) -> None:
    for element in junit(tmp_path, heard).iter():
        attributes, children = JUNIT[element.tag]
        assert set(element.keys()) <= attributes
        assert {child.tag for child in element} <= children


def test_junit_tells_what_the_terminal_tells(tmp_path: Path) -> None:
    failure = junit(tmp_path, events([RULED])).find(".//failure")
    assert failure is not None
    assert failure.text is not None
    assert failure.text.startswith("fail S1 ghost: A ghost.\n"), "GitLab shows the text only"
    rule = "rule kraken-v2/checksum-verify (SHOULD)"
    for part in ("broken: S1, a property", rule, "ghost: deleted by update 7", "again: bookproof replay"):
        assert part in failure.text


def test_junit_facts_to_count_by(tmp_path: Path) -> None:
    suspect = Suspect(bug_class="A", name="a snapshot that does not replace the book", reason="r")
    ruled = msgspec.structs.replace(RULED, suspects=(suspect,), attempts=2)
    root = junit(tmp_path, events([ruled, *MIXED]))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", str(root[0].get("timestamp")))
    suite = {each.get("name"): each.get("value") for each in root[0].findall("properties/property")}
    assert suite == {"command": "./client --fast", "bookproof": "9.9"}
    facts = {each.get("name"): each.get("value") for each in root[0][1].findall("properties/property")}
    assert facts == {
        "verdict": "fail",
        "title": "One update is lost",
        "seed": "1",
        "client": "a client 1",
        "check": "S1",
        "anomaly": "ghost",
        "rule": "kraken-v2/checksum-verify",
        "looks-like": "A: a snapshot that does not replace the book",
        "attempts": "2",
    }
    known = root.findall(".//property[@name='known']")
    assert [each.get("value") for each in known] == ["they know"]


def test_junit_tells_what_happened_around_the_first_thing_that_was_wrong(tmp_path: Path) -> None:
    story = tuple(
        Moment(position=n, until=n, at=n / 10, lane="exchange", kind="update", text=f"update {n}", count=1 + n % 2)
        for n in range(100)
    )
    at = msgspec.structs.replace(check(), position=60)
    failed = result(verdict=Verdict.FAIL, checks=[at], story=story, transcript="transcripts/x.jsonl")
    feed(JunitReporter(tmp_path, report=Path("out")), events([failed]))
    said = ElementTree.parse(tmp_path / "junit.xml").findtext(".//system-out")
    assert said is not None
    lines = said.splitlines()
    assert lines[0] == "… 40 moments before"
    assert lines[1:3] == [
        "     40    4.000 s  exchange  update 40",
        "     41    4.100 s  exchange  update 41  (2 times)",
    ]
    assert [line for line in lines if line.startswith(">")] == [">    60    6.000 s  exchange  update 60"]
    assert lines[-2:] == ["… 30 moments after", "[[ATTACHMENT|out/transcripts/x.jsonl]]"]
    feed(JunitReporter(tmp_path), events([failed, result("book/gap/twice")]))
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert "ATTACHMENT" not in str(root.findtext(".//system-out")), "without a report there is nothing to attach"
    assert len(root.findall(".//system-out")) == 1


# --- GitHub ---------------------------------------------------------------------------------------------------------


def test_github_annotates_failures_and_warnings_only(tmp_path: Path) -> None:
    output = Pipe()
    feed(GithubReporter(output, {}), events(MIXED, troubles=[Trouble(status=2, message="an entry is stale")]))
    assert [line.split("::")[1] for line in output.getvalue().splitlines()] == [
        "error title=kraken-v2/book/gap/single%3A fail S1 ghost",
        "error title=kraken-v2/book/delete/best%3A crashed",
        "warning title=kraken-v2/trades/plain%3A warn S2 went-back",
        "error title=binance-spot/book/gap/single%3A inconclusive V0 ghost",
        "error title=bookproof",
    ]


def test_github_hostile_text_is_one_command() -> None:
    output = Pipe()
    feed(GithubReporter(output, {}), events(hostile()))
    lines = output.getvalue().splitlines()
    assert len(lines) == 2
    for line in lines:
        assert re.fullmatch(r"::error title=[^:,\r\n]*::.*", line)
        assert "\x1b" not in line
    assert data("50%\r\n:,") == "50%25%0D%0A:,"
    assert property_value("50%\n:,") == "50%25%0A%3A%2C"


def test_github_no_more_annotations_than_it_shows() -> None:
    output = Pipe()
    failed = [result(f"book/gap/{n}", Verdict.FAIL, [check()]) for n in range(30)]
    feed(GithubReporter(output, {}), events(failed))
    lines = output.getvalue().splitlines()
    assert len(lines) == 10
    assert "the rest is in the log" in lines[-1]


def test_github_summary_is_appended(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    for heard in (events(MIXED), events(hostile(), client=HOSTILE)):
        feed(GithubReporter(Pipe(), {"GITHUB_STEP_SUMMARY": str(file)}), heard)
    text = file.read_text(encoding="utf-8")
    assert text.startswith("before\n### Bookproof")
    assert "| book/gap | 1 inconclusive | 1 pass, 1 fail |" in text
    assert "- 4 × no diagnosis" in text
    assert "<script" not in text
    for line in text.splitlines():
        if line.startswith("|") and "---" not in line:
            assert len(re.findall(r"(?<!\\)\|", line)) in (4, 5, 3)


def test_github_summary_keeps_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    many = [result(f"book/gap/{n}", Verdict.FAIL, [check(message="ü" * 5000)]) for n in range(3000)]
    feed(GithubReporter(Pipe(), {"GITHUB_STEP_SUMMARY": str(file)}), events(many))
    assert file.stat().st_size < 1024 * 1024
    assert "And 2800 more." in markdown_of(many)


def markdown_of(results: Sequence[CaseResult]) -> str:
    from bookproof.report.collect import Collected

    collected = Collected()
    feed(collected, events(results))
    return markdown(collected)


# --- the extension point ----------------------------------------------------------------------------------------------


class Failing:
    def __init__(self, error: Exception) -> None:
        self.error = error
        self.heard = 0

    def handle(self, event: ResultEvent) -> None:
        self.heard += 1
        raise self.error


def test_a_reporter_that_raises_disturbs_no_other_and_is_told_of(tmp_path: Path) -> None:
    bug, full = Failing(ZeroDivisionError("x")), Failing(OSError(28, "No space left on device", "report.json"))
    output = Pipe()
    everyone = Everyone([bug, full, TerminalReporter(output)])
    for event in events(MIXED):
        everyone(event)
    assert (bug.heard, full.heard) == (1, 1)
    assert "exit status 1" in output.getvalue()
    assert [(trouble.status, trouble.message) for trouble in everyone.troubles] == [
        (5, "Failing failed: ZeroDivisionError: x"),
        (4, "Failing cannot write 'report.json': No space left on device"),
    ]


def test_the_built_in_reporters_are_made_by_name(tmp_path: Path) -> None:
    settings = Settings(output=Pipe(), folder=tmp_path)
    for name in ("terminal", "json", "html", "junit", "badge", "github"):
        feed(make(name, settings), events(MIXED))
    assert {file.name for file in tmp_path.iterdir()} == {"report.json", "report.html", "junit.xml", "badge.svg"}
    with pytest.raises(UsageError, match="junit"):
        make("junitt", settings)
    with pytest.raises(UsageError, match="no place"):
        make("junit", Settings(output=Pipe()))
    with pytest.raises(UsageError, match="no folder"):
        make("junit", Settings(output=Pipe(), target=str(tmp_path / "no" / "x.xml")))
    feed(make("junit", Settings(output=Pipe(), target=str(tmp_path / "mine.xml"))), events(MIXED))
    assert (tmp_path / "mine.xml").exists()


def test_another_package_can_bring_a_reporter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from importlib import metadata

    site = tmp_path / "site"
    (site / "other-1.dist-info").mkdir(parents=True)
    (site / "other-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1\n")
    (site / "other-1.dist-info" / "entry_points.txt").write_text(
        "[bookproof.reporters]\nlines = other_reporter:Lines\n"
    )
    (site / "other_reporter.py").write_text(
        "class Lines:\n"
        "    def __init__(self, settings):\n"
        "        self.target = settings.target\n"
        "    def handle(self, event):\n"
        "        with open(self.target, 'a') as file: file.write(type(event).__name__ + '\\n')\n"
    )
    monkeypatch.syspath_prepend(str(site))
    assert any(point.name == "lines" for point in metadata.entry_points(group="bookproof.reporters"))
    monkeypatch.setattr(REPORTERS, "_scanned", False)
    monkeypatch.setattr(REPORTERS, "_makers", dict(REPORTERS._makers))
    monkeypatch.setattr(REPORTERS, "_made", dict(REPORTERS._made))
    target = tmp_path / "lines.txt"
    feed(make("lines", Settings(output=Pipe(), target=str(target))), events([RULED]))
    assert target.read_text().split() == ["RunStarted", "CaseStarted", "CaseFinished", "RunFinished"]


def test_a_run_that_ended_without_events_is_no_success() -> None:
    from bookproof.report.collect import Collected
    from bookproof.report.json_report import as_value

    assert as_value(Collected())["exit_status"] == 5
    assert isinstance(events()[-1], RunFinished)
