"""A scenario in words: one sentence a step."""

from __future__ import annotations

from bookproof.report.page.model import Told
from bookproof_exchange.faults import specs
from bookproof_exchange.market.events import Shape
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.model import Scenario


def told(scenario: Scenario) -> tuple[Told, ...]:
    """Every step of the script, numbered as in its file."""
    found: list[Told] = []
    for place, step in enumerate(scenario.script, start=1):
        match step:
            case model.Inject(fault=fault):
                found.append(Told(place=place, s=f"Fault {_name(fault)}: {strikes(fault)}", kind="fault"))
            case model.Oddity(fault=fault):
                text = f"Legal, but unusual – {_name(fault)}: {strikes(fault)}"
                found.append(Told(place=place, s=text, kind="oddity"))
            case _:
                found.append(Told(place=place, s=does(step)))
    return tuple(found)


def does(step: model.Step) -> str:
    """What a step that is no fault does."""
    match step:
        case model.Sync():
            return "Wait until the client has subscribed and shows the present book, live."
        case model.Send(count=count, shape=shape, symbol=symbol, mode=mode):
            how = {"burst": "in one burst", "each": "one write each", "bytes": "byte by byte"}[mode]
            what = f" ({kind})" if (kind := _shape(shape)) else ""
            return f"Send {_count(count, 'update')}{what}{_symbol(symbol)}{f', {how}' if count > 1 else ''}."
        case model.Read(symbol=symbol):
            return f"Prove that everything was read, then ask the client for its book{_symbol(symbol)} and judge it."
        case model.Hold():
            return "From now on keep back what a recovering client waits for."
        case model.Probe():
            return "Look at what the client shows before it can have recovered; then let the recovery through."
        case model.Converge(during=during):
            return f"Send {_count(during, 'update')} while the client recovers, and go on until it shows a right, live book."
        case model.Settle():
            return "Be quiet: now the client must show exactly the last state."
        case model.Lift():
            return "End every standing fault."
        case model.Quiet(seconds=seconds):
            return f"Send no data for {seconds:g} s; heartbeats and pings go on."
        case model.Await(what=what, level=level):
            words = {
                "reconnect": "connects again",
                "subscribe": "subscribes",
                "unsubscribe": "unsubscribes",
                "snapshot-request": "asks for a snapshot",
                "report": "tells its user that something is wrong",
            }
            return f"Wait until the client {words[what]} ({level})."
        case model.Inject(fault=fault) | model.Oddity(fault=fault):
            return strikes(fault)


def strikes(fault: specs.Fault) -> str:
    """What a fault does, in one sentence."""
    match fault:
        case specs.Drop(count=count):
            return f"{_next(count, 'update')} {_is(count)} lost.{_on(fault)}"
        case specs.Duplicate(later=later):
            when = f"after {_count(later, 'further update')}" if later else "at once"
            return f"the next update comes twice, the copy {when}.{_on(fault)}"
        case specs.Swap():
            return f"the next two updates change places.{_on(fault)}"
        case specs.Delay(by=by):
            return f"the next update comes after the {_count(by, 'update')} that should follow it.{_on(fault)}"
        case specs.Edited(edit=edit, count=count):
            return f"{_next(count, 'update')} {'is' if count == 1 else 'are'} changed ({edit}).{_on(fault)}"
        case specs.Fragmented(count=count, pieces=pieces, between=between):
            inside = "" if between == "nothing" else f", a {between} between them"
            return f"{_next(count, 'update')} {'comes' if count == 1 else 'come'} in {pieces} frames each{inside}."
        case specs.Custom(name=name):
            return f"the fault {name!r} of another package strikes.{_on(fault)}"
        case specs.Resnapshot(away=away, empty=empty):
            return f"a further snapshot{' of an empty book' if empty else ''} comes{_away(away)}."
        case specs.NewFields():
            return "from now on every message has one more field than anybody knows."
        case specs.Stall(scope=scope, away=away, lost=lost):
            what = {
                "feed": "one feed stops, all else goes on",
                "data": "no data comes, heartbeats go on",
                "socket": "nothing at all comes, and pings stay unanswered",
            }[scope]
            return f"{what}{_away(away)}{'; what was kept back never comes' if lost else ''}."
        case specs.LateAck(messages=messages):
            return f"{_count(messages, 'update')} {_is(messages)} sent before the acknowledgement."
        case specs.NoAck():
            return "the acknowledgement never comes; the data does."
        case specs.RefuseSubscribe(times=times):
            return f"the venue refuses {_first(times, 'subscription')}."
        case specs.NoSnapshot(times=times):
            return f"{_times(times)}the subscription is acknowledged and updates come, but no snapshot."
        case specs.EarlyUpdates(messages=messages):
            return f"{_count(messages, 'update')} {_come(messages)} between the acknowledgement and the snapshot."
        case specs.LateTail(messages=messages):
            return f"{_count(messages, 'update')} still {_come(messages)} after the client has unsubscribed."
        case specs.StaleRest(by=by, times=times):
            return f"{_next(times, 'REST snapshot')} {_is(times)} {_count(by, 'tick')} old."
        case specs.AheadRest(by=by, times=times):
            return f"{_next(times, 'REST snapshot')} {_is(times)} {_count(by, 'tick')} ahead of the stream."
        case specs.StraddledRest(times=times):
            return f"{_next(times, 'REST snapshot')} {'falls' if times == 1 else 'fall'} in the middle of an update."
        case specs.SlowRest(messages=messages, times=times):
            return f"{_next(times, 'snapshot request')} {_is(times)} answered only after {_count(messages, 'update')}."
        case specs.PiecedRest(pieces=pieces):
            return f"the body of the next snapshot answer trickles in, in {pieces} pieces."
        case specs.FailingRest(status=status, times=times, retry_after=retry_after, body=body):
            how = f"with HTTP {status}" if status else "without an answer"
            how += "" if body == "venue" else f", body {body}"
            wait = f", Retry-After {retry_after} s" if retry_after is not None else ""
            return f"{_next(times, 'snapshot request')} {'fails' if times == 1 else 'fail'} {how}{wait}."
        case specs.Close(how=how, code=code, away=away, refuse=refuse):
            words = {
                "close": f"closes the connection (code {code})",
                "fin": "ends the connection without a close frame",
                "rst": "resets the connection",
                "mid-frame": "ends the connection in the middle of a frame",
            }
            if refuse == "until-lift":
                return f"the exchange {words[how]}{_away(away)}; whoever connects is refused until the step lift."
            more = f"; {_next(refuse, 'attempt')} to connect {_is(refuse)} refused" if refuse else ""
            return f"the exchange {words[how]}{_away(away)}{more}."
        case specs.BrokenFrame(how=how):
            return f"a frame comes that breaks the WebSocket protocol ({how})."
        case specs.Farewell(messages=messages, away=away):
            more = f"sends {_count(messages, 'more update')}, then " if messages else ""
            return f"the venue announces its end, {more}closes{_away(away)}."


def _name(fault: specs.Fault) -> str:
    return str(type(fault).__struct_config__.tag)


def _on(fault: specs.OnUpdates) -> str:
    """Which update it strikes first, where that is said."""
    shape = _shape(fault.shape)
    which = f" The first is {shape}." if shape else ""
    return which + (f" On symbol {fault.symbol}." if fault.symbol != 1 else "")


def _shape(shape: Shape) -> str:
    side = "" if shape.side == "any" else f" {shape.side}"
    rank = "best" if shape.rank == 0 else f"{_ordinal(shape.rank + 1)} best"
    match shape.kind:
        case "any":
            return ""
        case "change":
            return f"a new size at the {rank}{side} level"
        case "insert":
            return f"a new{side} level at rank {shape.rank + 1}"
        case "delete":
            return f"the deletion of the {rank}{side} level"
        case "improve":
            return f"a new best{side} price"
        case "sweep":
            return f"a market order that takes {_count(shape.count, 'whole level')}"
        case "drain":
            return f"every{side or ' one'} order is cancelled, one side becomes empty"
        case "refill":
            return f"{_count(shape.count, 'level')} again after the side was empty"
        case "far":
            return "a new level far from the touch"
        case other:
            return other


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _next(number: int, noun: str) -> str:
    return f"the next {noun}" if number == 1 else f"the next {number} {noun}s"


def _first(number: int, noun: str) -> str:
    return f"the first {noun}" if number == 1 else f"the first {number} {noun}s"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _come(number: int) -> str:
    return "comes" if number == 1 else "come"


def _times(number: int) -> str:
    return "" if number == 1 else f"{number} times "


def _away(ticks: int) -> str:
    return f", while the market moves on by {_count(ticks, 'tick')}" if ticks else ""


def _symbol(symbol: int) -> str:
    return f" of symbol {symbol}" if symbol != 1 else ""
