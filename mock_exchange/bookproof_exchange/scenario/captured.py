"""What a scenario with a recording cannot ask for: the market did what it did."""

from __future__ import annotations

from collections.abc import Iterator

from bookproof_exchange.faults import specs
from bookproof_exchange.faults.legal import is_legal
from bookproof_exchange.market import Shape
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.problems import Problem


def problems(scenario: model.Scenario) -> Iterator[Problem]:
    """Everything that is wrong with it on that account; nothing for a scenario with a generated market."""
    if scenario.capture is None:
        return
    if scenario.dialects is None or len(scenario.dialects) != 1:
        yield Problem(
            code="not-expressible",
            field="dialects" if scenario.dialects is not None else "capture",
            message="a recording is of one dialect, and the scenario does not name it alone",
            hint="write `dialects: [NAME]` with the dialect of the recording",
        )
    if scenario.subscribe.channels != ("book",):
        yield Problem(
            code="not-expressible",
            field="subscribe.channels",
            message="of a recording only the book is replayed",
            hint="leave `channels` out",
        )
    plain = model.Market(symbols=scenario.market.symbols)
    if scenario.market != plain:
        yield Problem(
            code="not-expressible",
            field="market",
            message="the market was recorded: its profile and its levels cannot be chosen",
            hint="leave all but `symbols` out",
        )
    for place, step in enumerate(scenario.script, 1):
        field = f"script[{place}]"
        match step:
            case model.Send(shape=shape) if shape.kind != "any":
                yield _shaped(f"{field}.shape", shape)
            case model.Inject(fault=specs.OnUpdates() as fault) | model.Oddity(fault=specs.OnUpdates() as fault):
                if fault.shape != specs.OnUpdates().shape:
                    yield _shaped(f"{field}.fault.shape", fault.shape)
            case model.Inject(fault=specs.StraddledRest()) | model.Oddity(fault=specs.StraddledRest()):
                yield Problem(
                    code="not-expressible",
                    field=field,
                    message="what the book was in the middle of a recorded update is not known",
                    hint="use `stale-rest` or `ahead-rest`",
                )
            case model.Inject(fault=specs.Resnapshot(empty=True)) | model.Oddity(fault=specs.Resnapshot(empty=True)):
                yield Problem(
                    code="not-expressible",
                    field=field,
                    message="the recorded book was not empty",
                    hint="leave `empty` out",
                )
            case _:
                pass


_LEFT = 3
"""So many updates must be left where a client is to have noticed a fault: the next one tells, and the stream goes on."""


def exhausted(scenario: model.Scenario, updates: int) -> Problem | None:
    """Whether the script comes to the end of a recording of so many updates (of its first symbol) before the client can have
    recovered from a fault: nobody could, since nothing follows."""
    used = 0
    struck: specs.Fault | None = None
    for place, step in enumerate(scenario.script, 1):
        match step:
            case model.Sync(lead=lead):
                used += lead
            case model.Send(count=count, symbol=1):
                used += count
            case model.Inject(fault=fault):
                struck = fault
                used += getattr(fault, "away", 0) + getattr(fault, "messages", 0)
            case model.Converge(during=during):
                used += during
            case _:
                pass
        if struck is not None and isinstance(step, model.Converge | model.Probe | model.Settle):
            if used + _LEFT > updates and (_loses(struck) or not isinstance(step, model.Settle)):
                return Problem(
                    code="too-few-updates",
                    field=f"script[{place}]",
                    message=f"the recording has {updates} updates, and the script has used {used} when the client is to "
                    f"have noticed {specs.kind_of(struck)!r}: too few are left",
                    hint="send less before it, or record longer",
                )
            struck = None if isinstance(step, model.Converge | model.Settle) else struck
    return None


def _loses(fault: specs.Fault) -> bool:
    """Whether a client lacks something after it that only a later message tells of."""
    match fault:
        case specs.Drop() | specs.Swap() | specs.Delay() | specs.Custom():
            return True
        case specs.Edited():
            return not is_legal(fault) and fault.edit != "foreign-symbol"
        case specs.Stall(lost=lost):
            return lost
        case _:
            return False


def _shaped(field: str, shape: Shape) -> Problem:
    return Problem(
        code="not-expressible",
        field=field,
        message=f"the next update was recorded: it cannot be asked to be {shape.kind!r}",
        hint="leave `shape` out; `send` up to the update that is to be struck",
    )
