"""Strategies by name: those of this package, found by scanning it, and a user's own by `path/to/file.py:Name`.

A strategy enters by the decorator on its class and nothing else; the first look-up imports the package's files.
"""

import difflib
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

from swarmd.engine.strategies.contract import BarStrategy, StrategyCard

_REGISTERED: dict[str, BarStrategy] = {}
_Made = TypeVar("_Made", bound=type)
_PARTS = ("card", "events", "plan", "admissible", "lookback_bars")


def register_strategy(name: str) -> Callable[[_Made], _Made]:
    """Class decorator: makes the one instance of the class and lists it under `name`, which its card must bear."""

    def register(made: _Made) -> _Made:
        strategy = _instance(made, where=f"@register_strategy({name!r})")
        if strategy.card.name != name:
            raise ValueError(f"strategy {name}: its card says {strategy.card.name!r}; give both the same name")
        taken = _REGISTERED.get(name)
        if taken is not None and type(taken).__qualname__ != made.__qualname__:
            raise ValueError(f"strategy {name}: the name is taken by {type(taken).__qualname__}; choose another")
        _REGISTERED[name] = strategy
        return made

    return register


def strategy_names() -> tuple[str, ...]:
    """Names of the strategies that come with the package, sorted."""
    _discover()
    return tuple(sorted(_REGISTERED))


def strategy_named(name: str) -> BarStrategy:
    """The strategy of that name, or the one a `path/to/file.py:Name` leads to.

    Raises
    ------
    ValueError
        If there is none; names the nearest that exists.
    """
    if strategy_file(name) is not None:
        return _from_file(name)
    names = strategy_names()
    if name not in _REGISTERED:
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(
            f"strategy {name!r} is not known; {hint}(known: {', '.join(names)}; your own: path/to/file.py:ClassName)"
        )
    return _REGISTERED[name]


def strategy_file(name: str) -> Path | None:
    """The user's own file that a `path/to/file.py:Name` speaks of; None for a name of the package."""
    return Path(name.rpartition(":")[0]) if ".py:" in name else None


def _discover() -> None:
    package = importlib.import_module("swarmd.engine.strategies")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")


def _from_file(reference: str) -> BarStrategy:
    path_text, _, name = reference.rpartition(":")
    path = Path(path_text)
    if not path.is_file():
        raise ValueError(f"strategy {reference!r}: no file {path}; give path/to/file.py:ClassName")
    spec = importlib.util.spec_from_file_location(f"swarmd_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError(f"strategy {reference!r}: {path} cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ValueError(f"strategy {reference!r}: {path} fails on import: {type(error).__name__}: {error}") from error
    made = getattr(module, name, None)
    if not isinstance(made, type):
        classes = [key for key, value in vars(module).items() if isinstance(value, type) and hasattr(value, "card")]
        raise ValueError(
            f"strategy {reference!r}: {path} has no class {name!r}; it has: {', '.join(classes) or 'none'}"
        )
    return _instance(made, where=reference)


def _instance(made: type, *, where: str) -> BarStrategy:
    lacking = [part for part in _PARTS if not hasattr(made, part)]
    if lacking:
        raise ValueError(
            f"strategy {where}: class {made.__name__} lacks {', '.join(lacking)}; see the strategy contract"
        )
    if not isinstance(getattr(made, "card", None), StrategyCard):
        raise ValueError(f"strategy {where}: the card of {made.__name__} is no StrategyCard; see the strategy contract")
    try:
        return cast(BarStrategy, made())
    except TypeError as error:
        raise ValueError(f"strategy {where}: {made.__name__}() fails ({error}); it must take no arguments") from error
