"""``bookproof scenario``: everything about scenario files."""

from __future__ import annotations

from collections.abc import Mapping

import click

from bookproof.cli.group import LazyGroup

#: Where each command is, and what it does in a line.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "new": ("bookproof.cli.scenario.new:new", "Ask what shall happen, and write a commented file."),
    "check": ("bookproof.cli.scenario.check:check", "Say what is wrong with files, and how to mend it."),
    "show": ("bookproof.cli.scenario.show:show", "Show what is sent when, where faults strike, what is expected."),
    "try": ("bookproof.cli.scenario.trial:try_", "Run a file against the ideal client, or known bugs."),
    "watch": ("bookproof.cli.scenario.watch:watch", "Check, show and try a file anew whenever it is saved."),
    "import": ("bookproof.cli.scenario.importing:import_", "Make a file of a recording of a real exchange."),
    "schema": ("bookproof.cli.scenario.schema:schema", "Print the JSON Schema of the format, for editors."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def scenario() -> None:
    """Write scenario files, and see what they do before any client meets them."""
