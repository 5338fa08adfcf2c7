"""The subprocess driver against children that die, hang, lie and flood, each of them a real process."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
import trio
import trio.testing

from bookproof.drivers.api import (
    BookShown,
    ClientCrashed,
    ClientHung,
    EventShown,
    Shown,
    Start,
    Started,
    TradeShown,
    Unsupported,
)
from bookproof.drivers.subprocess import SubprocessDriver, command_words, describe_exit, subprocess_factory
from bookproof_exchange.errors import AdapterError, BookproofError, HarnessError, UsageError
from bookproof_exchange.timing import Timing

T = TypeVar("T")

PATIENT = Timing(hello=10, start=10, read=10, stop=10, bye=10, kill=5)
"""For children that answer or die: the limits must not matter, however busy the machine is."""


def hasty(*names: str) -> Timing:
    """Patient but for these limits: of what never comes. All else must not fail on a busy machine."""
    return msgspec.structs.replace(PATIENT, **dict.fromkeys(names, 0.15))


PRELUDE = """
import json, os, signal, subprocess, sys, time
def say(**message):
    sys.stdout.write(json.dumps(message) + "\\n"); sys.stdout.flush()
def raw(data):
    os.write(1, data)
def hear():
    line = sys.stdin.readline()
    return json.loads(line) if line else None
def hello(**more):
    say(**{**dict(type="hello", protocol=1, client={"name": "tiny"}, dialects=["d"], channels=["book"], push=False,
                  claims=False, numbers="string"), **more})
def greet(**more):
    hear(); hello(**more)
def begin(**more):
    global case
    greet(**more); case = hear()["case"]; say(type="started", case=case, depth_shown=5)
def book(**more):
    say(**{**dict(type="book", case=case, symbol="X", claim="live", bids=[["1", "2"]], asks=[["3", "4"]]), **more})
def serve():
    global case
    while (message := hear()) is not None:
        kind = message["type"]
        if kind == "start":
            case = message["case"]; say(type="started", case=case)
        elif kind == "read":
            book(read=message["id"])
        elif kind == "stop":
            say(type="stopped", case=case)
        else:
            break
"""


@pytest.fixture(autouse=True)
def no_orphans(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test does, every process that it started is dead and reaped at its end."""
    opened: list[trio.Process] = []
    real = trio.lowlevel.open_process

    async def recording(*args: Any, **kwargs: Any) -> trio.Process:
        process = await real(*args, **kwargs)
        opened.append(process)
        return process

    monkeypatch.setattr(trio.lowlevel, "open_process", recording)
    yield
    assert all(process._proc.returncode is not None for process in opened), "an orphan"


@pytest.fixture
def child(tmp_path: Path) -> Callable[[str], list[str]]:
    def make(body: str) -> list[str]:
        script = tmp_path / "child.py"
        script.write_text(PRELUDE + body)
        return [sys.executable, "-IS", str(script)]

    return make


Child = Callable[[str], list[str]]


def run(main: Callable[[], Awaitable[T]]) -> T:
    async def limited() -> T:
        with trio.fail_after(30):
            return await main()

    return trio.run(limited)


def a_start(case: str = "c1", **more: Any) -> Start:
    fields: dict[str, Any] = {
        "case": case,
        "dialect": "d",
        "ws_url": "ws://x",
        "rest_url": "http://x",
        "endpoints": {},
        "symbols": ("X",),
    }
    return Start(**{**fields, **more})


async def opened(argv: list[str], timing: Timing = PATIENT) -> SubprocessDriver:
    driver = await subprocess_factory(argv, timing=timing)()
    assert isinstance(driver, SubprocessDriver)
    return driver


def hello_fails(argv: list[str], timing: Timing = PATIENT) -> Exception:
    with pytest.raises((BookproofError, ClientCrashed, ClientHung)) as caught:
        run(lambda: opened(argv, timing))
    return caught.value


def case_fails(
    argv: list[str],
    *,
    timing: Timing = PATIENT,
    until: str = "read",
    sink: Callable[[Shown], None] = lambda shown: None,
) -> Exception:
    """Start, read and stop in turn; the exception comes from ``until`` or, where the child died before, from there."""

    async def main() -> None:
        driver = await opened(argv, timing)
        try:
            await driver.start(a_start(), sink)
            assert until != "start"
            await driver.read("X")
            assert until != "read"
            await driver.stop()
            assert until != "stop"
            await driver.watch()
        finally:
            alive = driver.alive
            await driver.close()
            assert not alive

    with pytest.raises((BookproofError, ClientCrashed, ClientHung)) as caught:
        run(main)
    return caught.value


# A good child.


def test_serves_cases_one_after_another(child: Child) -> None:
    async def main() -> None:
        driver = await opened(child("greet(push=True); serve()"))
        assert driver.info.name == "tiny"
        assert driver.info.push
        for case in ("c1", "c2", "c3"):
            shown: list[Shown] = []
            assert await driver.start(a_start(case), shown.append) == Started()
            first, second = await driver.read("X"), await driver.read("X")
            await driver.stop()
            assert shown == [first, second]
            assert first.read is not None
            assert second.read is not None
            assert first.read < second.read
            assert first.bids == (("1", "2"),)
        await driver.close()
        await driver.close()  # twice does no harm
        assert not driver.alive
        with pytest.raises(HarnessError, match="closed"):
            await driver.start(a_start(), shown.append)

    run(main)


def test_everything_shown_goes_through_the_sink_in_order_and_before_a_read_returns(child: Child) -> None:
    body = """
begin()
say(type="event", case=case, kind="disconnected", message="m", exception="E", new_field=1)
say(type="trade", case=case, symbol="X", price="1", size="2", side="buy", trade_id=7)
book(version=5)
m = hear(); book(claim="stale"); book(read=m["id"], bids=[]); hear(); say(type="stopped", case=case); hear()
"""

    async def main() -> None:
        shown: list[Shown] = []
        driver = await opened(child(body))
        assert await driver.start(a_start(), shown.append) == Started(depth_shown=5)
        answer = await driver.read("X")
        assert shown[-1] == answer
        await driver.stop()
        await driver.close()
        event, trade, pushed, stale, _ = shown
        assert event == EventShown(kind="disconnected", message="m", exception="E")
        assert trade == TradeShown(symbol="X", price="1", size="2", side="buy", trade_id="7")
        assert isinstance(pushed, BookShown)
        assert (pushed.version, pushed.read) == (5, None)
        assert isinstance(stale, BookShown)
        assert stale.claim == "stale"
        assert answer.bids == ()

    run(main)


def test_unsupported_ends_the_case_and_the_next_can_start(child: Child) -> None:
    body = 'greet(isolation="process"); m = hear(); say(type="unsupported", reason="no L3"); serve()'

    async def main() -> None:
        driver = await opened(child(body))
        assert driver.info.isolation == "process"
        assert await driver.start(a_start("c1"), lambda shown: None) == Unsupported(reason="no L3")
        await driver.stop()  # nothing to stop
        assert await driver.start(a_start("c2"), lambda shown: None) == Started()
        await driver.close()

    run(main)


def test_output_in_pieces_and_two_lines_in_one(child: Child) -> None:
    body = """
hear()
line = json.dumps(dict(type="hello", protocol=1, client={"name": "t\\u00e4ny"}, dialects=[], channels=[], push=False,
                       claims=False, numbers="string"), ensure_ascii=False).encode()
for byte in line: raw(bytes([byte]))
raw(b"\\r\\n")
case = hear()["case"]
raw(b'{"type":"started"}\\n{"type":"event","case":"c1","kind":"error","message":"a"}\\n{"type":"event","case":"c1"')
m = hear()
raw(b',"kind":"error","message":"b"}\\n'); book(read=m["id"]); hear()
"""

    async def main() -> None:
        shown: list[Shown] = []
        driver = await opened(child(body))
        assert driver.info.name == "täny"
        await driver.start(a_start(), shown.append)
        await driver.read("X")
        await driver.close()
        assert [one.message for one in shown if isinstance(one, EventShown)] == ["a", "b"]

    run(main)


def test_floats_are_kept_as_their_repr(child: Child) -> None:
    body = 'begin(numbers="float"); book(read=hear()["id"], bids=[[0.1, 1e-7], [5, 1.0]], asks=[]); hear()'

    async def main() -> BookShown:
        driver = await opened(child(body))
        await driver.start(a_start(), lambda shown: None)
        book = await driver.read("X")
        await driver.close()
        return book

    assert run(main).bids == (("0.1", "1e-07"), ("5.0", "1.0"))


def test_reads_overlap_and_a_cancelled_one_does_no_harm(child: Child) -> None:
    body = """
begin(); a = hear()["id"]; b = hear()["id"]; book(read=b, bids=[["9", "9"]])
c = hear()["id"]; book(read=a); book(read=c); serve()
"""

    async def main() -> None:
        shown: list[Shown] = []
        driver = await opened(child(body))
        await driver.start(a_start(), shown.append)
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()

            async def first() -> None:
                with scope:
                    await driver.read("X")

            nursery.start_soon(first)
            await trio.testing.wait_all_tasks_blocked()
            assert (await driver.read("X")).bids == (("9", "9"),)
            scope.cancel()
        assert driver.alive
        await driver.read("X")
        assert len(shown) == 3  # the late answer was shown all the same
        await driver.stop()
        await driver.close()

    run(main)


def test_log_is_of_the_present_case(child: Child) -> None:
    body = """
print("before", file=sys.stderr, flush=True)
begin(); print("one", file=sys.stderr, flush=True); book(read=hear()["id"]); hear(); say(type="stopped", case=case)
case = hear()["case"]; print("two\\xff", file=sys.stderr, flush=True)
os.write(2, b"\\xff" + b"y" * 5000); say(type="started")
os._exit(3)
"""

    async def main() -> tuple[str, ...]:
        driver = await opened(child(body))
        await driver.start(a_start("c1"), lambda shown: None)
        await driver.read("X")
        await driver.stop()
        await driver.start(a_start("c2"), lambda shown: None)
        with pytest.raises(ClientCrashed) as caught:
            await driver.watch()
        await driver.close()
        assert caught.value.stderr == driver.log()
        return caught.value.stderr

    log = run(main)
    assert log[0].startswith("two")
    assert log[1].startswith("\ufffdyyy")
    assert log[1].endswith("bytes more)")
    assert len(log) == 2


# Commands that cannot be run.


@pytest.mark.parametrize(
    ("command", "problem", "hint"),
    [
        ("bookproof-no-such-program --x", "was not found", "PATH"),
        ("./no-such-file", "was not found", "there is no file"),
        ("my-script", "was not found", "./my-script"),
        ("./my-script", "is not executable", "chmod +x"),
        ("./folder", "is a directory", None),
        ("./orphan-script", "cannot be run", "first line"),
        ("./text", "cannot be run", "#!/bin/sh"),
    ],
)
def test_commands_that_cannot_be_run(tmp_path: Path, command: str, problem: str, hint: str | None) -> None:
    (tmp_path / "my-script").write_text("#!/bin/sh\n")
    (tmp_path / "folder").mkdir()
    for name, text in (("orphan-script", "#!/no/such/interpreter\n"), ("text", "hello\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    factory = subprocess_factory(command, timing=PATIENT, cwd=tmp_path)

    async def main() -> None:
        await factory()

    with pytest.raises(UsageError, match=problem) as caught:
        run(main)
    assert (caught.value.hint is None) == (hint is None)
    assert hint is None or hint in str(caught.value)


def test_a_working_directory_that_does_not_exist(tmp_path: Path) -> None:
    factory = subprocess_factory("true", timing=PATIENT, cwd=tmp_path / "none")

    async def main() -> None:
        await factory()

    with pytest.raises(UsageError, match="working directory"):
        run(main)


@pytest.mark.parametrize("command", ["", "  ", [], [""], "a 'b", "python:x", "python:x:", "python:a b:C", "python::C"])
def test_commands_that_are_none(command: str | list[str]) -> None:
    with pytest.raises(UsageError):
        command_words(command)


def test_command_words() -> None:
    assert command_words("node 'my adapter.js' --x") == ("node", "my adapter.js", "--x")
    kit = (sys.executable, "-m", "bookproof.adapter", "a.b:C")
    assert command_words("python:a.b:C") == kit
    assert command_words(["python:a.b:C"]) == kit


def test_describe_exit() -> None:
    assert describe_exit(3) == "exit status 3"
    assert describe_exit(-signal.SIGSEGV) == "signal SIGSEGV"
    assert describe_exit(-63) in ("signal 63", "signal SIGRTMAX-1")


def test_environment_and_directory_of_the_child(tmp_path: Path, child: Child) -> None:
    argv = child('greet(client={"name": os.environ["BP_TEST"] + os.getcwd() + os.environ["PATH"]}); hear()')

    async def main() -> str:
        driver = await subprocess_factory(argv, timing=PATIENT, cwd=tmp_path, env={"BP_TEST": "é"})()
        await driver.close()
        return driver.info.name

    assert run(main) == f"é{tmp_path.resolve()}{os.environ['PATH']}"


# Before and at hello.


def test_exits_before_hello(child: Child) -> None:
    error = hello_fails(child('print("no module named x", file=sys.stderr); sys.exit(7)'))
    assert isinstance(error, AdapterError)
    assert "ended before its hello: exit status 7" in str(error)
    assert "no module named x" in str(error)


def test_dies_of_a_signal_before_hello(child: Child) -> None:
    error = hello_fails(child("os.kill(os.getpid(), signal.SIGABRT)"))
    assert isinstance(error, AdapterError)
    assert "signal SIGABRT" in str(error)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("hello(protocol=2)", "hello.protocol: the adapter speaks version 2, this harness 1"),
        ('say(type="hello", protocol=9)', "hello.protocol: the adapter speaks version 9"),
        ('say(type="hello", protocol=1)', "line 1: hello.client: the field is missing"),
        ("hello(push=1)", "hello.push: expected true or false, got 1"),
        ('hello(numbers="int")', 'hello.numbers: not one of the values that the protocol knows, got "int"'),
        ('hello(client={"name": ""})', "hello.client.name: expected a text of length >= 1"),
        ('say(type="started")', "expected 'hello' first"),
        ('raw(b"Starting up...\\n")', "the line: Starting up..."),
        ("hello(); hello()", "hello: it was said already"),
    ],
)
def test_bad_hello(child: Child, said: str, expected: str) -> None:
    argv = child(f"hear(); {said}; hear()")

    async def main() -> None:
        driver = await opened(argv)
        await driver.watch()

    with pytest.raises(AdapterError) as caught:
        run(main)
    assert expected in str(caught.value)
    assert str(caught.value).startswith("line ")


def test_hangs_at_hello(child: Child) -> None:
    error = hello_fails(child("time.sleep(60)"), hasty("hello"))
    assert isinstance(error, ClientHung)
    assert (error.what, error.limit) == ("hello", 0.15)


# In a case: what breaks the protocol.

BROKEN = [
    ("raw(b'nonsense\\n')", "line 3: expected a JSON object, got something that is not JSON"),
    ("raw(b'\\n')", "line 3: expected a JSON object, got an empty line"),
    ("raw(b'[1]\\n')", "expected a JSON object, got [1]"),
    ('raw(b\'{"type":"book\\xff"}\\n\')', "line 3: not UTF-8: byte 0xff at offset 13"),
    ("say(type='bok', case=case)", "unknown message type 'bok'"),
    ("say(type='bok', case=case)", "did you mean 'book'?"),
    ("say(case=case)", "without its field 'type'"),
    ("say(type=['book'])", "unknown message type ['book']"),
    ("book(case='c0')", "case: expected 'c1', got 'c0'"),
    ("book(case=1)", "book.case: expected a text, got 1"),
    ("say(type='book', symbol='X')", "book.case: the field is missing"),
    ("book(bids=[['1']])", 'book.bids[0]: expected an array of 2 or 3 texts, got ["1"]'),
    ("book(bids=[['1', '2', '3', '4']])", "book.bids[0]: expected an array of 2 or 3 texts"),
    (
        "book(asks=[['1', '2'], [1.5, '2']])",
        'book.asks[1][0]: expected a text, got 1.5 (hello declared numbers: "string")',
    ),
    ("book(asks=[['1', '2'], ['1', 'NaN']])", "book.asks[1][1]: expected a decimal number as a text, got 'NaN'"),
    ("book(asks={'1': '2'})", 'book.asks: expected an array, got {"1":"2"}'),
    ("book(claim='none')", "book.claim: 'none' says that there is no book"),
    ("book(claim='ok')", 'book.claim: not one of the values that the protocol knows, got "ok"'),
    ("book(symbol='Y')", "symbol: 'Y' is not one of this case (X)"),
    ("book(read=99)", "read: 99 was not asked"),
    ("m = hear(); book(read=m['id']); book(read=m['id'])", "is answered already"),
    ("say(type='started', case=case)", "started: nothing was started"),
    ("say(type='unsupported', case=case, reason='x')", "unsupported: only instead of 'started'"),
    ("say(type='stopped', case=case)", "stopped: the harness did not say 'stop'"),
    ("hello()", "hello: it was said already"),
    ("say(type='event', case=case, kind='odd', message='')", "event.kind: not one of"),
    ("say(type='trade', case=case, symbol='X', price=1, size='1')", "trade.price: expected a text, got 1"),
]


@pytest.mark.parametrize(("said", "expected"), BROKEN)
def test_broken_protocol_in_a_case(child: Child, said: str, expected: str) -> None:
    error = case_fails(child(f"begin(); {said}; hear(); time.sleep(60)"), until="stop")
    assert isinstance(error, AdapterError)
    assert expected in str(error)
    assert "line" in str(error)


def test_a_read_answered_for_another_symbol(child: Child) -> None:
    argv = child("begin(); m = hear(); book(read=m['id'], symbol='Y'); time.sleep(60)")

    async def main() -> None:
        driver = await opened(argv)
        await driver.start(a_start(symbols=("X", "Y")), lambda shown: None)
        await driver.read("X")

    with pytest.raises(AdapterError, match="was of 'X', the answer is of 'Y'"):
        run(main)


def test_a_line_after_stopped(child: Child) -> None:
    body = "begin(); book(read=hear()['id']); hear(); say(type='stopped', case=case); book(); time.sleep(60)"
    error = case_fails(child(body), until="watch")
    assert isinstance(error, AdapterError)
    assert "a message of case 'c1' after that case had ended" in str(error)


def test_a_line_of_the_case_before(child: Child) -> None:
    body = "begin(); hear(); say(type='stopped', case=case); hear(); book(); time.sleep(60)"

    async def main() -> None:
        driver = await opened(child(body))
        await driver.start(a_start("c1"), lambda shown: None)
        await driver.stop()
        await driver.start(a_start("c2"), lambda shown: None)

    with pytest.raises(AdapterError, match=r"case: expected 'c2', got 'c1' \(that case had ended\)"):
        run(main)


def test_an_oversize_line(child: Child) -> None:
    body = """
begin()
while True: raw(b"x" * 65536)
"""
    error = case_fails(child(body))
    assert isinstance(error, AdapterError)
    assert "longer than 16777216 bytes (16 MiB)" in str(error)


def test_a_long_line_is_quoted_shortened(child: Child) -> None:
    error = case_fails(child("begin(); raw(b'y' * 100000 + b'\\n'); time.sleep(60)"))
    assert isinstance(error, AdapterError)
    assert "(100000 bytes)" in str(error)
    assert len(str(error)) < 600


def test_closes_its_output_but_lives_on(child: Child) -> None:
    error = case_fails(child("begin(); hear(); os.close(1); time.sleep(60)"), timing=hasty("kill"))
    assert isinstance(error, AdapterError)
    assert "closed its output (stdout) but goes on running" in str(error)


def test_closes_its_input_but_lives_on(child: Child) -> None:
    body = "begin(); os.close(0); say(type='event', case=case, kind='error', message='closed'); time.sleep(60)"
    argv, timing = child(body), hasty("kill")

    async def main() -> None:
        closed = trio.Event()
        driver = await opened(argv, timing)
        await driver.start(a_start(), lambda shown: closed.set())
        await closed.wait()
        try:
            await driver.read("X")
        finally:
            await driver.close()

    with pytest.raises(AdapterError, match=r"closed its input \(stdin\) but goes on running"):
        run(main)


# In a case: crashes and hangs.


@pytest.mark.parametrize(
    ("end", "how"),
    [
        ("os._exit(3)", "exit status 3"),
        ("os._exit(0)", "exit status 0"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "signal SIGSEGV"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "signal SIGKILL"),
    ],
)
def test_crash_in_a_case(child: Child, end: str, how: str) -> None:
    shown: list[Shown] = []
    argv = child(f"begin(); hear(); os.write(2, b'last words\\n'); book(); {end}")
    error = case_fails(argv, sink=shown.append)
    assert isinstance(error, ClientCrashed)
    assert error.how == how
    assert error.stderr == ("last words",)
    assert len(shown) == 1, "what it said before its end was read"


@pytest.mark.parametrize("where", ["start", "stop"])
def test_crash_at(child: Child, where: str) -> None:
    bodies = {
        "start": "greet(); hear(); os._exit(4)",
        "stop": "begin(); book(read=hear()['id']); hear(); os._exit(4)",
    }
    error = case_fails(child(bodies[where]), until=where)
    assert isinstance(error, ClientCrashed)
    assert error.how == "exit status 4"


def test_exit_between_two_cases(child: Child) -> None:
    body = "begin(); hear(); say(type='stopped', case=case)"

    async def main() -> None:
        driver = await opened(child(body))
        await driver.start(a_start(), lambda shown: None)
        await driver.stop()
        with pytest.raises(ClientCrashed, match="between two cases"):
            await driver.watch()
        assert not driver.alive
        with pytest.raises(ClientCrashed, match="exit status 0"):  # and the next call says it again
            await driver.start(a_start("c2"), lambda shown: None)
        await driver.close()

    run(main)


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("start", "greet(); time.sleep(60)"),
        ("read", "begin(); os.write(2, b'zzz\\n'); time.sleep(60)"),
        ("stop", "begin(); book(read=hear()['id']); time.sleep(60)"),  # answers nothing at `stop`
    ],
)
def test_hang(child: Child, what: str, body: str) -> None:
    error = case_fails(child(body), timing=hasty(what), until=what)
    assert isinstance(error, ClientHung)
    assert (error.what, error.limit) == (what, 0.15)
    assert error.stderr == (("zzz",) if what == "read" else ())


def test_a_busy_client_that_pushes_still_hangs_if_it_does_not_answer(child: Child) -> None:
    body = """
begin()
while True: book()
"""
    error = case_fails(child(body), timing=hasty("read"))
    assert isinstance(error, ClientHung)
    assert error.what == "read"


def test_does_not_read_its_input(child: Child) -> None:
    """The pipe is full: sending blocks, and that has a limit too."""

    async def main() -> None:
        driver = await opened(child("greet(); time.sleep(60)"), hasty("start"))
        try:
            await driver.start(a_start(options={"long": "x" * 1_000_000}), lambda shown: None)
        finally:
            await driver.close()

    with pytest.raises(ClientHung) as caught:
        run(main)
    assert caught.value.what == "start"


def test_a_flood_is_held_back_by_the_pipe(child: Child) -> None:
    """What the harness has not read yet waits in the client, not in the harness."""
    body = """
begin()
line = (json.dumps(dict(type="event", case=case, kind="warning", message="x" * 20000)) + "\\n").encode()
for n in range(1500): raw(line)
book(read=hear()["id"]); serve()
"""

    async def main() -> int:
        count = 0

        def sink(shown: Shown) -> None:
            nonlocal count
            count += 1

        driver = await opened(child(body))
        tracemalloc.start()
        try:
            await driver.start(a_start(), sink)
            await driver.read("X")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        await driver.close()
        assert count == 1501
        return peak

    assert run(main) < 3_000_000  # the flood is 30 MB


# No orphans.


def holds_lock(path: Path) -> str:
    """Code of a process that holds a lock on ``path`` as long as it lives."""
    return f"import fcntl; f = open({str(path)!r}, 'w'); fcntl.flock(f, fcntl.LOCK_EX)"


async def lock_is_free(path: Path) -> None:
    """Returns when every process that held the lock is dead."""

    def wait() -> None:
        with path.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)

    await trio.to_thread.run_sync(wait)


GRANDCHILD = """
{lock}
begin()
os.fork() or (signal.signal(signal.SIGTERM, signal.SIG_IGN), time.sleep(100))  # keeps lock, stdout and stderr
"""


@pytest.mark.parametrize(
    "then", ["serve()", "os._exit(1)", "os.kill(os.getpid(), 11)", "time.sleep(100)", "raw(b'x\\n'); time.sleep(100)"]
)
def test_grandchildren_end_with_the_child(child: Child, tmp_path: Path, then: str) -> None:
    lock = tmp_path / "lock"
    argv = child(GRANDCHILD.format(lock=holds_lock(lock)) + then)

    async def main() -> None:
        driver = await opened(argv, hasty("read", "bye"))
        started = time.monotonic()
        try:
            await driver.start(a_start(), lambda shown: None)
            await driver.read("X")
        except (AdapterError, ClientCrashed, ClientHung):
            pass
        finally:
            await driver.close()
        assert time.monotonic() - started < 5
        await lock_is_free(lock)

    run(main)


def test_a_daemon_that_left_the_group_does_not_hold_the_harness(child: Child, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    body = f"""
begin()
if os.fork() == 0:
    os.setsid(); open({str(pid_file)!r}, "w").write(str(os.getpid())); book(); time.sleep(100)
hear(); os._exit(9)
"""

    async def main() -> None:
        there = trio.Event()
        driver = await opened(child(body))
        await driver.start(a_start(), lambda shown: there.set())
        await there.wait()
        try:
            with pytest.raises(ClientCrashed, match="exit status 9"):
                await driver.read("X")
            await driver.close()
        finally:
            os.kill(int(pid_file.read_text()), signal.SIGKILL)

    run(main)


@pytest.mark.parametrize("ignores", ["bye", "bye and SIGTERM"])
def test_close_of_a_child_that_ignores(child: Child, ignores: str) -> None:
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)" if "SIGTERM" in ignores else ""

    async def main() -> int | None:
        driver = await opened(child(f"{ignore}\ngreet(); time.sleep(100)"), hasty("bye", "kill"))
        await driver.close()
        return driver.returncode

    assert run(main) == (-signal.SIGKILL if ignore else -signal.SIGTERM)


@pytest.mark.parametrize("moment", ["hello", "start", "read", "stop", "close", "watch", "nothing"])
@pytest.mark.parametrize("how", ["cancelled", "raised"])
def test_no_orphan_when_the_harness_is_interrupted(child: Child, tmp_path: Path, moment: str, how: str) -> None:
    """Neither ``close`` nor anything else is called: the caller forgot, or had no time."""
    lock = tmp_path / "lock"
    bodies = {
        "hello": "say_nothing = time.sleep(100)",
        "start": "greet(); time.sleep(100)",
        "read": "begin(); time.sleep(100)",
        "stop": "begin(); book(read=hear()['id']); time.sleep(100)",
        "close": "greet(); time.sleep(100)",
    }
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    argv = child(ignore + holds_lock(lock) + "\n" + bodies.get(moment, "begin(); time.sleep(100)"))

    async def use() -> None:
        driver = await opened(argv)
        if moment == "close":
            await driver.close()
        await driver.start(a_start(), lambda shown: None)
        if moment == "watch":
            await driver.watch()
        if moment == "nothing":
            await trio.sleep_forever()
        await driver.read("X")
        await driver.stop()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(use)
            await trio.to_thread.run_sync(locked, lock)
            await trio.testing.wait_all_tasks_blocked(0.05)
            if how == "raised":
                raise KeyboardInterrupt
            nursery.cancel_scope.cancel()

    if how == "raised":
        with pytest.raises(BaseExceptionGroup) as caught:
            trio.run(main)
        assert caught.value.split(KeyboardInterrupt)[1] is None
    else:
        trio.run(main)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the child is dead, now


def locked(path: Path) -> None:
    """Returns when another process holds the lock."""
    while True:
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
        time.sleep(0.005)


def test_a_cancelled_start_leaves_the_driver_dead(child: Child) -> None:
    async def main() -> None:
        driver = await opened(child("greet(); time.sleep(100)"))
        with trio.move_on_after(0.05):
            await driver.start(a_start(), lambda shown: None)
        assert not driver.alive
        with pytest.raises(HarnessError, match="abandoned in 'start'"):
            await driver.read("X")
        await driver.close()

    run(main)


# The harness's own mistakes are its own.


def test_a_sink_that_raises_is_the_harness_s_fault(child: Child) -> None:
    def sink(shown: Shown) -> None:
        raise ValueError("ours")

    error = case_fails(child("begin(); book(read=hear()['id']); hear()"), sink=sink)
    assert isinstance(error, HarnessError)
    assert "ValueError: ours" in str(error)
    assert isinstance(error.__cause__, ValueError)


def test_calls_out_of_order(child: Child) -> None:
    async def main() -> None:
        driver = await opened(child("greet(); serve()"))
        with pytest.raises(HarnessError, match="no case is running"):
            await driver.read("X")
        await driver.start(a_start(), lambda shown: None)
        with pytest.raises(HarnessError, match="start of 'c2' while 'c1' is running"):
            await driver.start(a_start("c2"), lambda shown: None)
        assert driver.alive
        await driver.stop()
        await driver.close()

    run(main)
