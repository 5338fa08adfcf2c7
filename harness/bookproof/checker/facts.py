"""What the checker is given besides the evidence: truth, reference, expectations. Plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from bookproof_exchange.dialects.api import Limit
from bookproof_exchange.market import Instrument, Truth


class Admissible(msgspec.Struct, frozen=True, gc=False):
    """A state of the reference: what the ideal client may show from ``position`` on."""

    position: int
    index: int
    """Truth version that it equals; for a state that departs from the truth undetectably, the version it stands for."""
    fingerprint: int
    """Of the reference's whole book (its window already cut)."""
    true: bool = True
    """Whether it equals the truth at ``index`` within the known region."""
    cut: int | None = None
    """The fingerprint cut to `Facts.depth_shown`, for a state that is not true and deeper than what the client shows.
    None: not worked out; observations that only such a state could explain are then not judged."""


class Region(msgspec.Struct, frozen=True):
    """Which prices an epoch knows: at or better than the limit of each side (None: the whole side)."""

    worst_bid: int | None = None
    worst_ask: int | None = None


class Break(msgspec.Struct, frozen=True):
    """The detection point of a chain: the message that the dialect's mandatory detectors reject."""

    position: int
    reason: Literal["gap", "checksum", "closed", "malformed", "snapshot-lost", "superseded"]
    index: int
    """Truth version of the rejected message (its ``last``); for ``closed`` the last good one."""
    rule: str | None = None


class Chain(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which an ideal client may have followed: a snapshot and the unbroken updates after it."""

    symbol: str
    connection: int
    root: int
    """Position of the snapshot (SENT or REST)."""
    snapshot_index: int
    states: Sequence[Admissible]
    region: Region = Region()
    broken: Break | None = None
    """None: healthy to the end of the case. ``superseded``: a newer snapshot took its place on the same connection."""
    depth: int | None = None
    """The feed's window."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One case, for the checker."""

    dialect: str
    truths: Mapping[str, Truth]
    instruments: Mapping[str, Instrument]
    chains: Mapping[str, Sequence[Chain]]
    """By symbol, by root position. From the reference, run on the delivered bytes."""
    depth_shown: int | None
    """Levels a side that the client keeps, as declared; None: all."""
    claims: bool
    pushes: bool
    numbers: Literal["string", "float"]
    atomic_read: bool
    sorted_by_adapter: bool
    notice: float
    """Seconds allowed from a barrier that covers the rejected message to the end of the claim live."""
    rules: Mapping[str, str]
    """For each property that has a rule in this scenario: rule id, e.g. {"S3": "kraken-v2/snapshot-replaces"}."""
    honest: bool = False
    resync: Literal["none", "some", "any"] = "any"
    most_resyncs: int | None = None
    undetectable: bool = False
    """The scenario holds a fault that the ideal client cannot notice."""
    faults_armed: int = 0
    """How many faults the scenario arms (their numbers are distinct in `Struck.fault`); V0 asks that each struck."""
    impossible: tuple[str, ...] = ()
    """Why some of them could not, on the connections that the client chose: the case is then unsupported, not vacuous."""
    sequence_base: Mapping[str, int] = {}
    """By symbol: version i has the venue's sequence number ``base + i``. Empty where the dialect has no sequence: S6 is
    then not judged."""
    fresh_snapshots: bool = False
    """The venue promises that a snapshot is never older than what was sent before: S2 is then a MUST across epochs."""
    stability: Literal["MUST", "SHOULD", "MAY"] = "SHOULD"
    """The level of E2 (no more recoveries once converged)."""
    channels: tuple[str, ...] = ("book",)
    """What the client was told to subscribe to."""
    live: bool = True
    """False: a right client may never get to a live book in this scenario; that it was looked at is enough."""
    await_levels: Mapping[int, Literal["MUST", "SHOULD", "MAY"]] = {}
    """The level of each `await` step, by place; MUST where not named."""
    limits: tuple[Limit, ...] = ()
    """What the venue allows a client to ask of it."""
    backoff: str | None = None
    """The id of the rule that a client has to wait as long as an answer's Retry-After says; None: there is none."""
