"""How far a run is: a line that renews itself on a terminal, a whole line now and then in a log."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.table import Column
from rich.text import Text

from bookproof.report.collect import Collected
from bookproof.report.style import counted

#: A log gets a line of progress when it has been silent for so many seconds: some CI systems end a job that says nothing.
LOG_EVERY = 30.0
#: A terminal of fewer columns gets no bar and no names of cases.
_NARROW = 80
#: From so many cases on there is something to go by.
_LEAST_DONE = 3


class Progress:
    """``clock``: seconds, from any moment on."""

    def __init__(
        self, console: Console, collected: Collected, total: int, *, live: bool, clock: Callable[[], float]
    ) -> None:
        self._console = console
        self._collected = collected
        self._total = total
        self._clock = clock
        self._began = self._spoke = self._counted = clock()
        self._running: dict[str, None] = {}
        self._bar: Bar | None = None
        if live:
            self._bar = Bar(*self._columns(), console=console, transient=True, expand=console.width >= _NARROW)
            self._task = self._bar.add_task("", total=total)
            self._bar.start()

    def begin(self, case: str) -> None:
        self._running[case] = None
        self._show()

    def end(self, case: str) -> None:
        """The case is among the collected results."""
        self._running.pop(case, None)
        self._counted = self._clock()
        self._show()

    def spoke(self) -> None:
        """Something else was written: a log is not silent."""
        self._spoke = self._clock()

    def stop(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    @property
    def left(self) -> str:
        """``about 2 min left``: as long a case as so far. Empty where there is little to go by."""
        done = len(self._collected.results)
        if done < _LEAST_DONE or done >= self._total:
            return ""
        now = self._clock()
        rest = (self._counted - self._began) / done * (self._total - done) - (now - self._counted)
        return f"about {rough(max(1.0, rest))} left"

    def _show(self) -> None:
        if self._bar is not None:
            names = ", ".join(case.partition("/")[2] for case in self._running)
            self._bar.update(self._task, completed=len(self._collected.results), description=names)
        elif self._clock() - self._spoke >= LOG_EVERY:
            said = Text(f"… {len(self._collected.results)} of {self._total} cases done: ")
            said.append_text(counted(self._collected.counts.items()) or Text("no result yet"))
            said.append(f"; {self.left}" if self.left else "")
            self._console.print(said, soft_wrap=True)
            self.spoke()

    def _columns(self) -> list[ProgressColumn]:
        columns: list[ProgressColumn] = [SpinnerColumn(), MofNCompleteColumn()]
        wide = self._console.width >= _NARROW
        if wide:
            columns.append(BarColumn(bar_width=16))
        columns.append(_Computed(lambda: counted(self._collected.counts.items())))
        columns.append(_Computed(self._time))
        if wide:
            names = Column(no_wrap=True, overflow="ellipsis", ratio=1)
            columns.append(TextColumn("{task.description}", style="dim", table_column=names, markup=False))
        return columns

    def _time(self) -> Text:
        gone, left = rough(self._clock() - self._began), self.left
        return Text(f"{gone}, {left}" if left else gone, "cyan")


class _Computed(ProgressColumn):
    """Shows what a function says at the moment."""

    def __init__(self, say: Callable[[], Text]) -> None:
        super().__init__(Column(no_wrap=True))
        self._say = say

    def render(self, task: Task) -> Text:
        return self._say()


def rough(seconds: float) -> str:
    """``40 s``, ``3 min``, ``2 h 10 min``."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
