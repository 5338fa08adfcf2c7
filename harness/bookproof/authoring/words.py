"""Steps, faults and expectations in sentences, with their numbers."""

from __future__ import annotations

from collections.abc import Iterator

from bookproof_exchange.faults import specs
from bookproof_exchange.faults.registry import EDITS, FOREIGN
from bookproof_exchange.market.events import Shape
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.shorthand import short_step, tag_of
from bookproof_exchange.scenario.write import flow
from bookproof_exchange.timing import Timing


def name_of(step: model.Step) -> str:
    """A step as it stands in a file: ``send: 5``."""
    return flow(short_step(step), top=True)


def label_of(step: model.Step) -> str:
    """A step in two words: ``send 5``, ``fault drop``."""
    name = tag_of(type(step))
    match step:
        case model.Inject(fault=fault) | model.Oddity(fault=fault):
            return f"{name} {specs.kind_of(fault)}"
        case model.Send(count=count):
            return f"{name} {count}"
        case model.Await(what=what):
            return f"{name} {what}"
        case model.Quiet(seconds=seconds):
            return f"{name} {seconds:g}"
        case _:
            return name


def say(step: model.Step) -> str:
    """What a step does, in a sentence without a full stop."""
    match step:
        case model.Sync():
            return "the client connects, subscribes and shows the present book as live"
        case model.Send(count=count, shape=shape, symbol=symbol, mode=mode):
            how = {
                "burst": " at once" if count > 1 else "",
                "each": ", one write each" if count > 1 else "",
                "bytes": ", cut into tiny writes",
            }[mode]
            return f"{_many(count, 'update')} of {_symbol(symbol)}{how}{_shaped(shape)}"
        case model.Inject(fault=fault) | model.Oddity(fault=fault):
            legal = " (legal: a client must take it without alarm)" if isinstance(step, model.Oddity) else ""
            return say_fault(fault) + legal
        case model.Read(symbol=symbol):
            return f"after a ping proved that all was read, {_symbol(symbol)} is looked at"
        case model.Hold():
            return "from here on the exchange keeps back handshakes, acknowledgements and snapshots"
        case model.Probe():
            return "after a ping proved that all was read, every book is looked at; then what was held back goes out"
        case model.Converge(during=during, limit=limit):
            meanwhile = f"; {_many(during, 'update')} at once meanwhile" if during else ""
            allowed = " (it may take as long as at the start)" if limit == "sync" else ""
            return f"the stream goes on until the client shows a right, live book again{meanwhile}{allowed}"
        case model.Settle():
            return "the exchange is quiet: the client must come to show exactly the last book"
        case model.Lift():
            return "the stall or outage ends"
        case model.Quiet(seconds=seconds):
            return f"no data for {seconds:g} s; heartbeats and pings go on"
        case model.Await(what=what, limit=limit, level=level):
            within = "" if limit is None else f" within {limit:g} s"
            return f"the client {level} {_DOES[what]}{within}"


_DOES = {
    "reconnect": "connect again",
    "subscribe": "subscribe again",
    "unsubscribe": "unsubscribe",
    "snapshot-request": "ask for a snapshot",
    "report": "tell its user",
}


def say_fault(fault: specs.Fault) -> str:
    """What a fault does, in a sentence without a full stop."""
    match fault:
        case specs.Drop(count=count, shape=shape):
            return f"the next {_many(count, 'update', 'is', 'are')} lost{_first(shape)}"
        case specs.Duplicate(later=later, shape=shape):
            when = f"again after {_many(later, 'further update')}" if later else "twice in a row"
            return f"the next update comes {when}{_first(shape)}"
        case specs.Swap(shape=shape):
            return f"the next two updates change places{_first(shape)}"
        case specs.Delay(by=by, shape=shape):
            return f"the next update comes late, after the {_many(by, 'update')} behind it{_first(shape)}"
        case specs.Edited(edit=edit, count=count, value=value, shape=shape):
            said = EDITS[edit].replace("(``value``) ", "").replace("``value``", "some").rstrip(".")
            said = said[0].lower() + said[1:]
            number = "" if value is None else f" (value {value})"
            return f"the next {_many(count, 'update', 'is', 'are')} altered: {said}{number}{_first(shape)}"
        case specs.Fragmented(count=count, pieces=pieces, between=between):
            inside = "" if between == "nothing" else f", with a {between} inside"
            return f"the next {_many(count, 'update', 'comes', 'come')} in {pieces} frames each{inside}"
        case specs.Custom(name=name):
            told = (FOREIGN.get(name).__doc__ or "").strip().split("\n")[0] if name in FOREIGN else ""
            return f"the fault {name!r} of another package{f': {told}' if told else ''}".rstrip(".")
        case specs.Resnapshot(away=away, empty=empty):
            of = "of an empty book" if empty else f"after {_many(away, 'change')} that nobody was told of"
            return f"another snapshot comes in the stream, {of}"
        case specs.NewFields():
            return "from here on everything that the exchange says has one more field than anybody knows"
        case specs.Stall(scope=scope, away=away, lost=lost):
            what = {
                "feed": "one feed falls silent, all else goes on",
                "data": "all data stops, heartbeats and pongs go on",
                "socket": "the whole connection falls silent, pings included, and stays open",
            }[scope]
            after = "is lost" if lost else "comes when the stall is lifted"
            return f"{what}; the market moves {_many(away, 'time')} meanwhile, and that {after}"
        case specs.LateAck(messages=messages):
            return f"{_many(messages, 'update')} of the next subscription {_come(messages)} before its acknowledgement"
        case specs.NoAck():
            return "the next subscription is never acknowledged, its data comes"
        case specs.RefuseSubscribe(times=times):
            return f"the next {_many(times, 'subscription', 'is', 'are')} refused"
        case specs.NoSnapshot(times=times):
            return f"the next {_many(times, 'subscription', 'brings', 'bring')} updates but no snapshot"
        case specs.EarlyUpdates(messages=messages):
            return f"{_many(messages, 'update')} of the next subscription {_come(messages)} before its snapshot"
        case specs.LateTail(messages=messages):
            return f"{_many(messages, 'update')} still {_come(messages)} after the client has unsubscribed, before the reply"
        case specs.StaleRest(by=by, times=times):
            old = f"{_many(by, 'change')} old" if by else "exactly as old as the stream"
            return f"the next {_many(times, 'snapshot', 'is', 'are')} {old}"
        case specs.AheadRest(by=by, times=times):
            return f"the next {_many(times, 'snapshot', 'is', 'are')} {_many(by, 'change')} ahead of the stream"
        case specs.StraddledRest(times=times):
            return f"the next {_many(times, 'snapshot', 'falls', 'fall')} into the middle of an update"
        case specs.SlowRest(messages=messages, times=times):
            return f"the next {_many(times, 'snapshot', 'takes', 'take')} as long as {_many(messages, 'update')}"
        case specs.PiecedRest(pieces=pieces, times=times):
            return f"the next {_many(times, 'snapshot answer', 'trickles', 'trickle')} in, in {pieces} pieces"
        case specs.FailingRest(status=status, times=times, retry_after=wait, body=body):
            reply = f"HTTP {status}" if status else "no answer, the connection is dropped"
            again = "" if wait is None else f", to be asked again after {wait} s"
            as_what = "" if body == "venue" else f", body: {body}"
            return f"the next {_many(times, 'snapshot request', 'fails', 'fail')}: {reply}{again}{as_what}"
        case specs.Close(how=how, code=code, away=away, refuse=refuse):
            end = {
                "close": f"by a close frame with code {code}",
                "fin": "by TCP alone, without a close frame",
                "rst": "by a TCP reset",
                "mid-frame": "in the middle of a frame",
            }[how]
            then = ""
            if refuse == "until-lift":
                then = "; new connections are refused until `lift`"
            elif refuse:
                then = f"; the next {_many(refuse, 'attempt', 'is', 'are')} refused"
            return f"the connection ends {end}; the market moves {_many(away, 'time')} meanwhile{then}"
        case specs.BrokenFrame(how=how):
            return f"a frame comes that breaks RFC 6455 ({how}): the client has to connect again"
        case specs.Farewell(messages=messages, away=away):
            return (
                f"the venue announces its end, sends {_many(messages, 'more update')}, then closes; "
                f"the market moves {_many(away, 'time')} meanwhile"
            )


def expectations(scenario: model.Scenario, timing: Timing) -> Iterator[str]:
    """What is asked of the client, one sentence a thing, in the order of the script."""
    yield "always: every book shown as live is one that the exchange published, never an older one than before"
    for place, step in enumerate(scenario.script, 1):
        match step:
            case model.Sync():
                yield f"step {place}, sync: it is subscribed, and right, within {timing.sync:g} s"
            case model.Probe() if scenario.expect.honest:
                yield f"step {place}, probe: it does not say live any more, unless it is right"
            case model.Probe() | model.Read():
                yield f"step {place}, {name_of(step)}: what it shows as live is right"
            case model.Converge(limit=limit):
                seconds = timing.converge if limit == "converge" else timing.sync
                yield f"step {place}, converge: it is right and live again within {seconds:g} s"
            case model.Settle():
                yield f"step {place}, settle: it shows exactly the last book within {timing.settle:g} s"
            case model.Await(what=what, limit=seconds_or_none, level=level) if level != "MAY":
                seconds = timing.request if seconds_or_none is None else seconds_or_none
                yield f"step {place}, await: it {level} {_DOES[what]} within {seconds:g} s"
            case _:
                pass
    match scenario.expect.resync:
        case "none":
            yield "to the end: it does not subscribe again, fetch a snapshot or reconnect: nothing calls for it"
        case "some":
            yield "to the end: it recovers at least once (subscribes again, fetches a snapshot, or reconnects)"
        case "any":
            pass
    if scenario.expect.most_resyncs is not None and scenario.expect.resync != "none":
        yield f"to the end: no more than {_many(scenario.expect.most_resyncs, 'recovery', plural='recoveries')} a fault"
    if not scenario.expect.live:
        yield "it need not come to a live book; it is enough that it was looked at"


def _many(count: int, noun: str, one: str = "", many: str = "", *, plural: str | None = None) -> str:
    """``update is``, ``3 updates are``, ``1 update``: with a verb, one thing goes without its number."""
    if count == 1:
        return f"{noun} {one}" if one else f"1 {noun}"
    return f"{count} {plural or noun + 's'}{f' {many}' if many else ''}"


def _come(count: int) -> str:
    return "comes" if count == 1 else "come"


def _symbol(ordinal: int) -> str:
    return "the book" if ordinal == 1 else f"the book of symbol {ordinal}"


def _shaped(shape: Shape) -> str:
    return "" if shape.kind == "any" else f": {_shape(shape)}"


def _first(shape: Shape) -> str:
    return "" if shape.kind == "any" else f" ({_shape(shape)})"


def _shape(shape: Shape) -> str:
    side = "a side" if shape.side == "any" else f"the {shape.side} side"
    match shape.kind:
        case "any":
            return "whatever the market brings"
        case "change":
            return f"a new size at rank {shape.rank} of {side}"
        case "insert":
            return f"a new level at rank {shape.rank} of {side}"
        case "delete":
            return f"the level of rank {shape.rank} of {side} goes"
        case "improve":
            return f"a new best price on {side}"
        case "sweep":
            return f"a market order takes {_many(shape.count, 'level')} of {side}"
        case "drain":
            return f"{side} becomes empty"
        case "refill":
            return f"{_many(shape.count, 'level')} again on {side}"
        case "far":
            return f"a new level far from the touch on {side}"
