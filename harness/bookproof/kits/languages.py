"""The languages that there are kits for, and what a folder made from one holds."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import PurePosixPath

import msgspec

#: The dialect that the skeletons declare.
DIALECT = "kraken-v2"
_REPORT = "bookproof-report"


class Language(msgspec.Struct, frozen=True, kw_only=True):
    """One kit."""

    name: str
    files: tuple[str, ...]
    """Below the kit's folder; they land under the same names."""
    command: str
    """The adapter's command line, in the made folder."""
    build: str | None = None
    """What has to be run before it, there."""
    own: str
    """The file that is the user's to change."""
    protocol: str | None = None
    """The file that speaks the protocol, where it is a file of the made folder."""
    setup: str
    """The steps of the workflow that install the language's tools, and what is built with them."""


PYTHON = Language(
    name="python",
    files=("adapter.py",),
    command="python adapter.py",
    own="adapter.py",
    setup="""\
      # YOUR CLIENT: install it
      # - run: pip install ..
""",
)
JAVASCRIPT = Language(
    name="javascript",
    files=("adapter.mjs", "driver.mjs"),
    command="node adapter.mjs",
    own="adapter.mjs",
    protocol="driver.mjs",
    setup="""\
      - uses: actions/setup-node@v4
        with:
          node-version: "22"
      # YOUR CLIENT: install what it needs
      # - run: npm ci
""",
)
GO = Language(
    name="go",
    files=("adapter.go", "driver.go", "go.mod"),
    command="./adapter",
    build="go build -o adapter .",
    own="adapter.go",
    protocol="driver.go",
    setup="""\
      - uses: actions/setup-go@v5
        with:
          go-version: stable
      - run: go build -o adapter .
""",
)
RUST = Language(
    name="rust",
    files=("Cargo.toml", "src/main.rs", "src/driver.rs"),
    command="target/release/adapter",
    build="cargo build --release",
    own="src/main.rs",
    protocol="src/driver.rs",
    setup="""\
      - run: cargo build --release
""",
)
JAVA = Language(
    name="java",
    files=("Adapter.java", "Driver.java", "Json.java"),
    command="java -cp build Adapter",
    build="javac -d build Adapter.java Driver.java Json.java",
    own="Adapter.java",
    protocol="Driver.java",
    setup="""\
      - uses: actions/setup-java@v4
        with:
          distribution: temurin
          java-version: "21"
      - run: javac -d build Adapter.java Driver.java Json.java
""",
)

LANGUAGES: Mapping[str, Language] = {kit.name: kit for kit in (PYTHON, JAVASCRIPT, GO, RUST, JAVA)}


def contents(language: Language, *, client: str, folder: PurePosixPath, in_folder: bool) -> dict[str, str]:
    """The files of a folder made from the kit, by their names in it, and under ``workflow(language)`` the workflow.

    ``client``: the project's name, for the README. ``folder``: of the adapter, from the top of the repository.
    ``in_folder``: the workflow lies in the made folder itself, since there is no repository around it."""
    root = resources.files("bookproof.kits")
    place = root.joinpath(language.name)
    texts = {name: place.joinpath(name).read_text("utf-8") for name in language.files}
    words = {
        "LANGUAGE": language.name,
        "CLIENT": client,
        "ADAPTER": language.own,
        "REST": f"; `{language.protocol}` speaks the protocol and stays as it is" if language.protocol else "",
        "STEPS": _steps(language),
        "REPORT": _REPORT,
        "WORKFLOW": workflow(language) if in_folder else "/".join([".."] * len(folder.parts) + [workflow(language)]),
        "MOVE": " GitHub looks for it at the top of the repository: move it there." if in_folder else "",
        "FOLDER": str(folder),
        "SETUP": language.setup.rstrip("\n"),
        "COMMAND": language.command,
        "DIALECT": DIALECT,
        "REPORT_PATH": str(folder / _REPORT),
    }
    texts["README.md"] = _filled(root.joinpath("README.template.md").read_text("utf-8"), words)
    texts[workflow(language)] = _filled(root.joinpath("workflow.template.yml").read_text("utf-8"), words)
    return texts


def workflow(language: Language) -> str:
    """The path of the workflow, from the top of the repository."""
    return f".github/workflows/bookproof-{language.name}.yml"


def next_commands(language: Language) -> tuple[str, ...]:
    """What to run in the made folder, one after the other."""
    return (
        *([language.build] if language.build is not None else []),
        f'bookproof adapter check --client "{language.command}"',
        f'bookproof run --client "{language.command}" --dialect {DIALECT} --report {_REPORT}',
    )


def _steps(language: Language) -> str:
    return "\n".join(f"    {command}" for command in next_commands(language))


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text
