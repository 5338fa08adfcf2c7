"""The log: the newest evidence of a served exchange. It may run for days, so the oldest goes, by count and by size."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from bookproof_exchange import evidence
from bookproof_exchange.evidence import Evidence

#: So many records are kept at most, and so many bytes of payload.
MOST_RECORDS = 20_000
MOST_BYTES = 64 << 20
#: A record's own size, about.
_EACH = 200


class Log:
    """Reads an exchange's evidence as it grows, and takes the oldest away. Positions stay what they are."""

    def __init__(self, records: list[Evidence], *, most: int = MOST_RECORDS, most_bytes: int = MOST_BYTES) -> None:
        """``records``: the exchange's own list, to which it appends."""
        self._records = records
        self._most = most
        self._most_bytes = most_bytes
        self._sizes: deque[int] = deque()
        self._bytes = 0
        self.seen: Callable[[Evidence], None] = lambda record: None
        """Told of every record, once, in order."""

    @property
    def first(self) -> int:
        """The position of the oldest record kept; of the next one where there is none."""
        return self._records[0].position if self._records else self.last + 1

    @property
    def last(self) -> int:
        """The position of the newest record; 0: there never was one."""
        return self._records[-1].position if self._records else 0

    def take_in(self) -> None:
        """Look at what is new, and let go of what is too old."""
        records = self._records
        for at in range(len(self._sizes), len(records)):
            size = _EACH + _payload(records[at])
            self._sizes.append(size)
            self._bytes += size
            self.seen(records[at])
        if len(records) > self._most or self._bytes > self._most_bytes:
            self._forget()

    def after(self, position: int, most: int) -> Sequence[Evidence]:
        """The oldest records after a position, ``most`` of them."""
        at = max(0, position + 1 - self.first)
        return self._records[at : at + most]

    def _forget(self) -> None:
        """More than need be, so that it is not done for every record; the newest stays."""
        count = 0
        while count < len(self._sizes) - 1 and (
            len(self._sizes) - count > self._most * 9 // 10 or self._bytes > self._most_bytes * 9 // 10
        ):
            self._bytes -= self._sizes[count]
            count += 1
        for _ in range(count):
            self._sizes.popleft()
        del self._records[:count]


def _payload(record: Evidence) -> int:
    match record:
        case evidence.Sent(message=message):
            return len(message.payload) + 100 * len(message.changes)
        case evidence.Received(payload=payload):
            return len(payload)
        case evidence.Rest(request=request, answer=answer):
            return len(request.body) + (0 if answer is None else len(answer.body))
        case evidence.Asked(request=request):
            return len(request.body)
        case _:
            return 0
