"""One WebSocket connection, from its handshake request to its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import trio
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode
from websockets.protocol import State

from bookproof_exchange.dialects.api import Frame, HttpRequest
from bookproof_exchange.script.actions import Action, HangUp, Host, Write, WriteOdd
from bookproof_exchange.server import frames, odd
from bookproof_exchange.server.handshake import Handshake
from bookproof_exchange.server.outbox import SPLIT, Batch, Ending, Item, Outbox, Slice, Split
from bookproof_exchange.server.tape import Tape
from bookproof_exchange.server.wire import CHUNK, GONE, Wire

#: While so many items wait to be written, nothing more is read from a client whose requests fill the queue.
_BACKLOG = 1024
#: After these many bytes of a frame a pause follows in the mode ``bytes``, so that the client really meets a lone
#: opcode, a header without its length, and a header without payload.
_PAUSES = frozenset({1, 2, 4})
_PAUSE = 0.0005


class Hub(Protocol):
    """What a connection needs of the server."""

    @property
    def host(self) -> Host: ...

    @property
    def linger(self) -> float:
        """Seconds for a peer to do its part of an end."""
        ...

    @property
    def sharing(self) -> frames.Sharing: ...

    def settle(self, actions: Sequence[Action]) -> None:
        """After a call into the host: perform what it wants, then tell that something changed."""
        ...

    def ready(self, connection: Connection) -> None:
        """A connection on a direct wire has something to send."""
        ...

    def forget(self, connection: Connection) -> None:
        """It is gone."""
        ...


class Connection:
    """Owned by one task (`run`), which reads. Writing is done by whoever finds something to write: the server's
    pump as long as the peer takes it at once, else a task that lives until the outbox is empty. So an idle connection
    costs one waiting task, and a slow reader stops nobody else."""

    __slots__ = (
        "_broken",
        "_by_us",
        "_early",
        "_ended",
        "_handshake",
        "_hub",
        "_muted",
        "_nursery",
        "_parts",
        "_protocol",
        "_reported",
        "_request",
        "_room",
        "_scope",
        "_state",
        "_text",
        "_writing",
        "number",
        "outbox",
        "wire",
    )

    def __init__(
        self, hub: Hub, number: int, wire: Wire, request: HttpRequest, handshake: Handshake, early: bytes
    ) -> None:
        """``early``: what came behind the handshake's request already."""
        self.number = number
        self.wire = wire
        self.outbox = Outbox(hub.sharing)
        self._hub = hub
        self._request: HttpRequest | None = request
        self._handshake: Handshake | None = handshake
        self._protocol = handshake.protocol()
        self._early = early
        self._state: Literal["held", "open", "ending", "gone"] = "held"
        self._muted = False
        self._by_us: HangUp | None = None
        self._reported = False
        self._ended = False
        self._broken = False
        self._parts: list[bytes] = []
        self._text = False
        self._writing = False
        self._room: trio.Event | None = None
        self._scope: trio.CancelScope | None = None
        self._nursery: trio.Nursery | None = None

    # --- the task ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """From the handshake request to the end; returns when the wire is closed. Raises only what the host raises."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._scope = nursery.cancel_scope
                try:
                    self._arrive()
                    await self._read()
                    self._scope.deadline = min(self._scope.deadline, trio.current_time() + self._hub.linger)
                    await self.drained()
                finally:
                    self._nursery = None  # it takes no new tasks once its block is left
                nursery.cancel_scope.cancel()
            self._gone("eof")
        except BaseException:
            self._forget()
            await self.wire.close()
            raise
        self._forget()
        await self.wire.finish(self._hub.linger)

    def _arrive(self) -> None:
        request, self._request = self._request, None
        if request is not None:
            self._settle(self._hub.host.arrived(self.number, request))

    def _forget(self) -> None:
        self._state = "gone"
        self._scope = None
        self.outbox.clear()
        self._hub.forget(self)

    async def _read(self) -> None:
        receive = self.wire.receive
        while True:
            try:
                data = await receive()
            except GONE:
                self._lost()
                self._gone("reset")
                return
            if not data:
                break
            if self._ended:
                continue
            before = len(self.outbox)
            self._feed(data)
            if before < len(self.outbox) > _BACKLOG:
                self._room = trio.Event()
                await self._room.wait()
        if self._state == "open" or self._state == "held" or self._broken:
            # The peer left without a close frame: whatever is still unsent has no reader. If a write met the reset
            # first, the kernel shows the reader a mere end.
            self._lost()
            self._gone("reset" if self._broken else "eof")
        elif self._by_us is not None:
            self._gone("eof")

    # --- from the client -----------------------------------------------------------------------------------------

    def _feed(self, data: bytes) -> None:
        if self._state == "held":
            # Too early, but legal to buffer; a client that goes on and on is cut off.
            self._early += data
            if len(self._early) > CHUNK:
                self._early = b""
                self._end(Ending("rst", told=False))
            return
        protocol = self._protocol
        if protocol.state is State.CLOSED:
            return
        protocol.receive_data(data)
        for event in protocol.events_received():
            self._event(event.opcode, bytes(event.data), event.fin)  # type: ignore[union-attr]
            if protocol.parser_exc is not None and self._reported:
                break
        self._after()

    def _event(self, opcode: Opcode, data: bytes, fin: bool) -> None:
        host = self._hub.host
        if self._reported:
            return
        if self._by_us is not None and opcode is not Opcode.CLOSE and opcode is not Opcode.PONG:
            return  # whoever hung up does not listen any more
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY or opcode is Opcode.CONT:
            if opcode is not Opcode.CONT:
                self._text = opcode is Opcode.TEXT
            if not fin:
                self._parts.append(data)
                return
            if self._parts:
                data = b"".join((*self._parts, data))
                self._parts = []
            if self._text and not _is_utf8(data):
                self._protocol.fail(1007, "invalid UTF-8")
                self._violated()
                return
            self._settle(host.received(self.number, Frame(data, not self._text)))
        elif opcode is Opcode.PING:
            if not self._muted and self._state == "open":
                self._put(frames.control(frames.PONG, data))
            self._settle(host.pinged(self.number))
        elif opcode is Opcode.PONG:
            self._settle(host.ponged(self.number, data))
        elif opcode is Opcode.CLOSE:
            self._closing(data)

    def _closing(self, data: bytes) -> None:
        """The client's close frame: the answer to ours, or to be echoed."""
        if self._state == "open":
            if not self._muted:
                self._put(frames.control(frames.CLOSE, data))
                self._end(Ending("fin", told=False))
            self._state = "ending"
        elif self._by_us is not None and self._by_us.how == "close":
            self._put(Ending("fin", told=False))
        self._gone("close")

    def _after(self) -> None:
        """What the protocol itself decided while it read: here, that the client broke it."""
        self._protocol.data_to_send()  # pongs and close frames are written above, in their place
        if self._protocol.parser_exc is not None and not self._reported:
            self._violated()

    def _violated(self) -> None:
        sent = self._protocol.close_sent
        self._protocol.data_to_send()
        if self._state == "open" and not self._muted and sent is not None:
            self._put(frames.close(sent.code, sent.reason))
        self._gone("protocol-error")
        self._end(Ending("fin", told=False))

    # --- from the exchange ---------------------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        """Whether data may still be queued."""
        return self._state == "open" and not self._muted

    def admit(self) -> None:
        """Complete the handshake."""
        if self._state != "held" or self._handshake is None:
            return
        handshake, self._handshake = self._handshake, None
        for extension in handshake.extensions:
            if isinstance(extension, PerMessageDeflate):
                self.outbox.window = extension.local_max_window_bits
        self._state = "open"
        self._put(handshake.answer)
        self._settle(self._hub.host.opened(self.number))
        if self._early:
            early, self._early = self._early, b""
            self._feed(early)

    def refuse(self, answer: bytes) -> None:
        """Answer the handshake with an HTTP error, and end."""
        if self._state != "held":
            return
        self._handshake = None
        self._reported = True
        self._put(answer)
        self._end(Ending("fin", told=False))

    def write(self, action: Write) -> None:
        if self._state != "open" or self._muted or not action.frames:
            return
        match action.mode:
            case "burst":
                self._put(Batch(action.frames, each=False))
            case "each":
                self._put(Batch(action.frames, each=True))
            case "bytes":
                self._put(Split(action.frames))

    def write_odd(self, action: WriteOdd) -> None:
        if self._state != "open" or self._muted:
            return
        self._put(odd.encode(action.frame, action.form, self.outbox.window))

    def play(self, tape: Tape, first: int, last: int) -> None:
        """Send messages ``first``..``last`` - 1 of a tape; compressed, where the connection is."""
        if self._state == "open" and not self._muted:
            if self.outbox.window:
                tape = tape.compressed(self.outbox.window)
            for span in tape.spans(first, last):
                self._put(Slice(span))

    def ping(self, payload: bytes) -> None:
        if self._state == "open" and not self._muted:
            self._put(frames.control(frames.PING, payload))

    def mute(self, on: bool) -> None:
        self._muted = on

    def hang_up(self, action: HangUp) -> None:
        """Also a muted connection is ended in the way asked for."""
        if self._state not in ("held", "open"):
            return
        self._by_us = action
        if self._state == "held":
            self._end(Ending("rst" if action.how == "rst" else "fin", told=True))
            return
        match action.how:
            case "close" if action.code != 1006:
                self._protocol.send_close()
                self._protocol.data_to_send()
                self._put(frames.close(action.code, action.reason))
                self._state = "ending"
                self._limit()
            case "close" | "fin":
                # 1006 stands for an end without a close frame (RFC 6455, 7.4.1).
                self._end(Ending("fin", told=True))
            case "rst":
                self._end(Ending("rst", told=True))
            case "mid-frame":
                frame = frames.encode(action.half or Frame(b"{}"), self.outbox.window)
                self._put(frame[: max(1, len(frame) // 2)])
                self._end(Ending("fin", told=True))

    async def drained(self) -> None:
        """Returns when everything queued so far was handed to the kernel, or given up."""
        if self.outbox:
            event = trio.Event()
            self._put(event)
            await event.wait()

    # --- the end -------------------------------------------------------------------------------------------------

    def _end(self, ending: Ending) -> None:
        self._put(ending)
        self._state = "ending"
        self._limit()

    def _limit(self) -> None:
        """From now on the peer has a bounded time without progress."""
        if self._scope is not None:
            self._scope.deadline = trio.current_time() + self._hub.linger

    def _lost(self) -> None:
        """The peer takes nothing any more."""
        self.outbox.clear()
        if self._state != "gone":
            self._state = "ending"
        self._made_room()

    def _gone(self, how: Literal["close", "eof", "reset", "protocol-error"]) -> None:
        """Report the end, once."""
        if self._reported:
            return
        self._reported = True
        ours = self._by_us
        received = self._protocol.close_rcvd
        by: Literal["client", "exchange"]
        if ours is not None:
            by = "exchange"
            code = ours.code if ours.how == "close" else None
            if ours.how == "close":
                how = "close"
        elif how == "protocol-error":
            by = "exchange"
            sent = self._protocol.close_sent
            code = None if sent is None else int(sent.code)
        else:
            by = "client"
            code = int(received.code) if how == "close" and received is not None else None
        self._settle(self._hub.host.closed(self.number, by, code, how))

    # --- writing -------------------------------------------------------------------------------------------------

    def _put(self, item: Item) -> None:
        self.outbox.put(item)
        if not self._writing and self._nursery is not None:
            self._writing = True
            if self.wire.direct:
                self._hub.ready(self)
            else:
                self._nursery.start_soon(self._write)

    def turn(self) -> int:
        """Send what the kernel takes at once, at most one chunk; returns how many bytes. Called by the pump."""
        nursery = self._nursery
        if nursery is None:
            self._writing = False
            return 0
        outbox = self.outbox
        data = outbox.chunk()
        if not data:
            if outbox:
                nursery.start_soon(self._write)
            else:
                self._idle()
            return 0
        try:
            taken = self.wire.try_send(data)
        except GONE:
            self._broken = True
            self._lost()
            self._writing = False
            return 0
        outbox.sent(taken)
        if taken and self._state == "ending":
            self._limit()
        if taken < len(data):
            nursery.start_soon(self._write)
        elif outbox:
            self._hub.ready(self)
        else:
            self._idle()
        return taken

    def _idle(self) -> None:
        self._writing = False
        self._made_room()

    def _made_room(self) -> None:
        if self._room is not None and len(self.outbox) < _BACKLOG // 2:
            self._room.set()
            self._room = None

    async def _write(self) -> None:
        """Until the outbox is empty."""
        outbox, wire = self.outbox, self.wire
        try:
            while outbox:
                data = outbox.chunk()
                if data:
                    outbox.sent(await wire.send_some(data))
                    self._made_room()
                else:
                    match outbox.special():
                        case Split() as split:
                            await self._split(split)
                        case Ending() as ending:
                            await self._finish(ending)
                        case None:
                            pass
                if self._state == "ending":
                    self._limit()
        except GONE:
            self._broken = True
            self._lost()
        finally:
            self._idle()

    async def _split(self, split: Split) -> None:
        for frame in split.frames:
            data = frames.encode(frame, self.outbox.window)
            for at in range(min(SPLIT, len(data))):
                await self.wire.send_all(data[at : at + 1])
                if at + 1 in _PAUSES:
                    await trio.sleep(_PAUSE)
            if len(data) > SPLIT:
                await self.wire.send_all(data[SPLIT:])

    async def _finish(self, ending: Ending) -> None:
        self._ended = True
        if ending.how == "fin":
            # What the exchange wants broken off is broken off; else it ends as servers do.
            await self.wire.end(polite=not ending.told)
            if ending.told:
                self._gone("eof")
            return
        # An RST destroys what the peer's kernel has not taken yet; but everything written before shall arrive.
        with trio.move_on_after(self._hub.linger):
            while self.wire.unacknowledged():
                await trio.sleep(0.001)
        await self.wire.reset()
        if ending.told:
            self._gone("reset")

    def _settle(self, actions: Sequence[Action]) -> None:
        self._hub.settle(actions)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
