"""A user's own tick strategy at the door: a class from a file, whose faults are told with their line.

Called by `tick_registry` alone. A tick strategy keeps state, so what comes out is the class, guarded, and not an
instance. What it gives back needs no looking at here: wishes are checked where they are taken.
"""

import functools
from collections.abc import Callable
from typing import Any

from swarmd.engine.strategies.contract import StrategyCard
from swarmd.engine.strategies.own import NOT_ITS_FAULT, StrategyError, class_in_file, fault_told

_METHODS = ("set_params", "on_start", "on_tick", "on_finish", "get_stats")


def tick_class_in_file(reference: str) -> type:
    """The class that `path/to/file.py:Name` leads to, its methods guarded; refuses one that is no tick strategy."""
    made = class_in_file(reference)
    lacking = [part for part in ("card", *_METHODS) if not hasattr(made, part)]
    if lacking:
        raise ValueError(
            f"strategy {reference}: class {made.__name__} lacks {', '.join(lacking)}, and the data are quotes or"
            " trades; see the contract in docs/ticks.md, or give bars to a strategy that trades on bars"
        )
    if not isinstance(getattr(made, "card", None), StrategyCard):
        raise ValueError(f"strategy {reference}: the card of {made.__name__} is no StrategyCard; see docs/ticks.md")
    guarded = {name: _answered(getattr(made, name), reference, name) for name in ("__init__", *_METHODS)}
    return type(made.__name__, (made,), {**guarded, "__module__": made.__module__, "__doc__": made.__doc__})


def _answered(asked: Callable[..., Any], where: str, method: str) -> Callable[..., Any]:
    @functools.wraps(asked)
    def answer(self: Any, *given: Any, **named: Any) -> Any:
        try:
            return asked(self, *given, **named)
        except (StrategyError, *NOT_ITS_FAULT):
            raise
        except (Exception, SystemExit) as fault:
            raise StrategyError(f"strategy {where}: {method} raises {fault_told(fault)}") from fault

    return answer
