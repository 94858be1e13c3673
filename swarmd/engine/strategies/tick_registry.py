"""Tick strategies by name, and the parameters a mode takes; the counterpart of `registry` for quotes and trades.

A name may stand in both: `bollinger_reversion` trades on bars or on trades, and the data given decides. Unlike a bar
strategy, an instance keeps state, so the registry holds classes and every instance is made anew.
"""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, cast

from swarmd.engine.replay.contract import TickStrategy
from swarmd.engine.strategies.contract import ParamSpec, StrategyCard
from swarmd.engine.strategies.own_ticks import tick_class_in_file


class TickStrategyClass(Protocol):
    """A class of tick strategies: its card, and instances made without arguments."""

    card: StrategyCard

    def __call__(self) -> TickStrategy: ...


_REGISTERED: dict[str, TickStrategyClass] = {}
_Made = TypeVar("_Made", bound=TickStrategyClass)


def register_tick_strategy(name: str) -> Callable[[_Made], _Made]:
    """Class decorator: lists the class under `name`, which its card must bear."""

    def register(made: _Made) -> _Made:
        if made.card.name != name:
            raise ValueError(f"tick strategy {name}: its card says {made.card.name!r}; give both the same name")
        _REGISTERED[name] = made
        return made

    return register


def tick_strategy_names() -> tuple[str, ...]:
    """Names of the tick strategies that come with the package, sorted."""
    package = importlib.import_module("swarmd.engine.strategies")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return tuple(sorted(_REGISTERED))


def trades_on_ticks(name: str) -> bool:
    """Whether a strategy of that name trades on ticks; the package's files must have been imported."""
    return name in _REGISTERED


def tick_card_named(name: str) -> StrategyCard | None:
    """The card of the package's tick strategy of that name, where there is one."""
    return _REGISTERED[name].card if name in tick_strategy_names() else None


def tick_strategy_named(name: str) -> TickStrategyClass:
    """The tick strategy of that name, or the one a `path/to/file.py:Name` leads to; refuses what is none."""
    if ".py:" in name:
        made = cast(TickStrategyClass, tick_class_in_file(name))
        if made.card.name in tick_strategy_names():
            raise ValueError(
                f"strategy {name!r}: its card bears the name {made.card.name!r}, which a tick strategy of the package"
                " has; give it a name of its own"
            )
        return made
    names = tick_strategy_names()
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(
            f"strategy {name!r} does not trade on ticks, and the data are quotes or trades;"
            f" {hint}(on ticks: {', '.join(names)}; your own: path/to/file.py:ClassName)"
        )
    return _REGISTERED[name]


def checked_tick_params(card: StrategyCard, mode: str, params: Mapping[str, Any]) -> dict[str, float | int]:
    """The parameters of the mode, in the card's order and types, or a ValueError that says which one is wrong."""
    limits = {spec.name: spec for spec in card.params}
    taken = [spec.name for spec in card.mode(mode).space]
    for name in params:
        if name not in taken:
            raise ValueError(f"strategy {card.name}: mode {mode} has no parameter {name!r}; it has: {', '.join(taken)}")
    if missing := [name for name in taken if name not in params]:
        raise ValueError(f"strategy {card.name}: parameters missing: {', '.join(missing)}")
    return {name: _checked(card, limits[name], params[name]) for name in taken}


def tick_baseline(card: StrategyCard, mode: str) -> dict[str, float | int]:
    """The card's baseline, as far as the mode takes it."""
    return {spec.name: card.baseline[spec.name] for spec in card.mode(mode).space}


def _checked(card: StrategyCard, spec: ParamSpec, value: Any) -> float | int:
    if refusal := spec.refusal(value):
        raise ValueError(f"strategy {card.name}: {refusal}")
    return int(value) if spec.kind == "int" else float(value)
