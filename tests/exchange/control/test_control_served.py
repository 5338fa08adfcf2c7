"""The life of a served exchange: scenarios, several hands, floods, and its end."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import trio
from control_kit import NAMES, Api, Stand, scenario_of, stand
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bookproof_exchange.control import api as control_api
from bookproof_exchange.control import served, stage
from bookproof_exchange.control.api import Control
from bookproof_exchange.control.served import Served
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.model import Scenario
from bookproof_exchange.timing import Timing


@pytest.fixture
def kraken() -> Iterator[Stand]:
    with stand() as made:
        yield made


# --- scenarios --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_of_the_catalogue_is_played_to_its_end(name: str) -> None:
    with stand(name) as made:
        started = made.api.post("/v1/scenario", {"id": "book/gap/single"})
        assert (started["state"], started["step"], started["doing"]) == ("running", 1, "sync")
        assert made.api.get("/v1/state")["scenario"]["id"] == "book/gap/single"
        with made.client():
            over = made.api.get("/v1/scenario", wait=20)
        assert (over["state"], over["step"]) == ("over", over["steps"])
        (fault,) = made.api.get("/v1/faults")["faults"]
        assert (fault["state"], fault["scenario"]) == ("struck", "book/gap/single")
        steps = [entry["step"] for entry in made.api.get("/v1/wire", kind="step", limit=1000)["entries"]]
        assert steps[0] == "start book/gap/single"
        assert steps[-1] == "over book/gap/single"
        assert steps.index("fault drop") < steps.index("converge")


def test_another_one_is_refused_while_one_plays_or_takes_its_place(kraken: Stand) -> None:
    first = scenario_of("  - fault: {kind: no-snapshot}\n  - sync\n  - send: 1\n")
    assert kraken.api.post("/v1/scenario", {"text": first})["id"] == "own/test"
    (fault,) = kraken.api.get("/v1/faults")["faults"]
    assert fault["state"] == "waiting", "what comes before the first wait is done when the answer comes"
    problem = kraken.api.refused("POST", "/v1/scenario", {"id": "book/gap/single"})
    assert problem["status"] == 409
    assert problem["detail"] == "the scenario 'own/test' is being played, at step 2 of 3"
    assert "`replace: true`" in problem["hint"]
    replaced = kraken.api.post("/v1/scenario", {"id": "book/gap/single", "replace": True})
    assert (replaced["id"], replaced["state"]) == ("book/gap/single", "running")
    assert kraken.api.get(f"/v1/faults/{fault['number']}")["state"] == "disarmed", "it went with its scenario"
    stopped = kraken.api.delete("/v1/scenario")
    assert (stopped["id"], stopped["state"]) == ("book/gap/single", "stopped")
    assert kraken.api.refused("DELETE", "/v1/scenario")["status"] == 409
    with kraken.client() as client:
        assert "snapshot" in [json.loads(client.receive()).get("type") for _ in range(3)]


def test_stopping_lets_go_what_a_scenario_holds_and_stalls(kraken: Stand) -> None:
    text = scenario_of(
        "  - sync\n  - hold\n  - fault: {kind: stall, scope: socket}\n  - fault: {kind: delay, by: 9}\n"
        "  - quiet: 600\n  - lift\n  - probe\n  - settle\n"
    )
    with kraken.client():
        kraken.api.post("/v1/scenario", {"text": text})
        kraken.wait(lambda: kraken.served.stage.script is not None and kraken.served.stage.script.place == 5)
        state = kraken.api.get("/v1/state")
        assert (state["holding"], state["standing"]) == (True, True)
        kraken.api.delete("/v1/scenario")
        state = kraken.api.get("/v1/state")
        assert (state["holding"], state["standing"], state["scenario"]["state"]) == (False, False, "stopped")
        assert kraken.api.get("/v1/connections")["connections"][0]["muted"] is False
        assert {fault["state"] for fault in kraken.api.get("/v1/faults")["faults"]} == {"struck", "disarmed"}


def test_the_market_stands_still_while_a_scenario_plays() -> None:
    with stand(rate=500) as made:
        made.wait(lambda: made.served.exchange.view.index(made.symbols[0]) > 66)
        made.api.post("/v1/scenario", {"text": scenario_of("  - sync\n  - send: 1\n")})
        version = made.api.get("/v1/book")["version"]
        assert made.api.get("/v1/book")["version"] == version
        made.api.delete("/v1/scenario")
        made.wait(lambda: made.served.exchange.view.index(made.symbols[0]) > version)


def test_a_client_that_does_not_come_back_in_time(kraken: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "TIMING", Timing(sync=86_400, converge=0.3))
    text = scenario_of("  - sync\n  - fault: {kind: close, refuse: until-lift}\n  - fault: no-ack\n  - converge\n")
    with kraken.client():
        kraken.api.post("/v1/scenario", {"text": text})
        ended = kraken.api.get("/v1/scenario", wait=10)
    assert (ended["state"], ended["step"]) == ("given-up", 4)
    assert ended["why"] == "step 4 (converge): the client did not come so far in time"
    assert kraken.api.get("/v1/state")["standing"] is False, "nothing of it is left behind"
    assert kraken.api.get("/v1/faults/2")["state"] == "disarmed"
    with kraken.client() as client:
        assert "snapshot" in [json.loads(client.receive()).get("type") for _ in range(3)]


def test_only_the_symbols_of_the_scenario_are_waited_for() -> None:
    with stand(symbols=3) as made, made.client(symbols=1):
        made.api.post("/v1/scenario", {"text": scenario_of("  - sync\n  - send: 2\n  - settle\n")})
        assert made.api.get("/v1/scenario", wait=20)["state"] == "over"


def test_a_client_that_answers_no_pings_is_not_waited_for_for_ever(kraken: Stand) -> None:
    with kraken.client() as client:
        client.socket.protocol.receive_data = lambda data: None  # type: ignore[method-assign]
        kraken.api.post("/v1/scenario", {"text": scenario_of("  - sync\n  - send: 2\n")})
        assert kraken.api.get("/v1/scenario", wait=20)["state"] == "over"


# --- several hands ----------------------------------------------------------------------------------------------------


def test_two_controllers_do_not_meet_in_the_middle_of_anything(kraken: Stand) -> None:
    """Each operation is whole: numbers are given once, the log holds the operations of each in its order."""

    def hand(mark: int) -> list[int]:
        api = Api(kraken.port)
        numbers = []
        for _ in range(15):
            numbers.append(api.post("/v1/faults", {"kind": "delay", "by": mark})["number"])
            api.post("/v1/send", {"count": mark})
        api.close()
        return numbers

    with kraken.client(), ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(hand, (1, 2, 3, 4)))
    everything = sorted(number for each in numbers for number in each)
    assert everything == list(range(1, 61))
    assert all(each == sorted(each) for each in numbers)
    assert kraken.api.get("/v1/state")["recorded"] == 120
    sent = kraken.api.get("/v1/wire", kind="sent", limit=1000)["entries"]
    updates = [entry for entry in sent if entry["message"] == "update"]
    assert {entry["last"] for entry in updates} == {entry["first"] + 1 for entry in updates}
    covered = sorted(entry["last"] for entry in updates)
    assert len(covered) == len(set(covered)), "nothing was sent twice"


def test_a_script_and_a_hand_at_once(kraken: Stand) -> None:
    with kraken.client():
        kraken.api.post("/v1/scenario", {"text": scenario_of("  - sync\n  - quiet: 600\n  - settle\n")})
        kraken.wait(lambda: kraken.served.stage.script is not None and kraken.served.stage.script.place == 2)
        fault = kraken.api.post("/v1/faults", "drop")
        kraken.api.post("/v1/send", {"count": 2})
        assert kraken.api.get(f"/v1/faults/{fault['number']}")["state"] == "struck"
        assert kraken.api.delete("/v1/scenario")["state"] == "stopped"


def test_too_many_that_wait_are_told_to_come_again(kraken: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_api, "MOST_WAITING", 1)
    other = Api(kraken.port)
    waiting = threading.Thread(target=lambda: other.get("/v1/wire", wait=20))
    waiting.start()
    kraken.wait_a_moment(lambda: kraken.control._waiting == 1)
    got = kraken.api.ask("GET", "/v1/wire", query={"wait": 1})
    assert (got.status, got.headers["retry-after"]) == (503, "1")
    assert kraken.api.get("/v1/state"), "what does not wait is answered"
    kraken.api.post("/v1/lift")
    waiting.join(20)
    other.close()


def test_a_fault_too_many(kraken: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "MOST_FAULTS", 1)
    kraken.api.post("/v1/faults", "drop")
    assert kraken.api.refused("POST", "/v1/faults", "drop")["status"] == 409
    with kraken.client():
        kraken.api.post("/v1/scenario", {"text": scenario_of("  - sync\n  - fault: drop\n  - send: 3\n")})
        assert kraken.api.get("/v1/scenario", wait=10)["why"] == "1 faults were injected already"


# --- floods -----------------------------------------------------------------------------------------------------------


def test_a_client_that_floods_the_log(kraken: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log stays within its bounds, the control answers at once, other clients are served, and nothing goes silent."""
    kraken.inside(lambda: setattr(kraken.served.log, "_most", 500))
    stop = threading.Event()

    def flood() -> None:
        with connect(kraken.endpoints["ws"], max_queue=None) as socket:
            while not stop.is_set():
                socket.send('{"method":"ping","req_id":1,"x":"' + "y" * 500 + '"}')

    thread = threading.Thread(target=flood)
    with kraken.client() as calm:
        thread.start()
        kraken.wait(lambda: kraken.served.exchange.position > 5_000)
        began = time.monotonic()
        for _ in range(20):
            kraken.api.post("/v1/send", {"count": 1})
        assert time.monotonic() - began < 10
        wire = kraken.api.get("/v1/wire", since=1)
        assert wire["lost"] > 3_000
        assert wire["entries"][0]["position"] == 2 + wire["lost"]
        assert len(kraken.served.exchange.evidence) <= 600
        stop.set()
        thread.join(20)
        updates = 0
        while updates < 20:
            message = json.loads(calm.receive())
            updates += message.get("channel") == "book" and message["type"] == "update"


def test_a_market_that_is_sent_in_bulk_leaves_room_for_others(kraken: Stand) -> None:
    def version() -> int:
        return kraken.served.exchange.view.index(kraken.symbols[0])

    async def both() -> tuple[int, int]:
        async with trio.open_nursery() as nursery:
            before = version()
            nursery.start_soon(kraken.served.send, model.Send(count=10_000))
            await kraken.served.until(lambda: version() > before)
            seen = version()
        return seen, version()

    seen, end = kraken.inside_async(both)
    assert seen < end


# --- the end ----------------------------------------------------------------------------------------------------------


def test_the_end_is_told_to_clients_and_to_those_who_wait() -> None:
    told: list[Any] = []
    with stand() as made:
        other = Api(made.port)
        waiting = threading.Thread(
            target=lambda: told.append(other.ask("GET", "/v1/wire", query={"wait": 60, "since": 99}))
        )
        with made.client() as client:
            waiting.start()
            made.wait_a_moment(lambda: made.control._waiting == 1)
            made.end()
            with pytest.raises(ConnectionClosed) as closed:
                client.drain()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "the exchange ends")
        waiting.join(20)
        other.close()
    assert (told[0].status, told[0].json["detail"]) == (503, "the exchange ends")


def test_a_port_that_is_taken() -> None:
    with stand() as made:

        async def main() -> None:
            scenario = Scenario(id="serve", title="x", purpose="x", rules=(), script=())
            control = Control(Served(DIALECTS.get("kraken-v2"), scenario, 1), port=made.port)
            with trio.fail_after(5):
                await control.run()

        with pytest.raises(BaseExceptionGroup) as failed:
            trio.run(main)
        error: BaseException = failed.value
        while isinstance(error, BaseExceptionGroup):
            (error,) = error.exceptions
        assert isinstance(error, UsageError)
        assert f"port {made.port} on 127.0.0.1 is taken" in str(error)
        assert made.api.get("/v1/state")["dialect"] == "kraken-v2", "the one that has it goes on"
