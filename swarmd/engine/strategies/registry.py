"""Strategies by name: those of this package, those that installed packages offer, and a file's `path/to/file.py:Name`.

A strategy of this package enters by the decorator on its class and nothing else; the first look-up imports the
package's files. An installed one enters by an entry point of the group `swarmd.strategies`, and is imported when it is
named. A name that two places claim is refused, with both of them: which one was meant is for a person to say.
"""

import difflib
import importlib
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar, cast

from swarmd.engine.strategies.contract import BarStrategy, StrategyCard
from swarmd.engine.strategies.copies import copy_of
from swarmd.engine.strategies.own import from_entry, from_file, installed, instance_of, place_of, source_of
from swarmd.engine.strategies.tick_registry import (
    tick_card_named,
    tick_strategy_named,
    tick_strategy_names,
    trades_on_ticks,
)

_PACKAGE = "swarmd.engine.strategies"
_REGISTERED: dict[str, BarStrategy] = {}
_Made = TypeVar("_Made", bound=type)


@dataclass(frozen=True, slots=True)
class Listed:
    """A name that can be given to --strategy: where it comes from, and its card, or why there is none."""

    name: str
    place: str
    card: StrategyCard | None
    problem: str | None = None
    on: Literal["bars", "ticks"] = "bars"


def register_strategy(name: str) -> Callable[[_Made], _Made]:
    """Class decorator: makes the one instance of the class and lists it under `name`, which its card must bear."""

    def register(made: _Made) -> _Made:
        strategy = instance_of(made, where=f"@register_strategy({name!r})")
        if strategy.card.name != name:
            raise ValueError(f"strategy {name}: its card says {strategy.card.name!r}; give both the same name")
        if not _is_ours(strategy):
            # A user's file may be the first that is looked at; ours have their names all the same.
            _discover()
        taken = _REGISTERED.get(name)
        # A file that is run again registers its class again.
        if taken is not None and _place(type(taken)) != _place(made):
            raise ValueError(
                f"strategy {name}: the name is taken: by {_place(type(taken))}, and now by {_place(made)}; rename one"
            )
        _REGISTERED[name] = strategy
        return made

    return register


def strategy_names() -> tuple[str, ...]:
    """Names of the strategies that come with the package, sorted."""
    _discover()
    return tuple(sorted(name for name, strategy in _REGISTERED.items() if _is_ours(strategy)))


def strategy_named(name: str) -> BarStrategy:
    """The strategy of that name, or the one a `path/to/file.py:Name` leads to.

    Raises
    ------
    ValueError
        If there is none (names the nearest that exists), two places claim the name, or its code is no strategy.
    """
    if _is_reference(name):
        strategy = from_file(name)
        _refuse_taken(strategy.card.name, name)
        return strategy
    names = strategy_names()
    offered = installed()
    _refuse_two_of(name)
    if name in offered:
        return from_entry(offered[name][0])
    if name not in _REGISTERED:
        if trades_on_ticks(name):
            raise ValueError(
                f"strategy {name!r} trades on quotes or trades, and bars are asked for here; run it by"
                f" `swarmd backtest --data QUOTES.parquet --strategy {name}`"
            )
        known = sorted({*names, *offered})
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(
            f"strategy {name!r} is not known; {hint}(known: {', '.join(known)}; your own: path/to/file.py:ClassName)"
        )
    return _REGISTERED[name]


def strategies_listed() -> tuple[Listed, ...]:
    """Every name of the package and of installed packages; one that cannot be used says why instead of its card."""
    found = []
    for name in sorted({*strategy_names(), *installed()}):
        place = " and ".join(_places(name))
        try:
            found.append(Listed(name, place, strategy_named(name).card))
        except ValueError as refusal:
            found.append(Listed(name, place, None, str(refusal)))
    for name in tick_strategy_names():
        made = tick_strategy_named(name)
        found.append(Listed(name, _place(cast(type, made)), made.card, on="ticks"))
    return tuple(sorted(found, key=lambda one: one.name))


def cards_named(name: str) -> tuple[StrategyCard, ...]:
    """The card of a name, that of bars first where it trades on ticks as well; refuses as `strategy_named` does."""
    on_ticks = None if _is_reference(name) else tick_card_named(name)
    if on_ticks is None:
        return (strategy_named(name).card,)
    return (strategy_named(name).card, on_ticks) if name in strategy_names() else (on_ticks,)


def strategy_file(name: str) -> Path | None:
    """The user's own file behind a name, whose content results depend on; None for a strategy of this package."""
    if _is_reference(name):
        return copy_of(Path(name.rpartition(":")[0]))
    offered = installed().get(name, ())
    return source_of(offered[0]) if offered else None


def _is_reference(name: str) -> bool:
    return ".py:" in name


def _refuse_taken(card_name: str, reference: str) -> None:
    """A file's strategy bears a name of its own, or its results would pass for another's."""
    others = [_place(type(_REGISTERED[card_name]))] if card_name in strategy_names() else []
    others += [_place(cast(type, tick_strategy_named(card_name)))] if trades_on_ticks(card_name) else []
    file = Path(reference.rpartition(":")[0]).resolve()
    for entry in installed().get(card_name, ()):
        source = source_of(entry)
        # The file of an installed strategy, named by its path, is that strategy.
        if source is None or source.resolve() != file:
            others.append(place_of(entry))
    if others:
        raise ValueError(
            f"strategy {reference!r}: its card bears the name {card_name!r}, which another strategy has"
            f" ({' and '.join(others)}); give it a name of its own"
        )


def _refuse_two_of(name: str) -> None:
    places = _places(name)
    if len(places) > 1:
        raise ValueError(
            f"strategy {name!r}: two places claim the name: {' and '.join(places)}; rename one, or uninstall it"
        )


def _places(name: str) -> list[str]:
    offered = installed().get(name, ())
    taken = _REGISTERED.get(name)
    # The class of an entry point may bear the decorator as well: one strategy, seen twice.
    is_another = taken is not None and type(taken).__module__ not in {entry.module for entry in offered}
    registered = [_place(type(taken))] if taken is not None and is_another else []
    return [*registered, *map(place_of, offered)]


def _place(made: type) -> str:
    if made.__module__.startswith(f"{_PACKAGE}."):
        return f"{made.__module__}:{made.__qualname__}"
    file = getattr(sys.modules.get(made.__module__), "__file__", None)
    return f"{file or made.__module__}:{made.__qualname__}"


def _is_ours(strategy: BarStrategy) -> bool:
    return type(strategy).__module__.startswith(f"{_PACKAGE}.")


def _discover() -> None:
    package = importlib.import_module(_PACKAGE)
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
