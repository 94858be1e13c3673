"""The ground around a finalist: annual Sharpe ratios on the development bars as two of its parameters move.

For the certificate's map, which shows a person what the sensitivity's one figure cannot: a plateau, a ridge, a needle.
Called by the phase `validate`.
"""

import math
from collections.abc import Mapping
from typing import Any

from swarmd.engine.backtest import run_backtest
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.question import Question
from swarmd.engine.search.space import in_space, is_admissible
from swarmd.engine.strategies.contract import ParamSpec

# To each side of the finalist, a twentieth of the range each.
_STEPS = 4
_STEP = 0.05
MAP_UNITS = (2 * _STEPS + 1) ** 2


def neighbourhood_map(question: Question, params: Mapping[str, float | int], desk: Desk) -> dict[str, Any] | None:
    """Of the first two parameters of the space that have a range; null in the map where a vector may not be.

    None where the space has not two of them. Always `MAP_UNITS` units of work.
    """
    axes = [spec for spec in question.space if spec.kind != "choice" and spec.low != spec.high][:2]
    if len(axes) < 2:
        desk.skip(MAP_UNITS)
        desk.safe_point()
        return None
    across, up = ([*_along(spec, params[spec.name])] for spec in axes)
    desk.skip(MAP_UNITS - len(across) * len(up))
    names = tuple(spec.name for spec in axes)
    rows = [[_sharpe(question, {**params, names[0]: x, names[1]: y}, desk) for x in across] for y in up]
    return {
        "x": {"name": names[0], "values": across},
        "y": {"name": names[1], "values": up},
        "annual_sharpe": rows,
        "centre": [params[name] for name in names],
    }


def _along(spec: ParamSpec, centre: float | int) -> list[float | int]:
    """Values around the centre within the range, in rising order, the centre among them."""
    low, high = float(spec.low or 0.0), float(spec.high or 0.0)
    places = range(-_STEPS, _STEPS + 1)
    if spec.log:
        factor = (math.log(high) - math.log(low)) * _STEP
        found = [centre if step == 0 else centre * math.exp(step * factor) for step in places]
    else:
        found = [centre + step * (high - low) * _STEP for step in places]
    if spec.kind == "int":
        found = [round(value) for value in found]
    return sorted({value for value in found if low <= value <= high})


def _sharpe(question: Question, params: Mapping[str, float | int], desk: Desk) -> float | None:
    desk.work(1)
    if not in_space(question.space, params) or not is_admissible(question.strategy, params):
        return None
    try:
        run = run_backtest(
            question.development, question.strategy, params, mode=question.mode, costs=question.costs
        )  # fmt: skip
    except (ValueError, ArithmeticError):
        return None
    return run.metrics.annual_sharpe
