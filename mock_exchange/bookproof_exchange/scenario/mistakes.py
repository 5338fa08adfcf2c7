"""One example of every mistake that the linter knows, so that the manual can show what it says and a test can prove that
it says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

import msgspec

from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.scenario.detect import check
from bookproof_exchange.scenario.load import loads
from bookproof_exchange.scenario.problems import Code, Problem, ScenarioError

Where = Literal["script", "head", "file"]

_HEAD = "id: own/example\ntitle: An example\npurpose: To show a mistake.\nrules: [gap-restart, checksum-verify]\n"
_TAIL = "script:\n  - sync\n  - send: 5\n  - settle\n"


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """A wrong piece of a file. ``where``: ``script``: its steps; ``head``: keys beside them; ``file``: all of it."""

    wrong: str
    where: Where = "script"

    def text(self) -> str:
        """A whole file with the mistake in it."""
        match self.where:
            case "script":
                return _HEAD + self.wrong
            case "head":
                keys = {line.partition(":")[0] for line in self.wrong.splitlines()}
                kept = "".join(f"{line}\n" for line in _HEAD.splitlines() if line.partition(":")[0] not in keys)
                return kept + self.wrong + "\n" + ("" if "script" in keys else _TAIL)
            case "file":
                return self.wrong


def _script(*steps: str, rest: str = "") -> Mistake:
    lines = "".join(f"  - {step}\n" for step in steps)
    return Mistake(wrong=f"script:\n{lines}{rest}")


def _key(line: str) -> Mistake:
    return Mistake(wrong=line, where="head")


#: Of the codes that are of files, not of their content, there is no example.
OF_FILES: Final[frozenset[Code]] = frozenset({"unreadable", "id-taken"})

MISTAKES: Final[Mapping[Code, Mistake]] = {
    "not-yaml": _script("sync", "fault: drop, count: 2", "settle"),
    "indentation": Mistake(wrong="script:\n  - sync\n   - send: 5\n  - settle\n"),
    "not-in-format": _key("title: &name An example"),
    "repeated-key": _key("seed: 1\nseed: 2"),
    "empty-file": Mistake(wrong="# nothing yet\n", where="file"),
    "unknown-key": _script("sync", "send: {cuont: 5}", "settle"),
    "missing-key": Mistake(wrong="id: own/example\ntitle: An example\npurpose: None.\nscript: [sync]\n", where="file"),
    "unknown-step": _script("sync", "wait: 5", "settle"),
    "unknown-fault": _script("sync", "fault: disconnect", "converge"),
    "wrong-type": _script("sync", "quiet: 500ms", "settle"),
    "wrong-value": _script("sync", "send: {count: 3, shape: improved}", "settle"),
    "out-of-range": _script("sync", "send: 0", "settle"),
    "bad-id": _key("id: Own Example"),
    "empty-text": _key('title: ""'),
    "no-rule": _key("rules: []"),
    "unknown-rule": _key("rules: [gap-restarts]"),
    "repeated-rule": _key("rules: [gap-restart, gap-restart]"),
    "unknown-need": _key("needs: [sequense]"),
    "unknown-dialect": _key("dialects: [kraken]"),
    "no-sync": _script("send: 5", "settle"),
    "before-sync": _script("send: 5", "sync", "settle"),
    "strikes-at-once": _script("fault: close", "sync", "settle"),
    "nobody-connected": _script("sync", "fault: close", "send: 3", "converge"),
    "not-proven": _script("sync", "fault: close", "read", "converge"),
    "probe-without-fault": _script("sync", "probe", "settle"),
    "await-without-fault": _script("sync", "await: reconnect", "settle"),
    "lift-without-stall": _script("sync", "lift", "settle"),
    "refill-without-drain": _script("sync", "send: {shape: refill}", "settle"),
    "never-released": _script("sync", "hold", "settle"),
    "never-lifted": _script("sync", "fault: stall", "quiet: 3", "settle"),
    "not-observed": _script("sync", "send: 5"),
    "not-slow": _script("sync", "quiet: 30", "settle"),
    "unknown-symbol": _script("sync", "read: 2", "settle"),
    "not-legal": _script("sync", "oddity: drop", "send: 3", "settle"),
    "legal": _script("sync", "fault: reversed-rows", "send: 3", "settle"),
    "too-few-updates": _script("sync", "fault: {kind: drop, count: 8}", "send: 3", "converge"),
    "nothing-to-strike": _script("sync", "send: 5", "fault: stale-rest", "settle"),
    "honest-without-probe": _script(
        "sync", "fault: drop", "send: 3", "converge", rest="needs: [sequence]\nexpect: {honest: true}\n"
    ),
    "resync-without-fault": _script("sync", "send: 5", "settle", rest="expect: {resync: some}\n"),
    "resync-forbidden": _script("sync", "fault: drop", "send: 3", "settle", rest="expect: {resync: none}\n"),
    "not-expressible": _script("fault: stale-rest", "sync", "settle", rest="dialects: [kraken-v2]\n"),
    "undetectable": _script("sync", "fault: corrupt-level", "send: 3", "probe", "converge", "settle"),
    "unfair": _script("sync", "fault: duplicate", "send: 3", "converge", rest="expect: {resync: some}\n"),
}


def said(mistake: Mistake, dialects: Sequence[Dialect]) -> Iterator[Problem]:
    """What the linter says of a file with this mistake."""
    try:
        scenario = loads(mistake.text(), "own.scenario.yaml")
    except ScenarioError as error:
        yield from error.problems
        return
    yield from check(scenario, dialects)
