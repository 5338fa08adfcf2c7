"""``bookproof init``: where it writes, what it says, and that it overwrites nothing."""

from __future__ import annotations

from pathlib import Path

from cli_world import Cli, cli

__all__ = ["cli"]

WORKFLOW = Path(".github/workflows/bookproof-python.yml")


def test_outside_a_repository_all_is_in_the_folder(cli: Cli) -> None:
    found = cli("init", "python")
    assert (found.status, found.err) == (0, "")
    place = Path("bookproof-adapter")
    files = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert files == {"adapter.py", "README.md", str(WORKFLOW)}
    assert all(f"wrote bookproof-adapter/{name}\n" in found.out for name in files)
    assert '    cd bookproof-adapter\n    bookproof adapter check --client "python adapter.py"\n' in found.out
    assert "move it there" in (place / "README.md").read_text("utf-8")
    assert "working-directory: .\n" in (place / WORKFLOW).read_text("utf-8")


def test_in_a_repository_the_workflow_is_at_its_top(cli: Cli) -> None:
    (cli.folder / ".git").mkdir()
    found = cli("init", "python", "tests/conformance")
    assert "wrote .github/workflows/bookproof-python.yml\n" in found.out
    assert "working-directory: tests/conformance\n" in WORKFLOW.read_text("utf-8")
    assert "path: tests/conformance/bookproof-report\n" in WORKFLOW.read_text("utf-8")
    readme = Path("tests/conformance/README.md").read_text("utf-8")
    assert readme.startswith(f"# Bookproof for {cli.folder.name}\n")
    assert "`../../.github/workflows/bookproof-python.yml`" in readme


def test_nothing_is_overwritten(cli: Cli) -> None:
    Path("here").mkdir()
    Path("here/adapter.py").write_text("mine")
    found = cli("init", "python", "here")
    assert (found.status, found.out) == (4, "")
    assert "in the way: here/adapter.py (give another folder, or overwrite with --force)" in found.err
    assert [str(path) for path in Path("here").iterdir()] == ["here/adapter.py"]
    assert Path("here/adapter.py").read_text() == "mine"
    assert cli("init", "python", "here", "--force").status == 0
    assert "YOUR CLIENT" in Path("here/adapter.py").read_text("utf-8")


def test_wrong_input(cli: Cli) -> None:
    assert "there is no kit for 'pyhton' (did you mean 'python'?" in cli("init", "pyhton").err
    Path("file").write_text("")
    for folder in ("file", "file/below"):
        found = cli("init", "go", folder)
        assert (found.status, "file is a file, a folder is wanted there" in found.err) == (4, True)
    assert cli("init").status == 4


def test_in_the_current_folder(cli: Cli) -> None:
    found = cli("init", "javascript", ".")
    assert found.status == 0
    assert "cd " not in found.out
    assert Path("adapter.mjs").exists()
