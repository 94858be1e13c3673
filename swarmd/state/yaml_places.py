"""YAML read twice at once: what it says, and where each thing is said.

Campaign and experiment files are read through it. PyYAML forgets positions and accepts a key twice; here every key and
value keeps its line and column, and what cannot be meant (a doubled key, a key that is no text) is a finding, not an
exception.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

Trail = tuple[str | int, ...]

# A campaign needs some hundred; aliases of aliases can make billions out of a page of text.
_NODES_MAX = 50_000
_TEXT_TAGS = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:str")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Line and column, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong at a place; ``field`` is its dotted name, empty for the file as a whole."""

    place: Place
    field: str
    text: str


@dataclass(slots=True)
class Document:
    """The plain value, the place of each value and of each key by its path, and what was wrong on the way."""

    value: Any = None
    values: dict[Trail, Place] = field(default_factory=dict)
    keys: dict[Trail, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def place_of(self, path: Trail) -> Place:
        """Of the value at this path, or of the nearest thing around it that is there."""
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, Place(1, 1))


def dotted(path: Trail) -> str:
    return ".".join(str(part) for part in path)


def read_yaml(text: str) -> Document:
    """Never raises for a bad text: what is wrong is in ``problems``, and ``value`` then holds what could be read."""
    document = Document()
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        document.problems.append(_syntax(error))
        return document
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        what = f"the character U+{text[error.position : error.position + 1].encode('utf-32-be').hex()[-4:].upper()}"
        what += " is not allowed in YAML; remove it"
        document.problems.append(Problem(Place(line, column), "", what))
        return document
    if root is not None:
        document.value = _Walk(loader, document).value(root, (), ())
    return document


def _syntax(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)
    said = " ".join(part for part in (error.context, error.problem) if part)
    return Problem(place, "", f"this is not YAML: {said}; check indentation, quotes and brackets here or just above")


@dataclass(slots=True)
class _Walk:
    loader: yaml.SafeLoader
    document: Document
    seen: int = 0

    def value(self, node: yaml.Node, path: Trail, around: tuple[int, ...]) -> Any:
        self.document.values[path] = _place(node)
        self.seen += 1
        if self.seen > _NODES_MAX or id(node) in around:
            if self.seen <= _NODES_MAX + 1:
                self._problem(node, path, "this refers to itself or grows without end; write it out without aliases")
            return None
        inside = (*around, id(node))
        match node:
            case yaml.MappingNode():
                return self._mapping(node, path, inside)
            case yaml.SequenceNode():
                return [self.value(item, (*path, index), inside) for index, item in enumerate(node.value)]
            case _:
                return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: Trail, inside: tuple[int, ...]) -> dict[str, Any]:
        self._doubled(node, path)
        try:
            self.loader.flatten_mapping(node)
        except yaml.MarkedYAMLError as error:
            self._problem(node, path, f"the merge key cannot be followed: {error.problem}")
        values: dict[str, Any] = {}
        for key, item in node.value:
            if isinstance(key, yaml.ScalarNode):
                self.document.keys[*path, key.value] = _place(key)
                values[key.value] = self.value(item, (*path, key.value), inside)
            else:
                self._problem(key, path, "a key must be one word; quote it if it has brackets or braces")
        return values

    def _doubled(self, node: yaml.MappingNode, path: Trail) -> None:
        """Looked for before merge keys are followed: what those bring in may be overridden."""
        first: dict[str, Place] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in first:
                where = f"line {first[key.value].line}"
                self._problem(key, (*path, key.value), f"is given twice (first on {where}); keep one of the two")
            first.setdefault(key.value, _place(key))

    def _scalar(self, node: yaml.Node, path: Trail) -> Any:
        # YAML 1.1 takes yes, no, on and off for booleans, and a number may be asked for where one stands: the field's
        # own type decides what such a word means, so words stay words.
        if node.tag in _TEXT_TAGS:
            return node.value
        if node.tag == "tag:yaml.org,2002:int" and ":" in node.value:
            return node.value  # 1:30 is base 60 in YAML 1.1, which nobody means
        try:
            return self.loader.construct_object(node)
        except yaml.MarkedYAMLError as error:
            self._problem(node, path, f"cannot be read: {error.problem}")
        except ValueError:
            return node.value  # a date such as 2023-02-30: the field says what is wrong with it
        return None

    def _problem(self, node: yaml.Node, path: Trail, text: str) -> None:
        self.document.problems.append(Problem(_place(node), dotted(path), text))


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def at(value: Any, path: Trail) -> Any:
    """The value at a path of the plain document; None where there is nothing."""
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value
