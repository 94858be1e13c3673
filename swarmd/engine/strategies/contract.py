"""What a bar strategy is: a card that describes it, events, and an exit plan.

Implemented by each file of this package and by users' own files; called by the front door, the search and the
contract suite. Parameters arrive as plain numbers; checks that hold for every strategy are here, rules of one
strategy in its file.
"""

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.arrays import BoolArray
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import Direction, ExitPlan
from swarmd.engine.market.bars import Bars

if TYPE_CHECKING:  # brings in the compiler
    from swarmd.engine.kernel.gpu import ScreenEngine

Params = Mapping[str, float | int]
Columns = Mapping[str, NDArray[Any]]
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """One parameter and the range it may come from, both ends included; `choices` for the kind "choice"."""

    name: str
    kind: Literal["int", "float", "choice"]
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[float | int, ...] = ()
    unit: str = ""
    meaning: str = ""

    def refusal(self, value: object) -> str | None:
        """Why this value cannot be, or None when it can."""
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            return f"{self.name} is {value!r}; give a finite number"
        if self.kind == "choice":
            listed = ", ".join(str(choice) for choice in self.choices)
            return None if value in self.choices else f"{self.name} is {value}; give one of {listed}"
        if self.kind == "int" and value != int(value):
            return f"{self.name} is {value}; give a whole number"
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            return f"{self.name} is {value}; give {self.low} to {self.high}{' ' + self.unit if self.unit else ''}"
        return None


@dataclass(frozen=True, slots=True)
class ModeSpec:
    """A way of running a strategy: which sides it holds, and where the search looks."""

    direction: Direction
    space: tuple[ParamSpec, ...]


@dataclass(frozen=True, slots=True)
class StrategyCard:
    """What a strategy trades on and by which numbers. `params` are the limits of sense, a mode's space lies within."""

    name: str
    title: str
    data: str
    params: tuple[ParamSpec, ...]
    modes: Mapping[str, ModeSpec]
    baseline: Params

    def mode(self, name: str) -> ModeSpec:
        """The mode of that name; an unknown one is refused with the nearest that exists."""
        if name not in self.modes:
            raise ValueError(f"strategy {self.name}: no mode {name!r}; {_nearest(name, tuple(self.modes))}")
        return self.modes[name]


class BatchEvaluator(Protocol):
    """Many parameter vectors on one set of bars, with everything they share computed once."""

    def covers(self, columns: Columns, *, direction: Direction, costs: Costs) -> BoolArray:
        """Which rows `evaluate` can take; the front door runs the others one by one."""
        ...

    def evaluate(
        self,
        columns: Columns,
        *,
        direction: Direction,
        costs: Costs,
        progress: Progress | None,
        engine: "ScreenEngine" = "cpu",
    ) -> dict[str, NDArray[Any]]:
        """Screening metrics, one value per row of the columns, the same whatever the engine.

        `progress` hears 0 once what the rows share is prepared, and then of rows done since its last call.
        """
        ...


class BarStrategy(Protocol):
    """Bars and parameters in, events and an exit plan out. Stateless; events obey the prefix law."""

    card: StrategyCard

    def events(self, bars: Bars, params: Params) -> Events:
        """Wishes to trade, by the bar whose open would fill them."""
        ...

    def plan(self, params: Params) -> ExitPlan:
        """How positions are left."""
        ...

    def admissible(self, columns: Columns) -> BoolArray:
        """Which rows are sensible together; each number alone is already within its range.

        The first line of an implementation's docstring is told to whoever gives parameters that are not.
        """
        ...

    def lookback_bars(self, params: Params, interval_minutes: int) -> int:
        """Base bars that must be complete before the first event can be decided, at the least favourable start."""
        ...


@runtime_checkable
class ModalStrategy(Protocol):
    """A strategy that decides otherwise in another mode, not only on other sides or in another space."""

    def in_mode(self, mode: str) -> BarStrategy:
        """The strategy as it decides in this mode of its card."""
        ...


def in_mode(strategy: BarStrategy, mode: str) -> BarStrategy:
    """The strategy whose events are those of this mode; an unknown mode is refused with the nearest that exists."""
    strategy.card.mode(mode)
    return strategy.in_mode(mode) if isinstance(strategy, ModalStrategy) else strategy


@runtime_checkable
class TieredStrategy(Protocol):
    """A strategy with several targets whose `admissible` asks that they rise, and which can do without."""

    def without_tp_progression(self) -> BarStrategy:
        """The strategy for which targets in any order go together."""
        ...


def without_tp_progression(strategy: BarStrategy) -> BarStrategy:
    """The strategy with its targets in any order; itself, where it asks nothing of their order."""
    return strategy.without_tp_progression() if isinstance(strategy, TieredStrategy) else strategy


@runtime_checkable
class BatchStrategy(Protocol):
    """A strategy whose parameter vectors share work, and which says how."""

    def batch(self, bars: Bars) -> BatchEvaluator:
        """The evaluator of these bars; what all vectors share may be prepared here."""
        ...


def checked_params(strategy: BarStrategy, params: Mapping[str, Any]) -> dict[str, float | int]:
    """The parameters in the card's order with the card's types, or a ValueError that says which one is wrong."""
    card = strategy.card
    known = {spec.name: spec for spec in card.params}
    for name in params:
        if name not in known:
            raise ValueError(f"strategy {card.name}: no parameter {name!r}; {_nearest(name, tuple(known))}")
    missing = [name for name in known if name not in params]
    if missing:
        raise ValueError(f"strategy {card.name}: parameters missing: {', '.join(missing)}")
    given: dict[str, float | int] = {}
    for name, spec in known.items():
        value = params[name].item() if isinstance(params[name], np.generic) else params[name]
        refusal = spec.refusal(value)
        if refusal:
            raise ValueError(f"strategy {card.name}: {refusal}")
        given[name] = float(value) if spec.kind == "float" else int(value) if value == int(value) else value
    if not strategy.admissible({name: np.array([value]) for name, value in given.items()})[0]:
        raise ValueError(f"strategy {card.name}: {given} do not go together; {_rule_of(strategy)}")
    return given


def _rule_of(strategy: BarStrategy) -> str:
    """What `admissible` says of itself in the first line of its docstring; strategies of others may say nothing."""
    told = (strategy.admissible.__doc__ or "").strip().splitlines()
    return f"the rule: {told[0]}" if told else "see `swarmd strategies show` for what each means"


def _is_finite(value: float | int) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond the floats
        return False


def _nearest(name: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    listed = ", ".join(known)
    return f"did you mean {close[0]!r}? (known: {listed})" if close else f"known: {listed}"
