"""A gate: one claim about a candidate, a figure against a threshold, told with both.

The soft screen and the strict table are made of these. Every gate of a table is computed and told, whether an earlier
one failed or not; what follows from the verdict is the caller's.
"""

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

Comparison = Literal[">", ">=", "<", "<="]

_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Gate:
    """One claim: `figure comparison threshold`. A figure that is undefined (None) or not finite fails, either way."""

    name: str
    meaning: str
    figure: float | None
    comparison: Comparison
    threshold: float

    @property
    def passes(self) -> bool:
        # Infinity too: no honest statistic is infinite, and "> 1" would let it through.
        if self.figure is None or not math.isfinite(self.figure):
            return False
        return _HOLDS[self.comparison](self.figure, self.threshold)

    @property
    def told(self) -> str:
        figure = "undefined" if self.figure is None else f"{self.figure:.4g}"
        return f"{self.name} {figure} ({self.comparison} {self.threshold:g}): {'pass' if self.passes else 'fail'}"

    def document(self) -> dict[str, float | str | bool | None]:
        return {
            "name": self.name,
            "meaning": self.meaning,
            # Plain, whatever kind of float a statistic returned: journals refuse the others.
            "figure": None if self.figure is None else float(self.figure),
            "comparison": self.comparison,
            "threshold": self.threshold,
            "pass": self.passes,
        }
