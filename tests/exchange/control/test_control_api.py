"""The control API as a test in any language uses it. Every request and every answer is held against its description."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from control_kit import NAMES, Api, Stand, stand
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from bookproof_exchange.control import operations, served
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.faults.registry import FOREIGN, faults
from bookproof_exchange.faults.stage import Delivery, Report
from bookproof_exchange.market import Side
from bookproof_exchange.numbers import to_text


@pytest.fixture
def kraken() -> Iterator[Stand]:
    with stand() as made:
        yield made


@pytest.fixture(params=NAMES)
def each(request: pytest.FixtureRequest) -> Iterator[Stand]:
    with stand(request.param) as made:
        yield made


def update(client: Any) -> Any:
    """The next book message."""
    while True:
        message = json.loads(client.receive())
        if message.get("channel") == "book":
            return message


# --- looking ----------------------------------------------------------------------------------------------------------


def test_the_state(each: Stand) -> None:
    state = each.api.get("/v1/state")
    assert state["dialect"] == each.served.dialect.name
    assert state["endpoints"] == dict(each.endpoints)
    assert state["symbols"] == list(each.symbols)
    assert (state["connections"], state["scenario"], state["recorded"]) == (0, None, 0)
    with each.client():
        assert each.api.get("/v1/state")["connections"] == 1


def test_the_truth_at_the_cursor_and_before(each: Stand) -> None:
    api = each.api
    before = api.get("/v1/book", depth=3)
    assert api.post("/v1/send", {"count": 4, "shape": "improve"})["versions"][each.symbols[0]] > before["version"]
    after = api.get("/v1/book", symbol=each.symbols[0])
    assert after["version"] == after["newest"]
    assert after["bids"][:3] != before["bids"] or after["asks"][:3] != before["asks"]
    assert api.get("/v1/book", depth=3, version=before["version"]) == {**before, "newest": after["newest"]}
    truth = each.served.exchange.view.truth(each.symbols[0])
    instrument = truth.instrument
    rows = each.inside(lambda: truth.levels(after["version"], Side.ASK))
    assert after["asks"] == [
        [to_text(price, instrument.price_decimals), to_text(size, instrument.size_decimals)] for price, size in rows
    ]
    if each.served.dialect.traits.sequence:
        assert api.get("/v1/book", depth=3, sequence=before["sequence"])["bids"] == before["bids"]
        problem = api.refused("GET", "/v1/book", sequence=after["sequence"] + 1)
    else:
        assert before["sequence"] is None
        problem = api.refused("GET", "/v1/book", sequence=1)
        assert "ask by version" in problem["hint"]
    assert api.refused("GET", "/v1/book", version=after["newest"] + 1)["errors"][0]["field"] == "version"


def test_connections_and_what_they_are_subscribed_to(each: Stand) -> None:
    with each.client() as client:
        (link,) = each.api.get("/v1/connections")["connections"]
        assert (link["state"], link["muted"], link["end"]) == ("open", False, None)
        (feed,) = link["subscriptions"]
        assert (feed["symbol"], feed["channel"], feed["ready"]) == (each.symbols[0], "book", True)
        client.socket.close(4000)
        each.wait(lambda: not each.served.exchange.open_connections())
    (link,) = each.api.get("/v1/connections")["connections"]
    assert (link["state"], link["end"]) == ("closed", {"by": "client", "code": 4000, "how": "close"})


def test_the_wire_since_a_position(kraken: Stand) -> None:
    api = kraken.api
    assert api.get("/v1/wire") == {"entries": [], "next": 0, "last": 0, "lost": 0}
    with kraken.client():
        first = api.get("/v1/wire")
        assert [entry["kind"] for entry in first["entries"]][:2] == ["opened", "sent"]
        received = next(entry for entry in first["entries"] if entry["kind"] == "received")
        assert received["intents"] == [f"subscribe book {kraken.symbols[0]} depth 10"]
        assert json.loads(received["payload"]["text"])["method"] == "subscribe"
        snapshot = next(entry for entry in first["entries"] if entry.get("message") == "snapshot")
        assert snapshot["last"] == api.get("/v1/book")["version"]
        assert api.get("/v1/wire", since=first["next"])["entries"] == []
        api.post("/v1/send", {"count": 2})
        later = api.get("/v1/wire", since=first["next"], kind="sent", payload=10)
        assert [entry["message"] for entry in later["entries"]] == ["update", "update"]
        assert {entry["payload"]["cut"] for entry in later["entries"]} == {True}
        assert {len(entry["payload"]["text"]) for entry in later["entries"]} == {10}
        one = api.get("/v1/wire", since=first["next"], kind="sent", limit=1)
        two = api.get("/v1/wire", since=one["next"], kind="sent", limit=1)
        assert [*one["entries"], *two["entries"]] == api.get("/v1/wire", since=first["next"], kind="sent")["entries"]
        assert api.get("/v1/wire", connection=2)["entries"] == []


def test_an_answer_is_not_larger_than_it_need_be(kraken: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "MOST_ANSWER", 2_000)
    with kraken.client() as client:
        for _ in range(3):
            client.socket.send("x" * 2_000)
        kraken.wait(lambda: kraken.served.exchange.position >= 10)
        found, since = [], 0
        while True:
            wire = kraken.api.get("/v1/wire", since=since, kind="received", payload=5_000)
            assert len(wire["entries"]) <= 2
            if not wire["entries"]:
                break
            found += wire["entries"]
            since = wire["next"]
        assert [entry["payload"]["size"] for entry in found][1:] == [2_000] * 3


def test_the_wire_waits_for_something_to_come(kraken: Stand) -> None:
    came: list[Any] = []
    position = kraken.api.get("/v1/state")["position"]

    def wait() -> None:
        api = Api(kraken.port)
        came.append(api.get("/v1/wire", since=position, wait=20, kind="struck"))
        api.close()

    thread = threading.Thread(target=wait)
    thread.start()
    with kraken.client():
        kraken.api.post("/v1/faults", "drop")
        kraken.api.post("/v1/send", {"count": 1})
        thread.join(20)
    (struck,) = came[0]["entries"]
    assert (struck["kind"], struck["fault"], struck["fault_kind"]) == ("struck", 1, "drop")
    assert kraken.api.get("/v1/wire", since=kraken.api.get("/v1/state")["position"], wait=0.01)["entries"] == []


# --- faults -----------------------------------------------------------------------------------------------------------


def test_a_lost_update(kraken: Stand) -> None:
    api = kraken.api
    with kraken.client() as client:
        assert update(client)["type"] == "snapshot"
        fault = api.post("/v1/faults", {"kind": "drop", "count": 2})
        assert (fault["state"], fault["waits_for"]) == ("waiting", f"the next updates of {kraken.symbols[0]}")
        before = api.get("/v1/book")
        api.post("/v1/send", {"count": 3})
        fault = api.get(f"/v1/faults/{fault['number']}", wait=5)
        assert (fault["state"], fault["strikes"], fault["fault"]) == ("struck", 2, {"kind": "drop", "count": 2})
        sent = api.get("/v1/wire", since=before["version"] and fault["position"], kind="sent")["entries"]
        assert len(sent) == 1
        assert sent[0]["first"] == api.get("/v1/book")["version"] - 1, "two updates are missing in front of it"
        assert update(client)["type"] == "update"
        assert api.get("/v1/faults")["faults"] == [fault]


def test_every_kind_of_fault_can_be_injected_or_says_why_not(each: Stand) -> None:
    """With all its defaults: it strikes, or waits, or the dialect cannot express it. Nothing ever fails."""
    api = each.api
    kinds = {kind["kind"]: kind for kind in api.get("/v1/kinds")["kinds"]}
    assert set(kinds) == {info.kind for info in faults()}
    for name, kind in kinds.items():
        assert not any(parameter["required"] for parameter in kind["parameters"])
        with each.client():
            if kind["lacking"] is not None:
                problem = api.refused("POST", "/v1/faults", kind["request"])
                assert kind["lacking"] in problem["detail"]
                continue
            fault = api.post("/v1/faults", kind["request"])
            assert fault["kind"] == name
            assert fault["legal"] is kind["legal"]
            if each.served.exchange.open_connections():
                api.post("/v1/send", {"count": 3})
            if kind["group"] in ("connection", "stream"):
                assert api.get(f"/v1/faults/{fault['number']}", wait=5)["state"] == "struck", name
        api.delete("/v1/faults")
        assert api.get("/v1/state")["standing"] is False


class EveryOther:
    """Every second update is lost."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.seen = 0
        self.waiting, self.holding = True, False

    def push(self, update: Delivery, report: Report) -> list[Delivery]:
        self.seen += 1
        if self.seen % 2 or update.faults:
            return [update]
        report(update.message, "lost")
        return []

    def flush(self, report: Report) -> list[Delivery]:
        return []


def test_a_fault_of_another_package(kraken: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FOREIGN._makers, "every-other", lambda: lambda number, options: EveryOther(number))
    (kind,) = [kind for kind in kraken.api.get("/v1/kinds")["kinds"] if kind["kind"] == "every-other"]
    assert [parameter["name"] for parameter in kind["parameters"]] == ["shape", "symbol", "options"]
    with kraken.client():
        fault = kraken.api.post("/v1/faults", {**kind["request"], "options": {"times": 2}})
        kraken.api.post("/v1/send", {"count": 4})
        struck = kraken.api.get(f"/v1/faults/{fault['number']}")
    assert (struck["kind"], struck["strikes"], struck["note"]) == ("every-other", 2, "lost")
    FOREIGN._made.pop("every-other", None)


def test_connections_that_are_long_gone_are_forgotten(kraken: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "MOST_GONE", 2)
    for _ in range(6):
        with kraken.client():
            pass
    kraken.wait(lambda: not kraken.served.exchange.open_connections())
    assert [link["connection"] for link in kraken.api.get("/v1/connections")["connections"]] == [4, 5, 6]


def test_a_close_is_seen_by_the_client_and_the_next_handshakes_are_refused(kraken: Stand) -> None:
    with kraken.client() as client:
        kraken.api.post("/v1/faults", {"kind": "close", "code": 1013, "refuse": "until-lift"})
        with pytest.raises(ConnectionClosed) as closed:
            client.drain()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013
    assert kraken.api.get("/v1/state")["standing"] is True
    with pytest.raises(Exception, match="503"), kraken.client():
        pass
    kraken.api.post("/v1/lift")
    assert kraken.api.get("/v1/state")["standing"] is False
    with kraken.client() as client:
        assert update(client)["type"] == "snapshot"
    assert kraken.api.post("/v1/await", {"what": "reconnect", "limit": 0})["came"] is True


def test_a_rest_fault_strikes_the_next_snapshot_request() -> None:
    with stand("binance-spot") as made:
        fault = made.api.post("/v1/faults", {"kind": "failing-rest", "status": 503})
        assert fault["waits_for"] == "the next snapshot request"
        rest = Api(int(made.endpoints["rest"].rpartition(":")[2]))
        target = f"/api/v3/depth?symbol={made.symbols[0]}"
        assert rest.raw("GET", target, None).status == 503
        got = rest.raw("GET", target, None)
        rest.close()
        assert got.json["lastUpdateId"] == made.api.get("/v1/book")["sequence"]
        struck = made.api.get(f"/v1/faults/{fault['number']}")
        assert (struck["state"], struck["strikes"]) == ("struck", 1)
        answers = made.api.get("/v1/wire", kind="answer")["entries"]
        assert [(answer["status"], answer["faults"]) for answer in answers] == [(503, [1]), (200, [])]


def test_a_fault_that_waits_can_be_disarmed(kraken: Stand) -> None:
    api = kraken.api
    with kraken.client():
        number = api.post("/v1/faults", "drop")["number"]
        assert api.delete(f"/v1/faults/{number}")["state"] == "disarmed"
        held = api.post("/v1/faults", {"kind": "delay", "by": 5})["number"]
        position = api.post("/v1/send", {"count": 1})["position"]
        assert api.get("/v1/wire", since=position, kind="sent")["entries"] == []
        api.delete(f"/v1/faults/{held}")
        released = api.get("/v1/wire", since=position, kind="sent")["entries"]
        assert [entry["message"] for entry in released] == ["update"], "what it held back goes out"
        assert len(api.get("/v1/wire", since=api.post("/v1/send", {"count": 3})["position"] - 3)["entries"]) == 3


def test_what_strikes_at_once_needs_somebody_to_strike(kraken: Stand) -> None:
    for kind, why in (("stall", "nobody is connected"), ("resnapshot", "nobody is subscribed to the book of BTC/USD")):
        problem = kraken.api.refused("POST", "/v1/faults", {"kind": kind})
        assert (problem["status"], why in problem["detail"]) == (409, True)
    assert kraken.api.get("/v1/faults")["faults"] == []


def test_hold_and_release(kraken: Stand) -> None:
    api = kraken.api
    api.post("/v1/hold")
    with pytest.raises(TimeoutError):
        connect(kraken.endpoints["ws"], open_timeout=0.3)
    assert api.get("/v1/state")["holding"] is True
    api.post("/v1/release")
    assert api.get("/v1/state")["holding"] is False
    with kraken.client() as client:
        assert update(client)["type"] == "snapshot"


# --- the market -------------------------------------------------------------------------------------------------------


def test_skip_leaves_a_hole_and_quiet_stops_the_market() -> None:
    with stand("mexc-v3", rate=500) as made, made.client():
        made.wait(lambda: made.served.exchange.view.index(made.symbols[0]) > 70)
        before = made.api.post("/v1/quiet", {"seconds": 600})
        assert made.api.get("/v1/state")["quiet_for"] > 590
        made.api.post("/v1/skip", {"count": 5})
        made.api.post("/v1/send", {"count": 1})
        (sent,) = made.api.get("/v1/wire", since=before["position"], kind="sent")["entries"]
        assert sent["first"] >= before["versions"][made.symbols[0]] + 5
        assert made.api.get("/v1/book")["version"] == sent["last"], "nothing moved by itself"
        made.api.post("/v1/quiet", {"seconds": 0})
        made.wait(lambda: made.served.exchange.view.index(made.symbols[0]) > sent["last"] + 2)
        made.api.post("/v1/rate", {"rate": 0}, method="PUT")
        still = made.api.get("/v1/book")["version"]
        assert made.api.get("/v1/book")["version"] == still
        assert made.api.get("/v1/state")["rate"] == 0


def test_a_symbol_goes_by_its_text_or_number() -> None:
    with stand("binance-spot", symbols=3) as made, made.client():
        second = made.symbols[1]
        for name in (second, 2):
            before = made.api.get("/v1/book", symbol=name)["version"]
            made.api.post("/v1/send", {"count": 5, "symbol": name})
            assert made.api.get("/v1/book", symbol=second)["version"] >= before + 5
        assert made.api.post("/v1/faults", {"kind": "drop", "symbol": second})["fault"] == {"kind": "drop", "symbol": 2}
        problem = made.api.refused("POST", "/v1/faults", {"kind": "drop", "symbol": "BTCUSD"})
        assert problem["hint"] == "did you mean 'BTCUSDT'?"
        assert made.api.refused("POST", "/v1/send", {"symbol": 4})["errors"][0]["field"] == "symbol"


def test_a_shape_that_the_book_cannot_have(kraken: Stand) -> None:
    """The updates are sent all the same, so that no number is missing; and the market goes on."""
    with kraken.client():
        kraken.api.post("/v1/send", {"shape": {"kind": "drain", "side": "bid"}})
        assert kraken.api.get("/v1/book")["bids"] == []
        problem = kraken.api.refused("POST", "/v1/send", {"count": 3, "shape": {"kind": "delete", "side": "bid"}})
        assert problem["status"] == 409
        assert "cannot do 'delete' on side 'bid'" in problem["detail"]
        kraken.api.post("/v1/send", {"shape": {"kind": "refill", "side": "bid", "count": 4}})
        assert len(kraken.api.get("/v1/book")["bids"]) == 4
        sent = kraken.api.get("/v1/wire", kind="sent", limit=1000)["entries"]
        updates = [entry for entry in sent if entry["message"] == "update"]
        for entry, following in itertools.pairwise(updates):
            assert following["first"] >= entry["last"]


# --- wrong requests ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def refusing() -> Iterator[Stand]:
    """One for all requests that change nothing."""
    with stand() as made:
        yield made


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "detail", "hint"),
    [
        ("POST", "/v1/faults", {"kind": "drpo"}, 422, "unknown fault 'drpo'", "did you mean 'drop'?"),
        ("POST", "/v1/faults", {"kind": "drop", "cuont": 1}, 422, "unknown key 'cuont'", "did you mean 'count'?"),
        ("POST", "/v1/faults", {"kind": "drop", "count": 0}, 422, "expected a number from 1", None),
        ("POST", "/v1/faults", {"kind": "drop", "count": 10**6}, 422, "expected a number from 0 to 10000", None),
        ("POST", "/v1/faults", {"kind": "drop", "count": "2"}, 422, "count: expected a whole number, found '2'", None),
        ("POST", "/v1/faults", {}, 422, "needs the kind of a fault", "write `- fault: drop`"),
        (
            "POST",
            "/v1/faults",
            ["drop"],
            400,
            'expected the kind of a fault, or an object with its kind, found ["drop"]',
            None,
        ),
        (
            "POST",
            "/v1/faults",
            {"kind": "custom", "name": "x"},
            422,
            "a message fault of an installed package",
            "no installed",
        ),
        ("POST", "/v1/faults", {"kind": "close", "code": 1012}, 422, "cannot express 'close'", "GET /v1/kinds"),
        ("POST", "/v1/send", {"shape": "imrpove"}, 422, "expected", "did you mean 'improve'?"),
        ("POST", "/v1/send", {"count": 20_000}, 422, "count: expected a number from 1 to 10000, found 20000", None),
        ("POST", "/v1/send", 5, 400, "expected an object with count, shape, symbol and mode, found 5", None),
        ("POST", "/v1/skip", {}, 422, "count: expected the field 'count', found none", None),
        ("POST", "/v1/skip", {"count": 1.5}, 422, "count: expected int, found 1.5", None),
        ("PUT", "/v1/rate", {"rte": 1}, 422, "rte: expected rate, found the field 'rte'", "did you mean 'rate'?"),
        ("PUT", "/v1/rate", {"rate": -1}, 422, "rate: expected a number from 0 to 10000, found -1", None),
        ("POST", "/v1/await", {"what": "reconect"}, 422, "what: expected one of", "did you mean 'reconnect'?"),
        (
            "POST",
            "/v1/scenario",
            {"id": "book/gap/singel"},
            422,
            "the id of a scenario",
            "did you mean 'book/gap/single'?",
        ),
        ("POST", "/v1/scenario", {}, 422, "expected either `id` or `text`, found neither", None),
        (
            "POST",
            "/v1/scenario",
            {"text": "id: x\nscrpt: []"},
            422,
            "a scenario needs 'title', which is missing [and 4 more]",
            None,
        ),
        ("GET", "/v1/faults/7", None, 404, "there is no fault 7", "0 were injected"),
        ("GET", "/v1/faults/x", None, 400, "number: expected a whole number", None),
        ("DELETE", "/v1/scenario", None, 409, "no scenario is being played", "POST /v1/scenario"),
        ("GET", "/v1/recording", None, 409, "nothing was done yet", None),
        ("GET", "/v1/recordin", None, 404, "there is no '/v1/recordin' here", "did you mean '/v1/recording'?"),
        ("PATCH", "/v1/state", {}, 405, "/v1/state: expected GET, HEAD, found PATCH", None),
        ("GET", "/v1/lift", None, 405, "/v1/lift: expected POST, found GET", None),
        ("OPTIONS", "/v1/lift", None, 405, "/v1/lift: expected POST, found OPTIONS", None),
    ],
)
def test_wrong_requests_say_what_was_expected(
    refusing: Stand, method: str, path: str, body: Any, status: int, detail: str, hint: str | None
) -> None:
    problem = refusing.api.refused(method, path, body)
    assert problem["status"] == status
    assert detail in problem["detail"]
    if hint is not None:
        assert hint in problem["hint"]


@pytest.mark.parametrize(
    ("path", "query", "detail"),
    [
        ("/v1/book", {"dpeth": 1}, "dpeth: expected symbol, depth, version, sequence, found the parameter 'dpeth'"),
        ("/v1/book", {"depth": 0}, "depth: expected a whole number from 1 to 100000, found '0'"),
        ("/v1/book", {"symbol": "x"}, 'symbol: expected one of BTC/USD, or its number from 1 to 1, found "x"'),
        ("/v1/wire", {"since": "-1"}, "since: expected a whole number from 0"),
        ("/v1/wire", {"wait": 61}, "wait: expected seconds from 0 to 60, found '61'"),
        ("/v1/wire", {"kind": "sent,recieved"}, "kind: expected kinds out of opened"),
        ("/v1/state", {"x": 1}, "x: expected no parameters, found the parameter 'x'"),
    ],
)
def test_wrong_parameters(refusing: Stand, path: str, query: dict[str, Any], detail: str) -> None:
    assert detail in refusing.api.refused("GET", path, **query)["detail"]


def test_names_of_scenarios_say_whether_they_can_be_played(refusing: Stand) -> None:
    known = {scenario["id"]: scenario["lacking"] for scenario in refusing.api.get("/v1/scenarios")["scenarios"]}
    assert known["book/gap/single"] is None
    assert "it wants 2 symbols" in known["book/multi/gap-in-one"]
    assert any("snapshots do not come by REST" in (lacking or "") for lacking in known.values())
    assert len(DIALECTS.names()) >= 3
