"""The soft screen: out-of-sample gates a finalist must pass before anything is claimed of it.

Thresholds of the source documents (`source_soft`) and, on top, the probabilistic Sharpe ratio of out-of-sample days.
Every gate is computed and told with its figure and its threshold, whether an earlier one failed or not.
"""

import math
from dataclasses import dataclass

from swarmd.engine.arrays import FloatArray

LEAST_OOS_SHARPE = 0.8
LEAST_OOS_TRADES = 50
LEAST_WFE = 0.5


@dataclass(frozen=True, slots=True)
class Gate:
    """One claim: a figure against a threshold. A figure of None is undefined, and fails."""

    name: str
    meaning: str
    figure: float | None
    threshold: float
    is_strict: bool

    @property
    def passes(self) -> bool:
        if self.figure is None or not math.isfinite(self.figure):
            return False
        return self.figure > self.threshold if self.is_strict else self.figure >= self.threshold

    @property
    def told(self) -> str:
        figure = "undefined" if self.figure is None else f"{self.figure:.4g}"
        sign = ">" if self.is_strict else ">="
        return f"{self.name} {figure} ({sign} {self.threshold:g}): {'pass' if self.passes else 'fail'}"

    def document(self) -> dict[str, float | str | bool | None]:
        return {
            "name": self.name,
            "meaning": self.meaning,
            "figure": self.figure,
            "comparison": ">" if self.is_strict else ">=",
            "threshold": self.threshold,
            "pass": self.passes,
        }


def walk_forward_efficiency(inside: FloatArray, outside: FloatArray) -> float | None:
    """Mean return per bar out of sample over mean return per bar in sample, of one split.

    Parameters
    ----------
    inside, outside : simple net returns of every bar of the two stretches, flat bars included

    Sums of bar returns, not the total return of each stretch: that compounds, and over a longer stretch in sample a
    steady edge would look as if it faded (at a Sharpe ratio of 5 by more than half).

    Undefined (None) where nothing was earned in sample: a ratio of two losses would pass with flying colours.
    """
    if not inside.size or not outside.size:
        raise ValueError(
            f"walk-forward efficiency: {inside.size} bars in sample, {outside.size} out; give some of both"
        )
    earned = math.fsum(inside.tolist()) / inside.size
    if earned <= 0.0:
        return None
    return math.fsum(outside.tolist()) / outside.size / earned


def soft_screen_gates(
    *, oos_annual_sharpe: float, oos_trades: int, wfe: float | None, psr: float, alpha: float
) -> tuple[Gate, ...]:
    """The gates in the order in which they are shown."""
    return (
        Gate("oos_annual_sharpe", "annual Sharpe ratio on the vault", oos_annual_sharpe, LEAST_OOS_SHARPE, True),
        Gate("oos_trades", "trades on the vault", float(oos_trades), float(LEAST_OOS_TRADES), True),
        Gate("wfe", "walk-forward efficiency: return per bar, out of sample over in sample", wfe, LEAST_WFE, True),
        Gate("psr", "probability that the true Sharpe ratio on the vault is above 0", psr, 1.0 - alpha, False),
    )
