"""``bookproof scenario import``."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from bookproof.captures import formats, importer, merge
from bookproof.report.text import clean
from bookproof_exchange.capture import recording as recordings
from bookproof_exchange.dialects import DIALECTS
from bookproof_exchange.errors import UsageError
from bookproof_exchange.scenario.load import SUFFIX, load


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@click.option("--dialect", metavar="D", help="What the venue speaks.  [default: what the recording says]")
@click.option("-o", "--out", required=True, type=click.Path(), metavar="FILE", help=f"The scenario file, NAME{SUFFIX}.")
@click.option("--symbol", "symbols", multiple=True, metavar="S", help="Replay this symbol; again for several.")
@click.option(
    "--stretch", "number", type=click.IntRange(1), metavar="N", help="Which whole stretch.  [default: the longest]"
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(list(get_args(merge.Format))),
    help="Kind of recording.  [default: by its first line]",
)
@click.option("--id", "id_", metavar="ID", help="Id of the scenario.  [default: capture/NAME]")
@click.option("--force", is_flag=True, help="Write over files that are there.")
def import_(
    files: tuple[str, ...],
    dialect: str | None,
    out: str,
    symbols: tuple[str, ...],
    number: int | None,
    kind: merge.Format | None,
    id_: str | None,
    force: bool,
) -> int:
    """Make a scenario of a recording: the file, and the recorded frames beside it.

    Reads Bookproof's own recordings (`bookproof record`), tardis.dev raw files and cryptofeed raw files, gzip or not; several
    FILEs are taken together in the order of their times. The truth is rebuilt from the frames; where the recording has a hole
    it is said where, and the longest stretch without one is taken.
    """
    scenario_path, frames_path = _outputs(out, force=force)
    name = dialect or formats.stated_dialect(files)
    if name is None:
        raise UsageError(
            f"{files[0]} does not say what the venue speaks",
            hint=f"--dialect with one of {', '.join(DIALECTS.names())}",
        )
    spoken = DIALECTS.get(name)
    recording = formats.read(files, spoken, kind)
    source = ", ".join(Path(name).name for name in files)
    imported = importer.make(
        recording, spoken, source=source, symbols=symbols, number=number, id_=id_, beside=frames_path.name
    )
    _write(frames_path, b"".join(recordings.write(imported.frames, source=f"from {source}")))
    _write(scenario_path, imported.text.encode())
    load(scenario_path)
    for line in importer.report(imported):
        click.echo(clean(line))
    click.echo(clean(f"wrote {scenario_path} and {frames_path}"))
    return 0


def _outputs(out: str, *, force: bool) -> tuple[Path, Path]:
    path = Path(out)
    if not path.name.endswith(SUFFIX) or path.name == SUFFIX:
        raise UsageError(f"expected a file name that ends in {SUFFIX}, found {path.name!r}", hint=f"-o name{SUFFIX}")
    frames = path.with_name(path.name.removesuffix(SUFFIX) + ".frames.jsonl")
    for each in (path, frames):
        if each.exists() and not force:
            raise UsageError(f"{each} is there already", hint="--force writes over it")
    return path, frames


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
