"""A book message taken apart, as text, so that an edit can change one thing and leave every other byte as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from bookproof_exchange.dialects.api import Kind, Message
from bookproof_exchange.market import Change, Side

_BOOK = re.compile(
    r'(?P<head>\{"channel":"book",.*"bids":)\[(?P<bids>[^\]]*)\],"asks":\[(?P<asks>[^\]]*)\]'
    r',"checksum":(?P<checksum>\d+)(?P<tail>,"timestamp":"[^"]*".*\})'
)


class Row(msgspec.Struct, frozen=True):
    """A level with its JSON text."""

    change: Change
    text: str


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """``head [bids] , asks [asks] , checksum, tail``."""

    head: str
    bids: tuple[Row, ...]
    asks: tuple[Row, ...]
    checksum: int
    tail: str

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows in wire order."""
        return self.bids + self.asks

    def side(self, side: Side) -> tuple[Row, ...]:
        return self.bids if side is Side.BID else self.asks

    def with_side(self, side: Side, rows: Sequence[Row]) -> Parts:
        """The same message with other rows on one side."""
        if side is Side.BID:
            return msgspec.structs.replace(self, bids=tuple(rows))
        return msgspec.structs.replace(self, asks=tuple(rows))

    def payload(self) -> bytes:
        bids = ",".join(row.text for row in self.bids)
        asks = ",".join(row.text for row in self.asks)
        return f'{self.head}[{bids}],"asks":[{asks}],"checksum":{self.checksum}{self.tail}'.encode()


def dissect(message: Message) -> Parts | None:
    """The parts of a book message; None where it is no (whole) book message."""
    if message.kind not in (Kind.SNAPSHOT, Kind.UPDATE):
        return None
    found = _BOOK.fullmatch(message.payload.decode("utf-8", "replace"))
    if found is None:
        return None
    texts = [*_split(found["bids"]), *_split(found["asks"])]
    if len(texts) != len(message.changes):
        return None
    rows = [Row(change, text) for change, text in zip(message.changes, texts, strict=True)]
    return Parts(
        head=found["head"],
        bids=tuple(row for row in rows if row.change.side is Side.BID),
        asks=tuple(row for row in rows if row.change.side is Side.ASK),
        checksum=int(found["checksum"]),
        tail=found["tail"],
    )


def _split(rows: str) -> list[str]:
    return [f"{{{text}}}" for text in rows[1:-1].split("},{")] if rows else []
