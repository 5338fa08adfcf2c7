"""JUnit XML, as CI viewers read it: a suite a dialect, a test case a case."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

from bookproof.report.collect import Collected
from bookproof.report.words import label, rule_of, telling, why
from bookproof.results import CaseResult, ResultEvent, RunFinished, Verdict

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class JunitReporter:
    """Writes ``junit.xml`` into a folder when the run ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "junit.xml"
        self._collected = Collected()

    def handle(self, event: ResultEvent) -> None:
        self._collected.handle(event)
        if isinstance(event, RunFinished):
            ElementTree.ElementTree(document(self._collected)).write(
                self._path, encoding="utf-8", xml_declaration=True
            )


def document(collected: Collected) -> ElementTree.Element:
    """The XML tree of a run."""
    root = ElementTree.Element("testsuites", name="bookproof")
    dialects = list(dict.fromkeys(result.dialect for result in collected.results))
    for dialect in dialects:
        results = [result for result in collected.results if result.dialect == dialect]
        suite = ElementTree.SubElement(root, "testsuite", name=dialect, tests=str(len(results)))
        outcomes = [_outcome(result) for result in results]
        for attribute, name in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            suite.set(attribute, str(outcomes.count(name)))
        suite.set("time", f"{sum(result.seconds for result in results):.3f}")
        for result, outcome in zip(results, outcomes, strict=True):
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=f"{dialect}.{result.scenario.rsplit('/', 1)[0].replace('/', '.')}",
                name=result.id,
                time=f"{result.seconds:.3f}",
            )
            if outcome is not None:
                reason = result.known if result.known is not None else label(result)
                node = ElementTree.SubElement(case, outcome, message=_clean(reason), type=str(result.verdict))
                node.text = _clean(_text(result))
    if collected.troubles:
        suite = ElementTree.SubElement(
            root, "testsuite", name="run", tests=str(len(collected.troubles)), errors=str(len(collected.troubles))
        )
        for trouble in collected.troubles:
            case = ElementTree.SubElement(suite, "testcase", classname="run", name="run")
            ElementTree.SubElement(case, "error", message=_clean(trouble.message), type=f"exit-{trouble.status}")
    return root


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
    if check is not None:
        lines.extend(
            f"{row.side} {row.price}: client {row.shown or '-'}, truth {row.truth or '-'} {row.note}".rstrip()
            for row in check.diff
        )
    if result.reproduce:
        lines.append(f"again: {result.reproduce}")
    return "\n".join(lines)


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)
