"""The script's player, driven by hand: what it waits for, in which order, and what it does while it waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import pytest
from script_kit import NAMES, Bench, check_evidence, scenario

from bookproof_exchange import evidence
from bookproof_exchange.faults import specs
from bookproof_exchange.scenario.model import (
    Await,
    Converge,
    Hold,
    Inject,
    Lift,
    Oddity,
    Probe,
    Quiet,
    Read,
    Send,
    Settle,
    Step,
    Sync,
)
from bookproof_exchange.script.player import Pause, Perform, ReadNow, Shows, Until, Wait, play
from bookproof_exchange.timing import Timing

each = pytest.mark.parametrize("name", NAMES)
each_rest = pytest.mark.parametrize("name", ["binance-spot", "mexc-v3"])
TIMING = Timing()


class Run:
    """Plays a script on a bench, with a client that answers pings and shows what it is told to show."""

    def __init__(
        self, name: str, *script: Step, symbols: int = 1, shows: Callable[[Shows], bool] | None = None
    ) -> None:
        self.bench = Bench(name, symbols=symbols)
        self.bench.exchange.scenario = scenario(*script, symbols=symbols)
        self.waits: list[Wait] = []
        self.shows = shows or (lambda wait: True)
        self.pongs = True
        self.barriers = 0
        """How many barriers were really waited for."""
        self.on_until: Callable[[Until], None] = lambda wait: None
        self.result: bool | None = None

    def until(self, wait: Until) -> bool:
        if wait.what == "barrier":
            self.barriers += 1
            if self.pongs:
                for connection, payloads in list(self.bench.pings.items()):
                    for payload in payloads:
                        self.bench.pong(connection, payload)
        self.on_until(wait)
        return wait.ready()

    def play(self, most: int = 10_000) -> Run:
        waits = play(self.bench.exchange, TIMING)
        came: bool | None = None
        for _ in range(most):
            try:
                wait = waits.send(came) if came is not None else next(waits)
            except StopIteration as end:
                self.result = end.value
                return self
            self.waits.append(wait)
            match wait:
                case Perform(actions=actions):
                    self.bench.perform(actions)
                    came = True
                case Until():
                    came = self.until(wait)
                case Shows():
                    came = self.shows(wait)
                case ReadNow() | Pause():
                    came = True
        raise AssertionError("the script does not end")

    def kinds(self) -> list[str]:
        return [type(wait).__name__ for wait in self.waits]

    def waited(self) -> list[tuple[str, bool]]:
        return [(record.what, record.came) for record in self.bench.records(evidence.Waited)]


def run(name: str, *script: Step, **options: object) -> Run:
    player = Run(name, *script, **options)  # type: ignore[arg-type]
    player.bench.client()
    return player.play()


@each
def test_sync_waits_for_the_subscription_and_then_for_the_book(name: str) -> None:
    player = run(name, Sync())
    assert player.result is True
    assert player.kinds()[:2] == ["Until", "Shows"]
    assert player.waited() == [("sync", True)]


@each
def test_a_client_that_never_subscribes_ends_the_script(name: str) -> None:
    player = Run(name, Sync(), Send(count=5))
    player.bench.connect("/nowhere")
    player.play()
    assert player.result is False
    assert player.waited() == [("sync", False)]
    assert len(player.bench.records(evidence.Step)) == 1, "nothing after it is played"


@each
def test_the_stream_flows_while_a_client_starts_and_the_limit_ends_it(name: str) -> None:
    player = run(name, Sync(), shows=lambda wait: False)
    assert player.result is False
    looks = sum(wait.limit for wait in player.waits if isinstance(wait, Shows))
    assert looks == pytest.approx(TIMING.sync)


@each
def test_a_slow_client_is_never_left_without_updates(name: str) -> None:
    """A client may need an update after its snapshot before it may call the book live, however late it starts."""
    player = run(name, Sync(), shows=lambda wait: False)
    last_flow = 0.0
    spent = 0.0
    for wait in player.waits:
        if isinstance(wait, Shows):
            spent += wait.limit
        elif isinstance(wait, Perform):
            last_flow = spent
    assert spent - last_flow < 2.0
    assert len(player.bench.updates()) < 1000, "but it is not flooded either"


@each
def test_every_symbol_has_to_be_shown(name: str) -> None:
    seen: list[str] = []

    def shows(wait: Shows) -> bool:
        seen.append(wait.symbol)
        return not (wait.symbol == wait.symbol.upper() and len(seen) < 4)

    player = run(name, Sync(), symbols=3, shows=shows)
    assert player.result is True
    assert seen[-3:] == list(player.bench.symbols)


@each
def test_settle_asks_for_exactly_the_last_state_after_a_barrier(name: str) -> None:
    player = run(name, Sync(), Send(count=5), Settle())
    last = player.waits[-1]
    assert isinstance(last, Shows)
    assert last.exactly
    assert last.least == player.bench.exchange.view.index(player.bench.symbol)
    assert "Until" in player.kinds()[-3:]
    assert player.bench.records(evidence.Barrier)


@each
def test_a_probe_looks_before_the_recovery_and_then_lets_it_go(name: str) -> None:
    player = Run(name, Sync(), Inject(fault=specs.Drop()), Send(count=3), Probe(), Converge(), Settle())
    bench = player.bench
    connection = bench.client()
    held: list[bool] = []

    def on_until(wait: Until) -> None:
        if wait.what == "barrier" and not held:
            held.append(bench.exchange.holding)
            bench.unsubscribe(connection)
            bench.subscribe(connection)
            if bench.dialect.ideal.subscribe(bench.symbols, bench.channels, None):
                assert not bench.exchange.subscribed(bench.symbol), "the answer is kept back"

    player.on_until = on_until
    player.play()
    assert held == [True]
    assert not bench.exchange.holding
    assert player.result is True
    check_evidence(bench)


@each
def test_a_fault_without_a_probe_holds_nothing(name: str) -> None:
    player = run(name, Sync(), Inject(fault=specs.Drop()), Send(count=3), Converge())
    assert player.bench.struck()
    assert not player.bench.exchange.holding


@each_rest
def test_what_strikes_while_the_script_waits_for_the_recovery_holds_nothing(name: str) -> None:
    """A later probe is no reason to keep back what an earlier `sync` or `converge` waits for."""
    later = (Inject(fault=specs.Drop()), Send(count=3), Probe(), Converge())
    fault = Inject(fault=specs.FailingRest(times=2))
    for script in (
        (fault, Sync(), *later),
        (Sync(), fault, Inject(fault=specs.Close()), Converge(), *later),
    ):
        player = Run(name, *script)
        bench = player.bench
        asked = 0

        def shows(wait: Shows, bench: Bench = bench) -> bool:
            nonlocal asked
            if not bench.exchange.open_connections():
                bench.client()
            asked += 1
            if asked > 50:
                return True
            number = bench.fetch()
            answer = bench.answers.get(number)
            return answer is not None and answer.snapshot is not None

        player.shows = shows
        bench.client()
        player.play()
        assert player.result is True
        assert asked < 20, "the snapshot was kept back"


@each
def test_a_client_that_answers_no_pings_is_waited_for_once(name: str) -> None:
    player = Run(name, Sync(), Read(), Read(), Read(), Settle())
    player.pongs = False
    player.bench.client()
    player.play()
    assert player.result is True
    assert player.barriers == 1
    assert not player.bench.records(evidence.Barrier)


@each
def test_a_client_that_answers_pings_again_is_waited_for_again(name: str) -> None:
    player = Run(name, Sync(), Read(), Read(), Read(), Settle())
    player.pongs = False

    def on_until(wait: Until) -> None:
        player.pongs = True

    player.on_until = on_until
    connection = player.bench.client()
    player.play()
    for payload in player.bench.pings[connection][:2]:
        player.bench.pong(connection, payload)
    assert not player.bench.exchange.deaf


@each
def test_a_muted_connection_is_not_waited_for(name: str) -> None:
    player = run(name, Sync(), Inject(fault=specs.Stall(scope="socket")), Read(), Lift(), Settle())
    assert player.result is True
    assert player.bench.records(evidence.Barrier)


@each
def test_the_other_steps(name: str) -> None:
    player = run(name, Sync(), Hold(), Quiet(seconds=3), Oddity(fault=specs.Edited(edit="unknown-type")), Send(count=2))
    assert Pause(3.0) in player.waits
    assert player.bench.exchange.holding is False, "at the end nothing is held"
    assert [record.step.split()[0] for record in player.bench.records(evidence.Step)] == [
        "sync",
        "hold",
        "quiet",
        "oddity",
        "send",
    ]


def awaiting(name: str, what: str, act: Callable[[Bench, int], None], *before: Step) -> list[tuple[str, bool]]:
    player = Run(name, Sync(), *before, Await(what=what))  # type: ignore[arg-type]
    connection = player.bench.client()

    def on_until(wait: Until) -> None:
        if wait.what == what:
            assert not wait.ready()
            act(player.bench, connection)

    player.on_until = on_until
    player.play()
    return player.waited()[1:]


@each
@pytest.mark.parametrize("before", [(), (Hold(),)])
def test_await_a_reconnect_even_if_it_is_kept_waiting(name: str, before: Sequence[Step]) -> None:
    steps = (Inject(fault=specs.Close()), *before)
    assert awaiting(name, "reconnect", lambda bench, connection: None, *steps) == [("reconnect", False)]
    assert awaiting(name, "reconnect", lambda bench, connection: _connect(bench), *steps) == [("reconnect", True)]


def _connect(bench: Bench) -> None:
    bench.connect()


@each_rest
@pytest.mark.parametrize("before", [(), (Hold(),)])
def test_await_a_snapshot_request_even_if_it_is_kept_waiting(name: str, before: Sequence[Step]) -> None:
    def fetch(bench: Bench, connection: int) -> None:
        bench.fetch()

    assert awaiting(name, "snapshot-request", fetch, *before) == [("snapshot-request", True)]
    assert awaiting(name, "snapshot-request", lambda bench, connection: None, *before) == [("snapshot-request", False)]


@pytest.mark.parametrize("name", ["kraken-v2", "mexc-v3"])
def test_await_subscriptions(name: str) -> None:
    assert awaiting(name, "unsubscribe", lambda bench, number: bench.unsubscribe(number)) == [("unsubscribe", True)]
    assert awaiting(name, "subscribe", lambda bench, number: bench.subscribe(bench.connect())) == [("subscribe", True)]


@each
def test_after_convergence_the_struck_levels_may_move(name: str) -> None:
    player = run(name, Sync(), Inject(fault=specs.Drop()), Send(count=3), Converge())
    view = player.bench.exchange.view
    (record,) = player.bench.struck()
    truth = view.truth(player.bench.symbol)
    lost = {(c.side, c.price) for event in truth.events(record.first, record.last) for c in event.changes}
    before = truth.last
    player.bench.advance(400)
    assert lost & {(c.side, c.price) for event in truth.events(before, truth.last) for c in event.changes}


@each_rest
def test_settle_lets_the_stream_reach_a_snapshot_that_was_ahead_of_it(name: str) -> None:
    player = Run(name, Sync(), Inject(fault=specs.AheadRest(by=30)), Converge(), Settle())
    bench = player.bench
    bench.client()

    def shows(wait: Shows) -> bool:
        if bench.struck():
            return True
        if len(player.waits) > 3:
            bench.fetch()
        return not bench.exchange.unfired()

    player.shows = shows
    player.play()
    (record,) = bench.struck()
    exchange = bench.exchange
    assert exchange.view.index(bench.symbol) >= record.last
    assert exchange.newest(bench.symbol) == exchange.view.index(bench.symbol)


@each
def test_a_recovery_that_is_expected_but_not_awaited_is_given_time(name: str) -> None:
    """A script that ends on a look must not depend on how quickly the client asks for its new book."""
    asked: list[Until] = []

    def ending(*steps: Step, ask: bool, resync: str = "some") -> list[tuple[str, bool]]:
        player = Run(name, Sync(), Inject(fault=specs.Drop()), Send(count=3), *steps)
        bench = player.bench
        bench.exchange.scenario = msgspec.structs.replace(
            bench.exchange.scenario, expect=msgspec.structs.replace(bench.exchange.scenario.expect, resync=resync)
        )
        connection = bench.client()

        def on_until(wait: Until) -> None:
            if wait.what == "recovery" and ask:
                if bench.dialect.traits.snapshot_from == "rest":
                    bench.fetch()
                else:
                    bench.unsubscribe(connection)
                    bench.subscribe(connection)
                asked.append(wait)

        player.on_until = on_until
        player.play()
        return [(wait.what, wait.ready()) for wait in player.waits if isinstance(wait, Until)][-1:]

    assert ending(Probe(), ask=True) == [("recovery", True)]
    assert asked[0].limit == TIMING.request
    assert ending(Probe(), ask=False) == [("recovery", False)]
    assert ending(Probe(), ask=True, resync="any") != [("recovery", True)]
    assert ending(Converge(), ask=True) != [("recovery", True)], "its wait is the client's time"
