"""The kit, from both ends: adapters of every flavour in their own processes, driven by the real driver."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trio

from bookproof.adapter.check import check_adapter
from bookproof.adapter.messages import Balance, Book, Fill, Order, Shown, Ticker, Trade, to_message
from bookproof.adapter.obligations import OBLIGATIONS
from bookproof.drivers.api import (
    BookShown,
    ClientCrashed,
    Driver,
    EventShown,
    Start,
    Started,
    TradeShown,
    Unsupported,
)
from bookproof.drivers.api import Shown as WasShown
from bookproof.drivers.subprocess import subprocess_factory
from bookproof_exchange.errors import AdapterError
from bookproof_exchange.timing import Timing

T = TypeVar("T")
PATIENT = Timing(hello=20, start=20, read=20, stop=20, bye=20, kill=10)

ADAPTERS = """
print("a print while the module is imported")
import os, sys, threading
from decimal import Decimal
from bookproof.adapter import AsyncioAdapter, Book, ThreadedAdapter, Trade, TrioAdapter, run, unsupported

class Common:
    name = "kit"
    version = "1.2"
    dialects = ("d",)
    numbers = "string"

    def begin(self, start):
        print("a print of the client")
        os.system("echo a print of its child")
        os.write(1, b"a write to fd 1\\n")
        assert sys.stdin.read() == ""
        self.depth_shown = start.depth
        self.reads = 0
        if start.market_type != "spot":
            unsupported("only spot")

    def state(self, symbol):
        self.reads += 1
        if symbol == "none":
            return None
        return Book(symbol, bids=[("1.50", Decimal("2"))], asks=[(3, "4")], version=self.reads)

class Asyncio(Common, AsyncioAdapter):
    async def start(self, start):
        import asyncio
        self.begin(start)
        await asyncio.sleep(0)
        self.spawn(self.busy())
    async def busy(self):
        import asyncio
        while True:
            await asyncio.sleep(0)
    def read(self, symbol, channel):
        return self.state(symbol)
    async def stop(self):
        print("stopped")

class Threaded(Common, ThreadedAdapter):
    def start(self, start):
        self.begin(start)
        self.over = threading.Event()
        self.spawn(self.busy)
    def busy(self):
        while not self.over.is_set():
            pass
    def read(self, symbol, channel):
        return self.state(symbol)
    def stop(self):
        print("stopped")
        self.over.set()

class Trio(Common, TrioAdapter):
    async def start(self, start):
        import trio
        self.begin(start)
        self.spawn(trio.sleep_forever)
    async def read(self, symbol, channel):
        return self.state(symbol)
    async def stop(self):
        print("stopped")
"""

FLAVOURS = ["Asyncio", "Threaded", "Trio"]
flavours = pytest.mark.parametrize("flavour", FLAVOURS)


@pytest.fixture
def module(tmp_path: Path) -> Callable[[str], None]:
    def write(more: str) -> None:
        (tmp_path / "adapters.py").write_text(ADAPTERS + more)

    write("")
    return write


def a_start(case: str = "c1", **more: Any) -> Start:
    fields: dict[str, Any] = {
        "case": case,
        "dialect": "d",
        "ws_url": "ws://x",
        "rest_url": "http://x",
        "endpoints": {"rest": "http://x"},
        "symbols": ("X", "none"),
        "depth": 7,
    }
    return Start(**{**fields, **more})


def drive(tmp_path: Path, name: str, use: Callable[[Driver], Awaitable[T]], timing: Timing = PATIENT) -> T:
    async def main() -> T:
        with trio.fail_after(60):
            driver = await subprocess_factory(f"python:adapters:{name}", timing=timing, cwd=tmp_path)()
            try:
                return await use(driver)
            finally:
                await driver.close()

    return trio.run(main)


@flavours
@pytest.mark.usefixtures("module")
def test_serves_cases(tmp_path: Path, flavour: str) -> None:
    async def use(driver: Driver) -> None:
        assert (driver.info.name, driver.info.version, driver.info.language) == ("kit", "1.2", "python")
        assert driver.info.dialects == ("d",)
        for case in ("c1", "c2"):
            shown: list[WasShown] = []
            assert await driver.start(a_start(case), shown.append) == Started(depth_shown=7)
            for n in range(1, 4):
                book = await driver.read("X")
                assert (book.bids, book.asks, book.version) == ((("1.50", "2"),), (("3", "4"),), n)
                assert book.claim == "live"
            none = await driver.read("none")
            assert (none.claim, none.bids, none.asks) == ("none", (), ())
            await driver.stop()
            assert len(shown) == 4
        # Every print went to the log, in both cases.
        for text in ("a print of the client", "a print of its child", "a write to fd 1", "stopped"):
            assert text in driver.log()

    drive(tmp_path, flavour, use)


@flavours
@pytest.mark.usefixtures("module")
def test_unsupported(tmp_path: Path, flavour: str) -> None:
    async def use(driver: Driver) -> None:
        answers = [
            await driver.start(a_start("c1", dialect="e"), print),
            await driver.start(a_start("c2", channels=("book", "l3")), print),
            await driver.start(a_start("c3", market_type="perp"), print),
        ]
        reasons = [answer.reason for answer in answers if isinstance(answer, Unsupported)]
        assert reasons == ["the dialect 'e': kit speaks d", "the channel 'l3': kit keeps book", "only spot"]
        assert isinstance(await driver.start(a_start("c4"), print), Started)

    drive(tmp_path, flavour, use)


@pytest.mark.usefixtures("module")
@flavours
def test_keeps_the_protocol(tmp_path: Path, flavour: str) -> None:
    results = trio.run(lambda: check_adapter(f"python:adapters:{flavour}", timing=PATIENT, cwd=tmp_path))
    assert [result for result in results if not result.ok] == []
    assert [result.name for result in results] == [name for name, _, _ in OBLIGATIONS]


PUSHING = """
class Pushing(Common, ThreadedAdapter):
    pushes = True
    claims = True
    def start(self, start):
        self.event("warning", "before started", symbol="X")
        self.push(Book("X", [("1", "1")], claim="syncing"))
        self.go = threading.Event()
        self.thread = self.spawn(self.work)
        self.go.wait()
    def work(self):
        for n in range(2, 500):
            self.push(Book("X", [(str(n), "1")], version=n), Trade("X", n, "1", side="buy", trade_id=n))
            self.go.set()
        self.error(ConnectionError("lost"), symbol="X", fatal=True)
    def stop(self):
        self.thread.join()
"""


def test_pushes_from_a_thread_and_reads_answer_the_last_of_them(tmp_path: Path, module: Callable[[str], None]) -> None:
    module(PUSHING)

    async def use(driver: Driver) -> None:
        shown: list[WasShown] = []
        await driver.start(a_start(), shown.append)
        for _ in range(20):
            book = await driver.read("X")
            before = [one for one in shown if isinstance(one, BookShown) and one.read is None]
            # A read is no older than the pushes before it.
            assert isinstance(book.version, int)
            assert isinstance(before[-1].version, int)
            assert book.version == before[len(before) - 1 - later(shown, book)].version
        assert (await driver.read("none")).claim == "none"
        await driver.stop()
        assert isinstance(shown[0], EventShown)
        assert shown[0].message == "before started"
        pushed = [one.version for one in shown if isinstance(one, BookShown) and one.read is None]
        assert pushed == [None, *range(2, 500)]
        assert [one.trade_id for one in shown if isinstance(one, TradeShown)] == [str(n) for n in range(2, 500)]
        last = [one for one in shown if isinstance(one, EventShown)][-1]
        assert (last.kind, last.exception, last.message, last.fatal) == ("error", "ConnectionError", "lost", True)

    drive(tmp_path, "Pushing", use)


def later(shown: list[WasShown], answer: BookShown) -> int:
    """How many pushed books came after ``answer``."""
    return sum(1 for one in shown[shown.index(answer) + 1 :] if isinstance(one, BookShown) and one.read is None)


RACING = """
class Racing(Common, ThreadedAdapter):
    pushes = True
    def start(self, start):
        self.n = 0
        self.over = False
        self.thread = self.spawn(self.work)
    def work(self):
        import time
        while not self.over:
            self.n += 1
            self.push(Book("X", [(self.n, 1)], version=self.n))
            time.sleep(0.0005)
    def read(self, symbol, channel):
        import time
        n = self.n
        time.sleep(0.0003)  # and meanwhile a push may come
        return Book(symbol, [(max(n, 1), 1)], version=n)
    def stop(self):
        self.over = True
        self.thread.join()
"""


def test_a_read_that_a_push_overtook_is_made_again(tmp_path: Path, module: Callable[[str], None]) -> None:
    module(RACING)

    async def use(driver: Driver) -> None:
        shown: list[WasShown] = []
        await driver.start(a_start(), shown.append)
        for _ in range(100):
            await driver.read("X")
        await driver.stop()
        # The push of n can be written after a read has seen n, so an answer may be one ahead; never behind.
        newest = 0
        for one in shown:
            if isinstance(one, BookShown):
                assert isinstance(one.version, int)
                if one.read is not None:
                    assert one.version >= newest
                else:
                    newest = one.version

    drive(tmp_path, "Racing", use)


LATE = """
class Late(Common, ThreadedAdapter):
    kept = []
    def start(self, start):
        for old in self.kept:
            old.push(Book("X", [("666", "1")]))  # a thread of the case before, that was not stopped in time
        self.kept.append(self)
        self.begin(start)
    def read(self, symbol, channel):
        return self.state(symbol)
    def stop(self):
        pass
"""


def test_what_an_old_case_shows_is_dropped(tmp_path: Path, module: Callable[[str], None]) -> None:
    module(LATE)

    async def use(driver: Driver) -> None:
        for case in ("c1", "c2", "c3"):
            shown: list[WasShown] = []
            await driver.start(a_start(case), shown.append)
            await driver.read("X")
            await driver.stop()
            assert len(shown) == 1

    drive(tmp_path, "Late", use)


RAISING = """
import asyncio
class Start(Asyncio):
    async def start(self, start):
        raise ConnectionError("refused")
class Read(Trio):
    async def read(self, symbol, channel):
        raise KeyError(symbol)
class Stop(Threaded):
    def stop(self):
        raise RuntimeError("cannot stop")
class Task(Asyncio):
    async def busy(self):
        raise ZeroDivisionError("in a task")
class Nursery(Trio):
    def start(self, start):
        self.reads = 0
        self.spawn(self.fail)
    async def fail(self):
        raise ZeroDivisionError("in the nursery")
class Thread(Threaded):
    def busy(self):
        raise ZeroDivisionError("in a thread")
class Float(Threaded):
    def state(self, symbol):
        return Book(symbol, [(1.5, 2)])
class Exits(Threaded):
    def start(self, start):
        sys.exit(9)
class Awaits(Threaded):
    async def start(self, start):
        import asyncio
        await asyncio.sleep(0)
"""


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("Start", "exit status 70", "Start.start() raised ConnectionError: refused"),
        ("Read", "exit status 70", "Read.read() raised KeyError: 'X'"),
        ("Stop", "exit status 70", "Stop.stop() raised RuntimeError: cannot stop"),
        ("Task", "exit status 70", "raised ZeroDivisionError: in a task"),
        ("Nursery", "exit status 70", "raised ZeroDivisionError: in the nursery"),
        ("Thread", "exit status 70", "raised ZeroDivisionError: in a thread"),
        ("Float", "exit status 70", 'set numbers = "float"'),
        ("Exits", "exit status 9", "called exit(9)"),
        ("Awaits", "exit status 70", ""),
    ],
)
def test_what_the_author_does_not_catch(
    tmp_path: Path, module: Callable[[str], None], name: str, how: str, said: str
) -> None:
    module(RAISING)

    async def use(driver: Driver) -> None:
        await driver.start(a_start(), lambda shown: None)
        for _ in range(1000):
            await driver.read("X")
            if name == "Stop":
                await driver.stop()

    with pytest.raises(ClientCrashed) as caught:
        drive(tmp_path, name, use)
    assert caught.value.how == how
    assert caught.value.stderr[-1].startswith("bookproof adapter: ")
    assert said in caught.value.stderr[-1]
    if how == "exit status 70":
        assert any("Traceback" in line for line in caught.value.stderr)


HANGING = """
class Hanging(Threaded):
    def stop(self):
        threading.Event().wait()
class HangingTrio(Trio):
    async def stop(self):
        import trio
        with trio.CancelScope(shield=True):
            await trio.sleep_forever()
class Foreign(Threaded):
    def start(self, start):
        self.reads = 0
        threading.Thread(target=threading.Event().wait).start()  # not a daemon: would hold the interpreter
    def stop(self):
        pass
"""


@pytest.mark.parametrize("name", ["Hanging", "HangingTrio", "Foreign"])
def test_ends_all_the_same(tmp_path: Path, module: Callable[[str], None], name: str) -> None:
    """``bye`` and SIGTERM end it within their limits, whatever the client holds on to; no SIGKILL is needed."""
    module(HANGING)
    timing = Timing(hello=20, start=20, read=20, bye=0.1 if name != "Foreign" else 20, kill=20)

    async def use(driver: Driver) -> Driver:
        await driver.start(a_start(), lambda shown: None)
        return driver

    driver = drive(tmp_path, name, use, timing)
    assert driver.returncode == (0 if name == "Foreign" else 143)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no_such_module:A", "cannot import 'no_such_module'"),
        ("adapters:Nothing", "has no class 'Nothing'"),
        ("adapters:Common", "is not a class derived from"),
        ("adapters:Unnamed", "Unnamed.name is not set"),
        ("adapters:Stopless", "Stopless has no stop()"),
        ("adapters:Mute", "neither a read() nor pushes"),
        ("broken:A", "ZeroDivisionError"),
    ],
)
def test_adapters_that_cannot_be_served(tmp_path: Path, module: Callable[[str], None], target: str, said: str) -> None:
    module("""
class Unnamed(ThreadedAdapter):
    pass
class Stopless(ThreadedAdapter):
    name = "stopless"
    dialects = ["d"]
    def start(self, start): ...
class Mute(Stopless):
    def stop(self): ...
""")
    (tmp_path / "broken.py").write_text("1 / 0\n")

    async def main() -> None:
        await subprocess_factory(f"python:{target}", timing=PATIENT, cwd=tmp_path)()

    with pytest.raises(AdapterError, match="ended before its hello") as caught:
        trio.run(main)
    assert said in str(caught.value)


def test_run_in_a_script_fed_by_a_file(tmp_path: Path) -> None:
    """By hand, from a file: its end ends the adapter."""
    (tmp_path / "adapter.py").write_text(
        ADAPTERS.replace("print(", "(", 1) + "\nif __name__ == '__main__':\n    run(Asyncio)\n"
    )
    lines = tmp_path / "lines"
    lines.write_text(
        '{"type":"hello","protocol":1,"harness":"me"}\n'
        '{"type":"start","case":"c","dialect":"d","ws_url":"","rest_url":""}\n{"type":"read","id":4,"symbol":"X"}\n'
    )
    with lines.open() as stdin:
        done = subprocess.run(
            [sys.executable, "adapter.py"], cwd=tmp_path, stdin=stdin, capture_output=True, timeout=60, check=False
        )
    assert done.returncode == 0, done.stderr
    said = done.stdout.decode().splitlines()
    assert [line[:16] for line in said] == ['{"type":"hello",', '{"type":"started', '{"type":"book","']
    assert '"read":4' in said[2]


def test_importing_the_kit_is_light() -> None:
    """The standard library only, and no event loop before one is needed: it runs in the client's environment."""
    code = "import sys, bookproof.adapter; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.decode().split()
    ours = {name for name in loaded if name.startswith("bookproof.") and not name.startswith("bookproof.adapter")}
    assert ours == set()
    heavy = {"trio", "msgspec", "asyncio", "bookproof_exchange", "jsonschema", "dataclasses", "inspect"}
    assert heavy & set(loaded) == set()


@pytest.mark.parametrize(
    ("shown", "floats", "wanted"),
    [
        (Book("X", [(1, "2.50")]), False, {"bids": [["1", "2.50"]], "asks": [], "claim": "live"}),
        (Book("X", [(1, 2.5, 7)]), True, {"bids": [[1.0, 2.5, "7"]]}),
        (Trade("X", "1", 2, trade_id=5), False, {"type": "trade", "price": "1", "size": "2", "trade_id": 5}),
        (Ticker("X", {"bid": 1.5}), True, {"type": "ticker", "values": {"bid": 1.5}}),
        (Order("X", 1, "open", filled="0"), False, {"type": "order", "order_id": 1, "filled": "0"}),
        (Fill("X", 1, "2", "3"), False, {"type": "fill", "price": "2"}),
        (Balance("USD", "2"), False, {"type": "balance", "total": "2"}),
    ],
)
def test_messages(shown: Shown, floats: bool, wanted: dict[str, Any]) -> None:
    message = to_message(shown, floats)
    assert {name: message[name] for name in wanted} == wanted
    assert None not in message.values()


@pytest.mark.parametrize(
    ("shown", "floats", "advice"),
    [
        (Book("X", [(1.5, "1")]), False, 'set numbers = "float"'),
        (Book("X", [("1.5", 1)]), True, 'set numbers = "string"'),
        (Book("X", [(True, "1")]), False, "expected a number"),
        (Book("X", [("1", "1", "1", "1")]), False, "a row is"),
        (("X",), False, "expected a Book"),
    ],
)
def test_messages_that_cannot_be(shown: Any, floats: bool, advice: str) -> None:
    with pytest.raises((TypeError, ValueError), match=advice):
        to_message(shown, floats)
