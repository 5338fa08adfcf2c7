"""Weighs the clues of a failed case and the replays of known bugs: the suspects, the likeliest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import msgspec

from bookproof.case_run import CaseRun
from bookproof.checker.facts import Facts
from bookproof.checker.match import Matcher
from bookproof.diagnosis.classes import CLASSES
from bookproof.diagnosis.clues import clues
from bookproof.diagnosis.failed import Failed
from bookproof.diagnosis.replay import Bug, Delivery, Replayed
from bookproof.drivers.api import BookShown, Start
from bookproof.ideal.client import IdealClient
from bookproof.ideal.keeper import Keeper
from bookproof.results import CaseResult, Suspect, Verdict
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.dialects.api import Dialect, Refused, Subscribed
from bookproof_exchange.evidence import Closed, Evidence, Observed, ObservedTrade, Received

#: So far beyond the first thing that was wrong the bytes are replayed, in positions.
BEYOND = 60
#: A case in which more than this has to be replayed is diagnosed by clues alone.
MOST_REPLAYED = 1_500
#: So many suspects are named.
MOST_NAMED = 3
#: By so many messages of the stream the first answer of REST and later ones may be late; tried one after the other.
_LATE = ((0, 0), (0, 1), (0, 2), (0, 3), (1, 1), (3, 3), (5, 5))
#: So many records are replayed for one case, over all the bugs: after that no other order is tried.
_BUDGET = 25_000
#: Who shows no wrong book is recognised by the rest of its behaviour: then so much may differ.
_NEAR = 8
#: So many wrong books a symbol have to be explained.
_MOST_WRONG = 8
#: What was sent so many seconds before the client was last seen, it has had the time to show.
_TIME_TO_SHOW = 1.0
#: Stands for the moment at which a live book is given up.
GIVEN_UP = "given up"


class _Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """What a client did, in the form in which two are compared."""

    books: Mapping[tuple[str, object], int]
    """(symbol, book) shown live, with the first position."""
    states: Mapping[str, tuple[tuple[object, int], ...]]
    """By symbol: the live books one after the other, and `GIVEN_UP` wherever one was given up; each with its position."""
    asks: Mapping[tuple[str, str | None], int]
    """How often it asked for what, beyond its first subscriptions."""
    trades: tuple[tuple[object, ...], ...]
    died: bool


def diagnosed(run: CaseRun, bugs: Iterable[Bug]) -> CaseResult:
    """The result of a case with its suspects and what they come to, in words; as it is where nothing is known."""
    weighed = Weighed.of(run, bugs)
    if weighed is None:
        return run.result
    found = weighed.suspects()
    return msgspec.structs.replace(run.result, suspects=found, diagnosis=sentence(found))


class Weighed:
    """The clues and the replays of one case that did not pass."""

    def __init__(
        self,
        dialect: Dialect,
        start: Start,
        facts: Facts,
        records: Sequence[Evidence],
        result: CaseResult,
        bugs: Iterable[Bug],
    ) -> None:
        """``bugs``: those to replay."""
        failed = Failed(facts, records, result)
        self._clues = clues(failed)
        self._replayed = _Comparison(dialect, start, facts, records, failed).closest(
            bugs, [letter for letter, _ in self._clues]
        )

    @classmethod
    def of(cls, run: CaseRun, bugs: Iterable[Bug]) -> Weighed | None:
        """None: the case passed, or there is no evidence of the client to go by."""
        result, facts = run.result, run.facts
        if facts is None or run.start is None or not run.evidence or result.verdict.rank <= Verdict.INFO.rank:
            return None
        if result.verdict in (Verdict.UNSUPPORTED, Verdict.ADAPTER_ERROR, Verdict.HARNESS_ERROR):
            return None
        return cls(DIALECTS.get(result.dialect), run.start, facts, run.evidence, result, bugs)

    def suspects(self, *, without: str | None = None) -> tuple[Suspect, ...]:
        """What may be wrong with the client, the likeliest first. ``without``: as if this bug had not been known."""
        replayed = [each for each in self._replayed if each.bug.name != without]
        found = [each.suspect() for each in replayed if each.certain][:1]
        found.extend(_suspect(letter, why) for letter, why in self._clues)
        found.extend(each.suspect() for each in replayed)
        once: dict[str, Suspect] = {}
        for suspect in found:
            once.setdefault(suspect.bug_class, suspect)
        return tuple(once.values())[:MOST_NAMED]


def sentence(found: Sequence[Suspect]) -> str:
    """The likeliest suspect, in words; empty where there is none."""
    if not found:
        return ""
    first = found[0]
    return f"This looks like {first.name} (class {first.bug_class}): {first.reason}"


def _suspect(letter: str, why: str) -> Suspect:
    return Suspect(bug_class=letter, name=CLASSES[letter].name, reason=why)


class _Close(msgspec.Struct, frozen=True, kw_only=True):
    """A known bug that explains more than the ideal client does."""

    bug: Bug
    explained: int
    wrong: int
    distance: int
    certain: bool

    def better_than(self, other: _Close) -> bool:
        return (self.certain, self.explained, -self.distance) > (other.certain, other.explained, -other.distance)

    def suspect(self) -> Suspect:
        if self.wrong and self.explained == self.wrong:
            how = "Given the same bytes, a client that has just this bug shows the same wrong book"
        elif self.explained:
            how = "Given the same bytes, a client that has just this bug shows some of the same wrong books"
        else:
            how = "Given the same bytes, a client that has just this bug does the same"
        return Suspect(
            bug_class=self.bug.bug_class,
            name=CLASSES[self.bug.bug_class].name,
            reason=f"{self.bug.title}. {how}.",
            mutant=self.bug.name,
        )


class BlindKeeper(Keeper):
    """Right, but for looking at no checksum."""

    def verified(self, checksum: int | None) -> bool:
        return True


class Blind(IdealClient):
    keeper_type = BlindKeeper


class _Comparison:
    def __init__(
        self, dialect: Dialect, start: Start, facts: Facts, records: Sequence[Evidence], failed: Failed
    ) -> None:
        self._facts = facts
        self._checksums = dialect.traits.checksum
        self._records = records
        self._failed = failed
        positions = [check.position for check in failed.bad.values() if check.position is not None]
        end = max((shown[-1].position for shown in failed.timeline.observed.values()), default=0)
        if failed.result.verdict is Verdict.CRASHED and records:
            end = records[-1].position
        self._until = min(min(positions, default=end) + BEYOND, end)
        times = [record.at for record in records if record.position <= self._until]
        self._shown = max(
            (record.position for record in records if times and record.at <= times[-1] - _TIME_TO_SHOW), default=0
        )
        self._delivery = Delivery(dialect, start, records, until=self._until)
        self._keys = {
            symbol: (
                Matcher(truth, facts.instruments[symbol], None, facts.numbers, sort=facts.sorted_by_adapter),
                Matcher(truth, facts.instruments[symbol], None, "string"),
            )
            for symbol, truth in facts.truths.items()
        }

    def closest(self, bugs: Iterable[Bug], preferred: Sequence[str]) -> list[_Close]:
        """The bugs that explain the client better than correctness does, the best first."""
        if not len(self._delivery) or len(self._delivery) > MOST_REPLAYED:
            return []
        mine = self._client()
        known = tuple(bugs)
        found: dict[str, _Close] = {}
        wrong = self._wrong()
        affordable = max(1, _BUDGET // (len(self._delivery) * max(1, len(known))))
        for late in _LATE[:affordable] if self._delivery.asks_by_rest else _LATE[:1]:
            for close in self._compared(mine, wrong, known, late):
                before = found.get(close.bug.name)
                if before is None or close.better_than(before):
                    found[close.bug.name] = close
            if any(close.certain for close in found.values()) or not (wrong or found):
                break

        def order(each: _Close) -> tuple[int, int, int]:
            letter = each.bug.bug_class
            place = preferred.index(letter) if letter in preferred else len(preferred)
            return -each.explained, each.distance, place

        return sorted(found.values(), key=order)

    def _wrong(self) -> list[tuple[str, object]]:
        """The first wrong books."""
        found = {
            (symbol, self._key(symbol, observed.bids, observed.asks, 0)): None
            for symbol, positions in self._failed.wrong.items()
            for observed in self._failed.timeline.observed.get(symbol, ())
            if observed.position in positions and observed.position <= self._until
        }
        return list(found)[:_MOST_WRONG]

    def _compared(
        self, mine: _Behaviour, wrong: Sequence[tuple[str, object]], bugs: Iterable[Bug], late: tuple[int, int]
    ) -> Iterator[_Close]:
        ideal = self._replayed(IdealClient, late)
        assert ideal is not None
        bar = self._distance(mine, ideal)
        # what a client explains that is right but for looking at checksums is not explained by any other bug
        blind = self._replayed(Blind, late) if self._checksums else ideal
        assert blind is not None
        blind_bar = min(bar, self._distance(mine, blind))
        for bug in bugs:
            theirs = self._replayed(bug.make, late)
            if theirs is None:
                continue
            explained = sum(key in theirs.books and theirs.books[key] < mine.books[key] for key in wrong)
            distance = self._distance(mine, theirs)
            if distance < (blind_bar if bug.blind else bar) and (explained or not wrong):
                if wrong:
                    certain = explained == len(wrong) and distance * 2 <= bar
                else:
                    # who shows next to nothing is like everybody who shows next to nothing
                    certain = bool(mine.books or mine.trades) and distance * 4 <= bar and distance <= _NEAR
                yield _Close(bug=bug, explained=explained, wrong=len(wrong), distance=distance, certain=certain)

    def _distance(self, mine: _Behaviour, theirs: _Behaviour) -> int:
        """In how much two clients differ: states, requests, trades, and whether they lived."""
        states = sum(
            _apart(
                [state for state, _ in mine.states.get(symbol, ())],
                theirs.states.get(symbol, ()),
                all_shown=self._facts.pushes,
                shown=self._shown,
            )
            for symbol in self._facts.truths
        )
        asks = sum(
            min(abs(mine.asks.get(what, 0) - theirs.asks.get(what, 0)), 3) for what in {*mine.asks, *theirs.asks}
        )
        trades = 0 if mine.trades == theirs.trades[: len(mine.trades)] else 5
        return 2 * states + asks + trades + 5 * (mine.died != theirs.died)

    def _client(self) -> _Behaviour:
        states = _States(claims=self._facts.claims)
        asks: Counter[tuple[str, str | None]] = Counter()
        trades: list[tuple[object, ...]] = []
        fresh: set[tuple[int, str]] = set()
        newest = max(self._failed.timeline.opened, default=0)
        for record in self._records:
            if record.position > self._until:
                break
            match record:
                case Observed(symbol=symbol, claim=claim):
                    states.show(symbol, claim, self._key(symbol, record.bids, record.asks, 0), record.position)
                case ObservedTrade():
                    trades.append(_trade(record.symbol, record.price, record.size, record.side))
                case Received(connection=connection, intents=intents):
                    for intent in intents:
                        match intent:
                            case Subscribed(feed=feed) if feed.channel == "book":
                                # the first of a connection is no answer to anything
                                if (connection, feed.symbol) in fresh:
                                    asks["subscription", feed.symbol] += 1
                                fresh.add((connection, feed.symbol))
                            case Refused() if any(number == connection for number, _ in fresh):
                                asks["refused", None] += 1
                            case _:
                                pass
                case Closed(by="client", connection=connection) if connection < newest:
                    asks["connection", None] += 1
                case _:
                    pass
        for recovery in self._failed.timeline.recoveries:
            if recovery.what == "snapshot" and recovery.position <= self._until:
                asks["snapshot", recovery.symbol] += 1
        return states.behaviour(asks, trades, died=self._failed.result.verdict is Verdict.CRASHED)

    def _replayed(self, make: Callable[..., IdealClient], late: tuple[int, int]) -> _Behaviour | None:
        """None: it cannot be replayed, for it does something by the clock."""
        replayed: Replayed = self._delivery.replay(make, late=late)
        if not replayed.complete:
            return None
        states = _States(claims=self._facts.claims)
        for book in replayed.books:
            shown: BookShown = book.shown
            key = self._key(shown.symbol, shown.bids, shown.asks, 1) if shown.claim == "live" else None
            states.show(shown.symbol, shown.claim, key, book.position)
        asks = Counter((ask.what, ask.symbol) for ask in replayed.asks)
        trades = [_trade(trade.symbol, trade.price, trade.size, trade.side) for _, trade in replayed.trades]
        return states.behaviour(asks, trades, died=replayed.died is not None)

    def _key(self, symbol: str, bids: Sequence[tuple[str, ...]], asks: Sequence[tuple[str, ...]], which: int) -> object:
        found = self._keys[symbol][which].fingerprint(bids, asks)
        return (tuple(bids), tuple(asks)) if found is None else found


class _States:
    """What was shown, without repetitions."""

    def __init__(self, *, claims: bool) -> None:
        self._claims = claims
        self._books: dict[tuple[str, object], int] = {}
        self._states: dict[str, list[tuple[object, int]]] = {}

    def show(self, symbol: str, claim: str, key: object, position: int) -> None:
        states = self._states.setdefault(symbol, [])
        if claim == "live":
            self._books.setdefault((symbol, key), position)
            if not states or states[-1][0] != key:
                states.append((key, position))
        elif self._claims and states and states[-1][0] != GIVEN_UP:
            states.append((GIVEN_UP, position))

    def behaviour(
        self, asks: Mapping[tuple[str, str | None], int], trades: Sequence[tuple[object, ...]], *, died: bool
    ) -> _Behaviour:
        return _Behaviour(
            books=self._books,
            states={symbol: tuple(states) for symbol, states in self._states.items()},
            asks=asks,
            trades=tuple(trades),
            died=died,
        )


def _apart(mine: Sequence[object], theirs: Sequence[tuple[object, int]], *, all_shown: bool, shown: int) -> int:
    """In how many states the first departs from the second, in order. What the second does beyond the end of the first
    counts only up to the position ``shown``: then the first may just be slower."""
    states = [state for state, _ in theirs]
    at, apart = 0, 0
    for state in mine:
        try:
            found = states.index(state, at)
        except ValueError:
            apart += 2
            continue
        skipped = states[at:found]
        apart += len(skipped) if all_shown else sum(each == GIVEN_UP for each in skipped)
        at = found + 1
    beyond = [state for state, position in theirs[at:] if position <= shown]
    return apart + (len(beyond) if beyond else states[at : at + 1] == [GIVEN_UP])


def _trade(symbol: str, price: str, size: str, side: str | None) -> tuple[object, ...]:
    return symbol, price, size, side
