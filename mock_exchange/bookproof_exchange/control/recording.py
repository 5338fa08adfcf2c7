"""What was done by hand, as a scenario: the deeds in their order, with the steps around them that make a fair script.

A hand sends, arms and waits as it likes; a script has to begin with `sync`, must send what its faults need to strike, and
look at the client in the end. Whatever a scenario cannot say is left out: what happened before a client was there, what
was sent while none was connected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from bookproof_exchange.dialects.api import Dialect
from bookproof_exchange.faults import specs
from bookproof_exchange.faults.legal import is_legal
from bookproof_exchange.scenario import model
from bookproof_exchange.scenario.problems import Problem
from bookproof_exchange.scenario.shorthand import short_step

#: How much of a stretch in which the market moved by itself goes into the scenario.
MOST_MOVED = 30
#: Longer recordings are no scenario any more.
MOST_DEEDS = 2_000
#: A quiet of so many seconds belongs into a scenario that is run apart.
_SLOW = 10.0

#: What a scenario's id looks like.
ID = r"[a-z0-9]+(-[a-z0-9]+)*(/[a-z0-9]+(-[a-z0-9]+)*)*"

_MESSAGE = (specs.Drop, specs.Duplicate, specs.Swap, specs.Delay, specs.Edited, specs.Fragmented, specs.Custom)
_ENDS = (specs.Close, specs.Farewell, specs.BrokenFrame)
_ASKED = (
    specs.LateAck,
    specs.NoAck,
    specs.RefuseSubscribe,
    specs.NoSnapshot,
    specs.EarlyUpdates,
    specs.LateTail,
    specs.StaleRest,
    specs.AheadRest,
    specs.StraddledRest,
    specs.SlowRest,
    specs.PiecedRest,
    specs.FailingRest,
)


class Did(msgspec.Struct, frozen=True):
    """A step was done, by hand or by a script."""

    step: model.Step


class Skipped(msgspec.Struct, frozen=True):
    """The book moved by so many updates that nobody was told of."""

    count: int


class Moved(msgspec.Struct, frozen=True):
    """The market went its own way for so many updates."""

    count: int


class Joined(msgspec.Struct, frozen=True):
    """A client has subscribed to a book."""


class Released(msgspec.Struct, frozen=True):
    """What was held back was let go."""


Deed = Did | Skipped | Moved | Joined | Released


class Recorder:
    """Keeps the deeds of one sitting, in order."""

    def __init__(self) -> None:
        self.deeds: list[Deed] = []
        self.cut = False
        """Whether there were more than can be kept: the later ones are missing."""

    def add(self, deed: Deed) -> None:
        last = self.deeds[-1] if self.deeds else None
        if isinstance(deed, Moved) and isinstance(last, Moved):
            self.deeds[-1] = Moved(last.count + deed.count)
        elif isinstance(deed, Joined) and isinstance(last, Joined):
            pass
        elif len(self.deeds) >= MOST_DEEDS:
            self.cut = True
        else:
            self.deeds.append(deed)

    def clear(self, *, joined: bool) -> None:
        """Begin anew. ``joined``: a client is subscribed already."""
        self.deeds = [Joined()] if joined else []
        self.cut = False

    @property
    def count(self) -> int:
        """How many things were done by hand or script."""
        return sum(isinstance(deed, Did | Skipped) for deed in self.deeds)


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was done."""

    dialect: Dialect
    market: model.Market
    seed: int
    channels: tuple[str, ...] = ("book",)
    depth: int | None = None


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """What the scenario is to be called."""

    id: str
    title: str
    purpose: str


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """How faithfully the deeds are written down. What a hand may do at any time, a script may not always ask for."""

    holds: bool = True
    """`hold`, `probe` and `read` are written."""
    awaits: bool = True
    """`await` is written."""
    shapes: bool = True
    """What happens in the market is asked for; else it is whatever it is."""
    early: bool = False
    """What waits for a subscription or a snapshot request is armed before the first one."""
    demanding: bool = True
    """The end, and what a script did, asks for a recovered book."""


#: Most faithful first.
_FORMS = tuple(
    Form(holds=holds, awaits=awaits, shapes=shapes, early=early, demanding=demanding)
    for demanding in (True, False)
    for holds, awaits, shapes in ((True, True, True), (True, False, True), (False, False, True), (False, False, False))
    for early in (False, True)
)


def drafts(deeds: Sequence[Deed], setting: Setting, named: Named, rules: tuple[str, ...]) -> Iterator[model.Scenario]:
    """The scenario in every form, the most faithful first: a later one is for where the earlier ask for what cannot be."""
    for form in _FORMS:
        yield _scenario(tuple(_Writer(form).write(deeds)), setting, named, rules)


def rules_for(deeds: Sequence[Deed], known: Iterable[model.Scenario], dialect: Dialect) -> tuple[str, ...]:
    """The rules that the recorded faults test: those of the scenarios with such faults, the most frequent three."""
    kinds = {
        specs.kind_of(deed.step.fault)
        for deed in deeds
        if isinstance(deed, Did) and isinstance(deed.step, model.Inject | model.Oddity)
    } | {"drop" for deed in deeds if isinstance(deed, Skipped)}
    counted: Counter[str] = Counter()
    for scenario in known:
        arms = {specs.kind_of(step.fault) for step in scenario.script if isinstance(step, model.Inject | model.Oddity)}
        if kinds & arms if kinds else not arms:
            counted.update(rule for rule in scenario.rules if rule in dialect.rules)
    found = tuple(rule for rule, _ in counted.most_common(3))
    return found or tuple(dialect.rules)[:1]


def comments(problems: Sequence[Problem], *, cut: bool, left: int = 0) -> str:
    """What `bookproof scenario check` still has to say, as lines for the head of the file.

    ``left``: so many things at the end are left out."""
    lines = ["# Recorded by hand with `bookproof serve --control`."]
    if cut:
        lines.append(f"# Only the first {MOST_DEEDS} things that were done: a scenario is a short script.")
    if left:
        lines.append(
            f"# The last {left} of the things that were done are left out: no client can be asked for all of them."
        )
    lines += [f"# {problem.weight}: {' '.join(str(problem).split())}" for problem in problems]
    return "\n".join(lines) + "\n"


def _scenario(script: tuple[model.Step, ...], setting: Setting, named: Named, rules: tuple[str, ...]) -> model.Scenario:
    depth = setting.depth if setting.depth in setting.dialect.traits.depths else None
    if depth == setting.dialect.traits.default_depth:
        depth = None
    quiet = any(isinstance(step, model.Quiet) and step.seconds >= _SLOW for step in script)
    patient = any(isinstance(step, model.Await) and (step.limit or 0) > 2 * _SLOW for step in script)
    return model.Scenario(
        id=named.id,
        title=named.title,
        purpose=named.purpose,
        rules=rules,
        dialects=(setting.dialect.name,),
        market=setting.market,
        subscribe=model.Subscribe(
            channels=tuple(channel for channel in ("book", "trades") if channel in setting.channels),
            depth=depth,
        ),
        seed=setting.seed,
        slow=quiet or patient,
        script=script,
    )


class _Writer:
    """Writes the script, and knows at every step what a scenario may say there."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._before: list[model.Step] = []
        self._script: list[model.Step] = []
        self._synced = False
        self._away = False
        self._stalled = False
        self._out = False
        self._muted = False
        self._holding = False
        self._faults = False
        self._waiting: list[model.Inject | model.Oddity] = []
        """Message faults: written where the updates that they need follow."""
        self._after_sync: list[model.Inject] = []
        self._needed: dict[int, int] = {}
        """By symbol: so many updates must still follow before anything looks at the client."""
        self._drained: set[int] = set()
        self._moved = 0

    def write(self, deeds: Sequence[Deed]) -> list[model.Step]:
        for deed in deeds:
            match deed:
                case Joined():
                    self._join()
                case Moved(count=count):
                    self._send(model.Send(count=min(count, MOST_MOVED)))
                case Skipped(count=count):
                    if self._synced and not self._away:
                        self._arm(model.Inject(fault=specs.Drop(count=count)))
                        self._send(model.Send(count=count))
                case Released():
                    self._probe()
                case Did(step=step):
                    self._did(step)
        return self._end()

    def _join(self) -> None:
        if not self._synced:
            self._sync()
            return
        self._back()
        self._muted = False

    def _back(self) -> None:
        """Whoever was sent away comes back; nobody can as long as an outage stands."""
        if self._away:
            if self._out:
                self._lift()
            self._observe(model.Converge())
            self._away = self._muted = False

    def _sync(self) -> None:
        self._synced = True
        self._script.append(model.Sync())
        for step in self._after_sync:
            self._arm(step)

    def _did(self, step: model.Step) -> None:
        match step:
            case model.Inject() | model.Oddity():
                self._fault(step)
            case model.Send():
                self._send(step)
            case model.Lift():
                self._lift()
            case model.Quiet():
                if self._synced:
                    self._script.append(step)
            case model.Hold():
                if self._form.holds and self._synced:
                    self._holding = True
                    self._script.append(step)
            case model.Probe():
                self._probe()
            case model.Read():
                if self._synced and not self._away and not self._muted and self._form.holds:
                    self._observe(step)
            case model.Converge() | model.Settle():
                if self._synced and not self._muted and self._form.demanding:
                    if self._out:
                        self._lift()
                    self._observe(step)
                    self._away = False
            case model.Await(what=what):
                if self._synced and self._faults and what != "report" and self._form.awaits:
                    if self._out:
                        self._lift()
                    self._observe(step)
                    if what in ("reconnect", "subscribe"):
                        self._away = self._muted = False
            case model.Sync():
                pass  # it is written when the client has subscribed

    def _fault(self, step: model.Inject | model.Oddity) -> None:
        fault = step.fault
        if isinstance(fault, specs.Edited) or (isinstance(step, model.Oddity) and not is_legal(fault)):
            # an edit may stand in one kind of step only
            step = model.Oddity(fault=fault) if is_legal(fault) else model.Inject(fault=fault)
        if self._synced:
            if self._form.early and isinstance(fault, _ASKED):
                self._before.append(step)
            else:
                self._arm(step)
        elif isinstance(fault, (*_ENDS, specs.Stall, specs.Resnapshot)):
            self._after_sync.append(model.Inject(fault=fault))
        elif isinstance(fault, _MESSAGE):
            self._waiting.append(step)
        else:
            self._before.append(step)

    def _arm(self, step: model.Inject | model.Oddity) -> None:
        fault = step.fault
        if isinstance(fault, _MESSAGE):
            self._waiting.append(step)
            return
        if isinstance(fault, _ENDS):
            self._back()  # it strikes when somebody is there
            self._away = True
        if isinstance(fault, specs.Close) and fault.refuse == "until-lift":
            self._out = True
        if isinstance(fault, specs.Stall):
            self._stalled = True
            self._muted |= fault.scope == "socket"
        self._faults |= isinstance(step, model.Inject)
        self._script.append(step)

    def _send(self, step: model.Send) -> None:
        if not self._form.shapes:
            step = model.Send(count=step.count, symbol=step.symbol, mode=step.mode)
        shape = step.shape.kind
        if not self._synced or (self._away and shape not in ("drain", "refill")):
            return
        if shape == "refill" and step.symbol not in self._drained:
            return
        if shape == "drain":
            self._drained.add(step.symbol)
        self._write_waiting()
        last = self._script[-1] if self._script else None
        if isinstance(last, model.Send) and msgspec.structs.replace(last, count=step.count) == step:
            self._script[-1] = msgspec.structs.replace(last, count=last.count + step.count)
        else:
            self._script.append(step)
        self._needed[step.symbol] = max(0, self._needed.get(step.symbol, 0) - step.count)

    def _write_waiting(self) -> None:
        for step in self._waiting:
            fault = step.fault
            assert isinstance(fault, _MESSAGE)
            if not self._form.shapes:
                step = msgspec.structs.replace(
                    step, fault=msgspec.structs.replace(fault, shape=specs.OnUpdates().shape)
                )
            self._script.append(step)
            self._faults |= isinstance(step, model.Inject)
            # the next update after it tells of a lost one
            self._needed[fault.symbol] = max(self._needed.get(fault.symbol, 0), _wants(fault) + 1)
        self._waiting.clear()

    def _lift(self) -> None:
        if self._stalled or self._out:
            self._script.append(model.Lift())
            self._stalled = self._muted = self._out = False

    def _probe(self) -> None:
        if self._faults and self._synced and not self._away and not self._muted and self._form.holds:
            self._observe(model.Probe())
            self._holding = False

    def _observe(self, step: model.Step) -> None:
        """A step that looks at the client, after the updates that the faults before it need."""
        if not self._away:
            for symbol, count in self._needed.items():
                if count:
                    self._script.append(model.Send(count=count, symbol=symbol))
            self._needed.clear()
        if isinstance(step, model.Converge) and self._holding:
            self._holding = False
            self._script = [made for made in self._script if not isinstance(made, model.Hold)]
        if not self._script or self._script[-1] != step:
            self._script.append(step)

    def _end(self) -> list[model.Step]:
        if not self._synced:
            self._sync()
        self._lift()
        self._back()
        if any(isinstance(made, model.Send) for made in self._script):
            self._write_waiting()
        else:
            self._send(model.Send(count=5))
        if self._holding:
            self._script = [made for made in self._script if not isinstance(made, model.Hold)]
        if self._form.demanding:
            if not isinstance(self._script[-1], model.Converge | model.Settle):
                self._observe(model.Converge())
            if not isinstance(self._script[-1], model.Settle):
                self._observe(model.Settle())
        else:
            self._observe(model.Read())
        return [*self._before, *self._script]


def _wants(fault: specs.MessageFault) -> int:
    """How many updates it takes until the fault has done all that it does."""
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


def words(step: model.Step) -> str:
    """A step in a line, as a scenario file says it."""
    match short_step(step):
        case {**named}:
            ((name, value),) = named.items()
            return f"{name} {_flat(value)}"
        case plain:
            return str(plain)


def _flat(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
