"""A file a person writes, held against a shape: every mistake at once, each with line, column, field and a way out.

Campaign files (supervisor) and experiment files (engine) are read through it; what is particular to either lies there.
Pydantic says what is wrong in its own words and by its own paths: here they become the file's places and plain words.
"""

import copy
import types
import typing
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from swarmd.state.errors import OperatorError
from swarmd.state.yaml_places import Document, Place, Problem, Trail, at, dotted

_BYTES_MAX = 1 << 20
_Model = TypeVar("_Model", bound=BaseModel)

_PATTERNS = {
    "Symbol": "is not a symbol; use capital letters, digits, _ and - (at most 32), such as BTCUSDT",
    "Name": "is not a name; use letters, digits, _ and - (at most 64), beginning with a letter or digit",
}
_PLAINLY = {
    "Input should be": "must be",
    "valid dictionary or instance of": "table of",
    "valid dictionary": "table of fields",
    "valid tuple": "list",
    "valid string": "text (quote it)",
}
_MISSING = "is missing; add it"
_EMPTY = "is empty; give it a value or remove the key to take the default"


class SettingsFileError(OperatorError):
    """The file cannot be used; ``problems`` are all that was found, in the order of the file."""

    def __init__(self, file: str, problems: list[Problem], *, listed_by: str) -> None:
        self.file = file
        # A key that nobody knows comes before one that is missing: the first is mostly the second, mistyped.
        self.problems = tuple(sorted(set(problems), key=lambda each: (each.place, each.text == _MISSING, each.field)))
        others = len(self.problems) - 1
        more = f" (and {others} more: `{listed_by}` lists them)" if others else ""
        super().__init__(told(file, self.problems[0]) + more)


def told(file: str, problem: Problem) -> str:
    """``campaign.yaml:7:12: assets.tiers: …``"""
    field = f"{problem.field}: " if problem.field else ""
    return f"{file}:{problem.place.line}:{problem.place.column}: {field}{problem.text}"


def nearest(name: str, known: Iterable[str]) -> str:
    """``did you mean 'x'? (known: …)`` with the names that exist."""
    names = list(known)
    close = get_close_matches(name.lower(), [each.lower() for each in names], n=1, cutoff=0.5)
    meant = next((each for each in names if close and each.lower() == close[0]), None)
    listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return (f"did you mean {meant!r}? " if meant else "") + f"(known: {listed or 'none'})"


def text_of(path: Path, *, kind: str) -> tuple[str, list[Problem]]:
    """The text of a file of that kind ("campaign file"), or where it is not UTF-8. Raises OperatorError."""
    try:
        with path.open("rb") as file:
            raw = file.read(_BYTES_MAX + 1)
    except FileNotFoundError:
        raise OperatorError(f"{path}: there is no such {kind}; check the path") from None
    except OSError as cause:
        article = "an" if kind[0] in "aeiou" else "a"
        raise OperatorError(f"{path}: cannot be read as {article} {kind}: {cause.strerror}") from cause
    if len(raw) > _BYTES_MAX:
        raise OperatorError(f"{path}: is larger than 1 MiB, which no {kind} is; name the YAML file")
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as cause:
        line = raw.count(b"\n", 0, cause.start) + 1
        column = cause.start - (raw.rfind(b"\n", 0, cause.start) + 1) + 1
        return "", [Problem(Place(line, column), "", "this is not UTF-8 text; save the file as UTF-8")]


def sound_part(
    value: dict[str, Any], error: ValidationError, model: type[_Model], stand_ins: dict[str, Any]
) -> tuple[_Model, set[str], set[str]]:
    """What can be read of a file with mistakes, the sections that have one, and those of them that are gone altogether.

    Wrong fields are left out one by one, so that what else their section says is looked at in the same run; a section
    that cannot stand without them goes as a whole, and its default or what stands in for it takes its place.
    """
    sound = copy.deepcopy({key: part for key, part in value.items() if key in model.model_fields})
    paths = [_where(detail, value)[0] for detail in error.errors(include_url=False)]
    for path in paths:
        # Of a list the whole: what stands behind the wrong entry would be told at another's place.
        field = path[: next((n for n, part in enumerate(path) if isinstance(part, int)), len(path))]
        around = at(sound, field[:-1])
        if field and isinstance(around, dict):
            around.pop(field[-1], None)
    broken = {str(path[0]) for path in paths if path}
    lost = broken - sound.keys()
    try:
        return model.model_validate(stand_ins | sound), broken, lost
    except ValidationError as still:
        # Sections stand or fall by themselves: without those that fall the others pass.
        lost |= {str(detail["loc"][0]) for detail in still.errors(include_url=False)}
    sound = {key: part for key, part in sound.items() if key not in lost}
    return model.model_validate(stand_ins | sound), broken | lost, lost


# -- what pydantic found, in words and at its place ---------------------------------------------------------------


def problems_of(error: ValidationError, document: Document, model: type[BaseModel]) -> list[Problem]:
    """One problem a place: where a field may be written in several ways, what is said about the way that was meant."""
    by_path: dict[Trail, list[tuple[str, ErrorDetails]]] = {}
    for detail in error.errors(include_url=False):
        path, branch = _where(detail, document.value)
        by_path.setdefault(path, []).append((branch, detail))
    problems = []
    for path, found in by_path.items():
        if any(branch for branch, _ in found):
            found = _meant(found, at(document.value, path[:2]))
            if not found:
                continue
        if len(found) > 1:
            problems.append(_problem(document, path, _either(found, at(document.value, path), model)))
        else:
            problems.append(_problem(document, path, _words(found[0][1], path, model)))
    return problems


def _problem(document: Document, path: Trail, text: str) -> Problem:
    place = document.values.get(path) or document.place_of(path)
    if text.startswith("is not a field"):
        place = document.keys.get(path, place)
    return Problem(place, dotted(path), text)


def _where(detail: ErrorDetails, value: Any) -> tuple[Trail, str]:
    """The path in the file, and the name of the union branch pydantic was in, which stands in its path as well."""
    path: list[str | int] = []
    branch = ""
    parts = list(detail["loc"])
    for index, part in enumerate(parts):
        is_last = index == len(parts) - 1
        inside = value.get(part) if isinstance(value, dict) and isinstance(part, str) else None
        if isinstance(value, list) and isinstance(part, int) and part < len(value):
            inside = value[part]
        is_there = (isinstance(value, dict) and part in value) or (isinstance(value, list) and isinstance(part, int))
        if is_there or (is_last and detail["type"] == "missing"):
            path.append(part)
            value = inside
        elif part != "[key]":
            branch = branch or str(part)
    return tuple(path), branch


def _meant(found: list[tuple[str, ErrorDetails]], value: Any) -> list[tuple[str, ErrorDetails]]:
    """Of a range (a table) and a list of values, what was said about the one that is written."""
    if not any(branch.startswith("tuple") for branch, _ in found):
        return found
    if isinstance(value, dict):
        return [each for each in found if not each[0].startswith("tuple")]
    if isinstance(value, list):
        return [each for each in found if each[0].startswith("tuple")]
    return found


def _either(found: list[tuple[str, ErrorDetails]], value: Any, model: type[BaseModel]) -> str:
    branches = {branch for branch, _ in found}
    if any(branch.startswith("tuple") for branch in branches):
        return f"give a range such as {{low: 5, high: 50, type: int}} or a list of values (got {value!r})"
    said = [_words(detail, (), model) for _, detail in found]
    return " or ".join(dict.fromkeys(text.partition(" (got")[0] for text in said)) + f" (got {value!r})"


def _words(detail: ErrorDetails, path: Trail, model: type[BaseModel]) -> str:
    given = detail["input"]
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return _MISSING
        case "extra_forbidden":
            return f"is not a field here; {nearest(str(path[-1]), _fields_at(path[:-1], model))}"
        case "value_error":
            said = str(context.get("error", detail["msg"]))
            return f"{given!r} is not a size; write 512MiB or 5GiB" if said.startswith("could not convert") else said
        case "literal_error":
            expected = [name.strip().strip("'") for name in str(context.get("expected", "")).split(" or ")]
            known = [name.strip().strip("'") for each in expected for name in each.split(",")]
            return f"must be {context.get('expected')} (got {given!r}); {nearest(str(given), known)}"
        case "string_pattern_mismatch":
            kind = "Symbol" if "A-Z0-9]" in str(context.get("pattern", ""))[:9] else "Name"
            hint = f"; did you mean {given.upper()!r}?" if kind == "Symbol" and given.upper() != given else ""
            return f"{given!r} {_PATTERNS[kind]}{hint}"
        case "too_short":
            return "needs at least one entry"
    if given is None:
        return _EMPTY
    said = detail["msg"].partition(", unable to parse")[0]
    for formal, plain in _PLAINLY.items():
        said = said.replace(formal, plain)
    return said if isinstance(given, dict | list) else f"{said} (got {given!r})"


def _fields_at(path: Trail, model: type[BaseModel]) -> list[str]:
    inside: Any = model
    for part in path:
        if isinstance(inside, type) and issubclass(inside, BaseModel):
            inside = inside.model_fields[str(part)].annotation if str(part) in inside.model_fields else None
        elif typing.get_origin(inside) is dict:
            inside = typing.get_args(inside)[1]
        inside = _model_in(inside)
    return list(inside.model_fields) if isinstance(inside, type) and issubclass(inside, BaseModel) else []


def _model_in(annotation: Any) -> Any:
    """Of a union, the branch that has fields."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        branches = typing.get_args(annotation)
        return next((each for each in branches if isinstance(each, type) and issubclass(each, BaseModel)), annotation)
    return annotation
