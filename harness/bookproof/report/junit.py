"""JUnit XML, as CI viewers read it: a suite a dialect, a test case a case.

Jenkins groups by ``classname`` (package, class) and shows message and text of a failure; GitLab takes ``classname`` for the
suite, wants every pair of ``classname`` and ``name`` once, and shows the text; both show ``system-out``.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from bookproof.report.collect import Collected
from bookproof.report.text import clean
from bookproof.report.words import diff_lines, label, rule_of, telling, why
from bookproof.results import CaseResult, ResultEvent, RunFinished, RunStarted, Verdict

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

#: So many moments of a case are told, so many of them before the one that matters: GitLab takes files of up to 30 MB.
_MOMENTS = 30
_BEFORE = 20


class JunitReporter:
    """Writes ``junit.xml`` into a folder when the run ends. ``report``: the folder of ``--report``, where transcripts are."""

    def __init__(self, folder: Path, name: str = "junit.xml", *, report: Path | None = None) -> None:
        self._path = folder / name
        self._report = report
        self._collected = Collected()
        self._began: datetime.datetime | None = None

    def handle(self, event: ResultEvent) -> None:
        self._collected.handle(event)
        match event:
            case RunStarted():
                self._began = datetime.datetime.now(tz=datetime.UTC)
            case RunFinished():
                tree = ElementTree.ElementTree(document(self._collected, began=self._began, report=self._report))
                tree.write(self._path, encoding="utf-8", xml_declaration=True)
            case _:
                pass


def document(
    collected: Collected, *, began: datetime.datetime | None = None, report: Path | None = None
) -> ElementTree.Element:
    """The XML tree of a run."""
    root = ElementTree.Element("testsuites", name="bookproof")
    for dialect in dict.fromkeys(result.dialect for result in collected.results):
        suite = ElementTree.SubElement(root, "testsuite", name=dialect)
        if began is not None:
            # Ant's schema allows no zone: https://github.com/windyroad/JUnit-Schema; UTC
            suite.set("timestamp", began.strftime("%Y-%m-%dT%H:%M:%S"))
        if collected.started is not None:
            properties = ElementTree.SubElement(suite, "properties")
            _property(properties, "command", collected.started.client)
            _property(properties, "bookproof", collected.started.version)
        _fill(suite, [result for result in collected.results if result.dialect == dialect], report)
    if collected.troubles:
        suite = ElementTree.SubElement(root, "testsuite", name="run", time="0.000")
        for number, trouble in enumerate(collected.troubles, 1):
            case = ElementTree.SubElement(
                suite, "testcase", classname="bookproof.run", name=f"trouble {number}", time="0.000"
            )
            node = ElementTree.SubElement(case, "error", message=_clean(trouble.message), type=f"exit-{trouble.status}")
            node.text = _clean(trouble.message)
        _count(suite)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    seconds = 0.0 if collected.finished is None else collected.finished.seconds
    root.set("time", f"{seconds:.3f}")
    return root


def _fill(suite: ElementTree.Element, results: Sequence[CaseResult], report: Path | None) -> None:
    suite.set("time", f"{sum(result.seconds for result in results):.3f}")
    for result in results:
        topic = result.scenario.rpartition("/")[0].replace("/", ".")
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"{suite.get('name')}.{topic}" if topic else str(suite.get("name")),
            name=_clean(result.scenario),
            time=f"{result.seconds:.3f}",
        )
        properties = ElementTree.SubElement(case, "properties")
        for name, value in _facts(result):
            _property(properties, name, value)
        outcome = outcome_of(result)
        if outcome == "skipped":
            reason = f"known failure: {result.known}" if result.known is not None else why(result)
            ElementTree.SubElement(case, outcome, message=_clean(f"{result.verdict}: {reason}"))
        elif outcome is not None:
            message = f"{label(result)}: {why(result)}"
            node = ElementTree.SubElement(case, outcome, message=_clean(message), type=str(result.verdict))
            node.text = _clean(_text(result))
        said = _said(result, outcome, report)
        if said:
            ElementTree.SubElement(case, "system-out").text = _clean("\n".join(said))
        if result.stderr and outcome in ("failure", "error"):
            ElementTree.SubElement(case, "system-err").text = _clean("\n".join(result.stderr))
    _count(suite)


def _facts(result: CaseResult) -> Iterator[tuple[str, str]]:
    """For dashboards: what one may want to count by."""
    yield "verdict", str(result.verdict)
    yield "title", result.title
    yield "seed", str(result.seed)
    if result.client:
        yield "client", result.client
    check = telling(result)
    if check is not None:
        yield "check", check.id
        if check.anomaly:
            yield "anomaly", check.anomaly
        if check.rule:
            yield "rule", check.rule
    for suspect in result.suspects[:1]:
        yield "looks-like", f"{suspect.bug_class}: {suspect.name}"
    if result.known is not None:
        yield "known", result.known
    if result.attempts > 1:
        yield "attempts", str(result.attempts)


def _said(result: CaseResult, outcome: str | None, report: Path | None) -> list[str]:
    """What happened, of a case that did not pass; of one that passed with a remark, the remark."""
    if outcome == "skipped" or result.verdict is Verdict.PASS:
        return []
    lines = [f"{label(result)}: {why(result)}"] if outcome is None and why(result) else []
    if outcome is not None:
        check = telling(result)
        at = None if check is None else check.position
        lines += _story(result, at)
        if result.transcript is not None and report is not None:
            # a link in GitLab, and in Jenkins with the plugin junit-attachments:
            # https://docs.gitlab.com/ci/testing/unit_test_reports
            lines.append(f"[[ATTACHMENT|{report / result.transcript}]]")
    return lines


def _story(result: CaseResult, at: int | None) -> Iterator[str]:
    moments = result.story
    if not moments:
        return
    place = len(moments) if at is None else sum(moment.position < at for moment in moments)
    first = max(0, min(place - _BEFORE, len(moments) - _MOMENTS))
    if first:
        yield f"… {first} moments before"
    for moment in moments[first : first + _MOMENTS]:
        times = f"  ({moment.count} times)" if moment.count > 1 else ""
        mark = ">" if at is not None and moment.position <= at <= moment.until else " "
        yield f"{mark}{moment.position:>6} {moment.at:>8.3f} s  {moment.lane:<8}  {moment.text}{times}"
    if first + _MOMENTS < len(moments):
        yield f"… {len(moments) - first - _MOMENTS} moments after"


def _property(properties: ElementTree.Element, name: str, value: str) -> None:
    ElementTree.SubElement(properties, "property", name=name, value=_clean(value))


def _count(suite: ElementTree.Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))


def outcome_of(result: CaseResult) -> str | None:
    """The element that says so: ``failure``, ``error`` or ``skipped``; None: it passed."""
    if result.known is not None or result.verdict is Verdict.UNSUPPORTED:
        return "skipped"
    if result.verdict is Verdict.FAIL or result.verdict is Verdict.INCONCLUSIVE:
        return "failure"
    return "error" if result.verdict.rank > Verdict.FAIL.rank else None


def _text(result: CaseResult) -> str:
    # GitLab shows this text and not the message: it begins with the same words
    lines = [f"{label(result)}: {why(result)}", result.title]
    check = telling(result)
    if check is not None:
        lines.append(f"broken: {check.id}, {check.title}")
    rule = None if check is None else rule_of(check)
    if check is not None and rule is not None:
        lines.append(f"rule {check.rule} ({rule.level}): {rule.text} [{rule.source}]")
    if check is not None and check.diff:
        lines += ["", *diff_lines(check.diff, most=20), ""]
    if result.reproduced is not None:
        lines.append(f"run again in a fresh process: {'the same' if result.reproduced else 'passed'}")
    if result.transcript:
        lines.append(f"transcript: {result.transcript}")
    if result.reproduce:
        lines.append(f"again: {result.reproduce}")
    return "\n".join(lines)


def _clean(text: str) -> str:
    """What XML 1.0 can hold, and nothing that steers a terminal."""
    return _NOT_XML.sub("?", clean(text))
