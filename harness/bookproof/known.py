"""Known failures: a file of checks that are expected to fail, each with the anomaly, a reason and a link. It cannot rot:
an entry that passes, fails differently or matches nothing fails the run."""

from __future__ import annotations

import datetime
import fnmatch
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bookproof.results import CaseResult, Verdict
from bookproof_exchange.errors import UsageError, Where

#: Verdicts that may be listed as known. What proves nothing, or is the harness's or the adapter's fault, never is.
_EXCUSABLE = (Verdict.FAIL, Verdict.WARN, Verdict.NON_STRICT, Verdict.INFO, Verdict.HUNG, Verdict.CRASHED)
#: Those of a case as a whole, listed under their own name.
_PROCESS = (Verdict.HUNG, Verdict.CRASHED)
#: Those that fail a run only where it is strict.
_MILD = (Verdict.WARN, Verdict.NON_STRICT, Verdict.INFO)


class Known(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry. ``case`` may be a glob; ``check``: the property (``S1``) or ``hung``/``crashed``."""

    case: str
    check: str
    reason: str
    anomaly: str | None = None
    link: str | None = None
    expires: datetime.date | None = None
    """The last day on which the entry holds (UTC)."""
    sometimes: bool = False
    """A race in the client: it fails in some runs only. Such an entry does not go stale while its check passes, so it has
    to say in ``expires`` when it is looked at again."""


def load_known(path: Path) -> tuple[Known, ...]:
    """Read a known-failures file (YAML or JSON: a list of entries)."""
    data = parsed(path)
    try:
        entries = tuple(msgspec.convert([] if data is None else data, list[Known]))
    except msgspec.ValidationError as error:
        raise UsageError(
            str(error),
            where=Where(str(path)),
            hint="an entry is {case: …, check: S1, anomaly: …, reason: …, link: …}",
        ) from None
    endless = next((entry for entry in entries if entry.sometimes and entry.expires is None), None)
    if endless is not None:
        raise UsageError(
            f"the entry {endless.case} {endless.check} fails only sometimes, but has no day on which it is looked at again",
            where=Where(str(path)),
            hint="add expires: YEAR-MONTH-DAY: what passes by itself now and then would never go stale",
        )
    return entries


def parsed(path: Path, *, round_trip: bool = False) -> object:
    """The YAML (or JSON) of a file, ``round_trip``: with its comments. UsageError where there is none."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"cannot read the known-failures file {str(path)!r}: {reason}") from None
    try:
        data: object = (YAML() if round_trip else YAML(typ="safe", pure=True)).load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = Where(str(path), mark.line + 1, mark.column + 1) if mark is not None else Where(str(path))
        said = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise UsageError(f"not YAML: {said}", where=where) from None
    except ValueError as error:  # a value that looks like a date and is none
        raise UsageError(f"not YAML: {error}", where=Where(str(path))) from None
    return data


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """Results with the known ones marked, and what is stale."""

    results: tuple[CaseResult, ...]
    stale: tuple[str, ...]
    """Why each of ``outdated`` does not hold."""
    outdated: tuple[Known, ...] = ()


def apply_known(
    results: Sequence[CaseResult],
    known: Sequence[Known],
    *,
    all_cases: Sequence[str],
    today: datetime.date,
    strict: bool = False,
) -> Judged:
    """Mark the results whose every failing check is expected; list the entries that do not hold any more.

    ``all_cases``: every id that there is. An entry is not stale for want of a failure unless every case that it matches
    was run. ``strict``: a check with ``warn``, ``non-strict`` or ``info`` must be expected too."""
    used: set[int] = set()
    different: dict[int, str] = {}
    marked: list[CaseResult] = []
    for result in results:
        reasons: list[str] = []
        all_expected = result.verdict in _EXCUSABLE
        for failure in _failures(result):
            hits: list[Known] = []
            for number, entry in enumerate(known):
                if not fnmatch.fnmatchcase(result.id, entry.case) or entry.check not in failure.names:
                    continue
                if entry.anomaly is not None and entry.anomaly != failure.anomaly:
                    said = f"fails with anomaly {failure.anomaly!r}, not {entry.anomaly!r}"
                    different.setdefault(number, f"{result.id} {failure.names[0]} {said}")
                elif entry.expires is not None and entry.expires < today:
                    different.setdefault(number, f"the entry expired on {entry.expires}")
                else:
                    hits.append(entry)
                    used.add(number)
            if hits:
                reasons.append(hits[0].reason)
            elif strict or failure.verdict not in _MILD:
                all_expected = False
        if reasons and all_expected:
            result = msgspec.structs.replace(result, known="; ".join(dict.fromkeys(reasons)))
        marked.append(result)
    done = {result.id for result in results}
    every = [*dict.fromkeys([*all_cases, *done])]
    stale: list[tuple[Known, str]] = []
    for number, entry in enumerate(known):
        if number in used:
            continue
        label = f"known failure {entry.case} {entry.check}"
        met = [name for name in every if fnmatch.fnmatchcase(name, entry.case)]
        if number in different:
            stale.append((entry, f"{label}: {different[number]}"))
        elif not met:
            stale.append((entry, f"{label}: there is no such case"))
        elif entry.sometimes and entry.expires is not None:
            if entry.expires < today:
                stale.append((entry, f"{label}: the entry expired on {entry.expires}"))
        elif done.issuperset(met):
            stale.append((entry, f"{label}: does not fail any more"))
    return Judged(
        results=tuple(marked),
        stale=tuple(message for _, message in stale),
        outdated=tuple(entry for entry, _ in stale),
    )


def entries_of(results: Sequence[CaseResult], reason: str, *, strict: bool = False) -> tuple[Known, ...]:
    """Entries that would make today's failures known."""
    return tuple(
        Known(case=result.id, check=failure.names[0], anomaly=failure.anomaly, reason=reason)
        for result in results
        if result.verdict in _EXCUSABLE
        for failure in _failures(result)
        if strict or failure.verdict not in _MILD
    )


class _Failure(msgspec.Struct, frozen=True):
    """What an entry can be about. ``names``: the property, and the property with its place."""

    names: tuple[str, ...]
    anomaly: str | None
    verdict: Verdict


def _failures(result: CaseResult) -> list[_Failure]:
    """What is wrong in a case; every place of a property counts once. What is inconclusive in a case that failed, crashed
    or hung follows from that; a case that is inconclusive itself has a failure that nothing can excuse."""
    return list(_each_failure(result))


def _each_failure(result: CaseResult) -> Iterator[_Failure]:
    places: dict[tuple[str, str | None, Verdict], list[str]] = {}
    for check in result.checks:
        if check.verdict in (Verdict.PASS, Verdict.UNSUPPORTED):
            continue
        if check.verdict is Verdict.INCONCLUSIVE and result.verdict in _EXCUSABLE:
            continue
        name = check.id.partition("@")[0]
        places.setdefault((name, check.anomaly, check.verdict), []).append(check.id)
    for (name, anomaly, verdict), ids in places.items():
        yield _Failure((name, *ids), anomaly, verdict)
    if result.verdict in _PROCESS:
        yield _Failure((str(result.verdict),), None, result.verdict)
