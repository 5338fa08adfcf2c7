"""What a client did says about its mistake: what it asked for and when, what it claimed, whether it lived."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from bookproof.checker.match import Matcher
from bookproof.checker.timeline import Recovery, Silence
from bookproof.diagnosis.failed import Clue, Failed
from bookproof.results import Check
from bookproof_exchange.dialects.api import Kind, Refused
from bookproof_exchange.evidence import Received, Rest, Sent, Waited
from bookproof_exchange.market import Side

#: So many requests of a kind within one case are no recovery any more.
_MANY = 12
#: More updates than this within so many seconds are a flood.
_FLOOD = 100
_AT_ONCE = 0.5


class Conduct:
    """The clues of one case."""

    def __init__(self, failed: Failed) -> None:
        self.failed = failed

    def limits(self) -> Iterator[Clue]:
        for name, check in self.failed.bad.items():
            if name.startswith("E5@"):
                yield "M", check.message

    def ended(self) -> Clue:
        sent = [record for record in self.failed.timeline.records if isinstance(record, Sent) and not record.timer]
        for record in reversed(sent[-3:]):
            message = record.message
            if message.feed is None or message.kind not in (Kind.SNAPSHOT, Kind.UPDATE):
                continue
            truth = self.failed.facts.truths.get(message.feed.symbol)
            if (
                truth is not None
                and not record.faults
                and not all(truth.levels(message.last, side, 1) for side in Side)
            ):
                return "H", f"It ended at a book with an empty side (position {record.position})."
        return "J", f"It ended, after the message at position {sent[-1].position if sent else 0}."

    def behaviour(self) -> Iterator[Clue]:
        waits = [record for record in self.failed.timeline.waited if not record.came]
        for check in self.failed.bad.values():
            if check.id.startswith(("await-report", "await-reconnect")):
                yield "J", check.message
        unlive = [check for name, check in self.failed.bad.items() if name.startswith(("E1", "E3"))]
        yield from self._storm()
        if not unlive:
            yield from self._alarm()
            return
        yield from self._never_there(waits)
        yield from self._snapshots_missed(unlive)
        yield from self._drowned(unlive[0])
        if len(self.failed.facts.truths) > 1 and len(unlive) == 1 and unlive[0].anomaly == "behind":
            observed = self.failed.observed(unlive[0])
            if observed is not None and self.failed.spared(observed.symbol):
                yield "K", f"Of several symbols one stood still, which no fault concerned. {unlive[0].message}"
        for silences in self.failed.silences.values():
            for silence in silences:
                yield from self._unhealed(silence)
        yield from self._alarm()
        yield "J", unlive[0].message

    def _storm(self) -> Iterator[Clue]:
        """Much more was asked than a recovery takes."""
        for check_id in ("E5", "E6", "E2"):
            if check_id not in self.failed.bad:
                continue
            counts: dict[str, list[Recovery]] = {}
            for recovery in self.failed.timeline.recoveries:
                counts.setdefault(recovery.what, []).append(recovery)
            snapshots, subscriptions = counts.get("snapshot", []), counts.get("subscription", [])
            if len(snapshots) >= _MANY and self._steady(snapshots):
                yield "M", f"It asked for {len(snapshots)} snapshots, without regard to its book."
            if max(len(snapshots), len(subscriptions)) >= _MANY:
                if self._believes():
                    yield "D", f"It recovered {max(len(snapshots), len(subscriptions))} times."
                else:
                    yield "E", "It takes every new book for a broken one."

    def _steady(self, asked: Sequence[Recovery]) -> bool:
        """Whether the requests follow a clock and not the updates."""
        gaps = [later.at - sooner.at for sooner, later in itertools.pairwise(asked)]
        gaps = sorted(gaps)[len(gaps) // 4 : len(gaps) * 3 // 4 + 1]
        return bool(gaps) and gaps[-1] - gaps[0] < 0.1 * max(gaps[-1], 0.01)

    def _believes(self) -> bool:
        """Whether any book that it recovered was live for a moment."""
        for symbol, roots in self.failed.timeline.snapshots.items():
            shown = [
                observed.position
                for observed in self.failed.timeline.observed.get(symbol, ())
                if observed.claim == "live"
            ]
            if any(root < position for root in roots[1:] for position in shown):
                return True
        return False

    def _never_there(self, waits: Sequence[Waited]) -> Iterator[Clue]:
        end = waits[0].position if waits else self.failed.timeline.records[-1].position
        if not self.failed.timeline.opened:
            yield "J", "It never connected."
            return
        if not self._live_ever() and self._right_but_not_live():
            yield "X", "It has the right book, and never says that it is live."
            return
        gone = [closed for closed in self.failed.timeline.closed.values() if closed.position < end]
        last = max(self.failed.timeline.opened.values(), key=lambda opened: opened.position)
        if gone and max(closed.position for closed in gone) > last.position:
            yield "J", "It did not connect again."
            return
        refused = any(
            isinstance(intent, Refused)
            for record in self.failed.timeline.records
            if isinstance(record, Received) and record.position < end
            for intent in record.intents
        )
        if len(self.failed.timeline.opened) > 1:
            asked = [
                recovery
                for recovery in self.failed.timeline.recoveries
                if recovery.position >= last.position and recovery.what in ("subscription", "snapshot")
            ]
            if not asked:
                yield "J", "It connected again, but did not subscribe again."
            elif refused:
                yield "D", "What it asked for to recover was refused."
        elif refused and any(self.failed.silences.values()):
            yield "D", "What it asked for to recover was refused."

    def _snapshots_missed(self, unlive: Sequence[Check]) -> Iterator[Clue]:
        """Answers of REST that were odd, or failed, and what became of them."""
        if all(check.anomaly not in ("not-live", "nothing-shown") for check in unlive):
            return
        answers = [record for record in self.failed.timeline.records if isinstance(record, Rest)]
        struck = {record.kind for record in self.failed.timeline.struck}
        if "pieced-rest" in struck and answers:
            yield "J", "The snapshot was answered in pieces, and it made nothing of that."
        failed = [record for record in answers if record.faults]
        if "failing-rest" in struck and failed and answers[-1] is failed[-1]:
            yield "D", f"Its request for a snapshot failed (position {failed[-1].position}), and it did not ask again."

    def _drowned(self, check: Check) -> Iterator[Clue]:
        """A flood without any fault, after which the book stands still."""
        if check.anomaly != "behind" or self.failed.timeline.struck:
            return
        observed = self.failed.observed(check)
        if observed is None:
            return
        times = [
            sent.at
            for sent in self.failed.timeline.deliveries.get(observed.symbol, ())
            if sent.message.kind is Kind.UPDATE and sent.position < observed.position
        ]
        if any(later - sooner < _AT_ONCE for sooner, later in zip(times, times[_FLOOD:], strict=False)):
            yield "M", f"It did not get over more than {_FLOOD} updates at once, with which nothing was wrong."

    def _live_ever(self) -> bool:
        return any(observed.claim == "live" for shown in self.failed.timeline.observed.values() for observed in shown)

    def _right_but_not_live(self) -> bool:
        for symbol, shown in self.failed.timeline.observed.items():
            truth = self.failed.facts.truths[symbol]
            high = self.failed.timeline.high(symbol, shown[-1].position)
            matcher = Matcher(
                truth, self.failed.facts.instruments[symbol], self.failed.facts.depth_shown, self.failed.facts.numbers
            )
            if high >= 0 and any(high in matcher.candidates(seen.bids, seen.asks) for seen in shown[-3:]):
                return True
        return False

    def _unhealed(self, silence: Silence) -> Iterator[Clue]:
        """A break, and what the client did about it."""
        broken = silence.chain.broken
        if broken is None:
            return
        did = [recovery for recovery in self.failed.timeline.recoveries if recovery.position > silence.start]
        if broken.reason == "closed":
            return
        if not did:
            yield "D", f"The book broke at position {silence.start} ({broken.reason}), and it asked for no other."
        elif silence.end is None:
            yield (
                "D",
                f"The book broke at position {silence.start} ({broken.reason}); what it did about it brought none.",
            )
        else:
            yield "D", f"It did not get over the break at position {silence.start} ({broken.reason})."

    def _alarm(self) -> Iterator[Clue]:
        """The first recovery that nothing called for."""
        if not self._synced():
            return
        for recovery in self.failed.timeline.recoveries:
            if recovery.what == "unsubscription" or recovery.position < self._synced():
                continue
            if self._called_for(recovery):
                continue
            quiet = self._quiet_before(recovery)
            if quiet > 3.0:
                yield (
                    "E",
                    f"After {quiet:.1f} s without data it gave up a good connection (position {recovery.position}).",
                )
                return
            if self._fragments_before(recovery):
                yield (
                    "H",
                    f"Messages came in several frames, and it took something for a loss (position {recovery.position}).",
                )
            symbol = recovery.symbol
            if len(self.failed.facts.truths) > 1 and symbol is not None and self._after_another(recovery):
                yield "K", f"It gave up the good book of {symbol} right after an update of another symbol."
            if recovery.what == "snapshot" and self._live_before(recovery):
                yield "D", f"It asked for a snapshot at position {recovery.position}, in the midst of a live book."
            yield "E", f"Nothing called for its {recovery.what} at position {recovery.position}."
            return
        for name in ("E6", "E2"):
            if name in self.failed.bad:
                yield "D" if self.failed.bad[name].anomaly == "no-recovery" else "E", self.failed.bad[name].message

    def _fragments_before(self, recovery: Recovery) -> bool:
        return any(
            struck.kind == "fragmented" and struck.position < recovery.position
            for struck in self.failed.timeline.struck
        )

    def _live_before(self, recovery: Recovery) -> bool:
        symbol = recovery.symbol
        shown = [] if symbol is None else self.failed.timeline.observed.get(symbol, [])
        before = [observed.claim for observed in shown if observed.position < recovery.position]
        return bool(before) and before[-1] == "live"

    def _synced(self) -> int:
        return next(
            (record.position for record in self.failed.timeline.waited if record.what == "sync" and record.came), 0
        )

    def _called_for(self, recovery: Recovery) -> bool:
        for silences in self.failed.silences.values():
            for silence in silences:
                end = silence.end if silence.end is not None else recovery.position + 1
                if silence.start < recovery.position <= end:
                    return True
        return any(
            closed.by == "exchange" and closed.position < recovery.position
            for closed in self.failed.timeline.closed.values()
        )

    def _quiet_before(self, recovery: Recovery) -> float:
        last = 0.0
        for record in self.failed.timeline.records:
            if record.position >= recovery.position:
                break
            if isinstance(record, Sent) and not record.timer:
                last = record.at
        return recovery.at - last

    def _after_another(self, recovery: Recovery) -> bool:
        before = [sent for sent in self.failed.timeline.sent.values() if sent.position < recovery.position]
        if len(before) < 2:
            return False
        symbols = [sent.message.feed.symbol if sent.message.feed else "" for sent in before[-2:]]
        return symbols[0] != symbols[1]

    def dishonest(self, check: Check) -> Iterator[Clue]:
        silence = self._silence_at(check.position or 0)
        reason = "" if silence is None or silence.chain.broken is None else silence.chain.broken.reason
        if reason == "closed":
            yield "J", f"The connection was gone. {check.message}"
            return
        acted = silence is not None and any(
            silence.start < recovery.position < (check.position or 0) for recovery in self.failed.timeline.recoveries
        )
        if acted and check.anomaly == "false-live":
            yield "X", f"It was already recovering. {check.message}"
        yield "B", check.message

    def backwards(self, check: Check) -> Clue:
        position = check.position or 0
        after = [root for symbol in self.failed.timeline.snapshots.values() for root in symbol if root < position]
        updates = [
            sent.position
            for sent in self.failed.timeline.sent.values()
            if sent.position < position and sent.message.kind is Kind.UPDATE
        ]
        if updates and after and max(updates) > max(after):
            last = max(updates)
            if self.failed.timeline.sent[last].message.last < self.failed.timeline.high(
                self._symbol_of(last), position
            ):
                return "C", f"An old update was applied. {check.message}"
        return "L", f"An older state took the place of a newer one. {check.message}"

    def _symbol_of(self, position: int) -> str:
        feed = self.failed.timeline.sent[position].message.feed
        return "" if feed is None else feed.symbol

    # --- behaviour ------------------------------------------------------------------------------------------------

    def _silence_at(self, position: int) -> Silence | None:
        found = (self.failed.silence_at(symbol, position) for symbol in self.failed.silences)
        return next((silence for silence in found if silence is not None), None)
