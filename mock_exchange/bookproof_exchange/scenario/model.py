"""A scenario as a frozen value. The file format is this, in YAML: see docs/scenarios.md and schemas/scenario.v1.json.

In a file a step is a mapping with one key, its name: ``- send: {count: 10}``; ``- send: 10`` is short for it, and a
step without parameters may be just its name: ``- probe``. All short forms: `scenario.shorthand`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from bookproof_exchange.faults.specs import Fault
from bookproof_exchange.market.events import Shape
from bookproof_exchange.market.truth import Profile


class StepBase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="step"):
    """The base of all steps."""


class Sync(StepBase, frozen=True, kw_only=True, tag="sync"):
    """Wait until the client has subscribed and shows the present book, live.

    ``lead``: updates sent right after a subscription (only where snapshots come by REST). Then the stream flows,
    one update at a time, until the client is there; the step fails after the limit `sync`."""

    lead: int = 3
    """Updates sent right after a subscription; only where snapshots come by REST."""


class Send(StepBase, frozen=True, kw_only=True, tag="send"):
    """Send the next ``count`` updates. ``mode``: ``burst`` all at once, ``each`` one write each,
    ``bytes`` the same bytes split into single-byte writes at frame heads."""

    count: int = 1
    """How many updates. An update of a dialect may cover several changes of the market."""
    shape: Shape = Shape()
    """What the first of them changes; the others bring what they bring."""
    symbol: int = 1
    """Which symbol of the scenario, from 1."""
    mode: Literal["burst", "each", "bytes"] = "burst"
    """How they are written: ``burst`` all in one write, ``each`` one write each, ``bytes`` cut into tiny writes."""


class Inject(StepBase, frozen=True, kw_only=True, tag="fault"):
    """Arm a fault (a stream or connection fault strikes now)."""

    fault: Fault
    """The kind, or a mapping with the kind and its parameters."""


class Oddity(StepBase, frozen=True, kw_only=True, tag="oddity"):
    """Arm a legal oddity: something unusual that the venue may do and that a client must take without alarm."""

    fault: Fault
    """The kind, or a mapping with the kind and its parameters."""


class Read(StepBase, frozen=True, kw_only=True, tag="read"):
    """Prove by a ping that everything was read, then ask the client for its state and judge it."""

    symbol: int = 1
    """Which symbol of the scenario, from 1."""


class Hold(StepBase, frozen=True, kw_only=True, tag="hold"):
    """From now on keep back what a recovering client waits for (handshake, acknowledgement, snapshot)."""


class Probe(StepBase, frozen=True, kw_only=True, tag="probe"):
    """After a fault: barrier, read, then let go what was held back. Proves what the client shows between the tell and
    its recovery. Holding begins by itself when a fault strikes."""


class Converge(StepBase, frozen=True, kw_only=True, tag="converge"):
    """E1: the stream goes on until the client shows a right, live book at or beyond this point, within the limit.

    ``during``: updates sent at once, while the client recovers."""

    during: int = 3
    """Updates sent at once, while the client recovers."""
    limit: Literal["converge", "sync"] = "converge"
    """Which limit holds: ``converge`` or, where the client really starts up again, ``sync``."""


class Settle(StepBase, frozen=True, kw_only=True, tag="settle"):
    """E3: the exchange is quiet; the client must show exactly the last state, within the limit."""


class Lift(StepBase, frozen=True, kw_only=True, tag="lift"):
    """End every standing fault (a stall, an outage)."""


class Quiet(StepBase, frozen=True, kw_only=True, tag="quiet"):
    """Send no data for so many seconds (times the time scale); heartbeats and pings go on."""

    seconds: float = 3.0
    """Seconds, times the time scale."""


class Await(StepBase, frozen=True, kw_only=True, tag="await"):
    """Wait for something that the client must do. ``limit``: seconds, for what takes the client a timer of its own."""

    what: Literal["reconnect", "subscribe", "unsubscribe", "snapshot-request", "report"]
    """What the client must do, after the last fault struck."""
    limit: float | None = None
    """Seconds; null: 15, times the time scale. For what takes the client a timer of its own."""
    level: Literal["MUST", "SHOULD", "MAY"] = "MUST"
    """How binding it is: MUST fails, SHOULD warns, MAY is only noted."""


Step = Sync | Send | Inject | Oddity | Read | Hold | Probe | Converge | Settle | Lift | Quiet | Await


class Market(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The market: how lively, how many price levels a side at the start, how many symbols."""

    profile: Profile = "busy"
    """How lively: ``calm``, ``busy``; ``thin``: at most 12 levels; ``deep``: for thousands; ``one-sided``: a side is empty
    at times; ``load``: small changes, for speed."""
    levels: int = 40
    """Price levels a side at the start."""
    symbols: int = 1
    """How many symbols: the first so many of the dialect."""


class Subscribe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the client is told to subscribe to.

    ``depth`` null: the dialect's default; ``least``, ``most``: of its list."""

    channels: tuple[Literal["book", "trades"], ...] = ("book",)
    """The channels, all for every symbol."""
    depth: int | Literal["least", "most"] | None = None
    """Levels a side; ``least``, ``most``: of what the dialect offers; null: its default."""


class Expect(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is judged beyond the safety properties, which always are, and the steps' own.

    ``resync``: what the client does at the exchange after it was in sync (subscribe again, fetch a snapshot,
    reconnect): ``none``: nothing (E6, no false alarm); ``some``: at least once; ``any``: not judged.
    ``honest``: S4 is the point of the scenario (a probe must have observed the client between tell and recovery).
    ``most_resyncs``: E2/E5, no more than so many recoveries a fault.
    ``live``: false where a right client may never get to a live book (a refused subscription): then a script needs no
    `sync`, and it is enough that the client was looked at."""

    resync: Literal["none", "some", "any"] = "any"
    """Recoveries at the exchange after the client was in sync: ``none``, ``some`` (at least one), ``any`` (not judged)."""
    honest: bool = False
    """A probe must have observed the client between the tell and its recovery, and it must not say live then."""
    most_resyncs: int | None = 3
    """Recoveries a fault, at most; null: not judged."""
    live: bool = True
    """Whether a right client gets to a live book at all."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One behaviour of the exchange, for every dialect that can express it."""

    id: str
    """``book/gap/single``: stable, never reused with another meaning."""
    title: str
    """What happens, in a few words."""
    purpose: str
    """What a client must do then, and what goes wrong in real ones."""
    rules: tuple[str, ...]
    """Keys of the rules tested; the dialect has the citation."""
    needs: tuple[str, ...] = ()
    """What a dialect must be able to do: ``sequence``, ``checksum``, ``sequence|checksum``, ``windowed``,
    ``snapshot:rest``, ``snapshot:stream``, ``edit:KIND``, ``channel:trades``, ``farewell``, ``depth-choice``."""
    dialects: tuple[str, ...] | None = None
    """Only these; None: all that fulfil ``needs``."""
    capture: str | None = None
    """A recording beside this file, made by ``bookproof scenario import``: the market is what was recorded, and is sent
    again to the byte where no fault strikes. Of ``market`` only ``symbols`` counts then."""
    market: Market = Market()
    """The market that the exchange plays."""
    subscribe: Subscribe = Subscribe()
    """What the client is told to subscribe to."""
    seed: int = 1
    """Of the market and of everything that is drawn; the same seed sends the same bytes."""
    slow: bool = False
    """Rests on a client's own timers of many seconds: run apart."""
    script: tuple[Step, ...]
    """The steps, one after the other."""
    expect: Expect = Expect()
    """What is judged beyond the safety properties."""
    tags: tuple[str, ...] = ()
    """For selections in pytest: `-m TAG`."""
