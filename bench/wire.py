"""One connection: a scripted burst against the limit and against websockets.asyncio."""

from __future__ import annotations

from report import Gate, Group
from senders import by_bookproof, by_sendall, by_websockets, tape_script, write_script

from bookproof_exchange.dialects.api import Frame
from bookproof_exchange.server.tape import Tape

#: So many different messages, again and again: making them takes longer than sending them.
_DISTINCT = 4000
_PRICES = [f"{100_000 + number}.{number % 100:02d}" for number in range(1000)]


def update(number: int, size: int) -> bytes:
    """A message in the shape of a depth update, exactly ``size`` bytes long."""
    head = f'{{"e":"depthUpdate","E":{1_780_000_000_000 + number},"s":"BTCUSDT","U":{number},"u":{number + 3},"b":['
    rows: list[str] = []
    length = len(head) + 20
    while length + 28 < size:
        row = f'["{_PRICES[(number + len(rows)) % 1000]}","0.{number % 1_000_000:06d}"]'
        rows.append(row)
        length += len(row) + 1
    text = head + ",".join(rows) + '],"a":[]}'
    return (text[:-1] + f',"x":"{"0" * (size - len(text) - 7)}"' + "}").encode()


class Stream:
    """One stream in all the forms that the senders want."""

    def __init__(self, size: int, count: int, few: int) -> None:
        distinct = [update(number, size) for number in range(_DISTINCT)]
        payloads = (distinct * (count // _DISTINCT + 1))[:count]
        self.tape = Tape.record(Frame(payload) for payload in payloads)
        self.frames = tuple(Frame(payload) for payload in payloads[: count // 4])
        self.texts = [payload.decode() for payload in payloads[:few]]
        self.data = bytes(self.tape.spans()[0])
        self.few = few
        self.frame_size = len(self.data) // count
        if any(len(payload) != size for payload in distinct):
            raise AssertionError("the bench's messages are not of one size")

    def verify(self) -> None:
        """That what is counted in bytes below really are whole frames, in this number."""
        tape = self.tape.between(0, 20_000)
        _, said = by_bookproof(tape_script(tape), 1, tape.size(), "frames")
        if int(said) != len(tape):
            raise AssertionError(f"{len(tape)} frames sent, {int(said)} received")

    def raw(self) -> float:
        """Messages a second by plain sendall."""
        return len(self.tape) / by_sendall(self.data)

    def played(self) -> float:
        """Messages a second from a tape."""
        return len(self.tape) / by_bookproof(tape_script(self.tape), 1, len(self.data))[0]

    def written(self) -> float:
        """Messages a second by a Write of frames."""
        count = len(self.frames)
        return count / by_bookproof(write_script(self.frames, 1), 1, count * self.frame_size)[0]

    def websockets(self) -> float:
        """Messages a second by websockets.asyncio."""
        return self.few / by_websockets(self.texts, 1, self.few * self.frame_size)


def _short(stream: Stream) -> dict[str, float]:
    raw, played, written, theirs = stream.raw(), stream.played(), stream.written(), stream.websockets()
    return {
        "250 B, tape / sendall of the same bytes": played / raw,
        "250 B, tape / websockets.asyncio": played / theirs,
        "250 B, frames written / websockets.asyncio": written / theirs,
    }


def _long(stream: Stream) -> dict[str, float]:
    raw, played, theirs = stream.raw(), stream.played(), stream.websockets()
    return {
        "2 KB, tape / sendall of the same bytes": played / raw,
        "2 KB, tape / websockets.asyncio": played / theirs,
    }


def groups() -> list[Group]:
    short, long = Stream(250, 800_000, 20_000), Stream(2048, 100_000, 10_000)
    for stream in (short, long):
        stream.verify()
    return [
        Group(
            [
                Gate("250 B, tape / sendall of the same bytes", 0.4),
                Gate("250 B, tape / websockets.asyncio", 30),
                Gate("250 B, frames written / websockets.asyncio", 20),
            ],
            lambda: _short(short),
        ),
        Group(
            [Gate("2 KB, tape / sendall of the same bytes", 0.4), Gate("2 KB, tape / websockets.asyncio", 5)],
            lambda: _long(long),
        ),
    ]
