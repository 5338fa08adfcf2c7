"""A case that did not pass, with what every clue needs to look up."""

from __future__ import annotations

from collections.abc import Sequence

from bookproof.checker.facts import Facts
from bookproof.checker.match import Matcher
from bookproof.checker.safety import SymbolJudge, depths
from bookproof.checker.timeline import Silence, Timeline
from bookproof.results import CaseResult, Check, Verdict
from bookproof_exchange.evidence import Evidence, Observed

Clue = tuple[str, str]
"""Letter of the class of `classes`, why."""

#: Faults after which a client has not what was sent.
_LOSING = frozenset({"drop", "corrupt-level", "corrupt-level-consistent", "renumbered-gap", "cut", "wrong-type"})


class Failed:
    """The evidence and the checks of one case."""

    def __init__(self, facts: Facts, records: Sequence[Evidence], result: CaseResult) -> None:
        self.facts = facts
        self.result = result
        self.timeline = Timeline(facts, records)
        self.bad = {
            check.id: check
            for check in result.checks
            if check.verdict.rank >= Verdict.NON_STRICT.rank and check.verdict is not Verdict.INCONCLUSIVE
        }
        self.silences = {symbol: self.timeline.silences(symbol) for symbol in facts.truths}
        self.matchers = {
            symbol: [
                Matcher(truth, facts.instruments[symbol], depth, facts.numbers, sort=facts.sorted_by_adapter)
                for depth in depths(facts, self.timeline, symbol)
            ]
            for symbol, truth in facts.truths.items()
        }
        self.wrong = {symbol: self._wrong_books(symbol) for symbol in facts.truths}
        """By symbol: the positions of the first wrong live books, `MOST_EXPLAINED` of them at most."""

    def _wrong_books(self, symbol: str) -> frozenset[int]:
        judge = SymbolJudge(self.facts, self.timeline, symbol, self.matchers)
        judge.run()
        return frozenset(finding.position for finding in judge.findings["S1"] if finding.position is not None)

    @property
    def wrong_book(self) -> Check | None:
        """The check whose book is to be explained: S1, or a wait that ended with a wrong book."""
        for name in ("S3", "S1", "S7"):
            if name in self.bad and self.bad[name].position is not None:
                return self.bad[name]
        for name, check in self.bad.items():
            if name.startswith(("E1", "E3")) and check.shown:
                return check
        return None

    def observed(self, check: Check) -> Observed | None:
        """The observation that a check rests on."""
        for shown in self.timeline.observed.values():
            for observed in shown:
                if observed.position == check.position:
                    return observed
        return None

    def lost(self, symbol: str, position: int) -> bool:
        """Whether something had been kept from the client, and was not made up for, at a position."""
        roots = [root for root in self.timeline.snapshots.get(symbol, ()) if root < position]
        last = roots[-1] if roots else -1
        for struck in self.timeline.struck:
            if struck.kind in _LOSING and struck.symbol in (None, symbol) and last < struck.position < position:
                return True
        silence = self.silence_at(symbol, position)
        broken = None if silence is None else silence.chain.broken
        if silence is None or broken is None or broken.position == silence.chain.root:
            return False
        return broken.reason in ("gap", "checksum")

    def struck(self, kinds: frozenset[str], position: int) -> bool:
        """Whether a fault of these kinds came before a position."""
        return any(struck.kind in kinds and struck.position < position for struck in self.timeline.struck)

    def silence_at(self, symbol: str, position: int) -> Silence | None:
        """The time without a good book in which a position falls."""
        for silence in self.silences.get(symbol, ()):
            if silence.start < position and (silence.end is None or position <= silence.end):
                return silence
        return None

    def spared(self, symbol: str) -> bool:
        """Whether the faults concerned other symbols, and this one not."""
        concerned = {struck.symbol for struck in self.timeline.struck}
        return symbol not in concerned and None not in concerned
