"""S1 to S7 for one symbol: every observation that claims to be live, in order, against truth and reference."""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence

import msgspec

from bookproof.checker.diagnose import Diagnosis, Diagnostician, as_shown
from bookproof.checker.epochs import Epoch, Walk, epochs
from bookproof.checker.facts import Break, Chain, Facts, Region
from bookproof.checker.finding import Finding
from bookproof.checker.match import Matcher
from bookproof.checker.timeline import Silence, Timeline
from bookproof.results import Verdict
from bookproof_exchange.dialects.api import Kind
from bookproof_exchange.evidence import Observed

#: So many wrong books of one symbol are explained; the rest are counted.
MOST_EXPLAINED = 20

#: Chains may end like this without any message being rejected.
_NO_MESSAGE = ("closed", "snapshot-lost", "superseded")


class _Rejected(msgspec.Struct, frozen=True):
    """The book after applying a message that the reference rejected (S5)."""

    start: int
    end: int | None
    fingerprint: int
    chain: Chain
    broken: Break


def depths(facts: Facts, timeline: Timeline, symbol: str) -> tuple[int | None, ...]:
    """To how many levels a side the symbol's books are compared: the feed's, cut to what the client keeps.

    Several only where the client subscribed with several depths."""
    chains = facts.chains.get(symbol, ())
    feeds: set[int | None] = {chain.depth for chain in chains}
    if not feeds:
        feeds = {sent.message.feed.depth for sent in timeline.deliveries.get(symbol, ()) if sent.message.feed}
    shown = facts.depth_shown
    cut = {depth if shown is None else shown if depth is None else min(depth, shown) for depth in feeds or {None}}
    return tuple(sorted(cut, key=lambda depth: -1 if depth is None else depth))


class SymbolJudge:
    """Judges the observations of one symbol. `run` first, then read the findings."""

    def __init__(
        self, facts: Facts, timeline: Timeline, symbol: str, matchers: Mapping[str, Sequence[Matcher]]
    ) -> None:
        self.facts = facts
        self.timeline = timeline
        self.symbol = symbol
        self.matchers = matchers[symbol]
        self.chains = facts.chains.get(symbol, ())
        self.epochs: list[Epoch] = epochs(self.chains, facts.depth_shown)
        self.silences: list[Silence] = timeline.silences(symbol)
        self.walk = Walk(self.epochs)
        self._others = {other: found[0] for other, found in matchers.items() if other != symbol}
        self.findings: dict[str, list[Finding]] = {name: [] for name in ("S1", "S2", "S3", "S4", "S5", "S6")}
        self.wrong = 0
        """How many observations broke S1."""
        self.live = 0
        self.judged = 0
        self.unjudged = 0
        """Live observations that only a state of unknown fingerprint could explain."""
        self.last_right: bool | None = None
        """Whether the last judged observation was right."""
        self.versions: list[tuple[Observed, int]] = []
        """The read observations that were right, with the newest version that they equal (E4)."""
        self._published = timeline.published.get(symbol, set())
        self._regions = timeline.regions.get(symbol, [])
        self._plain = self.matchers[0] if len(self.matchers) == 1 and not self._regions else None
        """The only matcher, where nothing but it decides: the usual case."""
        self._departing = any(epoch.departed for epoch in self.epochs)
        self._rejected = self._find_rejected()
        self._moves = sorted(recovery.position for recovery in timeline.recoveries if recovery.symbol in (None, symbol))
        self._floor = -1
        self._silence = 0
        self._pending: list[tuple[str, Finding]] = []
        self._torn: list[Finding] = []
        self._explained: tuple[Observed, Diagnosis] | None = None

    @functools.cached_property
    def diagnostician(self) -> Diagnostician:
        """Explains wrong books; few cases need it."""
        roots = [(epoch.root, epoch.snapshot_index) for epoch in self.epochs]
        return Diagnostician(self.symbol, self.matchers[0], self.timeline, self._others, roots)

    def run(self) -> None:
        """Judge every observation of the symbol."""
        positions, newest = self.timeline.highs(self.symbol)
        high, at, count = -1, 0, len(positions)
        quick = self._quick()
        for observed in self.timeline.observed.get(self.symbol, ()):
            position = observed.position
            while at < count and positions[at] < position:
                high = newest[at]
                at += 1
            if observed.claim != "live":
                self._settle_pending(wrong=False)
                self._notice_silence(observed)
                continue
            self.live += 1
            if not (quick and quick(observed, position, high)):
                self._observe(observed, high)
        self._settle_pending(wrong=True)
        for finding in self._torn:
            verdict = Verdict.INFO if self.last_right else Verdict.FAIL
            self.findings["S1"].append(msgspec.structs.replace(finding, verdict=verdict))

    def equals_at(self, observed: Observed, index: int) -> bool:
        """Whether the shown book is version ``index``, as far as the client can know it."""
        return index >= 0 and index in self._versions(observed, index)

    def newest_version(self, observed: Observed, high: int) -> int | None:
        """The newest published version up to ``high`` that the shown book is; None: it is none."""
        versions = self._versions(observed, high)
        return versions[-1] if versions else None

    def admits(self, observed: Observed) -> bool:
        """Whether a right client may show a book that is no version of the truth: a state of the reference that departs
        from it undetectably, one that is not known so deep, or an empty one of a client that makes no claims."""
        if not observed.bids and not observed.asks and not self.facts.claims:
            return self._may_be_empty(observed.position)
        return bool(self._departed(observed)) or self._opaque(observed.position)

    # --- one observation ------------------------------------------------------------------------------------------

    def _quick(self) -> Callable[[Observed, int, int], bool] | None:
        """The short way for by far the most usual observation: it goes on in the same epoch, and there is nothing in the
        case that would have to be looked at besides. None: there is. What is returned gets an observation, its position
        and the newest version sent by then, and does what `_observe` would; False: nothing was decided."""
        plain, walk, published = self._plain, self.walk, self._published
        if plain is None or not self.epochs or self._departing or self._rejected or self.silences:
            return None
        fingerprint, by_fingerprint = plain.fingerprint, plain.by_fingerprint()
        states = self.symbol in self.facts.sequence_base

        def quick(observed: Observed, position: int, high: int) -> bool:
            bids, asks = observed.bids, observed.asks
            if not bids or not asks:
                return False
            shown = fingerprint(bids, asks)
            found = by_fingerprint.get(shown) if shown is not None else None
            floor = walk.index
            if found is None or floor != self._floor:
                return False
            # the first that does not go back; more than one where what changed lies deeper than what is shown
            version = found[0]
            if version < floor:
                at = bisect_left(found, floor)
                if at == len(found):
                    return False
                version = found[at]
            if version > high or version not in published:
                return False
            seen = walk.epochs[walk.at].visible.get(version)
            if seen is None or seen >= position:
                return False
            self.judged += 1
            self.last_right = True
            walk.index = self._floor = version
            if observed.read is not None or (states and type(observed.version) is int):
                self._right(observed, self._versions(observed, high))
            return True

        return quick

    def _observe(self, observed: Observed, high: int) -> None:
        position = observed.position
        if not observed.bids and not observed.asks and not self.facts.claims and self._may_be_empty(position):
            self._settle_pending(wrong=False)
            return
        self.judged += 1
        versions = self._versions(observed, high)
        departed = self._departed(observed) if self._departing else ()
        rejected = self._is_rejected(observed) if self._rejected else None
        silence = self._notice_silence(observed) if self.silences else None
        if not versions and not departed:
            if self._opaque(position):
                self.unjudged += 1
                self._settle_pending(wrong=False)
                return
            self._wrong(observed, high, rejected)
            if silence is not None:
                self._late_claim(observed, silence)
            return
        self.last_right = True
        found: list[tuple[str, Finding]] = []
        if silence is not None and versions and not departed:
            beyond = self._beyond(observed, versions[0], silence, rejected is not None)
            if beyond is not None:
                found.append(("S4", beyond))
                if rejected is not None:
                    found.append(("S5", self._applied(observed, rejected)))
        if found:
            self.last_right = False
            self._report(found, observed, rejected)
        else:
            if self._pending:
                self._settle_pending(wrong=False)
            self._monotonic(observed, versions, departed)
        if silence is not None:
            self._late_claim(observed, silence)
        if versions:
            self._right(observed, versions)

    def _right(self, observed: Observed, versions: Sequence[int]) -> None:
        """What is asked of a right book besides: which version it is (E4), and whether the client knows that (S6)."""
        if observed.read is not None:
            self.versions.append((observed, versions[-1]))
        if type(observed.version) is int:
            self._stated(observed, versions)

    def _versions(self, observed: Observed, high: int) -> Sequence[int]:
        """The published versions up to ``high`` that the observation equals, ascending."""
        found: Sequence[int]
        if self._plain:
            found = self._plain.candidates(observed.bids, observed.asks)
            if len(found) == 1:
                return found if found[0] <= high and found[0] in self._published else ()
        else:
            found = ()
        for matcher in () if self._plain else self.matchers:
            versions = matcher.candidates(observed.bids, observed.asks)
            if versions:
                found = sorted({*found, *versions}) if found else versions
        if self._regions:
            merged = set(found)
            tried: set[Region] = set()
            for root, region in self._regions:
                if root >= observed.position:
                    break
                if region in tried:
                    continue
                tried.add(region)
                for matcher in self.matchers:
                    if matcher.fingerprint(observed.bids, observed.asks) is not None:
                        merged.update(matcher.candidates(observed.bids, observed.asks, region))
            found = sorted(merged)
        if not found:
            return ()
        published = self._published
        return [version for version in found if version <= high and version in published]

    def _departed(self, observed: Observed) -> Sequence[tuple[int, int, int]]:
        shown = self.matchers[0].fingerprint(observed.bids, observed.asks)
        if shown is None:
            return ()
        return [
            (number, version, position)
            for number, epoch in enumerate(self.epochs)
            for version, position in epoch.departed.get(shown, ())
            if position < observed.position
        ]

    def _opaque(self, position: int) -> bool:
        """Whether an ideal client may be in a state whose fingerprint at the shown depth is not known."""
        root = self.walk.root
        return any(
            epoch.opaque is not None and epoch.opaque < position and (root is None or epoch.root >= root)
            for epoch in self.epochs
        )

    def _may_be_empty(self, position: int) -> bool:
        """For clients without claims: whether an empty book may just mean that there is none."""
        root = self.walk.root
        if root is None:
            return True
        moved = bisect_right(self._moves, root)
        if moved < len(self._moves) and self._moves[moved] < position:
            return True
        return any(
            chain.root >= root
            and chain.broken is not None
            and chain.broken.reason != "superseded"
            and chain.broken.position < position
            for chain in self.chains
        )

    # --- S1, S3 ---------------------------------------------------------------------------------------------------

    def _wrong(self, observed: Observed, high: int, rejected: _Rejected | None) -> None:
        self.wrong += 1
        self.last_right = False
        if len(self.findings["S1"]) + len(self._torn) >= MOST_EXPLAINED and rejected is None:
            self._settle_pending(wrong=True)
            return
        diagnosis = self._explain(observed, high)
        finding = Finding(
            verdict=Verdict.HARNESS_ERROR if diagnosis.harness else Verdict.FAIL,
            anomaly=diagnosis.anomaly,
            message=diagnosis.message,
            position=observed.position,
            cause=diagnosis.cause,
            diff=diagnosis.diff,
            shown=diagnosis.shown,
            truth=diagnosis.truth,
        )
        if diagnosis.anomaly == "torn" and observed.read is not None and not self.facts.atomic_read:
            self._settle_pending(wrong=True)
            self._torn.append(finding)
            return
        found = [("S1", finding)]
        if diagnosis.survived:
            found.append(("S3", finding))
        if rejected is not None:
            found.append(("S5", self._applied(observed, rejected)))
        self._report(found, observed, rejected)

    def _explain(self, observed: Observed, high: int) -> Diagnosis:
        last = self._explained
        if last is not None and last[0].bids == observed.bids and last[0].asks == observed.asks:
            same = last[1].message.partition(". ")[2]
            text = f"At position {observed.position} the client said live for {self.symbol}. {same}"
            return msgspec.structs.replace(last[1], message=text)
        diagnosis = self.diagnostician.explain(observed, high)
        self._explained = (observed, diagnosis)
        return diagnosis

    def _report(self, found: list[tuple[str, Finding]], observed: Observed, rejected: _Rejected | None) -> None:
        """Record the findings of one wrong observation; hold them back where they may yet turn out transient."""
        self._settle_pending(wrong=True)
        transient = rejected is not None and rejected.broken.reason == "checksum" and not self.facts.pushes
        if transient and observed.read is not None:
            self._pending = found
            return
        for name, finding in found:
            self.findings[name].append(finding)

    def _settle_pending(self, *, wrong: bool) -> None:
        for name, finding in self._pending:
            held = finding if wrong else msgspec.structs.replace(finding, verdict=Verdict.NON_STRICT)
            self.findings[name].append(held)
        self._pending = []

    # --- S2 -------------------------------------------------------------------------------------------------------

    def _monotonic(self, observed: Observed, versions: Sequence[int], departed: Sequence[tuple[int, int, int]]) -> None:
        walk, floor = self.walk, self._floor
        before = walk.index
        if len(versions) == 1 and not departed and versions[0] >= before and versions[0] >= floor and walk.epochs:
            # by far the most usual: one candidate, further on in the same epoch
            seen = walk.epochs[walk.at].visible.get(versions[0])
            if seen is not None and seen < observed.position:
                walk.index = self._floor = versions[0]
                return
        step = walk.step(versions, observed.position, departed)
        possible = sorted({*versions, *(version for _, version, _ in departed)})
        at = bisect_left(possible, floor)
        self._floor = possible[at] if at < len(possible) else possible[0]
        if any(epoch.retreat is not None and epoch.retreat < observed.position for epoch in self.epochs):
            return
        if step is False:
            self.findings["S2"].append(
                self._backwards(observed, versions, Verdict.FAIL, f"it had shown version {before} of the same epoch")
            )
        elif at == len(possible) and step is True:
            verdict = Verdict.FAIL if self.facts.fresh_snapshots else Verdict.WARN
            self.findings["S2"].append(
                self._backwards(observed, versions, verdict, f"it had shown version {floor} before the last snapshot")
            )

    def _backwards(self, observed: Observed, versions: Sequence[int], verdict: Verdict, before: str) -> Finding:
        version = versions[-1] if versions else self._floor
        return Finding(
            verdict=verdict,
            anomaly="went-back",
            message=f"At position {observed.position} the client showed version {version} of {self.symbol}; {before}.",
            position=observed.position,
            shown=as_shown(observed),
        )

    # --- S4, S5 ---------------------------------------------------------------------------------------------------

    def _notice_silence(self, observed: Observed) -> Silence | None:
        """The silence in which the observation falls, if any; remembers that it was observed."""
        position = observed.position
        while self._silence < len(self.silences):
            silence = self.silences[self._silence]
            if silence.end is not None and silence.end <= position:
                self._silence += 1
                continue
            if silence.start >= position:
                return None
            if silence.proof is not None and silence.proof.position < position:
                silence.observed = True
            return silence
        return None

    def _beyond(self, observed: Observed, version: int, silence: Silence, rejected: bool) -> Finding | None:
        """A live state with the rejected message, or later ones of the broken chain, in it."""
        root = self.walk.root
        good = max(
            (
                epoch.last_good(observed.position)
                for epoch in self.epochs
                if epoch.root < observed.position and (root is None or epoch.root >= root)
            ),
            default=-1,
        )
        broken = silence.chain.broken
        if version <= good or broken is None:
            return None
        message = (
            f"At position {observed.position} the client was live at version {version} of {self.symbol}. "
            f"Its book broke at position {broken.position} ({_reason(broken)}), after version {good}."
        )
        resumed = broken.reason == "closed" and self._joins(broken.position, good, version, observed.position)
        if resumed:
            message += (
                " No snapshot came since; the sequence numbers of the new connection go on where those of the old one "
                "ended, so the book is right, but nothing promises that they do."
            )
        return Finding(
            verdict=Verdict.WARN if resumed else Verdict.FAIL,
            anomaly="resumed" if resumed else "rejected-applied" if rejected else "beyond-break",
            message=message,
            position=observed.position,
            cause=broken.position,
            shown=as_shown(observed),
            truth=self.diagnostician.top(max(good, 0)),
        )

    def _joins(self, since: int, good: int, version: int, until: int) -> bool:
        """Whether the messages sent after a connection ended lead, number by number, from the last good version to this
        one: who goes on with the old book can then know that he missed nothing."""
        if self.symbol not in self.facts.sequence_base:
            return False
        reached = good
        for sent in self.timeline.deliveries.get(self.symbol, ()):
            if sent.message.kind is Kind.UPDATE and since < sent.position < until:
                if sent.message.first > reached + 1:
                    return False
                reached = max(reached, sent.message.last)
        return reached >= version

    def _late_claim(self, observed: Observed, silence: Silence) -> None:
        """Still live although the client must have read what broke its book."""
        proof, broken = silence.proof, silence.chain.broken
        if proof is None or broken is None or proof.position >= observed.position:
            return
        late = self.timeline.time(observed) - proof.at
        if late <= self.facts.notice:
            return
        self.findings["S4"].append(
            Finding(
                verdict=Verdict.FAIL if self.facts.claims else Verdict.INFO,
                anomaly="false-live" if self.facts.claims else "shows-broken-book",
                message=f"At position {observed.position} the client still showed {self.symbol} as live, {late:.1f} s "
                f"after it was proven to know that its book broke (position {broken.position}, {_reason(broken)}).",
                position=observed.position,
                cause=broken.position,
                shown=as_shown(observed),
            )
        )

    def _applied(self, observed: Observed, rejected: _Rejected) -> Finding:
        return Finding(
            verdict=Verdict.FAIL,
            anomaly="rejected-applied",
            message=f"At position {observed.position} the client was live with the message at position "
            f"{rejected.broken.position} applied, which must be rejected ({_reason(rejected.broken)}).",
            position=observed.position,
            cause=rejected.broken.position,
            shown=as_shown(observed),
        )

    def _is_rejected(self, observed: Observed) -> _Rejected | None:
        shown: int | None = None
        for rejected in self._rejected:
            if rejected.start < observed.position and (rejected.end is None or observed.position < rejected.end):
                if shown is None:
                    shown = self.matchers[0].fingerprint(observed.bids, observed.asks)
                if shown == rejected.fingerprint:
                    return rejected
        return None

    def _find_rejected(self) -> list[_Rejected]:
        """The books that result from applying each message that broke a chain to that chain's last state."""
        found: list[_Rejected] = []
        depth = self.matchers[0].depth
        truth = self.matchers[0].truth
        for silence in self.silences:
            chain, broken = silence.chain, silence.chain.broken
            sent = self.timeline.sent.get(silence.start)
            if broken is None or broken.reason in _NO_MESSAGE or sent is None or not sent.message.changes:
                continue
            state = next((state for state in reversed(chain.states) if state.position < silence.start), None)
            if state is None or not state.true:
                continue
            book = truth.book(state.index)
            if chain.depth is not None:
                book.truncate(chain.depth)
            book.apply(sent.message.changes)
            if chain.depth is not None:
                book.truncate(chain.depth)
            fingerprint = book.fingerprint(depth)
            good = any(
                truth.fingerprints(depth)[version] == fingerprint
                for epoch in self.epochs
                if epoch.root < silence.start
                for version in epoch.visible
                if version <= epoch.last_good(silence.start + 1)
            )
            if not good:
                found.append(_Rejected(silence.start, silence.end, fingerprint, chain, broken))
        return found

    # --- S6 -------------------------------------------------------------------------------------------------------

    def _stated(self, observed: Observed, versions: Sequence[int]) -> None:
        base = self.facts.sequence_base.get(self.symbol)
        if base is None or not isinstance(observed.version, int):
            return
        stated = observed.version - base
        truth = self.matchers[0].truth
        if not 0 <= stated <= truth.last or stated in versions:
            return
        if any(truth.fingerprints(matcher.depth)[stated] == truth.fingerprints(matcher.depth)[versions[0]]
               for matcher in self.matchers):  # fmt: skip
            return
        torn = observed.read is not None and not self.facts.atomic_read
        self.findings["S6"].append(
            Finding(
                verdict=Verdict.INFO if torn else Verdict.FAIL,
                anomaly="wrong-version",
                message=f"At position {observed.position} the client stated sequence {observed.version} for "
                f"{self.symbol}, which is version {stated}, but showed version {versions[-1]} "
                f"(sequence {base + versions[-1]}).",
                position=observed.position,
                diff=self.diagnostician.difference(observed, stated),
                shown=as_shown(observed),
                truth=self.diagnostician.top(stated),
            )
        )


def _reason(broken: Break) -> str:
    return {
        "gap": "an update is missing",
        "checksum": "its checksum does not agree",
        "closed": "the connection closed",
        "malformed": "it cannot be understood",
        "snapshot-lost": "no snapshot came",
        "superseded": "a newer snapshot took its place",
    }[broken.reason]
