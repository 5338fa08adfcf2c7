"""JUnit XML, as CI viewers read it: a suite a dialect, a test case a case."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from bookproof.report.collect import Collected
from bookproof.report.text import clean
from bookproof.report.words import diff_lines, label, rule_of, telling, why
from bookproof.results import CaseResult, ResultEvent, RunFinished, Verdict

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class JunitReporter:
    """Writes ``junit.xml`` into a folder when the run ends."""

    def __init__(self, folder: Path, name: str = "junit.xml") -> None:
        self._path = folder / name
        self._collected = Collected()

    def handle(self, event: ResultEvent) -> None:
        self._collected.handle(event)
        if isinstance(event, RunFinished):
            ElementTree.ElementTree(document(self._collected)).write(self._path, encoding="utf-8", xml_declaration=True)


def document(collected: Collected) -> ElementTree.Element:
    """The XML tree of a run."""
    root = ElementTree.Element("testsuites", name="bookproof")
    for dialect in dict.fromkeys(result.dialect for result in collected.results):
        _suite(root, dialect, [result for result in collected.results if result.dialect == dialect])
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


def _suite(root: ElementTree.Element, dialect: str, results: Sequence[CaseResult]) -> None:
    suite = ElementTree.SubElement(root, "testsuite", name=dialect)
    suite.set("time", f"{sum(result.seconds for result in results):.3f}")
    clients = dict.fromkeys(result.client for result in results if result.client)
    if clients:
        properties = ElementTree.SubElement(suite, "properties")
        for client in clients:
            ElementTree.SubElement(properties, "property", name="client", value=_clean(client))
    for result in results:
        topic = result.scenario.rpartition("/")[0].replace("/", ".")
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"{dialect}.{topic}" if topic else dialect,
            name=_clean(result.scenario),
            time=f"{result.seconds:.3f}",
        )
        properties = ElementTree.SubElement(case, "properties")
        for name, value in (("verdict", str(result.verdict)), ("seed", str(result.seed))):
            ElementTree.SubElement(properties, "property", name=name, value=value)
        outcome = _outcome(result)
        if outcome == "skipped":
            reason = f"known failure: {result.known}" if result.known is not None else why(result)
            ElementTree.SubElement(case, outcome, message=_clean(f"{result.verdict}: {reason}"))
        elif outcome is not None:
            message = f"{label(result)}: {why(result)}"
            node = ElementTree.SubElement(case, outcome, message=_clean(message), type=str(result.verdict))
            node.text = _clean(_text(result))
        elif result.verdict is not Verdict.PASS and why(result):
            ElementTree.SubElement(case, "system-out").text = _clean(f"{label(result)}: {why(result)}")
        if result.stderr and outcome in ("failure", "error"):
            ElementTree.SubElement(case, "system-err").text = _clean("\n".join(result.stderr))
    _count(suite)


def _count(suite: ElementTree.Element) -> None:
    suite.set("tests", str(len(suite.findall("testcase"))))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(attribute, str(len(suite.findall(f"testcase/{tag}"))))


def _outcome(result: CaseResult) -> str | None:
    if result.known is not None or result.verdict is Verdict.UNSUPPORTED:
        return "skipped"
    if result.verdict is Verdict.FAIL or result.verdict is Verdict.INCONCLUSIVE:
        return "failure"
    return "error" if result.verdict.rank > Verdict.FAIL.rank else None


def _text(result: CaseResult) -> str:
    lines = [why(result)]
    check = telling(result)
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
