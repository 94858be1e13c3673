"""The space of an experiment file, unfolded: groups, alternatives, ranges with steps, lists, single numbers.

A key that is a parameter's name holds values; under any other name lies a group, which is there for the reader, or a
list of groups, of which each vector takes exactly one. Every way through is a space of its own, and all of them are
searched. Nothing raises: what is wrong is a finding with its path, so that all of it can be told at once.
"""

import contextlib
import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from swarmd.engine.search.space import Space
from swarmd.engine.strategies.contract import Params, ParamSpec, StrategyCard
from swarmd.state.settings_file import nearest
from swarmd.state.yaml_places import Trail, dotted

# More values of one parameter, or more ways through, than any search could look at.
MOST_VALUES = 1_000_000
_MOST_WAYS = 10_000
_RANGE_FIELDS = ("low", "high", "step", "points", "log", "type")
_FORMS = "a number, a list of numbers, or a range such as {low: 5, high: 50, step: 5}"


@dataclass(frozen=True, slots=True)
class Axis:
    """One parameter and where in the file its values stand."""

    spec: ParamSpec
    path: Trail


Way = dict[str, Axis]


@dataclass(slots=True)
class SpaceTree:
    """`ways` through the file's space, one or more."""

    ways: list[Way] = field(default_factory=lambda: [{}])
    problems: list[tuple[Trail, str]] = field(default_factory=list)

    def spaces(self, card: StrategyCard, mode: str, fixed: Params, *, is_grid: bool) -> tuple[Space, ...]:
        """Each way with every parameter of the card, in its order.

        What the file does not name is fixed at `params` or the baseline in a grid; a search that draws takes it from
        the mode's range unless `params` fixes it.
        """
        of_mode = {} if is_grid else {spec.name: spec for spec in card.mode(mode).space}

        def spec_of(limit: ParamSpec, way: Way) -> ParamSpec:
            if limit.name in way:
                return way[limit.name].spec
            if limit.name in fixed:
                return _choice(limit, (_as_kind(limit, fixed[limit.name]),))
            return of_mode.get(limit.name) or _choice(limit, (card.baseline[limit.name],))

        return tuple(tuple(spec_of(limit, way) for limit in card.params) for way in self.ways)


def space_tree(value: Any, card: StrategyCard, path: Trail = ("space",)) -> SpaceTree:
    """What `value`, as it was read, means for this strategy."""
    tree = SpaceTree()
    reader = _Reader({spec.name: spec for spec in card.params}, card.name, tree)
    ways = reader.ways_of(_with_numbers(value), path)
    tree.ways = ways or [{}]
    return tree


@dataclass(slots=True)
class _Reader:
    limits: dict[str, ParamSpec]
    strategy: str
    tree: SpaceTree

    def ways_of(self, value: Any, path: Trail) -> list[Way]:
        if isinstance(value, list) and value and all(isinstance(each, Mapping) for each in value):
            return [way for index, each in enumerate(value) for way in self.ways_of(each, (*path, index))]
        if not isinstance(value, Mapping):
            self._wrong(path, "must be a table of parameters, or a list of such tables to search one by one")
            return []
        parts = [self._part(str(key), inner, (*path, str(key))) for key, inner in value.items()]
        n_ways = math.prod(len(part) for part in parts)
        if n_ways > _MOST_WAYS:
            self._wrong(path, f"its alternatives make {n_ways} spaces, more than {_MOST_WAYS}; leave some out")
            return []
        return [self._joined(chosen) for chosen in itertools.product(*parts)]

    def _part(self, key: str, value: Any, path: Trail) -> list[Way]:
        if key in self.limits:
            axis = self._axis(self.limits[key], value, path)
            return [{}] if axis is None else [{key: Axis(axis, path)}]
        is_group = isinstance(value, Mapping) and not (value and set(value) <= set(_RANGE_FIELDS))
        is_choice = isinstance(value, list) and bool(value) and all(isinstance(each, Mapping) for each in value)
        if is_group or is_choice:
            return self.ways_of(value, path) or [{}]
        self._wrong(path, f"is not a parameter of {self.strategy}; {nearest(key, self.limits)}")
        return [{}]

    def _joined(self, chosen: tuple[Way, ...]) -> Way:
        way: Way = {}
        for part in chosen:
            for name, axis in part.items():
                if name in way:
                    self._wrong(axis.path, f"{name} is given twice (first as {dotted(way[name].path)}); keep one")
                way[name] = axis
        return way

    def _axis(self, limit: ParamSpec, value: Any, path: Trail) -> ParamSpec | None:
        if isinstance(value, Mapping):
            return self._range(limit, value, path)
        listed = value if isinstance(value, list) else [value]
        if not listed:
            self._wrong(path, "has no values; list at least one")
            return None
        sound = True
        for index, each in enumerate(listed):
            place = (*path, index) if isinstance(value, list) else path
            refusal = f"must be {_FORMS} (got {each!r})" if not _is_number(each) else limit.refusal(each)
            if refusal:
                self._wrong(place, refusal)
                sound = False
        # Sorted and without repeats, so that the order in which a person writes them changes no result.
        return _choice(limit, tuple(sorted({_as_kind(limit, each) for each in listed}))) if sound else None

    def _range(self, limit: ParamSpec, value: Mapping[str, Any], path: Trail) -> ParamSpec | None:
        n_before = len(self.tree.problems)
        for key in value:
            if key not in _RANGE_FIELDS:
                self._wrong((*path, str(key)), f"is not a field here; {nearest(str(key), _RANGE_FIELDS)}")
        for key in ("low", "high", "step", "points"):
            if key in value and not _is_number(value[key]):
                self._wrong((*path, key), f"must be a number (got {value[key]!r})")
        for key in ("low", "high"):
            if key not in value:
                self._wrong(path, f"{key} is missing; add it")
        log = _as_flag(value.get("log", False))
        if log is None:
            self._wrong((*path, "log"), f"must be true or false (got {value['log']!r})")
        if value.get("type", "float") not in ("int", "float"):
            self._wrong((*path, "type"), f"must be int or float (got {value['type']!r})")
        if len(self.tree.problems) > n_before:
            return None
        is_whole = limit.kind == "int" or value.get("type") == "int"
        for key, text in _senseless(limit, value, log=bool(log), is_whole=is_whole):
            self._wrong((*path, key) if key else path, text)
        if len(self.tree.problems) > n_before:
            return None
        return _spec(limit, value, log=bool(log), is_whole=is_whole)

    def _wrong(self, path: Trail, text: str) -> None:
        self.tree.problems.append((path, text))


def _senseless(limit: ParamSpec, value: Mapping[str, Any], *, log: bool, is_whole: bool) -> Iterator[tuple[str, str]]:
    """What every number allows alone and all of them together do not: (field, text)."""
    low, high = value["low"], value["high"]
    if low > high:
        yield "low", f"{low:g} is above high {high:g}; exchange them"
        return
    if limit.kind == "choice":
        if not any(low <= choice <= high for choice in limit.choices):
            listed = ", ".join(str(choice) for choice in limit.choices)
            yield "", f"none of {listed} lies in {low:g} to {high:g}; list some of them"
        return
    for key in ("low", "high"):
        refusal = limit.refusal(value[key])
        if refusal:
            yield key, refusal
        elif is_whole and value[key] % 1:
            yield key, f"is {value[key]:g}; give a whole number"
    if log and low <= 0:
        yield "low", f"{low:g} cannot begin a logarithmic range; start above 0, or leave out log"
        return
    step, points = value.get("step"), value.get("points")
    if step is not None and points is not None:
        yield "points", "and step exclude each other; keep one"
    elif step is not None:
        least = 1 if log else 0
        if step <= least:
            yield "step", f"is {step:g}; give {'a factor above 1' if log else 'a number above 0'}"
        elif is_whole and not log and step % 1:
            yield "step", f"is {step:g}; give a whole number"
        elif _n_steps(low, high, step, log=log) >= MOST_VALUES:
            yield "step", f"{step:g} makes more than {MOST_VALUES:,} values; take longer steps"
    elif points is not None and (points % 1 or not 1 <= points <= MOST_VALUES):
        yield "points", f"is {points:g}; give a whole number of values, 1 to {MOST_VALUES:,}"


def _spec(limit: ParamSpec, value: Mapping[str, Any], *, log: bool, is_whole: bool) -> ParamSpec:
    low, high = value["low"], value["high"]
    if limit.kind == "choice":
        return replace(limit, choices=tuple(choice for choice in limit.choices if low <= choice <= high))
    if "step" not in value and "points" not in value:
        if is_whole:
            return replace(limit, kind="int", low=int(low), high=int(high), log=log, choices=())
        return replace(limit, kind="float", low=float(low), high=float(high), log=log, choices=())
    found = _stepped(low, high, value["step"], log=log) if "step" in value else _spread(low, high, value["points"], log)
    as_kind = [round(each) if is_whole else _as_kind(limit, float(each)) for each in found]
    return _choice(limit, tuple(sorted(set(as_kind))))


def _stepped(low: float, high: float, step: float, *, log: bool) -> list[Decimal]:
    """In decimals as they are written, so that 0.1 and two steps of 0.1 are 0.3 and nothing beside it."""
    first, by = Decimal(str(low)), Decimal(str(step))
    n_steps = _n_steps(low, high, step, log=log)
    return [first * by**index if log else first + by * index for index in range(n_steps + 1)]


def _n_steps(low: float, high: float, step: float, *, log: bool) -> int:
    first, last, by = Decimal(str(low)), Decimal(str(high)), Decimal(str(step))
    if not log:
        return int((last - first) // by)
    n_steps = int(math.log(high / low) / math.log(step))
    # The logarithm may miss the last step by a rounding, to either side.
    return (
        n_steps + 1 if first * by ** (n_steps + 1) <= last else n_steps if first * by**n_steps <= last else n_steps - 1
    )


def _spread(low: float, high: float, points: float, log: bool) -> list[float]:
    """So many values, both ends included, evenly apart (by ratio where `log`)."""
    n_gaps = int(points) - 1
    if n_gaps <= 0 or low == high:
        return [low]
    inner = (
        low * (high / low) ** (index / n_gaps) if log else low + (high - low) * index / n_gaps
        for index in range(1, n_gaps)
    )
    # Twelve digits: what a person would write, rather than what a rounding left.
    return [low, *(float(f"{each:.12g}") for each in inner), high]


def _choice(limit: ParamSpec, values: tuple[float | int, ...]) -> ParamSpec:
    return replace(limit, kind="choice", low=None, high=None, log=False, choices=values)


def _as_kind(limit: ParamSpec, value: float) -> float | int:
    return int(value) if limit.kind != "float" and value == int(value) else float(value)


def _with_numbers(value: Any) -> Any:
    """`1e-3` is a number to everybody but YAML 1.1, which wants 1.0e-3 and reads a word."""
    if isinstance(value, Mapping):
        return {key: _with_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_numbers(inner) for inner in value]
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return float(value) if math.isfinite(float(value)) else value
    return value


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the floats
        return False


def _as_flag(value: Any) -> bool | None:
    """The file's reader leaves words as words."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False, "yes": True, "no": False}.get(str(value).lower())
