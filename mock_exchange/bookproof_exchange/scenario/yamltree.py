"""YAML text to a tree of nodes that know their place, read strictly: what could mean two things is an error.

Plain scalars follow the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema): ``yes`` and ``1_000``
are texts, only ``true`` and ``false`` are truth values. Tags, anchors, aliases and several documents in one file are
not part of the scenario format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Sequence as Sequence_
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from bookproof_exchange.errors import Where
from bookproof_exchange.scenario.problems import Code, Problem, ScenarioError

_NULL = re.compile(r"|~|null|Null|NULL")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_WHOLE = re.compile(r"[-+]?[0-9]{1,30}")
_OCTAL = re.compile(r"0o[0-7]{1,30}")
_HEX = re.compile(r"0x[0-9a-fA-F]{1,30}")
_REAL = re.compile(r"[-+]?(?:\.[0-9]{1,30}|[0-9]{1,30}(?:\.[0-9]{0,30})?)(?:[eE][-+]?[0-9]{1,3})?")


@dataclass(frozen=True)
class Node:
    """Any node: where it stands, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Scalar(Node):
    """``text`` as it stands; ``plain``: written without quotes."""

    text: str
    plain: bool

    def value(self) -> str | int | float | bool | None:
        """What the scalar means in YAML 1.2."""
        if not self.plain:
            return self.text
        if _NULL.fullmatch(self.text):
            return None
        if _TRUE.fullmatch(self.text):
            return True
        if _FALSE.fullmatch(self.text):
            return False
        if _WHOLE.fullmatch(self.text):
            return int(self.text)
        if _OCTAL.fullmatch(self.text):
            return int(self.text[2:], 8)
        if _HEX.fullmatch(self.text):
            return int(self.text[2:], 16)
        if _REAL.fullmatch(self.text):
            return float(self.text)
        return self.text


@dataclass(frozen=True)
class Sequence(Node):
    items: list[Node] = field(default_factory=list)


@dataclass(frozen=True)
class Mapping(Node):
    """Pairs in the order of the file; keys are texts and differ."""

    pairs: list[tuple[Scalar, Node]] = field(default_factory=list)


def parse(text: str, name: str) -> tuple[Node, list[Problem]]:
    """The one document in ``text``, and the problems with its structure. ScenarioError where it is no YAML at all.

    ``name``: of the file, for messages."""
    return _Reader(name).read(text)


#: A scenario nests seven deep; the YAML parser takes quadratic time over deeper and deeper brackets.
_DEEPEST = 16
_BRACKETS = re.compile(r"(?:[\[{]\s*|[-?] +){64}")


class _Reader:
    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []

    def read(self, text: str) -> tuple[Node, list[Problem]]:
        root: Node | None = None
        if brackets := _BRACKETS.search(text):
            line = text.count("\n", 0, brackets.start()) + 1
            self._complain("not-in-format", "this is nested too deeply for a scenario", None, line=line, column=1)
            raise ScenarioError(self.problems)
        try:
            events = YAML(typ="safe", pure=True).parse(text)
            root = self._document(iter(events))
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            if "expected ',' or" in str(error.problem) and error.context_mark is not None:
                mark = error.context_mark  # where the bracket was opened
            line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
            self._complain(*_in_words(error, text.splitlines(), line), line=line, column=column)
            raise ScenarioError(self.problems) from None
        except YAMLError as error:
            # The reader's own error: a character that YAML does not allow.
            self._complain(
                "not-yaml", f"this is not YAML: {' '.join(str(error).split())}"[:200], None, line=1, column=1
            )
            raise ScenarioError(self.problems) from None
        except (ValueError, IndexError, AssertionError, TypeError, AttributeError, RecursionError) as error:
            # The parser stumbles over some garbage instead of refusing it.
            self._complain(
                "not-yaml", f"this is not YAML ({type(error).__name__} in the parser)", None, line=1, column=1
            )
            raise ScenarioError(self.problems) from None
        if root is None or (isinstance(root, Scalar) and root.value() is None):
            self._complain(
                "empty-file",
                "the file is empty",
                "a scenario starts with `id:`, `title:` and `purpose:`",
                line=1,
                column=1,
            )
            raise ScenarioError(self.problems)
        return root, self.problems

    def _document(self, events: Iterator[Event]) -> Node | None:
        root: Node | None = None
        documents = 0
        # Per open collection: the node, the key that waits for its value, keys seen so far.
        opened: list[tuple[Sequence | Mapping, list[Scalar | None], dict[str, Scalar]]] = []
        for event in events:
            match event:
                case DocumentStartEvent():
                    documents += 1
                    if documents == 2:
                        self._at(
                            event, "a second document starts here", "one file holds one scenario: remove the `---`"
                        )
                case AliasEvent():
                    self._at(event, "aliases (*) are not part of the scenario format", "write the value out")
                    root = self._place(Scalar(*_mark(event), "", True), opened, root)
                case ScalarEvent():
                    self._plain_node(event)
                    node = Scalar(*_mark(event), event.value, event.style is None)
                    root = self._place(node, opened, root)
                case SequenceStartEvent() | MappingStartEvent():
                    self._plain_node(event)
                    collection: Sequence | Mapping
                    collection = (
                        Sequence(*_mark(event)) if isinstance(event, SequenceStartEvent) else Mapping(*_mark(event))
                    )
                    root = self._place(collection, opened, root)
                    opened.append((collection, [], {}))
                    if len(opened) > _DEEPEST:
                        self._at(event, "this is nested too deeply for a scenario", None)
                        raise ScenarioError(self.problems)
                case SequenceEndEvent() | MappingEndEvent():
                    opened.pop()
                case _:
                    pass
        return root

    def _plain_node(self, event: ScalarEvent | SequenceStartEvent | MappingStartEvent) -> None:
        if event.anchor:
            self._at(event, f"anchors (&{event.anchor}) are not part of the scenario format", "write the value out")
        if event.tag and event.tag != "!":
            self._at(event, f"tags ({event.tag}) are not part of the scenario format", "remove the tag")

    def _place(
        self,
        node: Node,
        opened: list[tuple[Sequence | Mapping, list[Scalar | None], dict[str, Scalar]]],
        root: Node | None,
    ) -> Node:
        if not opened:
            return node if root is None else root
        parent, waiting, seen = opened[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
        elif waiting:
            key = waiting.pop()
            if key is not None:
                parent.pairs.append((key, node))
        elif not isinstance(node, Scalar):
            self._complain("not-in-format", "a key must be a name", None, line=node.line, column=node.column)
            waiting.append(None)
        elif node.text in seen:
            first = seen[node.text]
            hint = f"it was given in line {first.line} already: keep one of them"
            self._complain(
                "repeated-key", f"the key {node.text!r} is given twice", hint, line=node.line, column=node.column
            )
            waiting.append(None)
        else:
            seen[node.text] = node
            waiting.append(node)
        return root if root is not None else node

    def _at(self, event: Event, message: str, hint: str | None) -> None:
        line, column = _mark(event)
        self._complain("not-in-format", message, hint, line=line, column=column)

    def _complain(self, code: Code, message: str, hint: str | None, *, line: int, column: int) -> None:
        self.problems.append(Problem(code=code, message=message, hint=hint, where=Where(self.name, line, column)))


def _mark(event: Event) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


_STEPS = ("sync", "send", "fault", "oddity", "read", "converge", "quiet", "await")
_LISTED = re.compile(r"\s*(- (?:fault|oddity)): *([a-z-]+), *([a-z_]+: .*)")
_BARE = re.compile(r"^([a-z_]+) *$", re.MULTILINE)
_NO_SPACE = re.compile(r"\s*-[A-Za-z]")


def _in_words(error: MarkedYAMLError, lines: Sequence_[str], line: int) -> tuple[Code, str, str | None]:
    """Kind, message and hint of a complaint of the parser about ``line`` (from 1)."""
    problem = " ".join(str(error.problem or error.context or "cannot be read").split())
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    before = next((other for other in reversed(lines[: line - 1]) if _says_something(other)), "")
    if "'\\t'" in problem:
        return "indentation", "a tab is used for indentation", "YAML is indented with spaces only"
    moved = _moved(text, before)
    bare = _BARE.search("\n".join(lines[:line]))
    if bare is not None and "mapping values" not in problem:
        return "not-yaml", f"the key {bare[1]!r} has no `:` behind it", f"write `{bare[1]}:`"
    if "mapping values are not allowed" in problem:
        if _NO_SPACE.match(text) or _NO_SPACE.match(before):
            return "not-yaml", "a step begins with `-` and a space", "write `- send: 5`, with a space behind the dash"
        if moved is not None:
            return "indentation", moved, "what belongs together begins in the same column"
        if listed := _LISTED.match(text):
            hint = f"write `{listed[1]}: {{kind: {listed[2]}, {listed[3]}}}`"
            return "not-yaml", "several parameters stand in braces", hint
        if text.lstrip().partition(":")[0] in _STEPS:
            return "not-yaml", "a step begins with `-` and a space", f"write `- {text.strip()}`"
        hint = "put a text that holds `: ` in quotes"
        return "not-yaml", "a second `:` stands where a value is expected", hint
    if "expected <block end>" in problem or "could not find expected ':'" in problem or "did not find" in problem:
        if _NO_SPACE.match(text) or _NO_SPACE.match(before):
            return "not-yaml", "a step begins with `-` and a space", "write `- send: 5`, with a space behind the dash"
        if moved is not None:
            return "indentation", moved, "what belongs together begins in the same column"
    if "expected ',' or" in problem:
        close = "]" if "']'" in problem else "}"
        return "not-yaml", "the bracket that opens here is not closed", f"close it with `{close}`"
    if "quoted scalar" in str(error.context or ""):
        return "not-yaml", "a quote is opened and never closed", "close it, or take it away"
    if "could not find expected ':'" in problem:
        return "not-yaml", "a key without a `:`", "write `key: value`"
    return "not-yaml", f"this is not YAML: {problem}", None


def _moved(text: str, before: str) -> str | None:
    """Whether a line begins in another column than the line before it although both are steps or both are keys."""
    mine, other = len(text) - len(text.lstrip()), len(before) - len(before.lstrip())
    both_steps = text.lstrip().startswith("- ") and before.lstrip().startswith("- ")
    if mine == other or not before:
        return None
    what = "this step" if text.lstrip().startswith("- ") else "this line"
    if both_steps or mine > other:
        return f"{what} is indented by {mine}, the line before it by {other}"
    return f"{what} is indented by {mine}, which matches no line before it"


def _says_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
