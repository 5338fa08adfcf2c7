"""Scenario files: from YAML text to the frozen `Scenario`, with every problem of a file named by line and column."""

from __future__ import annotations

import codecs
import functools
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import msgspec.inspect as types

from bookproof_exchange.dialects.api import EditKind
from bookproof_exchange.errors import UsageError, Where, did_you_mean
from bookproof_exchange.faults import specs
from bookproof_exchange.market.events import Shape
from bookproof_exchange.scenario import captured, model, yamltree
from bookproof_exchange.scenario.advice import (
    after_number,
    as_one_step,
    instead_of_fault,
    instead_of_key,
    instead_of_step,
)
from bookproof_exchange.scenario.bounds import bounds
from bookproof_exchange.scenario.problems import Code, Problem, ScenarioError
from bookproof_exchange.scenario.shorthand import CARRIERS, EDITS, FAULTS, PRINCIPAL, STEPS, tag_of

#: How a scenario file's name ends.
SUFFIX: Final = ".scenario.yaml"
#: Larger files are refused unread: a scenario is a page of text.
LARGEST: Final = 1 << 20

#: What to write where something required is missing.
MISSING: Final[Mapping[tuple[type[msgspec.Struct], str], str]] = {
    (model.Scenario, "id"): "such as `id: book/gap/single`: words joined by - and /",
    (model.Scenario, "title"): "such as `title: One update is lost`",
    (model.Scenario, "purpose"): "such as `purpose: The client must notice, and build its book anew.`",
    (model.Scenario, "rules"): "such as `rules: [gap-restart]`: `bookproof list rules` shows them",
    (model.Scenario, "script"): "`script:`, and below it the steps, each with its `- `",
    (model.Await, "what"): "such as `- await: reconnect`",
    (specs.Custom, "name"): "the name under which the other package offers it",
}

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]


class LoadedScenario(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario and where it came from. ``places``: field path to its place in the file.

    Lists count from 1, as people and the player's records do: ``script[4].fault`` is the fault of the fourth step."""

    scenario: model.Scenario
    path: str
    places: Mapping[str, Where] = {}

    def where(self, field: str) -> Where:
        """The place of a field, or of the nearest part of the file around it."""
        while field:
            if field in self.places:
                return self.places[field]
            field = field[: max(field.rfind("."), field.rfind("["), 0)]
        return Where(self.path)


def load(path: str | Path) -> model.Scenario:
    """The scenario in a file. ScenarioError (a UsageError) with all problems, each with line and column."""
    return load_with_places(path).scenario


def loads(text: str, name: str = "<text>") -> model.Scenario:
    """The scenario in a text; ``name`` stands for the file's in messages."""
    return loads_with_places(text, name).scenario


def load_with_places(path: str | Path) -> LoadedScenario:
    """Like `load`, and remembers where everything stands."""
    loaded = loads_with_places(_text(Path(path)), str(path))
    if loaded.scenario.capture is None:
        return loaded
    from bookproof_exchange.capture import store  # only such a scenario needs it

    beside = str(Path(path).parent.resolve() / loaded.scenario.capture)
    try:
        recorded = store.recorded(beside)
        spoken, count = recorded.dialect, len(recorded.stretches)
        if loaded.scenario.dialects != (spoken,):
            raise UsageError(
                f"it is of {spoken}, which the scenario does not say", hint=f"write `dialects: [{spoken}]`"
            )
        if loaded.scenario.market.symbols > count:
            wanted = loaded.scenario.market.symbols
            raise UsageError(f"it has {count} symbol{'s' * (count > 1)}, the scenario wants {wanted}")
    except UsageError as error:
        message = f"the recording cannot be used: {error.message}"
        where = loaded.where("capture")
        problem = Problem(code="unreadable", message=message, hint=error.hint, field="capture", where=where)
        raise ScenarioError([problem]) from None
    short = captured.exhausted(loaded.scenario, len(recorded.stretches[0].steps))
    if short is not None:
        raise ScenarioError([msgspec.structs.replace(short, where=loaded.where(short.field))])
    return msgspec.structs.replace(loaded, scenario=msgspec.structs.replace(loaded.scenario, capture=beside))


def loads_with_places(text: str, name: str = "<text>") -> LoadedScenario:
    """Like `loads`, and remembers where everything stands."""
    root, problems = yamltree.parse(text, name)
    walker = _Walker(name)
    plain = walker.struct(root, model.Scenario, "")
    problems += walker.problems
    if problems:
        raise ScenarioError(sorted(problems, key=_in_file))
    try:
        scenario = msgspec.convert(plain, model.Scenario)
    except msgspec.ValidationError as error:
        raise ScenarioError([Problem(code="wrong-type", message=str(error), where=Where(name))]) from error
    return LoadedScenario(scenario=scenario, path=name, places=walker.places)


def catalogue(folder: str | Path) -> tuple[LoadedScenario, ...]:
    """All scenarios below a folder, sorted by path; ids are unique. ScenarioError with the problems of all files."""
    root = Path(folder)
    if not root.is_dir():
        what = "is a file, not a folder" if root.exists() else "there is no such folder"
        raise ScenarioError([Problem(code="unreadable", message=what, where=Where(str(root)))])
    found: list[LoadedScenario] = []
    problems: list[Problem] = []
    for path in sorted(root.rglob(f"*{SUFFIX}"), key=lambda path: path.relative_to(root).as_posix()):
        try:
            found.append(load_with_places(path))
        except ScenarioError as error:
            problems += error.problems
    problems += _same_ids(found)
    if problems:
        raise ScenarioError(problems)
    return tuple(found)


def _in_file(problem: Problem) -> tuple[int, int]:
    where = problem.where
    return (0, 0) if where is None else (where[1] or 0, where[2] or 0)


def _same_ids(found: Sequence[LoadedScenario]) -> list[Problem]:
    first: dict[str, LoadedScenario] = {}
    problems: list[Problem] = []
    for loaded in found:
        other = first.setdefault(loaded.scenario.id, loaded)
        if other is not loaded:
            problems.append(
                Problem(
                    code="id-taken",
                    message=f"the id {loaded.scenario.id!r} is taken by {other.path}",
                    hint="an id names one behaviour for ever: choose another",
                    where=loaded.where("id"),
                    field="id",
                )
            )
    return problems


def _text(path: Path) -> str:
    def refuse(message: str, hint: str | None = None, line: int | None = None) -> ScenarioError:
        return ScenarioError([Problem(code="unreadable", message=message, hint=hint, where=Where(str(path), line))])

    try:
        if path.is_dir():
            raise refuse("this is a folder, not a scenario file", f"name one file in it, such as x{SUFFIX}")
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        beside = [other.name for other in path.parent.glob(f"*{SUFFIX}")] if path.parent.is_dir() else []
        raise refuse("there is no such file", did_you_mean(path.name, beside)) from None
    except (OSError, ValueError) as error:
        raise refuse(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > LARGEST:
        raise refuse(f"is larger than {LARGEST >> 20} MiB: not a scenario")
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise refuse("is UTF-16 text", "save it as UTF-8")
    try:
        return raw.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise refuse(f"is not UTF-8 text (byte 0x{raw[error.start]:02x})", "save it as UTF-8", line) from None


class _Walker:
    """Walks the node tree along the types of the model, notes every problem, and writes the long form."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.places: dict[str, Where] = {}

    # --- structure ---------------------------------------------------------------------------------------------

    def struct(self, node: yamltree.Node, type_: type[msgspec.Struct], path: str) -> Plain:
        """A mapping that holds the fields of ``type_``."""
        if not isinstance(node, yamltree.Mapping):
            what = (
                "a scenario: a mapping with id, title, …"
                if type_ is model.Scenario
                else f"a mapping with {_names(type_)}"
            )
            return self.bad("wrong-type", node, path, f"expected {what}, found {_found(node)}", _unpacked(node, type_))
        return self.fields(node, node.pairs, type_, path, what=_article(type_))

    def fields(
        self,
        node: yamltree.Node,
        pairs: Sequence[tuple[yamltree.Scalar, yamltree.Node]],
        type_: type[msgspec.Struct],
        path: str,
        *,
        what: str,
        given: Mapping[str, str] | None = None,
    ) -> dict[str, Plain]:
        """``given``: fields that are known already and may not be written."""
        known = _fields(type_)
        plain: dict[str, Plain] = dict(given or {})
        writable = [name for name in known if name not in plain]
        for key, value in pairs:
            at = _join(path, key.text)
            if key.text not in writable:
                hint = instead_of_key(key.text, type_, writable)
                self.bad("unknown-key", key, at, f"unknown key {key.text!r} of {what}", hint)
                continue
            plain[key.text] = self.value(value, known[key.text].type, at, type_, key.text)
        for name, field in known.items():
            if field.required and name not in plain:
                self.bad(
                    "missing-key", node, path, f"{what} needs {name!r}, which is missing", MISSING.get((type_, name))
                )
        return plain

    def step(self, node: yamltree.Node, path: str) -> Plain:
        """``- name``, ``- name: parameter`` or ``- name: {parameters}``."""
        self.mark(node, path)
        parameters: yamltree.Node
        if isinstance(node, yamltree.Scalar) and isinstance(node.value(), str):
            name = node
            parameters = yamltree.Scalar(node.line, node.column, "", True)
        elif isinstance(node, yamltree.Mapping) and len(node.pairs) == 1:
            name, parameters = node.pairs[0]
        elif isinstance(node, yamltree.Mapping) and node.pairs:
            keys = ", ".join(key.text for key, _ in node.pairs)
            given = [(key.text, value.text if isinstance(value, yamltree.Scalar) else "…") for key, value in node.pairs]
            hint = as_one_step(given) or "each step begins with its own `- `"
            return self.bad("indentation", node, path, f"expected a step with one name, found {keys}", hint)
        else:
            return self.bad(
                "wrong-type", node, path, f"expected a step such as `- send: 10` or `- probe`, found {_found(node)}"
            )
        type_ = STEPS.get(name.text)
        if type_ is None:
            return self.bad("unknown-step", name, path, f"unknown step {name.text!r}", instead_of_step(name.text))
        plain: dict[str, Plain] = {"step": type_.__struct_config__.tag}
        what = f"the step {name.text!r}"
        principal = PRINCIPAL.get(type_)
        if _is_nothing(parameters):
            if type_ in CARRIERS:
                hint = f"write `- {name.text}: drop` or `- {name.text}: {{kind: drop, count: 2}}`"
                return self.bad("missing-key", node, path, f"{what} needs the kind of a fault", hint)
            return {**plain, **self.fields(node, (), type_, path, what=what)}
        if type_ in CARRIERS:
            return {**plain, "fault": self.fault(parameters, _join(path, "fault"))}
        if isinstance(parameters, yamltree.Mapping):
            return {**plain, **self.fields(parameters, parameters.pairs, type_, path, what=what)}
        if principal is not None and isinstance(parameters, yamltree.Scalar):
            field = _fields(type_)[principal]
            return {**plain, principal: self.value(parameters, field.type, _join(path, principal), type_, principal)}
        expected = f"a mapping with {_names(type_)}" if _fields(type_) else "nothing"
        found = f"expected {expected} after {name.text!r}, found {_found(parameters)}"
        return self.bad("wrong-type", parameters, path, found, None if _fields(type_) else f"write `- {name.text}`")

    def fault(self, node: yamltree.Node, path: str) -> Plain:
        """``kind`` or ``{kind: …, parameters}``; an edit by its own name."""
        self.mark(node, path)
        pairs: list[tuple[yamltree.Scalar, yamltree.Node]] = []
        kind: yamltree.Node | None = node
        if isinstance(node, yamltree.Mapping):
            kind = next((value for key, value in node.pairs if key.text == "kind"), None)
            pairs = [(key, value) for key, value in node.pairs if key.text != "kind"]
            if kind is None:
                hint = "write `- fault: drop` or `- fault: {kind: drop, count: 2}`"
                return self.bad("missing-key", node, path, "a fault needs 'kind', which is missing", hint)
        if not isinstance(kind, yamltree.Scalar) or not isinstance(kind.value(), str):
            found = f"expected the kind of a fault, found {_found(kind or node)}"
            hint = "write `- fault: drop` or `- fault: {kind: drop, count: 2}`"
            return self.bad("wrong-type", kind or node, path, found, hint)
        what = f"the fault {kind.text!r}"
        if kind.text in EDITS:
            edited = self.fields(node, pairs, specs.Edited, path, what=what, given={"edit": kind.text})
            return {**edited, "kind": tag_of(specs.Edited)}
        type_ = FAULTS.get(kind.text)
        if type_ is None:
            return self.bad("unknown-fault", kind, path, f"unknown fault {kind.text!r}", instead_of_fault(kind.text))
        return {"kind": kind.text, **self.fields(node, pairs, type_, path, what=what)}

    def shape(self, node: yamltree.Node, path: str) -> Plain:
        """``kind`` or ``{kind: …, parameters}``."""
        if isinstance(node, yamltree.Scalar):
            return {"kind": self.value(node, _fields(Shape)["kind"].type, path, Shape, "kind")}
        return self.struct(node, Shape, path)

    # --- values ------------------------------------------------------------------------------------------------

    def value(
        self, node: yamltree.Node, type_: types.Type, path: str, owner: type[msgspec.Struct], field: str
    ) -> Plain:
        """A value of any type that the model uses."""
        self.mark(node, path)
        match type_:
            case types.StructType() if type_.cls is Shape:
                return self.shape(node, path)
            case types.StructType():
                return self.struct(node, type_.cls, path)
            case types.DictType():
                return self.options(node, type_.value_type, path, owner, field)
            case types.VarTupleType():
                return self.several(node, type_.item_type, path, owner, field)
            case types.UnionType() if any(isinstance(each, types.StructType) for each in type_.types):
                return self.step(node, path)
            case types.UnionType() if any(isinstance(each, types.VarTupleType) for each in type_.types):
                if _is_nothing(node):
                    return None
                (several,) = (each for each in type_.types if isinstance(each, types.VarTupleType))
                return self.several(node, several.item_type, path, owner, field)
            case _:
                return self.scalar(node, type_, path, owner, field)

    def several(
        self, node: yamltree.Node, item: types.Type, path: str, owner: type[msgspec.Struct], field: str
    ) -> Plain:
        if not isinstance(node, yamltree.Sequence):
            hint = f"write `{field}: [{node.text}]`" if isinstance(node, yamltree.Scalar) and node.text else None
            if field == "script":
                hint = "below `script:` each step begins with `- `, as in `- sync`"
            return self.bad("wrong-type", node, path, f"expected a list, found {_found(node)}", hint)
        return [self.value(each, item, f"{path}[{i}]", owner, field) for i, each in enumerate(node.items, 1)]

    def options(
        self, node: yamltree.Node, item: types.Type, path: str, owner: type[msgspec.Struct], field: str
    ) -> Plain:
        """A mapping with keys of somebody else's choosing."""
        if not isinstance(node, yamltree.Mapping):
            return self.bad("wrong-type", node, path, f"expected a mapping, found {_found(node)}")
        return {key.text: self.value(value, item, _join(path, key.text), owner, field) for key, value in node.pairs}

    def scalar(
        self, node: yamltree.Node, type_: types.Type, path: str, owner: type[msgspec.Struct], field: str
    ) -> Plain:
        alternatives = type_.types if isinstance(type_, types.UnionType) else (type_,)
        limits = bounds(owner, field)
        value = node.value() if isinstance(node, yamltree.Scalar) else node
        for each in alternatives:
            match each, value:
                case (types.NoneType(), None):
                    return None
                case (types.BoolType(), bool() as truth):
                    return truth
                case (types.IntType(), int() as number) | (types.FloatType(), int() | float() as number):
                    if isinstance(number, bool):
                        continue
                    if limits.least <= number <= limits.most:
                        return number
                    found = f"expected a number {limits.words()}, found {_number(number)}"
                    return self.bad("out-of-range", node, path, found)
                case (types.StrType(), str() as text):
                    return text
                case (types.LiteralType(), str() as text) if text in each.values:
                    return text
                case _:
                    pass
        code: Code = "wrong-type"
        if isinstance(value, str) and any(isinstance(each, types.LiteralType) for each in alternatives):
            code = "wrong-value"
        found = f"expected {_expected(alternatives)}, found {_found(node)}"
        return self.bad(code, node, path, found, _hint(alternatives, value, field))

    # --- book-keeping ------------------------------------------------------------------------------------------

    def mark(self, node: yamltree.Node, path: str) -> None:
        self.places.setdefault(path, Where(self.name, node.line, node.column, path))

    def bad(self, code: Code, node: yamltree.Node, path: str, message: str, hint: str | None = None) -> Plain:
        """Note a problem. Returns a stand-in for the value, which nobody will see."""
        where = Where(self.name, node.line, node.column, path or None)
        self.problems.append(Problem(code=code, message=message, hint=hint, field=path, where=where))
        return None


@functools.cache
def _fields(type_: type[msgspec.Struct]) -> dict[str, types.Field]:
    info = types.type_info(type_)
    assert isinstance(info, types.StructType)
    return {field.name: field for field in info.fields}


def _names(type_: type[msgspec.Struct]) -> str:
    return ", ".join(_fields(type_))


def _article(type_: type[msgspec.Struct]) -> str:
    return "a scenario" if type_ is model.Scenario else f"{type_.__name__.lower()!r}"


def _unpacked(node: yamltree.Node, type_: type[msgspec.Struct]) -> str | None:
    """What to write instead of something that is no mapping."""
    if type_ is model.Scenario:
        return "put the steps below `script:`" if isinstance(node, yamltree.Sequence) else None
    if isinstance(node, yamltree.Scalar) and node.text:
        for name, field in _fields(type_).items():
            kinds = field.type.types if isinstance(field.type, types.UnionType) else (field.type,)
            if any(isinstance(each, types.LiteralType) and node.text in each.values for each in kinds):
                return f"write `{type_.__name__.lower()}: {{{name}: {node.text}}}`"
    return None


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _is_nothing(node: yamltree.Node) -> bool:
    return isinstance(node, yamltree.Scalar) and node.value() is None


def _found(node: yamltree.Node) -> str:
    match node:
        case yamltree.Mapping():
            return "a mapping"
        case yamltree.Sequence():
            return "a list"
        case yamltree.Scalar():
            match node.value():
                case None:
                    return "nothing"
                case bool():
                    return f"the truth value {node.text}"
                case int() | float():
                    return f"the number {node.text}"
                case _:
                    text = " ".join(node.text.split())
                    return repr(text if len(text) <= 40 else text[:37] + "…")
    raise TypeError(node)


def _number(value: int | float) -> str:
    text = str(value)
    return text if len(text) <= 24 else text[:20] + "…"


def _expected(alternatives: Sequence[types.Type]) -> str:
    words = []
    for each in alternatives:
        match each:
            case types.NoneType():
                words.append("nothing")
            case types.BoolType():
                words.append("true or false")
            case types.IntType():
                words.append("a whole number")
            case types.FloatType():
                words.append("a number")
            case types.StrType():
                words.append("a text")
            case types.LiteralType():
                words.append("one of " + ", ".join(map(str, each.values)))
            case _:
                raise TypeError(each)
    return " or ".join(words)


#: What a number stands for where people write something else.
_NUMBERED: Final[Mapping[str, str]] = {
    "symbol": "symbols go by their place: 1 is the first of the scenario, 2 the second",
    "symbols": "say how many: `symbols: 2`",
    "rank": "ranks count from 0, the best price",
}


def _hint(alternatives: Sequence[types.Type], value: object, field: str) -> str | None:
    names = [str(name) for each in alternatives if isinstance(each, types.LiteralType) for name in each.values]
    if isinstance(value, str) and names:
        return did_you_mean(value, names)
    kinds = {type(each) for each in alternatives}
    if types.BoolType in kinds and isinstance(value, str) and value.lower() in ("yes", "no", "on", "off", "y", "n"):
        return "YAML 1.2 knows only true and false"
    numeric = kinds & {types.IntType, types.FloatType}
    if numeric and isinstance(value, str) and (unit := after_number(value)) is not None:
        return unit
    if types.IntType in kinds and types.FloatType not in kinds and isinstance(value, float):
        return "write it without a fraction"
    if numeric and isinstance(value, str) and value.replace("_", "").replace(",", "").lstrip("+-").isdigit():
        return "write the digits alone, without quotes, commas or underscores"
    if numeric and isinstance(value, str):
        return _NUMBERED.get(field, "write a number, in digits")
    if types.StrType in kinds and isinstance(value, int | float):
        return "put it in quotes"
    return None


assert set(typing.get_args(EditKind)).isdisjoint(FAULTS), "an edit and a fault share a name"
