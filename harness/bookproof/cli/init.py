"""``bookproof init``: an adapter skeleton in the user's language, and a workflow that runs it."""

from __future__ import annotations

import shlex
from pathlib import Path, PurePosixPath

import click

from bookproof.kits.languages import LANGUAGES, contents, next_commands, workflow
from bookproof.report.text import clean
from bookproof_exchange.errors import UsageError, did_you_mean

_FOLDER = "bookproof-adapter"


@click.command()
@click.argument("language", metavar="LANGUAGE")
@click.argument("folder", metavar="[DIR]", default=_FOLDER, type=click.Path())
@click.option("--force", is_flag=True, help="Overwrite what is in the way.")
def init(language: str, folder: str, force: bool) -> int:
    """Write an adapter that has everything but your client: for python, javascript, go, rust or java.

    It goes into DIR (bookproof-adapter, if not given) and passes 'bookproof adapter check' as it is. A workflow for GitHub
    goes to the top of the repository around DIR. Nothing that exists is overwritten.
    """
    kit = LANGUAGES.get(language)
    if kit is None:
        hint = did_you_mean(language, LANGUAGES)
        raise UsageError(f"there is no kit for {language!r}", hint=f"{hint}; the protocol: docs/adapters.md")
    place = Path(folder)
    top = _repository(place.absolute())
    within = PurePosixPath(place.resolve().relative_to(top).as_posix()) if top is not None else PurePosixPath(".")
    texts = contents(
        kit, client=(top or place.resolve()).name, folder=within, in_folder=top is None or top == place.resolve()
    )
    files = {(top if top is not None and name == workflow(kit) else place) / name: text for name, text in texts.items()}
    if not force:
        _refuse_to_overwrite(list(files))
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {error.filename!r}: {error.strerror}") from None
    for path in files:
        click.echo(f"wrote {clean(_shown(path))}")
    click.echo("\nNext:")
    for command in ([f"cd {shlex.quote(folder)}"] if place.resolve() != Path.cwd() else []) + list(next_commands(kit)):
        click.echo(f"    {command}")
    click.echo(f"\nThen put your client into the places marked YOUR CLIENT in {clean(_shown(place / kit.own))}.")
    return 0


def _repository(place: Path) -> Path | None:
    """The top of the git repository around a folder that may not exist yet."""
    resolved = place.resolve()
    for folder in (resolved, *resolved.parents):
        if (folder / ".git").exists():  # a folder, or a file in a worktree
            return folder
    return None


def _refuse_to_overwrite(files: list[Path]) -> None:
    there = [path for path in files if path.exists() or path.is_symlink()]
    blocked = next(
        (parent for path in files for parent in path.parents if parent.exists() and not parent.is_dir()), None
    )
    if blocked is not None:
        raise UsageError(f"{_shown(blocked)} is a file, a folder is wanted there")
    if there:
        names = ", ".join(_shown(path) for path in there)
        raise UsageError(f"in the way: {names}", hint="give another folder, or overwrite with --force")


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
