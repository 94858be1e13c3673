"""The campaign file: YAML in, resolved settings out, or every mistake in it at once with line, column and field.

``swarmd start`` and ``swarmd config`` read it here. What needs the data or the strategies to be looked at is in
``campaign_checks``; the settings themselves, with their defaults and limits, in ``state/records/campaign``.
"""

import types
import typing
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign import CampaignSettings
from swarmd.state.units import millis_of_iso
from swarmd.supervisor.yaml_places import Document, Place, Problem, Trail, at, dotted, read_yaml

_BYTES_MAX = 1 << 20

# Closed sets of the engine, which may not be imported here; a test holds them equal: intervals of bars, and the metrics
# that are known of every trial and may hence rank them.
INTERVALS = ("1m", "3m", "5m", "15m", "30m", "45m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")
SCORE_METRICS = ("total_trades", "total_return", "annual_sharpe", "max_drawdown", "win_rate", "profit_factor")

_DURATION = r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d)\s*$"
_SIZE = r"^\d+(\.\d+)?(B|KiB|MiB|GiB|TiB)$"

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


class CampaignFileError(OperatorError):
    """The file cannot be used; ``problems`` are all that was found, in the order of the file."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self.file = file
        # A key that nobody knows comes before one that is missing: the first is mostly the second, mistyped.
        self.problems = tuple(sorted(set(problems), key=lambda each: (each.place, each.text == _MISSING, each.field)))
        others = len(self.problems) - 1
        more = f" (and {others} more: `swarmd config check {file}` lists them)" if others else ""
        super().__init__(told(file, self.problems[0]) + more)


@dataclass(frozen=True, slots=True)
class CampaignFile:
    """A file that was read without fault: its resolved settings, and where each of them is written."""

    path: Path
    settings: CampaignSettings
    document: Document

    def problem(self, path: Trail, text: str) -> Problem:
        return Problem(self.document.place_of(path), dotted(path), text)


def told(file: str, problem: Problem) -> str:
    """``campaign.yaml:7:12: assets.tiers: …``"""
    field = f"{problem.field}: " if problem.field else ""
    return f"{file}:{problem.place.line}:{problem.place.column}: {field}{problem.text}"


def read_campaign(path: Path) -> CampaignFile:
    """Read, check and resolve. A relative ``data.root`` counts from the file's folder. Raises CampaignFileError."""
    document = read_yaml(_text_of(path))
    problems = list(document.problems)
    if not problems and not isinstance(document.value, dict):
        what = "is empty" if document.value is None else "is not a table of fields"
        problems.append(Problem(Place(1, 1), "", f"the file {what}; it needs at least name, data, assets and strategy"))
    if isinstance(document.value, dict):
        try:
            settings = CampaignSettings.model_validate(document.value)
        except ValidationError as error:
            problems += _problems_of(error, document)
        else:
            file = CampaignFile(path, _resolved(settings, path), document)
            problems += _sense(file)
            if not problems:
                return file
    raise CampaignFileError(str(path), problems)


def schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors."""
    written = CampaignSettings.model_json_schema(mode="validation")
    # Read by a validator of their own, which a schema cannot see: these may be written with a unit.
    limits = written["$defs"]["LimitSettings"]["properties"]
    budget = written["$defs"]["BudgetSettings"]["properties"]
    for measure, pattern in (
        (limits["run_timeout"], _DURATION),
        (limits["disk_free_min"], _SIZE),
        *((each, _DURATION) for each in limits["backoff"]["prefixItems"]),
        (budget["device_time"]["additionalProperties"], _DURATION),
    ):
        number = {key: measure.pop(key) for key in ("type", "exclusiveMinimum", "minimum") if key in measure}
        measure["anyOf"] = [number, {"type": "string", "pattern": pattern}]
    for measure, pattern in ((budget["wall"], _DURATION), (budget["disk"], _SIZE)):
        measure["anyOf"].insert(1, {"type": "string", "pattern": pattern})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "swarmd campaign", **written}


def nearest(name: str, known: typing.Iterable[str]) -> str:
    """``did you mean 'x'? (known: …)`` with the names that exist."""
    names = list(known)
    close = get_close_matches(name.lower(), [each.lower() for each in names], n=1, cutoff=0.5)
    meant = next((each for each in names if close and each.lower() == close[0]), None)
    listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return (f"did you mean {meant!r}? " if meant else "") + f"(known: {listed or 'none'})"


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_BYTES_MAX + 1)
    except FileNotFoundError:
        raise OperatorError(f"{path}: there is no such campaign file; check the path") from None
    except OSError as cause:
        raise OperatorError(f"{path}: cannot be read as a campaign file: {cause.strerror}") from cause
    if len(raw) > _BYTES_MAX:
        raise OperatorError(f"{path}: is larger than 1 MiB, which no campaign file is; name the YAML file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as cause:
        line = raw.count(b"\n", 0, cause.start) + 1
        column = cause.start - (raw.rfind(b"\n", 0, cause.start) + 1) + 1
        raise CampaignFileError(
            str(path), [Problem(Place(line, column), "", "this is not UTF-8 text; save the file as UTF-8")]
        ) from None


def _resolved(settings: CampaignSettings, path: Path) -> CampaignSettings:
    """Paths made absolute: the runs read the settings from another directory."""
    folder = path.absolute().parent
    root = (folder / Path(settings.data.root).expanduser()).resolve()
    strategy = settings.strategy
    if ".py:" in strategy.name:
        file, _, name = strategy.name.rpartition(":")
        strategy = strategy.model_copy(update={"name": f"{(folder / Path(file).expanduser()).resolve()}:{name}"})
    data = settings.data.model_copy(update={"root": str(root)})
    return settings.model_copy(update={"data": data, "strategy": strategy})


# -- what pydantic found, in words and at its place ---------------------------------------------------------------


def _problems_of(error: ValidationError, document: Document) -> list[Problem]:
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
            problems.append(_problem(document, path, _either(found, at(document.value, path))))
        else:
            problems.append(_problem(document, path, _words(found[0][1], path)))
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
    if isinstance(value, dict):
        return [each for each in found if not each[0].startswith("tuple")]
    if isinstance(value, list):
        return [each for each in found if each[0].startswith("tuple")]
    return found


def _either(found: list[tuple[str, ErrorDetails]], value: Any) -> str:
    branches = {branch for branch, _ in found}
    if any(branch.startswith("tuple") for branch in branches):
        return f"give a range such as {{low: 5, high: 50, type: int}} or a list of values (got {value!r})"
    said = [_words(detail, ()) for _, detail in found]
    return " or ".join(dict.fromkeys(text.partition(" (got")[0] for text in said)) + f" (got {value!r})"


def _words(detail: ErrorDetails, path: Trail) -> str:
    given = detail["input"]
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return _MISSING
        case "extra_forbidden":
            return f"is not a field here; {nearest(str(path[-1]), _fields_at(path[:-1]))}"
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


def _fields_at(path: Trail) -> list[str]:
    model: Any = CampaignSettings
    for part in path:
        if isinstance(model, type) and issubclass(model, BaseModel):
            model = model.model_fields[str(part)].annotation if str(part) in model.model_fields else None
        elif typing.get_origin(model) is dict:
            model = typing.get_args(model)[1]
        model = _model_in(model)
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _model_in(annotation: Any) -> Any:
    """Of a union, the branch that has fields."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        branches = typing.get_args(annotation)
        return next((each for each in branches if isinstance(each, type) and issubclass(each, BaseModel)), annotation)
    return annotation


# -- what each field allows and all of them together do not ---------------------------------------------------------


def _sense(file: CampaignFile) -> list[Problem]:
    settings = file.settings
    problems: list[Problem] = []
    if settings.data.interval not in INTERVALS:
        text = f"{settings.data.interval!r} is not an interval; {nearest(settings.data.interval, INTERVALS)}"
        problems.append(file.problem(("data", "interval"), text))
    ranked: list[tuple[Trail, str]] = [(("score", "primary"), settings.score.primary)]
    ranked += [(("score", "weights", name), name) for name in settings.score.weights]
    for path, name in ranked:
        if name not in SCORE_METRICS:
            problems.append(file.problem(path, f"{name!r} is not a metric to rank by; {nearest(name, SCORE_METRICS)}"))
    days: list[tuple[Trail, str | None]] = [(("data", name), getattr(settings.data, name)) for name in ("start", "end")]
    days += [(("data", "known_gaps", index), day) for index, day in enumerate(settings.data.known_gaps)]
    instants: dict[Trail, int] = {}
    for path, day in days:
        if day is None:
            continue
        try:
            instants[path] = millis_of_iso(day)
        except ValueError:
            problems.append(file.problem(path, f"{day!r} is not a day; write it as 2023-01-31"))
    start, end = instants.get(("data", "start")), instants.get(("data", "end"))
    if start is not None and end is not None and start >= end:
        text = f"{settings.data.end} is not after data.start {settings.data.start}; end is exclusive, give a later day"
        problems.append(file.problem(("data", "end"), text))
    for index, mode in enumerate(settings.strategy.modes):
        if mode in settings.strategy.modes[:index]:
            problems.append(file.problem(("strategy", "modes", index), f"{mode!r} is listed twice; list it once"))
    first, cap = settings.limits.backoff
    if first > cap:
        text = f"begins with {first} ms, above its cap of {cap} ms; write the shorter one first"
        problems.append(file.problem(("limits", "backoff"), text))
    for name, entry in settings.space.items():
        if isinstance(entry, tuple) and not entry:
            problems.append(file.problem(("space", name), "has no values; list at least one"))
        elif not isinstance(entry, tuple) and entry.log and entry.low <= 0:
            text = f"low {entry.low:g} cannot be searched on a logarithmic scale; give a low above 0, or log: false"
            problems.append(file.problem(("space", name), text))
        elif not isinstance(entry, tuple) and entry.type == "int" and (entry.low % 1 or entry.high % 1):
            problems.append(file.problem(("space", name), "is of type int: give whole numbers for low and high"))
    return problems
