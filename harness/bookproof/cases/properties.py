"""Which property of the checker tests which rule, so that a failed check can cite the venue's own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from bookproof.results import Check, Verdict
from bookproof_exchange.dialects.api import Rule

#: Rule key -> the properties whose failure breaks it, most telling first.
PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "snapshot-replaces": ("S3", "S1", "E1"),
    "checksum-verify": ("S4", "S5", "S1", "E1", "E6"),
    "recover-after-checksum": ("E1", "E2", "E5", "E6"),
    "wait-for-snapshot": ("S1", "S5"),
    "window-truncate": ("S1", "E3"),
    "delete-zero": ("S1", "E3"),
    "delete-unknown": ("E6", "S1", "E3"),
    "rows-in-order": ("S1", "E3"),
    "numbers-lossless": ("S1", "E6", "E3"),
    "versions-integers": ("S1", "E3"),
    "thin-book": ("E6", "S1", "E3"),
    "reconnect-rebuild": ("E1", "S3", "S1", "S4", "E6"),
    "silence-noticed": ("S4", "E1"),
    "shutdown-notice": ("E1", "S1", "E6"),
    "pong": ("E6",),
    "keepalive": ("E6",),
    "refusal-surfaced": ("await-report", "E1", "S1"),
    "unknown-tolerated": ("E6", "E3"),
    "malformed-survived": ("E1", "S1"),
    "isolation": ("S7", "S1"),
    "no-false-alarm": ("E6",),
    "resubscribe-clean": ("E5", "E1"),
    "message-rate": ("E5@messages",),
    "reconnect-backoff": ("E5@connections", "E5"),
    "trades-complete": ("T1",),
    "buffer-before-snapshot": ("S1", "E1"),
    "stale-snapshot-refetch": ("E1", "S1"),
    "align-start": ("S1", "E1", "E3"),
    "old-event-ignored": ("S1", "S2", "E3"),
    "overlap-accepted": ("E6", "S1"),
    "gap-restart": ("S4", "S1", "E1", "E6"),
    "rest-retry": ("E1",),
    "rest-backoff": ("E5@retry-after", "E5"),
    "rest-weight": ("E5@weight",),
    "frame-type-routing": ("E1", "S1"),
    "frames-joined": ("E6", "E1", "S1", "E3"),
    "frames-failed": ("await-reconnect", "E1"),
    "answer-assembled": ("E1", "S1", "E5"),
    "answer-incomplete": ("E1", "S1"),
}


def rules_by_property(dialect: str, known: Mapping[str, object], keys: Sequence[str]) -> dict[str, str]:
    """For each property the first rule of the scenario that it tests, as a rule id."""
    found: dict[str, str] = {}
    for key in keys:
        if key in known:
            for name in PROPERTIES.get(key, ()):
                found.setdefault(name, f"{dialect}/{key}")
    return found


#: Whatever a rule says, these stand as they are: a wrong book shown as live is wrong, a client that never comes back or
#: stands still is of no use however gently a venue puts it, and what proved nothing proved nothing.
_ALWAYS = frozenset({"S1", "S2", "S3", "S7", "E1", "E3", "T1", "V0", "H1"})


def weighed(check: Check, rules: Mapping[str, Rule]) -> Check:
    """A failure counts as much as the rule that it breaks: a broken SHOULD is a warning, a broken MAY is information, and
    a rule that is not certain is never more than a warning."""
    if check.verdict is not Verdict.FAIL or check.rule is None or check.id.partition("@")[0] in _ALWAYS:
        return check
    rule = rules.get(check.rule.partition("/")[2])
    if rule is None:
        return check
    match rule.level:
        case "MUST":
            verdict = Verdict.FAIL if rule.certain else Verdict.WARN
        case "SHOULD":
            verdict = Verdict.WARN
        case "MAY":
            verdict = Verdict.INFO
    return msgspec.structs.replace(check, verdict=verdict)
