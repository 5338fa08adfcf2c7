"""GitHub Actions: annotations on standard output, and a summary of the job.

Workflow commands and how to escape them: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
and the ``toolkit`` repository, packages/core/src/command.ts. A step shows ten annotations of each kind; a step summary
holds 1 MiB.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from bookproof.report.causes import causes, stands_out
from bookproof.report.collect import EXIT_MEANING, Collected
from bookproof.report.matrix import Matrix
from bookproof.report.text import clean, one_line
from bookproof.report.words import label, rule_of, telling, why
from bookproof.results import CaseFinished, CaseResult, ResultEvent, RunFinished, Trouble

_MOST_ANNOTATIONS = 10
_MOST_ROWS = 200
_MOST_BYTES = 1_000_000


class GithubReporter:
    """``::error`` for what fails, ``::warning`` for what is wrong without failing, as they come; the summary at the end,
    where the environment names its file (``GITHUB_STEP_SUMMARY``)."""

    def __init__(self, output: TextIO, environment: Mapping[str, str]) -> None:
        self._output = output
        self._summary = environment.get("GITHUB_STEP_SUMMARY") or None
        self._left = {"error": _MOST_ANNOTATIONS, "warning": _MOST_ANNOTATIONS}
        self._collected = Collected()

    def handle(self, event: ResultEvent) -> None:
        self._collected.handle(event)
        match event:
            case CaseFinished(result=result):
                kind = annotation_kind(result)
                if kind is not None:
                    text = "\n".join(filter(None, (why(result), result.reproduce)))
                    self._annotate(kind, f"{result.id}: {label(result)}", text)
            case Trouble(message=message):
                self._annotate("error", "bookproof", message)
            case RunFinished():
                if self._summary is not None:
                    self._append(Path(self._summary), markdown(self._collected))
            case _:
                pass

    def _annotate(self, kind: str, title: str, text: str) -> None:
        if not self._left[kind]:
            return
        self._left[kind] -= 1
        if not self._left[kind]:
            text += f"\nGitHub shows no more than {_MOST_ANNOTATIONS} of these; the rest is in the log."
        self._output.write(f"::{kind} title={property_value(clean(title))}::{data(clean(text))}\n")
        self._output.flush()

    def _append(self, path: Path, text: str) -> None:
        raw = text.encode("utf-8", "backslashreplace")
        if len(raw) > _MOST_BYTES:
            raw = raw[:_MOST_BYTES].rpartition(b"\n")[0] + b"\n\nThe rest is cut: it is too long for a step summary.\n"
        with path.open("ab") as file:
            file.write(raw)


def markdown(collected: Collected) -> str:
    """The summary: counts, verdicts by topic, what failed."""
    started, finished = collected.started, collected.finished
    status = 5 if finished is None else finished.exit_status
    client = "" if started is None else started.client
    counts = ", ".join(f"{count} {name}" for name, count in collected.counts.items()) or "nothing was run"
    lines = [
        f"### Bookproof: {_cell(client)}",
        "",
        f"**{counts}**. Exit status {status}: {EXIT_MEANING.get(status, '')}.",
        "",
    ]
    lines += [f"- {_cell(trouble.message)}" for trouble in collected.troubles]
    if collected.results:
        matrix = Matrix.of(collected.results)
        lines += ["", f"| | {' | '.join(matrix.dialects)} |", "|---" * (len(matrix.dialects) + 1) + "|"]
        for topic, row in matrix.rows:
            cells = (", ".join(f"{count} {name}" for name, count in cell) or "–" for cell in row)
            lines.append(f"| {_cell(topic)} | {' | '.join(cells)} |")
    found = causes(collected.results)
    if found:
        lines += ["", "What it looks like, by how many cases show it:", ""]
        for cause in found:
            letter = f" (class {cause.bug_class})" if cause.bug_class else ""
            lines.append(f"- {len(cause.cases)} × {_cell(cause.name)}{letter}")
    bad = [result for result in collected.results if annotation_kind(result) is not None]
    if bad:
        lines += ["", "| case | verdict | why | rule |", "|---|---|---|---|"]
        lines += map(_row, bad[:_MOST_ROWS])
        if len(bad) > _MOST_ROWS:
            lines += ["", f"And {len(bad) - _MOST_ROWS} more."]
    return "\n".join(lines) + "\n\n"


def data(text: str) -> str:
    """A message of a workflow command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def property_value(text: str) -> str:
    """A property of a workflow command."""
    return data(text).replace(":", "%3A").replace(",", "%2C")


def _row(result: CaseResult) -> str:
    check = telling(result)
    rule = None if check is None else rule_of(check)
    cited = "" if rule is None or check is None else f"{check.rule} ({rule.level})"
    return f"| {_cell(result.id)} | {_cell(label(result))} | {_cell(why(result))} | {_cell(cited)} |"


def _cell(text: str) -> str:
    """Plain text within a Markdown table: no markup, no HTML, one line."""
    line = one_line(text, 500).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\\{character}" if character in "\\`*_[]|#~@" else character for character in line)


def annotation_kind(result: CaseResult) -> str | None:
    """``error`` or ``warning``; None: it gets no annotation."""
    if result.known is not None or not stands_out(result):
        return None
    return "error" if result.failing else "warning"
