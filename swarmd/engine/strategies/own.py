"""A user's own code at the door: a class from a file or from an installed package, made a strategy.

What such code raises comes out as one `StrategyError` that says which strategy, which call, which line of its file: a
trial fails by it and the search goes on, a command tells it in one line. What it gives back is looked at as well, so
that a list in place of events is told as that and not as a fault of the simulator. Called by the registry alone.
"""

import contextlib
import functools
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, cast

import numpy as np

from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import ExitPlan
from swarmd.engine.strategies.contract import BarStrategy, StrategyCard
from swarmd.engine.strategies.copies import copy_of

GROUP = "swarmd.strategies"
_PARTS = ("card", "events", "plan", "admissible", "lookback_bars")
# No fault of the code: the machine's, which others have to answer.
NOT_ITS_FAULT = (MemoryError, OSError)


class StrategyError(ValueError):
    """A user's own strategy raised, or gave back what is no answer."""


def instance_of(made: type, *, where: str) -> BarStrategy:
    """The one instance of a class, or a ValueError that says what the class lacks."""
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


def from_file(reference: str) -> BarStrategy:
    """The strategy that `path/to/file.py:Name` leads to."""
    return instance_of(_guarded(class_in_file(reference), where=reference), where=reference)


def class_in_file(reference: str) -> type:
    """The class that `path/to/file.py:Name` leads to; the file is run anew each time, for it may have changed."""
    path_text, _, name = reference.rpartition(":")
    path = copy_of(Path(path_text))
    if not path.is_file():
        raise ValueError(f"strategy {reference!r}: no file {path}; give path/to/file.py:ClassName")
    module = _module_of_file(path, reference)
    made = getattr(module, name, None)
    if not isinstance(made, type):
        classes = [key for key, value in vars(module).items() if isinstance(value, type) and hasattr(value, "card")]
        raise ValueError(
            f"strategy {reference!r}: {path} has no class {name!r}; it has: {', '.join(classes) or 'none'}"
        )
    return made


def from_entry(entry: EntryPoint) -> BarStrategy:
    """The strategy an installed package offers; its card must bear the name it is offered under."""
    where = f"{entry.name!r} ({place_of(entry)})"
    try:
        made = entry.load()
    except (Exception, SystemExit) as error:
        raise ValueError(f"strategy {where}: fails on import: {fault_told(error)}") from error
    if not isinstance(made, type):
        raise ValueError(f"strategy {where}: is a {type(made).__name__}; an entry point must name a class")
    strategy = instance_of(_guarded(made, where=repr(entry.name)), where=where)
    if strategy.card.name != entry.name:
        raise ValueError(f"strategy {where}: its card says {strategy.card.name!r}; give both the same name")
    return strategy


def installed() -> dict[str, tuple[EntryPoint, ...]]:
    """What installed packages offer, by name; nothing of theirs is imported. A name may be offered more than once."""
    return dict(_offered(tuple(sys.path)))


def place_of(entry: EntryPoint) -> str:
    """Where an offered strategy comes from, for a person."""
    dist = entry.dist
    return entry.value if dist is None else f"{entry.value} of {dist.name} {dist.version}"


def source_of(entry: EntryPoint) -> Path | None:
    """The file of an offered strategy's module; None where it cannot be told without running it."""
    try:
        spec = importlib.util.find_spec(entry.module)
    except (ImportError, ValueError):
        return None
    return None if spec is None or spec.origin is None else Path(spec.origin)


@functools.lru_cache(maxsize=1)
def _offered(path: tuple[str, ...]) -> dict[str, tuple[EntryPoint, ...]]:
    """By the path it was found on. Reading the metadata of all packages takes 7 ms, and names are asked for often."""
    found: dict[str, tuple[EntryPoint, ...]] = {}
    for entry in entry_points(group=GROUP):
        if entry not in found.get(entry.name, ()):
            found[entry.name] = (*found.get(entry.name, ()), entry)
    return found


def _module_of_file(path: Path, reference: str) -> ModuleType:
    # By its place and not its name alone: two files of one name are two modules.
    name = f"swarmd_user_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ValueError(f"strategy {reference!r}: {path} cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up while it is made.
    sys.modules[name] = module
    try:
        # What a file prints on being run must not come between a command's document and its reader.
        with contextlib.redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ValueError(f"strategy {reference!r}: {path} fails on import: {fault_told(error)}") from error
    return module


def _guarded(made: type, *, where: str) -> type:
    """The class with its answers looked at. A subclass: whatever else it has and says of itself stays."""
    if not all(callable(getattr(made, part, None)) for part in _PARTS[1:]):
        return made
    checks: dict[str, Callable[[Any, tuple[Any, ...]], str | None]] = {
        "events": _wrong_events,
        "plan": lambda plan, _: None if isinstance(plan, ExitPlan) else f"gives back a {_kind(plan)}; give an ExitPlan",
        "admissible": _wrong_rows,
        "lookback_bars": lambda bars, _: (
            None if isinstance(bars, int | np.integer) else f"gives back a {_kind(bars)}; give a whole number of bars"
        ),
    }
    guarded = {part: _answered(getattr(made, part), where, part, check) for part, check in checks.items()}
    return type(made.__name__, (made,), {**guarded, "__module__": made.__module__, "__doc__": made.__doc__})


def _answered(
    asked: Callable[..., Any], where: str, part: str, wrong: Callable[[Any, tuple[Any, ...]], str | None]
) -> Callable[..., Any]:
    @functools.wraps(asked)
    def answer(self: Any, *given: Any, **named: Any) -> Any:
        try:
            found = asked(self, *given, **named)
            told = wrong(found, given)
        except (StrategyError, *NOT_ITS_FAULT):
            raise
        except (Exception, SystemExit) as fault:
            _refuse(where, part, given, f"raises {fault_told(fault)}", fault)
        if told is not None:
            _refuse(where, part, given, told, None)
        return found

    return answer


def _refuse(where: str, part: str, given: tuple[Any, ...], told: str, fault: BaseException | None) -> NoReturn:
    params = next((dict(one) for one in given if isinstance(one, dict) and part != "admissible"), None)
    raise StrategyError(f"strategy {where}: {part} {told}{'' if params is None else f', with {params}'}") from fault


def _wrong_events(events: Any, given: tuple[Any, ...]) -> str | None:
    if not isinstance(events, Events):
        return f"gives back a {_kind(events)}; give swarmd.engine.kernel.events.Events"
    if given:
        events.checked(given[0].n_bars)
    return None


def _wrong_rows(fit: Any, given: tuple[Any, ...]) -> str | None:
    if not given or not given[0]:
        return None
    rows = np.shape(next(iter(given[0].values())))
    if isinstance(fit, np.ndarray) and fit.shape == rows and fit.dtype == np.bool_:
        return None
    return f"gives back a {_kind(fit)}; give one bool per row, an array of shape {rows}"


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype} array of shape {value.shape}"
    return type(value).__name__


def fault_told(fault: BaseException) -> str:
    """What it is, and the last line of the user's own files that led to it."""
    frames = [frame for frame in traceback.extract_tb(fault.__traceback__) if _is_of_the_user(frame.filename)]
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(fault).__name__}: {fault}{place}"


def _is_of_the_user(filename: str) -> bool:
    ours = str(Path(__file__).parents[2])
    return not filename.startswith((ours, "<")) and "importlib" not in filename
