"""What specifications say about themselves: summaries and field descriptions out of their docstrings."""

from __future__ import annotations

import ast
import functools
import inspect
import re
import textwrap
from typing import Any

import msgspec
import msgspec.inspect as inspection


def text(type_: type) -> str:
    """The whole docstring, one paragraph a line, without the marks of code."""
    paragraphs = re.split(r"\n\s*\n", inspect.getdoc(type_) or "")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def summary(type_: type) -> str:
    """The first sentence of the docstring."""
    return re.split(r"(?<=[.])\s", text(type_), maxsplit=1)[0]


@functools.cache
def field_texts(type_: type[msgspec.Struct]) -> dict[str, str]:
    """What stands below each field in the source of the class and its bases."""
    said: dict[str, str] = {}
    for parent in reversed(type_.__mro__):
        if issubclass(parent, msgspec.Struct) and parent is not msgspec.Struct:
            said |= _below(parent)
    return said


def default_of(field: inspection.Field | msgspec.structs.FieldInfo) -> Any:
    """The default of a field that is not required."""
    return field.default_factory() if field.default is msgspec.NODEFAULT else field.default


def _below(type_: type) -> dict[str, str]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(type_))).body
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for field, after in zip(definition.body, definition.body[1:], strict=False):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as words)):
                found[name] = " ".join(words.split())
            case _:
                pass
    return found
