"""The judge against a model that tries every version and every assignment, and against random good and bad clients."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from random import Random
from unittest import mock

import msgspec
from checker_world import INSTRUMENT, ScriptedTruth, World, jitter, real_truth, rows
from hypothesis import given, settings
from hypothesis import strategies as st

from bookproof.checker.epochs import Epoch, Walk, epochs
from bookproof.checker.facts import Admissible, Chain, Region
from bookproof.checker.history import History
from bookproof.checker.judge import freshness, judge, judge_with_lag
from bookproof.checker.match import Matcher, within
from bookproof.checker.safety import SymbolJudge
from bookproof.results import Verdict
from bookproof_exchange.market import Book, Change, Levels, Side

# --- tiny truths: three prices a side, three sizes, so that states repeat all the time ------------------------------

_CHANGE = st.builds(Change, st.sampled_from(Side), st.integers(1, 3), st.integers(0, 2))
_TINY = st.lists(st.lists(_CHANGE, min_size=1, max_size=2), min_size=1, max_size=8)


def tiny(changes: Sequence[Sequence[Change]]) -> ScriptedTruth:
    """Bids at 1..3, asks at 11..13."""
    moved = [[Change(c.side, c.price + 10 * c.side, c.size) for c in event] for event in changes]
    return ScriptedTruth(((2, 1), (1, 1)), ((11, 1), (12, 1)), moved)


def brute_versions(
    truth: ScriptedTruth, bids: Levels, asks: Levels, depth: int | None, region: Region | None = None
) -> list[int]:
    """Straight from the definition."""
    region = region or Region()
    found = []
    for version in range(truth.last + 1):
        right = True
        for side, shown, worst in ((Side.BID, bids, region.worst_bid), (Side.ASK, asks, region.worst_ask)):
            cut = [level for level in truth.levels(version, side, depth) if within(side, level[0], worst)]
            right &= [level for level in shown if within(side, level[0], worst)] == cut
            whole = dict(truth.levels(version, side))
            right &= all(whole.get(price) == size for price, size in shown)
            right &= depth is None or len(shown) <= depth
        if right:
            found.append(version)
    return found


_SIDE = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 2)), max_size=3, unique_by=lambda level: level[0])


@settings(max_examples=200, deadline=None)
@given(
    _TINY,
    st.one_of(st.none(), st.integers(1, 3)),
    st.one_of(st.none(), st.integers(1, 3)),
    st.one_of(st.none(), st.integers(11, 13)),
    st.lists(st.tuples(_SIDE, _SIDE), max_size=3),
)
def test_matcher_equals_the_definition(
    changes: list[list[Change]],
    depth: int | None,
    worst_bid: int | None,
    worst_ask: int | None,
    more: list[tuple[list[tuple[int, int]], list[tuple[int, int]]]],
) -> None:
    truth = tiny(changes)
    region = Region(worst_bid, worst_ask)
    matcher = Matcher(truth, INSTRUMENT, depth, "string")
    books: list[tuple[Levels, Levels]] = [
        (tuple(sorted(bids, reverse=True)), tuple(sorted((price + 10, size) for price, size in asks)))
        for bids, asks in more
    ]
    for version in range(truth.last + 1):
        whole: tuple[Levels, Levels] = (truth.levels(version, Side.BID, depth), truth.levels(version, Side.ASK, depth))
        books.append(whole)
        books.append(
            (
                tuple(level for level in whole[0] if within(Side.BID, level[0], worst_bid)),
                tuple(level for level in whole[1] if within(Side.ASK, level[0], worst_ask)),
            )
        )
    for bids, asks in books:
        texts = rows(bids), rows(asks)
        assert list(matcher.candidates(*texts)) == brute_versions(truth, bids, asks, depth)
        assert list(matcher.candidates(*texts, region)) == brute_versions(truth, bids, asks, depth, region)


@settings(max_examples=100, deadline=None)
@given(_TINY)
def test_history_is_the_truth(changes: list[list[Change]]) -> None:
    truth = tiny(changes)
    history = History(truth)
    for version in range(truth.last + 1):
        book = truth.book(version)
        for side in Side:
            for price in (1, 2, 3, 11, 12, 13):
                assert history.size(side, price, version) == book.get(side, price)


# --- S2: greedy equals brute force ----------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_greedy_monotonicity_is_exact(data: st.DataObject) -> None:
    roots = sorted(data.draw(st.sets(st.integers(0, 12), min_size=1, max_size=3)))
    chains = []
    for root in roots:
        count = data.draw(st.integers(1, 4))
        start = data.draw(st.integers(0, 4))
        positions = sorted(data.draw(st.lists(st.integers(root, 20), min_size=count, max_size=count)))
        positions[0] = root
        states = [Admissible(position, start + at, 0) for at, position in enumerate(positions)]
        chains.append(Chain(symbol="x", connection=1, root=root, snapshot_index=start, states=states))
    found = epochs(chains, None)
    observations = [
        (position, sorted(data.draw(st.sets(st.integers(0, 7), min_size=1, max_size=3))))
        for position in sorted(data.draw(st.sets(st.integers(1, 24), min_size=1, max_size=5)))
    ]
    options = [_options(found, position, versions) for position, versions in observations]
    if not all(options):
        return  # a book of no chain at all: not for S2 to judge
    possible = any(
        all(earlier <= later for earlier, later in itertools.pairwise(assignment))
        for assignment in itertools.product(*options)
    )
    walk = Walk(found)
    steps = []
    for (position, versions), option in zip(observations, options, strict=True):
        steps.append(walk.step(versions, position))
        assert (walk.at, walk.index) in option
    assert None not in steps
    assert all(steps) == possible


def _options(found: Sequence[Epoch], position: int, versions: Sequence[int]) -> list[tuple[int, int]]:
    return [
        (number, version)
        for number, epoch in enumerate(found)
        for version in versions
        if epoch.visible.get(version, position) < position
    ]


# --- S1 on tiny truths: the verdict equals the definition -----------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(_TINY, st.randoms(use_true_random=False))
def test_s1_equals_the_definition(changes: list[list[Change]], random: Random) -> None:
    truth = tiny(changes)
    world = World(truth, depth=random.choice((1, 2, 3)))
    world.connect()
    published: set[int] = set()
    shown: list[tuple[Levels, Levels, int]] = []
    index = random.randint(0, truth.last)
    world.snapshot(index)
    published.add(index)
    for _ in range(10):
        if random.random() < 0.5 and index < truth.last:
            last = random.randint(index + 1, truth.last)
            world.update(last, first=index)
            index = last
            published.add(index)
        else:
            bids, asks = (truth.levels(random.randint(0, truth.last), side, world.depth) for side in Side)
            world.show(bids, asks)
            shown.append((bids, asks, index))

    def right(bids: Levels, asks: Levels, high: int) -> bool:
        return any(
            truth.levels(version, Side.BID, world.depth) == bids
            and truth.levels(version, Side.ASK, world.depth) == asks
            for version in published
            if version <= high
        )

    verdict = world.judge()["S1"].verdict
    if all(right(*book) for book in shown):
        assert verdict is Verdict.PASS
    else:
        assert verdict in (Verdict.FAIL, Verdict.HARNESS_ERROR)


# --- clients over random schedules ----------------------------------------------------------------------------------


class Client:
    """An ideal client of the world's dialect, with a backlog that it works off when it likes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.book: Book | None = None
        self.index = -1
        self.inbox: list[tuple[str, int, int, bool]] = []

    def take(self, count: int) -> None:
        for _ in range(min(count, len(self.inbox))):
            self.handle(*self.inbox.pop(0))

    def handle(self, kind: str, first: int, last: int, bad: bool) -> None:
        truth = self.world.truth
        if kind == "close":
            self.book = None
        elif kind == "snapshot":
            self.book = truth.book(last)
            self.book.truncate(5)
            self.index = last
        elif self.book is not None and last > self.index:
            if first > self.index or bad:
                self.book = None
                return
            self.apply(first, last)

    def apply(self, first: int, last: int) -> None:
        assert self.book is not None
        for event in self.world.truth.events(max(first, self.index), last):
            self.book.apply(event.changes)
        self.book.truncate(5)
        # the exchange sends the levels that come back into the window
        self.book = self.world.truth.book(last)
        self.book.truncate(5)
        self.index = last

    def show(self, *, read: bool) -> None:
        if self.book is None:
            self.world.show((), (), claim="syncing", read=read)
        else:
            self.world.show_book(self.book, read=read)


def run(world: World, client: Client, random: Random, *, steps: int = 40, faults: bool = True) -> None:
    truth = world.truth
    index = random.randint(0, 5)
    world.connect()

    def snapshot() -> None:
        world.snapshot(index)
        client.inbox.append(("snapshot", index, index, False))

    snapshot()
    for _ in range(steps):
        draw = random.random()
        if draw < 0.5:
            last = index + random.randint(1, 3)
            if last > truth.last:
                break
            first = index
            bad = False
            if faults and random.random() < 0.1:
                world.struck()
                first, bad = (index + 1, False) if random.random() < 0.5 and last > index + 1 else (index, True)
            world.update(last, first=first, rejected="checksum" if bad else None)
            client.inbox.append(("update", first, last, bad))
            index = last
            if faults and random.random() < 0.05:
                world.update(last, first=first, changes=truth.event(last).changes)
                client.inbox.append(("update", first, last, False))
        elif draw < 0.55 and faults:
            world.close()
            client.inbox.append(("close", 0, 0, False))
            index = min(truth.last, max(0, index + random.randint(-2, 5)))
            world.connect()
            snapshot()
        elif draw < 0.6:
            snapshot()
        elif draw < 0.7:
            client.take(len(client.inbox))
            world.barrier()
        else:
            client.take(random.randint(0, 4))
            client.show(read=random.random() < 0.5)
        world.wait(random.random() * 0.01)
    client.take(len(client.inbox))
    client.show(read=True)


_SEEDS = st.integers(0, 10**9)


@settings(max_examples=100, deadline=None)
@given(_SEEDS, st.randoms(use_true_random=False))
def test_a_good_client_always_passes(seed: int, random: Random) -> None:
    world = World(real_truth(seed % 50, 120))
    run(world, Client(world), random)
    checks = world.judge()
    for name in ("S1", "S3", "S4", "S5"):
        assert checks[name].verdict is Verdict.PASS, checks[name]
    assert checks["S2"].verdict in (Verdict.PASS, Verdict.WARN), checks["S2"]
    assert judge(world.facts(), world.evidence) == judge(world.facts(), world.evidence)
    # other times within the deadlines, and any order of the list, change nothing
    shaken = jitter(world.evidence, random, 0.001)
    random.shuffle(shaken)
    again = {check.id: check.verdict for check in judge(world.facts(), shaken)}
    assert again == {check.id: check.verdict for check in checks.values()}
    assert freshness(world.facts(), shaken).most < 1.0


class Ignores(Client):
    """Applies what it must reject: does not look at gaps and checksums."""

    def handle(self, kind: str, first: int, last: int, bad: bool) -> None:
        if kind == "update" and self.book is not None:
            skipped = set(range(self.index + 1, first + 1))
            for event in self.world.truth.events(first, last):
                self.book.apply(event.changes)
            if not skipped:
                self.book = self.world.truth.book(last)
            self.book.truncate(5)
            self.index = last
        else:
            super().handle(kind, first, last, bad)


@settings(max_examples=60, deadline=None)
@given(_SEEDS, st.randoms(use_true_random=False), st.booleans(), st.sampled_from([Client, Ignores]))
def test_the_short_way_and_what_was_read_before_change_nothing(
    seed: int, random: Random, faults: bool, make: type[Client]
) -> None:
    truth = real_truth(seed % 50, 120)
    world = World(truth)
    client = make(world)
    run(world, client, random, faults=faults)
    for _ in range(6):
        # right, late, early and back again, with a version that is stated or not
        index = max(0, client.index + random.randint(-3, 1))
        stated = random.choice([None, 100 + index, 100 + index - 1])
        world.show_version(index, depth=5, version=stated, read=random.random() < 0.5)
    facts = world.facts(sequence_base={INSTRUMENT.symbol: 100})
    with mock.patch.object(SymbolJudge, "_quick", return_value=None):
        long_way = judge_with_lag(facts, world.evidence)
    assert judge_with_lag(facts, world.evidence) == long_way
    used = Matcher(truth, INSTRUMENT, 5, "string")
    for _ in range(5):
        version = random.randint(0, truth.last)
        used.candidates(rows(truth.levels(version, Side.BID, 5)), rows(truth.levels(version, Side.ASK, 5)))
    assert judge_with_lag(facts, world.evidence, {INSTRUMENT.symbol: used}) == long_way
    other = Matcher(truth, INSTRUMENT, 4, "string")  # not what is compared: not to be taken
    assert judge_with_lag(facts, world.evidence, {INSTRUMENT.symbol: other}) == long_way


@settings(max_examples=100, deadline=None)
@given(_SEEDS, st.randoms(use_true_random=False))
def test_a_client_that_ignores_a_rejected_message_is_caught(seed: int, random: Random) -> None:
    world = World(real_truth(seed % 50, 120))
    client = Ignores(world)
    run(world, client, random, steps=10, faults=False)
    if client.index < 0 or client.index + 12 > world.truth.last:
        return
    index, prints = client.index, world.truth.fingerprints(5)
    good = set(prints[: index + 1])
    gap = random.random() < 0.5
    first = index + 2 if gap else index
    last = first + 1
    world.update(last, first=first, rejected=None if gap else "checksum")
    client.handle("update", first, last, not gap)
    assert client.book is not None
    client.show(read=True)
    client.show(read=True)
    if client.book.fingerprint(5) in good:
        return  # what was lost or rejected does not show
    checks = world.judge()
    assert Verdict.FAIL in (checks["S1"].verdict, checks["S4"].verdict), checks


@settings(max_examples=100, deadline=None)
@given(_SEEDS, st.randoms(use_true_random=False))
def test_wrong_books_are_caught_and_named(seed: int, random: Random) -> None:
    truth = real_truth(seed % 50, 120)
    world = World(truth)
    run(world, Client(world), random, faults=False)
    high = max(chain["states"][-1].index for chain in world.chains[world.symbol])
    bids, asks = (dict(truth.levels(high, side, 5)) for side in Side)
    kind = random.choice(("wrong-size", "wrong-side", "unsorted", "not-truncated", "precision", "crossed"))
    sides = [tuple(sorted(bids.items(), reverse=True)), tuple(sorted(asks.items()))]
    price, _ = sides[0][random.randrange(len(sides[0]))]
    match kind:
        case "wrong-size":
            sides[0] = tuple((p, s + 7_777_777 if p == price else s) for p, s in sides[0])
        case "wrong-side":
            sides = [sides[1], sides[0]]
        case "unsorted":
            sides[0] = sides[0][::-1]
        case "not-truncated":
            sides = [truth.levels(high, side, 7) for side in Side]
        case "crossed":
            touch = sides[1][0]
            sides[0] = ((touch[0] + 1, 3_333_333), *sides[0][:-1])
        case _:
            pass
    texts = [list(rows(side)) for side in sides]
    if kind == "precision":
        texts[0][0] = (texts[0][0][0], texts[0][0][1] + "5")
    world.show(tuple(texts[0]), tuple(texts[1]))
    check = world.judge()["S1"]
    assert check.verdict is Verdict.FAIL
    assert check.anomaly in {kind} | ({"wrong-size"} if kind == "crossed" else set())
    assert check.position == world.position


def test_evidence_out_of_order_is_put_in_order() -> None:
    world = World(real_truth(1, 60))
    run(world, Client(world), Random(5))
    backwards = list(reversed(world.evidence))
    assert judge(world.facts(), backwards) == judge(world.facts(), world.evidence)
    assert msgspec.json.decode(msgspec.json.encode(world.judge()["S1"]))["id"] == "S1"


_ROW = st.tuples(st.sampled_from(["1", "2", "2.0", "3", "4", "5", "x"]), st.sampled_from(["1", "2", "0", "nan"])) | (
    st.just(("3", "1", "order"))
)
_STEP = st.tuples(st.sampled_from(["set", "insert", "push", "delete", "shift", "anything"]), st.integers(0, 5), _ROW)


@settings(max_examples=300, deadline=None)
@given(st.lists(_STEP, max_size=12), st.booleans(), st.sampled_from(["bids", "asks"]))
def test_what_was_shown_before_changes_no_fingerprint(
    steps: list[tuple[str, int, tuple[str, ...]]], sort: bool, side: str
) -> None:
    truth = tiny([])
    used = Matcher(truth, INSTRUMENT, None, "string", sort=sort)
    numbers = ["1", "2", "3", "4", "5"]
    shown: list[tuple[str, ...]] = [(price, "1") for price in (numbers if side == "asks" else numbers[::-1])]
    for what, at, row in steps:
        match what:
            case "set" if at < len(shown):
                shown[at] = row
            case "insert":
                shown.insert(at, row)
            case "push" if shown:
                shown = [*shown[:at], row, *shown[at:]][:-1]
            case "delete":
                del shown[at : at + 1]
            case "shift":
                del shown[at : at + 1]
                shown.append(row)
            case _:
                shown = [row, *shown[:at]]
        # new objects each time, as from a decoder
        sides = {"bids": (), "asks": (), side: tuple(tuple("".join(list(text)) for text in row) for row in shown)}
        fresh = Matcher(truth, INSTRUMENT, None, "string", sort=sort)
        assert used.fingerprint(sides["bids"], sides["asks"]) == fresh.fingerprint(sides["bids"], sides["asks"])
