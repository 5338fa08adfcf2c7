"""Makes a picture of what a command shows on a terminal, as an SVG image:

    python docs/images/terminal.py OUT.svg COLUMNS COMMAND…

It runs the command in tmux (which must be installed), waits for it to end, and draws what is on the screen.
"""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
from pathlib import Path
from xml.sax.saxutils import quoteattr

from rich.color import parse_rgb_hex
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

#: Readable on white and on black pages; every colour has a contrast of at least 4.5:1 with the background.
_THEME = TerminalTheme(
    (22, 27, 34),
    (230, 237, 243),
    [
        parse_rgb_hex(colour)
        for colour in ("484f58", "ff7b72", "56d364", "e3b341", "79c0ff", "d2a8ff", "56d4dd", "b1bac4")
    ],
    [
        parse_rgb_hex(colour)
        for colour in ("8b949e", "ffa198", "7ee787", "f2cc60", "a5d6ff", "e2c5ff", "b3f0ff", "ffffff")
    ],
)


def screen(command: list[str], columns: int) -> str:
    """What the command leaves on a screen, with its colours."""
    tmux = ["tmux", "-L", "bookproof-picture", "-f", "/dev/null"]
    line = f"{shlex.join(command)}; tmux wait-for -S ended; sleep 60"
    size = ["-x", str(columns), "-y", "200"]
    subprocess.run([*tmux, "new-session", "-d", *size, line], check=True)
    try:
        subprocess.run([*tmux, "wait-for", "ended"], check=True)
        shown = subprocess.run([*tmux, "capture-pane", "-p", "-e"], check=True, capture_output=True, text=True)
    finally:
        subprocess.run([*tmux, "kill-server"], check=True)
    return shown.stdout.rstrip()


def picture(command: list[str], shown: str, columns: int) -> str:
    """The SVG image. It loads nothing, and says to those who do not see it what it shows."""
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "green"), (shlex.join(command), "bold")))
    console.print(Text.from_ansi(shown), soft_wrap=True)
    svg = console.export_svg(title="bookproof", theme=_THEME)
    svg = re.sub(r"@font-face\s*\{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", "DejaVu Sans Mono,Menlo,Consolas")
    said = " ".join(Text.from_ansi(shown).plain.split())
    return svg.replace("<svg ", f'<svg role="img" aria-label={quoteattr(f"{shlex.join(command)}: {said}")} ', 1)


def main() -> int:
    if len(sys.argv) < 4 or not sys.argv[2].isdigit():
        print(__doc__, file=sys.stderr)
        return 4
    out, columns, command = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    out.write_text(picture(command, screen(command, columns), columns), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
