"""Known failures: a file of checks that are expected to fail, each with the anomaly, a reason and a link. It cannot rot:
an entry that passes, fails differently or matches nothing fails the run."""

from __future__ import annotations

import datetime
import fnmatch
from collections.abc import Sequence
from pathlib import Path

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bookproof.results import CaseResult, Verdict
from bookproof_exchange.errors import UsageError, Where

#: Verdicts that may be listed as known. What proves nothing, or is the harness's fault, never is.
_EXCUSABLE = (Verdict.FAIL, Verdict.WARN, Verdict.NON_STRICT, Verdict.HUNG, Verdict.CRASHED)


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry. ``case`` may be a glob; ``check``: the property (``S1``) or ``hung``/``crashed``."""

    case: str
    check: str
    reason: str
    anomaly: str | None = None
    link: str | None = None
    expires: datetime.date | None = None


def load_known(path: Path) -> tuple[Known, ...]:
    """Read a known-failures file (YAML or JSON: a list of entries)."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"cannot read the known-failures file {str(path)!r}: {reason}") from None
    try:
        data = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = Where(str(path), mark.line + 1, mark.column + 1) if mark is not None else Where(str(path))
        raise UsageError(f"not YAML: {getattr(error, 'problem', error)}", where=where) from None
    try:
        return tuple(msgspec.convert([] if data is None else data, list[Known]))
    except msgspec.ValidationError as error:
        raise UsageError(
            str(error),
            where=Where(str(path)),
            hint="an entry is {case: …, check: S1, anomaly: …, reason: …, link: …}",
        ) from None


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """Results with the known ones marked, and what is stale."""

    results: tuple[CaseResult, ...]
    stale: tuple[str, ...]


def apply_known(
    results: Sequence[CaseResult], known: Sequence[Known], *, all_cases: Sequence[str], today: datetime.date
) -> Judged:
    """Mark the results whose every failing check is expected; list the entries that do not hold any more.

    An entry whose case exists but was not selected is left alone."""
    used: set[int] = set()
    met: set[int] = set()
    different: dict[int, str] = {}
    marked: list[CaseResult] = []
    for result in results:
        reasons: list[str] = []
        unexcused = False
        for name, anomaly, verdict in _failures(result):
            hit = None
            for number, entry in enumerate(known):
                if not fnmatch.fnmatchcase(result.id, entry.case) or entry.check != name:
                    continue
                if entry.anomaly is not None and entry.anomaly != anomaly:
                    different.setdefault(
                        number, f"{result.id} {name} fails with anomaly {anomaly!r}, not {entry.anomaly!r}"
                    )
                    continue
                if entry.expires is not None and entry.expires < today:
                    different.setdefault(number, f"the entry expired on {entry.expires}")
                    continue
                hit = entry
                used.add(number)
                break
            if hit is not None and verdict in _EXCUSABLE:
                reasons.append(hit.reason)
            else:
                unexcused = True
        for number, entry in enumerate(known):
            if fnmatch.fnmatchcase(result.id, entry.case):
                met.add(number)
        if reasons and not unexcused and result.verdict in _EXCUSABLE:
            result = msgspec.structs.replace(result, known="; ".join(dict.fromkeys(reasons)))
        marked.append(result)
    stale: list[str] = []
    for number, entry in enumerate(known):
        if number in used:
            continue
        label = f"known failure {entry.case} {entry.check}"
        if number in different:
            stale.append(f"{label}: {different[number]}")
        elif number in met:
            stale.append(f"{label}: does not fail any more")
        elif not any(fnmatch.fnmatchcase(case, entry.case) for case in all_cases):
            stale.append(f"{label}: there is no such case")
    return Judged(results=tuple(marked), stale=tuple(stale))


def entries_of(results: Sequence[CaseResult], reason: str) -> tuple[Known, ...]:
    """Entries that would make today's failures known."""
    return tuple(
        Known(case=result.id, check=name, anomaly=anomaly, reason=reason)
        for result in results
        if result.verdict in _EXCUSABLE
        for name, anomaly, verdict in _failures(result)
        if verdict in _EXCUSABLE
    )


def _failures(result: CaseResult) -> list[tuple[str, str | None, Verdict]]:
    """What is wrong in a case, as (property, anomaly, verdict): every place of a property counts once."""
    found = {
        (check.id.partition("@")[0], check.anomaly, check.verdict): None
        for check in result.checks
        if check.verdict.rank >= Verdict.INCONCLUSIVE.rank
    }
    if result.verdict in (Verdict.HUNG, Verdict.CRASHED, Verdict.ADAPTER_ERROR, Verdict.HARNESS_ERROR):
        found[(str(result.verdict), None, result.verdict)] = None
    return list(found)
