"""How to mend the mistakes that people make: what to write instead of a word that the format does not know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from bookproof_exchange.errors import did_you_mean
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.shorthand import CARRIERS, EDITS, FAULTS, PRINCIPAL, STEPS

#: Other words for a step, with what to write. Letters only: case, blanks and dashes do not count.
_STEPS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("subscribe", "connect", "start"), "`- sync` waits until the client has subscribed and is right"),
    **dict.fromkeys(("update", "updates", "message", "messages"), "`- send: 3` sends the next three updates"),
    **dict.fromkeys(("sleep", "pause", "delayfor"), "`- quiet: 3` lets three seconds pass without data"),
    **dict.fromkeys(
        ("wait", "waitfor"),
        "`- await: reconnect` waits for the client, `- quiet: 3` for time, `- converge` for a right book",
    ),
    **dict.fromkeys(
        ("check", "assert", "verify", "expect", "compare"),
        "`- read` looks at the client now, `- settle` asks for exactly the last book",
    ),
    **dict.fromkeys(("recover", "resync"), "`- converge` waits until the client shows a right book again"),
    **dict.fromkeys(("disconnect", "reconnect", "kill"), "`- fault: close` ends the connection"),
    **dict.fromkeys(("end", "finish", "done", "stop"), "a script ends with its last step, usually `- settle`"),
    **dict.fromkeys(("resume", "release", "unstall"), "`- lift` ends a stall, `- probe` lets go what is held back"),
    "snapshot": "`- oddity: resnapshot` sends another snapshot",
    "inject": "`- fault: drop` arms a fault",
    "legal": "`- oddity: reversed-rows` arms something unusual that is legal",
}

#: Other words for a fault, with its kind.
_FAULTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("lose", "lost", "loss", "skip", "miss", "missing", "gap", "omit", "remove"), "drop"),
    **dict.fromkeys(("dup", "repeat", "twice", "double", "replay"), "duplicate"),
    **dict.fromkeys(("reorder", "outoforder", "shuffle", "exchange"), "swap"),
    **dict.fromkeys(("late", "lag", "slow"), "delay"),
    **dict.fromkeys(("disconnect", "reset", "rst", "fin", "drop-connection", "kill", "hangup", "abort"), "close"),
    **dict.fromkeys(("freeze", "hang", "silence", "timeout", "pause", "mute", "block"), "stall"),
    **dict.fromkeys(("checksum", "badchecksum", "crc"), "wrong-checksum"),
    **dict.fromkeys(("corrupt", "wrongsize", "wrongprice", "bitflip"), "corrupt-level"),
    **dict.fromkeys(("malformed", "truncate", "truncated", "garbage", "invalidjson", "badjson"), "cut"),
    **dict.fromkeys(("snapshot", "newsnapshot", "secondsnapshot"), "resnapshot"),
    **dict.fromkeys(("ratelimit", "ratelimited", "429", "418", "500", "503", "resterror", "httperror"), "failing-rest"),
    **dict.fromkeys(("stalesnapshot", "oldsnapshot"), "stale-rest"),
    **dict.fromkeys(("slowsnapshot",), "slow-rest"),
    **dict.fromkeys(("reject", "refuse", "deny", "subscribeerror"), "refuse-subscribe"),
    **dict.fromkeys(("fragment", "fragments", "split"), "fragmented"),
    **dict.fromkeys(("shutdown", "goingaway", "maintenance"), "farewell"),
    **dict.fromkeys(("unordered", "unsorted", "reversed"), "reversed-rows"),
    **dict.fromkeys(("seqgap", "sequencegap", "renumber"), "renumbered-gap"),
}

_UNITS: Final[Mapping[str, float]] = {
    **dict.fromkeys(("ms", "msec", "millis", "milliseconds", "millisecond"), 0.001),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
}
_AFTER = re.compile(r"([0-9]+(?:\.[0-9]+)?)[ _]?([A-Za-z%]+)")


def instead_of_step(name: str) -> str | None:
    """What to write instead of an unknown step."""
    head, colon, rest = name.partition(":")
    if colon and rest and head in STEPS:
        return f"a space belongs behind the colon: `- {head}: {rest.strip()}`"
    if name.startswith("-"):
        return f"a space belongs behind the dash: `- {name.lstrip('- ')}`"
    words = name.split()
    if len(words) > 1 and words[0] in STEPS:
        return f"a colon belongs behind the name: `- {words[0]}: {' '.join(words[1:])}`"
    if name in FAULTS or name in EDITS:
        return f"a fault stands in a step: `- fault: {name}`"
    return _STEPS.get(_letters(name)) or did_you_mean(name, STEPS)


def instead_of_fault(name: str) -> str | None:
    """What to write instead of an unknown fault."""
    if name in STEPS:
        return f"{name!r} is a step of its own: `- {name}`"
    kind = _FAULTS.get(_letters(name))
    if kind is not None:
        return f"did you mean {kind!r}?"
    close = did_you_mean(name, [*FAULTS, *EDITS]) or ""
    return close if close.startswith("did") else "`bookproof list faults` shows all that there are"


def instead_of_key(name: str, owner: type[msgspec.Struct], writable: Iterable[str]) -> str:
    """What to write instead of an unknown key. ``writable``: the keys that may stand there."""
    if owner is model.Scenario:
        if name in STEPS:
            return f"{name!r} is a step: put `- {name}: …` below `script:`"
        if _letters(name) in ("steps", "actions"):
            return "the steps stand below `script:`"
        if name in FAULTS or name in EDITS:
            return f"{name!r} is a fault: put `- fault: {name}` below `script:`"
        for part in (model.Expect, model.Market, model.Subscribe):
            if name in part.__struct_fields__:
                return f"it belongs into {part.__name__.lower()!r}: `{part.__name__.lower()}: {{{name}: …}}`"
    known = list(writable)
    return did_you_mean(name, known) or "it has no parameters"


def after_number(text: str) -> str | None:
    """What to write instead of a number with a unit; None: it is none."""
    found = _AFTER.fullmatch(text.strip())
    if found is None:
        return None
    factor = _UNITS.get(found[2].lower())
    if factor is None:
        return f"write the number alone: {found[1]}"
    return f"write the number alone, in seconds: {float(found[1]) * factor:g}"


def as_one_step(given: Sequence[tuple[str, str]]) -> str | None:
    """What to write instead of several keys that stand where one step belongs: names and values, as texts."""
    names = [name for name, _ in given]
    if all(name in STEPS for name in names):
        return "each step begins with its own `- `"
    first, value = given[0]
    type_ = STEPS.get(first)
    if type_ is None:
        return None
    main = "kind" if type_ in CARRIERS else PRINCIPAL.get(type_)
    inside = [(main, value)] if main is not None and value else []
    inside += [(name, text) for name, text in given[1:]]
    words = ", ".join(f"{name}: {text or '…'}" for name, text in inside)
    return f"indent the parameters deeper than the name, or write `- {first}: {{{words}}}`"


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
