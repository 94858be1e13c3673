"""How much of what a vector earned in sample it went on earning out of sample, in one split of the history.

The screen asks it of its one finalist. It is not walk-forward efficiency proper, which pools many windows with the
search repeated in each (`engine/validation/walk_forward.py`): one split says little, and says it once.
"""

import math

from swarmd.engine.arrays import FloatArray


def split_efficiency(inside: FloatArray, outside: FloatArray) -> float | None:
    """Mean return per bar out of sample over mean return per bar in sample, of one split.

    Parameters
    ----------
    inside, outside : simple net returns of every bar of the two stretches, flat bars included

    Sums of bar returns, not the total return of each stretch: that compounds, and over a longer stretch in sample a
    steady edge would look as if it faded (at a Sharpe ratio of 5 by more than half).

    Undefined (None) where nothing was earned in sample: a ratio of two losses would pass with flying colours.

    Raises
    ------
    ValueError
        If a stretch has no bar.
    """
    if not inside.size or not outside.size:
        raise ValueError(f"split efficiency: {inside.size} bars in sample, {outside.size} out; give some of both")
    earned = math.fsum(inside.tolist()) / inside.size
    if earned <= 0.0:
        return None
    return math.fsum(outside.tolist()) / outside.size / earned
