"""Does an adapter, in any language, keep the protocol? Each obligation is tried in a fresh process.

This is the harness's side (it needs trio), for the authors of adapters; the kit itself does not import it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from bookproof.adapter.obligations import OBLIGATIONS, NotTried
from bookproof.adapter.raw_process import Failed, raw_process
from bookproof.drivers.subprocess import command_words
from bookproof_exchange.errors import AdapterError
from bookproof_exchange.timing import Timing


class AdapterCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One obligation, and whether it is kept."""

    name: str
    outcome: Literal["ok", "failed", "not-tried"]
    expected: str
    found: str
    stderr: tuple[str, ...] = ()
    """The adapter's last words, where it failed."""

    @property
    def ok(self) -> bool:
        """Nothing is wrong, as far as it could be tried."""
        return self.outcome != "failed"

    @property
    def message(self) -> str:
        """What was found, in a line."""
        said = f"; stderr: {' | '.join(self.stderr)}" if self.stderr else ""
        return f"expected {self.expected}; {self.found}{said}" if self.outcome == "failed" else self.found


def _nobody(check: AdapterCheck) -> None:
    pass


async def check_adapter(
    command: str | Sequence[str],
    *,
    timing: Timing | None = None,
    cwd: str | os.PathLike[str] | None = None,
    env: Mapping[str, str] | None = None,
    tell: Callable[[AdapterCheck], None] = _nobody,
) -> list[AdapterCheck]:
    """Every obligation in its order; ``tell`` hears of each at once. Where the first, ``hello``, fails, the others are not
    tried.

    UsageError where the command cannot be run at all.
    """
    words = command_words(command)
    limits = timing or Timing()
    results: list[AdapterCheck] = []
    for name, expected, keep in OBLIGATIONS:
        async with raw_process(words, limits, cwd, env) as process:
            stderr: tuple[str, ...] = ()
            outcome: Literal["ok", "failed", "not-tried"] = "ok"
            try:
                found = await keep(process)
            except NotTried as reason:
                outcome, found = "not-tried", str(reason)
            except (Failed, AdapterError) as error:
                outcome = "failed"
                found = error.message if isinstance(error, AdapterError) else str(error)
                stderr = process.transport.log()[-3:]
        results.append(AdapterCheck(name=name, outcome=outcome, expected=expected, found=found, stderr=stderr))
        tell(results[-1])
        if name == "hello" and not results[-1].ok:
            break
    return results
