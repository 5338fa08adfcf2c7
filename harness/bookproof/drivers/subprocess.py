"""A client in its own process: the adapter's command, its pipes, its process group, and its end."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import trio

from bookproof.drivers.api import DriverFactory
from bookproof.drivers.line_driver import LineDriver
from bookproof.drivers.stderr_log import StderrLog
from bookproof_exchange.errors import UsageError
from bookproof_exchange.timing import Timing

_PIECE = 65_536
_GRACE = 0.5
"""Seconds, after the process ended, in which what is left in its pipes is read."""


class SubprocessDriver(LineDriver):
    """A driver whose adapter is a subprocess."""

    def __init__(self, transport: SubprocessTransport, timing: Timing) -> None:
        super().__init__(transport, timing)
        self._process = transport
        self.pid = transport.pid

    @property
    def returncode(self) -> int | None:
        """As in ``subprocess``; None while the process runs."""
        return self._process.exit_code


class _SubprocessFactory:
    def __init__(
        self, argv: Sequence[str], timing: Timing, cwd: str | os.PathLike[str] | None, env: Mapping[str, str] | None
    ) -> None:
        self.argv = tuple(argv)
        self._timing = timing
        self._cwd = cwd
        self._env = env

    async def __call__(self) -> SubprocessDriver:
        transport = await SubprocessTransport.open(self.argv, cwd=self._cwd, env=self._env)
        driver = SubprocessDriver(transport, self._timing)
        await driver.greet()
        return driver


def subprocess_factory(
    command: str | Sequence[str],
    *,
    timing: Timing,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
) -> DriverFactory:
    """Makes drivers that run ``command``: a command line (split as a shell would, run without one), its words, or
    ``python:pkg.module:Class`` for an adapter class of the kit. ``env`` is added to this process's environment.

    UsageError here for a command line that cannot be one; UsageError of the factory where it cannot be run.
    """
    return _SubprocessFactory(command_words(command), timing, cwd, env)


def command_words(command: str | Sequence[str]) -> tuple[str, ...]:
    """The words of a command, ``python:module:Class`` resolved to this interpreter and the kit."""
    if isinstance(command, str):
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"the client command {command!r} cannot be split into words: {error}") from None
    else:
        words = list(command)
    if not words or not words[0]:
        raise UsageError("the client command is empty", hint="give a command line, or python:module:Class")
    if words[0].startswith("python:"):
        target = words[0].removeprefix("python:")
        module, colon, name = target.partition(":")
        if not colon or not all(part.isidentifier() for part in (*module.split("."), *name.split("."))):
            raise UsageError(
                f"{words[0]!r} names no adapter class", hint="expected python:package.module:Class, as importable"
            )
        return (sys.executable, "-m", "bookproof.adapter", target, *words[1:])
    return tuple(words)


def check_command(command: str | Sequence[str], *, cwd: str | os.PathLike[str] | None = None) -> None:
    """UsageError, as the factory would raise it, where the command certainly cannot be run. Runs nothing."""
    _check_command(command_words(command)[0], cwd, os.environ.get("PATH"))


def describe_exit(returncode: int) -> str:
    """ "exit status 1", "signal SIGSEGV"."""
    if returncode >= 0:
        return f"exit status {returncode}"
    try:
        return f"signal {signal.Signals(-returncode).name}"
    except ValueError:
        return f"signal {-returncode}"


class SubprocessTransport:
    """One child in a session and process group of its own, so that a terminal's Ctrl-C reaches only the harness and
    the whole group can be ended."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._stdin, self._stdout, self._stderr = map(_pipe, (process.stdin, process.stdout, process.stderr))
        self._log = StderrLog()
        self._how = ""
        self._ended = trio.Event()
        self._output_read = trio.Event()
        self._reaped = False
        self.pid = process.pid
        trio.lowlevel.spawn_system_task(self._supervise, name=f"bookproof driver: supervises process {self.pid}")

    @classmethod
    async def open(
        cls,
        argv: Sequence[str],
        *,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> SubprocessTransport:
        """UsageError, with a hint, where the command cannot be run."""
        whole = {**os.environ, **(env or {})}
        _check_command(argv[0], cwd, whole.get("PATH"))
        try:
            process = await trio.lowlevel.open_process(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                cwd=cwd,
                env=whole,
            )
        except OSError as error:
            raise _cannot_run(argv[0], error) from None
        return cls(process)

    async def send(self, data: bytes) -> None:
        await self._stdin.send_all(data)

    def send_now(self, data: bytes) -> bool:
        if len(data) > select.PIPE_BUF:  # up to this a pipe takes all or nothing (POSIX, write)
            return False
        try:
            os.write(self._stdin.fileno(), data)
        except OSError:  # full, closed, or broken: `send` will find out
            return False
        return True

    async def receive(self) -> bytes:
        piece = await self._read()
        if not piece:
            self._output_read.set()
        return piece

    async def _read(self) -> bytes:
        # Not the stream's own receive_some, which tries to read before it waits: there is hardly ever anything yet.
        while (pipe := self._stdout.fileno()) >= 0:
            try:
                await trio.lowlevel.wait_readable(pipe)
                return os.read(pipe, _PIECE)
            except BlockingIOError:
                pass
            except (OSError, trio.ClosedResourceError):
                break
        return b""

    async def ended(self) -> str:
        await self._ended.wait()
        return self._how

    @property
    def exit_code(self) -> int | None:
        """As subprocess has it; None while it runs."""
        return self._process.returncode if self._reaped else None

    def close_input(self) -> None:
        self._stdin.close()  # not aclose: this must work while the task is cancelled, and does not block

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if not self._reaped:
            self._output_read.set()  # whoever kills reads no further

    def begin_case(self) -> None:
        self._log.begin_case()

    def log(self) -> tuple[str, ...]:
        return self._log.lines()

    def _signal(self, number: signal.Signals) -> None:
        """To the group; only while the child is not reaped, for after that its id may be another's."""
        if not self._reaped:
            _signal_group(self.pid, number)

    async def _supervise(self) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read_stderr)
                await self._process.wait()
                self._reap()
                nursery.cancel_scope.deadline = trio.current_time() + _GRACE
        finally:
            if not self._reaped:  # trio.run is ending
                with trio.CancelScope(shield=True):
                    self.kill()
                    await self._process.wait()
                    self._reap()
            assert self._process.returncode is not None
            self._how = describe_exit(self._process.returncode)
            self._ended.set()
            with trio.move_on_after(_GRACE, shield=True):
                await self._output_read.wait()
            for pipe in (self._stdin, self._stderr, self._stdout):
                pipe.close()

    def _reap(self) -> None:
        """What the child left behind ends with it. Here, at once, its group id cannot have been given away yet."""
        self._reaped = True
        _signal_group(self.pid, signal.SIGKILL)

    async def _read_stderr(self) -> None:
        while True:
            try:
                piece = await self._stderr.receive_some(_PIECE)
            except (trio.ClosedResourceError, trio.BrokenResourceError):
                return
            if not piece:
                return
            self._log.feed(piece)


def _pipe(stream: object) -> trio.lowlevel.FdStream:
    assert isinstance(stream, trio.lowlevel.FdStream)
    return stream


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # all gone; on macOS: only zombies left
        os.killpg(pid, number)


def _check_command(program: str, cwd: str | os.PathLike[str] | None, path: str | None) -> None:
    if cwd is not None and not Path(cwd).is_dir():
        raise UsageError(f"the client's working directory does not exist: {cwd}")
    if os.sep not in program:
        if shutil.which(program, path=path) is None:
            here = Path(cwd or ".", program)
            hint = f"for the file in this directory write ./{program}" if here.is_file() else _PATH_HINT
            raise UsageError(f"the client command was not found: {program!r}", hint=hint)
        return
    file = Path(cwd or ".", program)
    if not file.exists():
        raise UsageError(f"the client command was not found: {program!r}", hint=f"there is no file {file.absolute()}")
    if file.is_dir():
        raise UsageError(f"the client command is a directory: {program!r}")
    if not os.access(file, os.X_OK):
        raise UsageError(f"the client command is not executable: {program!r}", hint=f"chmod +x {file}")


_PATH_HINT = "is it installed, and on PATH?"


def _cannot_run(program: str, error: OSError) -> UsageError:
    if error.errno == errno.ENOENT:
        return UsageError(
            f"the client command cannot be run: {program!r}", hint="the interpreter in its first line does not exist"
        )
    if error.errno == errno.ENOEXEC:
        return UsageError(
            f"the client command cannot be run: {program!r}",
            hint="it is no program for this system; a script's first line names its interpreter, as in #!/bin/sh",
        )
    return UsageError(f"the client command cannot be run: {program!r}: {error.strerror or error}")
