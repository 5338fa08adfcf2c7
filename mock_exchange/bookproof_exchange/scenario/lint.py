"""Finds scenarios that are impossible, unfair or pointless, and says why.

Unfair above all: a scenario that demands of a client what nobody could know. A lost update on a feed with neither
sequence nor checksum leaves the very bytes that a run without a fault would have sent. Here that is seen from the text
alone, as far as it can be; `scenario.detect` plays the script and knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from bookproof_exchange.dialects.api import Dialect, Traits
from bookproof_exchange.errors import did_you_mean
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.legal import is_legal
from bookproof_exchange.faults.registry import FOREIGN
from bookproof_exchange.scenario import captured, model
from bookproof_exchange.scenario.applicable import applicable
from bookproof_exchange.scenario.needs import unknown_terms
from bookproof_exchange.scenario.problems import Problem

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*)*")
_MESSAGE = (specs.Drop, specs.Duplicate, specs.Swap, specs.Delay, specs.Edited, specs.Fragmented, specs.Custom)
_SUBSCRIPTION = (
    specs.LateAck,
    specs.NoAck,
    specs.RefuseSubscribe,
    specs.NoSnapshot,
    specs.EarlyUpdates,
    specs.LateTail,
)
_REST = (
    specs.StaleRest,
    specs.AheadRest,
    specs.StraddledRest,
    specs.SlowRest,
    specs.PiecedRest,
    specs.FailingRest,
)
_LOSS = (specs.Drop, specs.Swap, specs.Delay)
_ENDS = (specs.Close, specs.Farewell, specs.BrokenFrame)
_OBSERVERS = (model.Sync, model.Read, model.Probe, model.Converge, model.Settle, model.Await)
_CARRIERS = (model.Inject, model.Oddity)
_TEXT_HINTS = {
    "title": "what happens, in a few words",
    "purpose": "what a client must do then, and what goes wrong in real ones",
}
#: Above these a case waits for a client's own timers and belongs to the slow ones.
_LONG_QUIET_S = 10.0
_LONG_AWAIT_S = 20.0
#: How many levels a side a venue's checksum covers at least: what is lost below goes unnoticed.
_CHECKED_RANKS = 10


def lint(scenario: model.Scenario, dialects: Iterable[Dialect]) -> list[Problem]:
    """Every problem with the scenario, given the dialects that exist; empty: nothing to object to."""
    known = tuple(dialects)
    return [
        *_head(scenario, known),
        *_order(scenario),
        *_each_fault(scenario),
        *_expectations(scenario),
        *captured.problems(scenario),
        *_dialects(scenario, known),
    ]


# --- the head: id, rules, needs -------------------------------------------------------------------------------------


def _head(scenario: model.Scenario, dialects: Sequence[Dialect]) -> Iterator[Problem]:
    if _ID.fullmatch(scenario.id) is None:
        hint = "lower-case words joined by - and /, such as book/gap/single"
        yield Problem(
            code="bad-id",
            field="id",
            message=f"the id {scenario.id!r} has other characters than a-z 0-9 - /",
            hint=hint,
        )
    for name in ("title", "purpose"):
        if not getattr(scenario, name).strip():
            yield Problem(
                code="empty-text",
                field=name,
                message=f"the {name} is empty",
                hint=_TEXT_HINTS[name],
            )
    if not scenario.rules:
        hint = "name at least one: `bookproof list rules` shows them"
        yield Problem(code="no-rule", field="rules", message="no rule is tested", hint=hint)
    keys = {key for dialect in dialects for key in dialect.rules}
    for place, key in enumerate(scenario.rules, 1):
        if key in scenario.rules[: place - 1]:
            yield Problem(
                code="repeated-rule",
                field=f"rules[{place}]",
                message=f"the rule {key!r} is named twice",
                hint="keep one",
            )
        elif dialects and key not in keys:
            hint = did_you_mean(key, keys) or ""
            yield Problem(
                code="unknown-rule",
                field=f"rules[{place}]",
                message=f"no dialect has a rule {key!r}",
                hint=hint if hint.startswith("did") else "`bookproof list rules` shows all that there are",
            )
    for place, need in enumerate(scenario.needs, 1):
        for term, known in unknown_terms(need):
            yield Problem(code="unknown-need", field=f"needs[{place}]", message=f"unknown need {term!r}", hint=known)
    names = [dialect.name for dialect in dialects]
    if scenario.dialects is not None and not scenario.dialects:
        yield Problem(
            code="unknown-dialect",
            field="dialects",
            message="the list of dialects is empty",
            hint="leave it out for all",
        )
    for place, name in enumerate(scenario.dialects or (), 1):
        if dialects and name not in names:
            yield Problem(
                code="unknown-dialect",
                field=f"dialects[{place}]",
                message=f"unknown dialect {name!r}",
                hint=did_you_mean(name, names),
            )


# --- the order of the script ----------------------------------------------------------------------------------------


def _order(scenario: model.Scenario) -> Iterator[Problem]:
    script = scenario.script
    if not any(isinstance(step, model.Sync) for step in script):
        if not scenario.expect.live:
            return
        hint = "begin with `- sync`; where no client can ever get to a live book, say `expect: {live: false}`"
        message = "the script has no `sync`: nothing proves that the client was ever right"
        yield Problem(code="no-sync", field="script", message=message, hint=hint)
        return
    synced = standing = away = noticed = muted = holding = False
    drained: set[int] = set()
    faults = 0
    for place, step in enumerate(script, 1):
        field = f"script[{place}]"
        if not synced and not isinstance(step, (model.Sync, model.Hold, *_CARRIERS)):
            hint = "put `- sync` before it"
            message = "only faults and oddities can come before `sync`"
            yield Problem(code="before-sync", field=field, message=message, hint=hint)
        yield from _symbols(step, field, scenario.market.symbols)
        match step:
            case model.Sync():
                synced = True
            case model.Inject(fault=fault) | model.Oddity(fault=fault):
                faults += 1
                if isinstance(fault, _ENDS):
                    away, noticed = True, False
                if isinstance(fault, specs.Close) and fault.refuse == "until-lift":
                    standing = True
                if isinstance(fault, specs.Stall):
                    standing, muted = True, muted or fault.scope == "socket"
                if not synced and isinstance(fault, (*_ENDS, specs.Stall, specs.Resnapshot)):
                    message = f"{specs.kind_of(fault)!r} strikes at once: put it after `sync`"
                    yield Problem(code="strikes-at-once", field=field, message=message)
            case model.Send():
                if step.shape.kind == "drain":
                    drained.add(step.symbol)
                if step.shape.kind == "refill" and step.symbol not in drained:
                    message = "`refill` without a `drain` before it: no side is empty"
                    hint = "put `- send: {shape: drain}` before it"
                    yield Problem(code="refill-without-drain", field=field, message=message, hint=hint)
                if away and step.shape.kind not in ("drain", "refill"):
                    # (those two shape the book that the next snapshot shows)
                    yield Problem(
                        code="nobody-connected",
                        field=field,
                        message="nobody is connected after the close: these updates reach no client",
                        hint="put `converge` or `await: reconnect` between",
                        weight="warning",
                    )
            case model.Read() | model.Probe() if muted or (away and not noticed):
                what = (
                    "the exchange is silent: lift the stall"
                    if muted
                    else "the connection is gone: `converge` or `quiet`"
                )
                yield Problem(
                    code="not-proven",
                    field=field,
                    message=f"nothing proves here what the client has read; {what} first",
                )
            case model.Probe() if not faults:
                hint = "write `- read` to look at the client, or put a fault before it"
                message = "`probe` without a fault before it: there is nothing to notice"
                yield Problem(code="probe-without-fault", field=field, message=message, hint=hint)
            case model.Await(what=what, level=level) if not faults and level != "MAY":
                hint = "put the fault that makes it necessary before it"
                message = f"`await: {what}` without a fault before it: no client has a reason to do that"
                yield Problem(code="await-without-fault", field=field, message=message, hint=hint)
            case model.Probe():
                holding = False
            case model.Hold():
                holding = True
            case model.Lift():
                if not standing:
                    hint = "put `- fault: stall` before it, or take it out"
                    message = "`lift` without a stall before it: nothing stands"
                    yield Problem(code="lift-without-stall", field=field, message=message, hint=hint)
                standing = muted = False
            case model.Quiet():
                # Time enough to have noticed the end of the connection, so that a read may ask for it.
                noticed = True
            case model.Converge() | model.Await(what="reconnect" | "subscribe"):
                away = False
                muted = False
            case _:
                pass
        if isinstance(step, model.Quiet) and step.seconds >= _LONG_QUIET_S and not scenario.slow:
            yield _slow(field, f"a quiet of {step.seconds:g} s")
        if isinstance(step, model.Await) and (step.limit or 0) > _LONG_AWAIT_S and not scenario.slow:
            yield _slow(field, f"waiting up to {step.limit:g} s")
    if holding:
        hint = "put `- probe` where the client is to be looked at"
        message = "`hold` without a later `probe`: what is held back is never let go"
        yield Problem(code="never-released", field="script", message=message, hint=hint)
    if standing:
        message = "the stall or outage is never lifted"
        yield Problem(code="never-lifted", field="script", message=message, hint="put `lift` before the last steps")
    if not isinstance(script[-1], _OBSERVERS):
        yield Problem(
            code="not-observed",
            field=f"script[{len(script)}]",
            message="nothing observes the client after this step",
            hint="end with `settle`, `converge`, `read` or `await`",
            weight="warning",
        )


def _slow(field: str, what: str) -> Problem:
    return Problem(
        code="not-slow",
        field=field,
        message=f"{what} without `slow: true`",
        hint="add `slow: true`: such cases run apart",
        weight="warning",
    )


def _symbols(step: model.Step, field: str, symbols: int) -> Iterator[Problem]:
    part = step.fault if isinstance(step, _CARRIERS) else step
    symbol = getattr(part, "symbol", 1)
    if symbol > symbols:
        hint = f"set market.symbols to {symbol}"
        yield Problem(
            code="unknown-symbol", field=field, message=f"symbol {symbol} of a market with {symbols}", hint=hint
        )


# --- fault by fault -------------------------------------------------------------------------------------------------


def _each_fault(scenario: model.Scenario) -> Iterator[Problem]:
    script = scenario.script
    synced = next((at for at, step in enumerate(script, 1) if isinstance(step, model.Sync)), len(script))
    broken = any(isinstance(step, model.Inject) and _breaks(step.fault) for step in script[synced:])
    for place, step in enumerate(script, 1):
        if not isinstance(step, _CARRIERS):
            continue
        field, fault, rest = f"script[{place}]", step.fault, script[place:]
        kind = specs.kind_of(fault)
        if isinstance(step, model.Oddity) and not is_legal(fault):
            hint = f"write `- fault: {kind}`"
            yield Problem(
                code="not-legal",
                field=field,
                message=f"{kind!r} is no legal oddity: the venue may not do this",
                hint=hint,
            )
        if isinstance(step, model.Inject) and isinstance(fault, specs.Edited) and is_legal(fault):
            hint = f"write `- oddity: {kind}`"
            message = f"{kind!r} is legal: no fault that a client may object to"
            yield Problem(code="legal", field=field, message=message, hint=hint)
        if not any(isinstance(later, _OBSERVERS) for later in rest):
            hint = "look at the client after it: `probe`, `converge`, `settle` or `read`"
            message = f"nothing observes the client after {kind!r}"
            yield Problem(code="not-observed", field=field, message=message, hint=hint)
        if isinstance(fault, specs.Custom) and fault.name not in FOREIGN:
            hint = did_you_mean(fault.name, FOREIGN.names()) or "no installed package brings one"
            message = f"unknown message fault {fault.name!r}"
            yield Problem(code="unknown-fault", field=field, message=message, hint=hint)
        if isinstance(fault, _MESSAGE):
            yield from _updates_follow(fault, field, rest)
        if isinstance(fault, (*_SUBSCRIPTION, *_REST)) and place > synced and not broken:
            what = "subscription" if isinstance(fault, _SUBSCRIPTION) else "snapshot request"
            hint = "put it before `sync`, or add a fault that makes the client recover"
            message = f"no further {what} follows that {kind!r} could strike"
            yield Problem(code="nothing-to-strike", field=field, message=message, hint=hint)


def _updates_follow(fault: specs.MessageFault, field: str, rest: Sequence[model.Step]) -> Iterator[Problem]:
    """Whether enough updates are sent for the fault to strike and, where it is to be noticed, to tell of itself."""
    sent = 0
    told: model.Step | None = None
    for step in rest:
        if isinstance(step, model.Send) and step.symbol == fault.symbol:
            sent += step.count
        elif isinstance(step, (model.Probe, model.Converge, model.Settle, model.Read)):
            told = step
            break
    kind = specs.kind_of(fault)
    wanted = _wants(fault)
    if sent < wanted:
        hint = f"send at least {wanted} before the next step that observes"
        follow = "1 update follows" if sent == 1 else f"{sent} updates follow"
        message = f"{follow} {kind!r}, which takes {wanted}"
        yield Problem(code="too-few-updates", field=field, message=message, hint=hint)
    elif isinstance(fault, specs.Drop) and sent == wanted and isinstance(told, model.Probe):
        hint = f"send {wanted + 1} or more"
        message = "no update follows the lost one before the probe: nobody could know of it"
        yield Problem(code="too-few-updates", field=field, message=message, hint=hint)


def _wants(fault: specs.MessageFault) -> int:
    match fault:
        case specs.Drop() | specs.Edited() | specs.Fragmented():
            return fault.count
        case specs.Duplicate():
            return 1 + fault.later
        case specs.Swap():
            return 2
        case specs.Delay():
            return 1 + fault.by
        case specs.Custom():
            return 1
    raise TypeError(fault)


def _breaks(fault: specs.Fault) -> bool:
    """Whether a client that is in sync must recover, or may."""
    match fault:
        case specs.Drop() | specs.Swap() | specs.Delay() | specs.Close() | specs.Farewell() | specs.BrokenFrame():
            return True
        case specs.Custom():
            return True
        case specs.Stall():
            return fault.lost or fault.scope == "socket"
        case specs.Edited():
            return not is_legal(fault) and fault.edit != "foreign-symbol"
        case _:
            return False


# --- what is expected -----------------------------------------------------------------------------------------------


def _expectations(scenario: model.Scenario) -> Iterator[Problem]:
    script, expect = scenario.script, scenario.expect
    injected = [step.fault for step in script if isinstance(step, model.Inject)]
    if expect.honest and not any(isinstance(step, model.Probe) for step in script):
        hint = "put `probe` after the fault and the updates that tell of it"
        message = "`honest` without a `probe`: nothing observes it"
        yield Problem(code="honest-without-probe", field="expect.honest", message=message, hint=hint)
    if expect.resync == "some" and not injected:
        hint = "put the fault that makes one necessary into the script, or say `resync: any`"
        message = "a recovery is demanded, but nothing goes wrong"
        yield Problem(code="resync-without-fault", field="expect.resync", message=message, hint=hint)
    if expect.resync == "none":
        for fault in injected:
            if _breaks(fault):
                kind = specs.kind_of(fault)
                message = f"no recovery is allowed, but {kind!r} makes one necessary"
                hint = "say `resync: some`, or take the fault out"
                yield Problem(code="resync-forbidden", field="expect.resync", message=message, hint=hint)


# --- dialect by dialect ---------------------------------------------------------------------------------------------


def _dialects(scenario: model.Scenario, dialects: Sequence[Dialect]) -> Iterator[Problem]:
    if not dialects or any(unknown_terms(need) for need in scenario.needs):
        return
    reasons = {dialect.name: applicable(scenario, dialect) for dialect in dialects}
    for place, name in enumerate(scenario.dialects or (), 1):
        if reason := reasons.get(name):
            hint = f"take it out of `dialects`; `bookproof list faults --dialect {name}` shows what it can express"
            message = f"{name} cannot express this: {reason}"
            yield Problem(code="not-expressible", field=f"dialects[{place}]", message=message, hint=hint)
    known = {key for dialect in dialects for key in dialect.rules}
    if all(reasons.values()) and not scenario.dialects and known.intersection(scenario.rules):
        every = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        hint = "`bookproof list faults` shows which dialect can express which fault"
        yield Problem(code="not-expressible", message=f"no dialect can express this ({every})", hint=hint)
    for place, step in enumerate(scenario.script, 1):
        if not isinstance(step, model.Inject):
            continue
        for dialect in dialects:
            if reasons[dialect.name] is not None:
                continue
            secret = _secret(step.fault, dialect.traits, scenario.subscribe.depth)
            if secret is not None and _demands(scenario, place):
                message = f"on {dialect.name} nobody could notice this: {secret}"
                hint = "add what it takes to `needs`"
                yield Problem(code="undetectable", field=f"script[{place}]", message=message, hint=hint)


def _secret(fault: specs.Fault, traits: Traits, depth: int | str | None) -> str | None:
    """Why no client of the dialect could know of the fault; None: it can be known."""
    match fault:
        case specs.Stall() if not fault.lost:
            return None
        case specs.Drop() | specs.Swap() | specs.Delay() | specs.Stall() if not traits.sequence:
            if not traits.checksum:
                return "its updates carry neither sequence nor checksum"
            if isinstance(fault, specs.Stall):
                return None
            deep = fault.shape.kind in ("change", "insert", "delete") and fault.shape.rank >= _CHECKED_RANKS
            if deep or fault.shape.kind == "far":
                return f"it has no sequence, and the checksum covers the best {_CHECKED_RANKS} levels only"
        case specs.Edited(edit="corrupt-level") if not traits.checksum:
            return "the number is well-formed and it has no checksum"
        case _:
            pass
    return None


def _demands(scenario: model.Scenario, place: int) -> bool:
    """Whether anything is asked of the client that takes knowing of the fault at ``place`` (from 1).

    Once a new snapshot comes by the exchange's own doing, the fault is healed and all may be asked again."""
    if scenario.expect.honest or scenario.expect.resync == "some":
        return True
    for step in scenario.script[place:]:
        if isinstance(step, model.Inject | model.Oddity) and isinstance(step.fault, (*_ENDS, specs.Resnapshot)):
            return False
        if isinstance(step, model.Probe | model.Converge | model.Settle):
            return True
    return False
