"""Which part of a recording is replayed: an unbroken stretch of each symbol, and the answers to the recorded client. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bookproof_exchange.capture import precision
from bookproof_exchange.capture.blank import Blank
from bookproof_exchange.capture.rebuild import Rebuilt, handshake
from bookproof_exchange.capture.recording import Opened, Recording, Said
from bookproof_exchange.capture.stage import Recorded
from bookproof_exchange.capture.stretch import Stretch
from bookproof_exchange.dialects.api import Acked, Beat, Dialect, Frame
from bookproof_exchange.errors import UsageError


def choose(rebuilt: Rebuilt, name: str, number: int | None = None) -> tuple[Stretch, ...]:
    """A stretch of every symbol: of the first the one with this ``number`` (from 1; None: the longest), of the others those
    that overlap it most, all cut where the first of them is broken off. UsageError where a symbol has none."""
    symbols = list(rebuilt.stretches)
    chosen: list[Stretch] = []
    for symbol in symbols:
        stretches = [stretch for stretch in rebuilt.stretches[symbol] if stretch.updates]
        if not stretches:
            raise _none(rebuilt, symbol, name)
        if chosen:
            primary = chosen[0]
            best = max(stretches, key=lambda stretch: _overlap(primary, stretch))
            if _overlap(primary, best) <= 0:
                raise UsageError(
                    f"{name}: expected {primary.symbol} and {symbol} side by side, found no moment at which both are whole",
                    hint="import them one by one, with --symbol",
                )
            chosen.append(best)
        elif number is None:
            chosen.append(max(stretches, key=lambda stretch: stretch.updates))
        elif 1 <= number <= len(stretches):
            chosen.append(stretches[number - 1])
        else:
            raise UsageError(f"{name}: expected a stretch from 1 to {len(stretches)} of {symbol}, found {number}")
    end = min(stretch.until for stretch in chosen)
    return tuple(cut(stretch, end) for stretch in chosen)


def _overlap(one: Stretch, other: Stretch) -> int:
    return min(one.end, other.end) - max(one.order, other.order)


def _none(rebuilt: Rebuilt, symbol: str, name: str) -> UsageError:
    hole = next((hole for hole in rebuilt.holes if hole.symbol == symbol), None)
    why = (
        "no snapshot that they could follow" if hole is None else f"no whole stretch: {hole.place.line}: {hole.reason}"
    )
    return UsageError(
        f"{name}: expected a snapshot of {symbol} and updates after it, found {rebuilt.unused[symbol]} updates and {why}",
        hint="record from before the subscription on, with the snapshot request where it is by REST",
    )


def cut(stretch: Stretch, end: int) -> Stretch:
    """Without what was recorded after the place ``end``."""
    steps = tuple(step for step in stretch.steps if step.order <= end)
    last = steps[-1].last if steps else 0
    return msgspec.structs.replace(
        stretch,
        steps=steps,
        events=stretch.events[:last],
        sequences=stretch.sequences[: last + 1],
        answers=tuple(answer for answer in stretch.answers if answer.index <= last and answer.steps <= len(steps)),
    )


def recorded(recording: Recording, dialect: Dialect, stretches: Sequence[Stretch], name: str) -> Recorded:
    """Everything that a replay needs."""
    welcome, answered = _replies(recording, dialect, stretches[0])
    replies: dict[bytes, tuple[Frame, ...]] = {}
    for asked, answers in answered:
        replies.setdefault(asked, tuple(frame for _, frame in answers))
    return Recorded(
        name=name,
        dialect=dialect.name,
        stretches=tuple(stretches),
        welcome=tuple(frame for _, frame in welcome),
        replies=replies,
    )


def trimmed(recording: Recording, dialect: Dialect, stretches: Sequence[Stretch]) -> Recording:
    """A recording of the stretches alone, with what the recorded client said and was answered on their connections."""
    connections = {stretch.connection for stretch in stretches}
    welcome, answered = _replies(recording, dialect, stretches[0])
    kept = {order for order, _ in welcome} | {order for _, answers in answered for order, _ in answers}
    for stretch in stretches:
        kept.update(step.order for step in stretch.steps)
        kept.update(answer.order for answer in stretch.answers)
        if stretch.snapshot is not None:
            kept.add(stretch.order)
    last = max(kept)
    for order, entry in enumerate(recording.entries[:last]):
        match entry:
            case Opened(connection=connection) | Said(connection=connection, by="client") if connection in connections:
                kept.add(order)
            case _:
                pass
    return Recording(
        entries=tuple(entry for order, entry in enumerate(recording.entries) if order in kept),
        dialect=dialect.name,
        instruments=tuple(stretch.instrument for stretch in stretches),
        depths={stretch.symbol: stretch.depth for stretch in stretches if stretch.depth is not None},
    )


_Ordered = tuple[int, Frame]
"""A message, with its place in the recording."""


def _replies(
    recording: Recording, dialect: Dialect, stretch: Stretch
) -> tuple[Sequence[_Ordered], Sequence[tuple[bytes, Sequence[_Ordered]]]]:
    """What the venue answered on the stretch's connection: to the handshake, and to each frame of the client, as many
    messages as the dialect's session answers, in the order in which they came."""
    instruments = {each.symbol: each for each in recording.instruments} or {stretch.symbol: stretch.instrument}
    session = dialect.session(handshake(recording, stretch.connection), Blank(instruments))
    beats = {message.payload for message in session.heartbeat()}
    awaited: list[tuple[bytes | None, int, list[_Ordered]]] = [(None, len(session.open().messages), [])]
    anything = precision.AnySymbol()
    for order, entry in enumerate(recording.entries):
        if not isinstance(entry, Said) or entry.connection != stretch.connection:
            continue
        if entry.by == "client":
            awaited.append((entry.frame.payload, len(session.receive(entry.frame).messages), []))
            beats |= {message.payload for message in session.heartbeat()}
        elif entry.frame.payload not in beats and all(
            isinstance(item, Acked | Beat) for item in dialect.ideal.decode(entry.frame, anything)
        ):
            for _, count, got in awaited:
                if len(got) < count:
                    got.append((order, entry.frame))
                    break
    answered = [(asked, got) for asked, count, got in awaited[1:] if asked is not None and len(got) == count]
    return awaited[0][2], answered
