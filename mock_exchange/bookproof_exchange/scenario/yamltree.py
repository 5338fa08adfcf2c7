"""YAML text to a tree of nodes that know their place, read strictly: what could mean two things is an error.

Plain scalars follow the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema): ``yes`` and ``1_000``
are texts, only ``true`` and ``false`` are truth values. Tags, anchors, aliases and several documents in one file are
not part of the scenario format.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
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
from bookproof_exchange.scenario.problems import Problem, ScenarioError

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
            self._complain("this is nested too deeply for a scenario", None, line=line, column=1)
            raise ScenarioError(self.problems)
        try:
            events = YAML(typ="safe", pure=True).parse(text)
            root = self._document(iter(events))
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self._complain(*_in_words(error), line=mark.line + 1 if mark else 1, column=mark.column + 1 if mark else 1)
            raise ScenarioError(self.problems) from None
        except YAMLError as error:
            # The reader's own error: a character that YAML does not allow.
            self._complain(f"this is not YAML: {' '.join(str(error).split())}"[:200], None, line=1, column=1)
            raise ScenarioError(self.problems) from None
        except (ValueError, IndexError, AssertionError, TypeError, AttributeError, RecursionError) as error:
            # The parser stumbles over some garbage instead of refusing it.
            self._complain(f"this is not YAML ({type(error).__name__} in the parser)", None, line=1, column=1)
            raise ScenarioError(self.problems) from None
        if root is None or (isinstance(root, Scalar) and root.value() is None):
            self._complain(
                "the file is empty", "a scenario starts with `id:`, `title:` and `purpose:`", line=1, column=1
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
            self._complain("a key must be a name", None, line=node.line, column=node.column)
            waiting.append(None)
        elif node.text in seen:
            first = seen[node.text]
            hint = f"it was given in line {first.line} already: keep one of them"
            self._complain(f"the key {node.text!r} is given twice", hint, line=node.line, column=node.column)
            waiting.append(None)
        else:
            seen[node.text] = node
            waiting.append(node)
        return root if root is not None else node

    def _at(self, event: Event, message: str, hint: str | None) -> None:
        line, column = _mark(event)
        self._complain(message, hint, line=line, column=column)

    def _complain(self, message: str, hint: str | None, *, line: int, column: int) -> None:
        self.problems.append(Problem(message=message, hint=hint, where=Where(self.name, line, column)))


def _mark(event: Event) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _in_words(error: MarkedYAMLError) -> tuple[str, str | None]:
    problem = " ".join(str(error.problem or error.context or "cannot be read").split())
    if "'\\t'" in problem:
        return "a tab is used for indentation", "YAML is indented with spaces only"
    if "mapping values are not allowed" in problem:
        return "a second `:` stands where a value is expected", "put a text that holds `: ` in quotes"
    return f"this is not YAML: {problem}", None
