"""A chart as wide as its page: lines stretch with it, letters and marks keep their size, without a script.

The certificates' charts are pictures that shrink as a whole, which suits two columns; a year of prices wants the whole
width and letters one can still read on a phone. So the height is in pixels, places along the foot are shares of the
width, and only lines are drawn in a field of `ACROSS` units that is stretched.
"""

import math
from collections.abc import Iterable, Sequence

from swarmd.engine.certificates.axes import Axis, place
from swarmd.engine.certificates.markup import escaped

ACROSS = 1000.0
TOP, BOTTOM = 16, 22
Point = tuple[float, float]


def lying(low: float, high: float, *, is_log: bool = False) -> Axis:
    """The axis along the foot, in units of the stretched field."""
    return Axis(low, high if high > low else low + 1.0, 0.0, ACROSS, is_log=is_log)


def share(x: float) -> str:
    """A place along the foot as a share of the width, to a hundredth of a percent."""
    return f"{x / ACROSS * 100.0:.2f}%"


def wide(name: str, title: str, description: str, height: int, *, below: str, stretched: str, above: str) -> str:
    """The frame: `stretched` in units of the field, `below` and `above` it in shares of its width and in pixels."""
    return (
        f'<svg class="wide" style="height:{height}px" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escaped(title)}</title><desc id="{name}-desc">{escaped(description)}</desc>{below}'
        f'<svg viewBox="0 0 {ACROSS:.0f} {height}" preserveAspectRatio="none" width="100%" height="{height}" '
        f'class="drawn">{stretched}</svg>{above}</svg>'
    )


def polyline(points: Sequence[Point], kind: str) -> str:
    """One line through the points; none of none."""
    return f'<path d="{_through(points)}" class="{kind}"/>' if points else ""


def area(points: Sequence[Point], floor: float, kind: str) -> str:
    """The ground between a line and a level."""
    if not points:
        return ""
    first, last = points[0][0], points[-1][0]
    return f'<path d="{_through(points)}V{place(floor)}H{place(first)}z" class="{kind}"/>' if last > first else ""


def strokes(lines: Iterable[tuple[Point, Point]], kind: str) -> str:
    """Many short lines as one path."""
    drawn = "".join(f"M{place(x1)} {place(y1)}L{place(x2)} {place(y2)}" for (x1, y1), (x2, y2) in lines)
    return f'<path d="{drawn}" class="{kind}"/>' if drawn else ""


def boxes(corners: Iterable[tuple[float, float, float, float]], kind: str) -> str:
    """Many filled boxes (left, top, width, height) as one path."""
    drawn = "".join(
        f"M{place(x)} {place(y)}h{place(width)}v{place(height)}h{place(-width)}z" for x, y, width, height in corners
    )
    return f'<path d="{drawn}" class="{kind}"/>' if drawn else ""


def dots(points: Iterable[Point], kind: str) -> str:
    """Round dots that stay round, as one path: a line of no length has the width of its stroke."""
    drawn = "".join(f"M{place(x)} {place(y)}h0" for x, y in points)
    return f'<path d="{drawn}" class="dots {kind}"/>' if drawn else ""


def words_at(x: float, y: float, words: str, *, anchor: str = "middle", kind: str = "tick", aside: int = 0) -> str:
    """Words at a share of the width, so many pixels aside."""
    moved = f' dx="{aside}"' if aside else ""
    return f'<text x="{share(x)}" y="{place(y)}"{moved} text-anchor="{anchor}" class="{kind}">{escaped(words)}</text>'


def mark_at(x: float, y: float, shape: str, kind: str, said: str) -> str:
    """One of the page's marks (`up`, `down`, `cross`), with words for who points at it."""
    return f'<use href="#{shape}" x="{share(x)}" y="{place(y)}" class="{kind}"><title>{escaped(said)}</title></use>'


def level(y: float, kind: str) -> str:
    """A line across the field."""
    return f'<line x1="0" x2="100%" y1="{place(y)}" y2="{place(y)}" class="{kind}"/>'


def upright_line(x: float, top: float, floor: float, kind: str) -> str:
    return f'<line x1="{share(x)}" x2="{share(x)}" y1="{place(top)}" y2="{place(floor)}" class="{kind}"/>'


def levels(axis: Axis, written: Sequence[tuple[float, str]]) -> str:
    """Grid lines for below the field, with their words left of it."""
    return "".join(
        level(axis.at(value), "grid")
        + f'<text x="-6" y="{place(axis.at(value) + 3.5)}" text-anchor="end" class="tick">{escaped(words)}</text>'
        for value, words in written
    )


def round_levels(axis: Axis, about: int) -> list[float]:
    """Round values within the axis; of a logarithmic one over more than a few times 1, 2 and 5 of each power of ten."""
    if not axis.is_log or axis.high / axis.low < 4.0:
        return axis.ticks(about)
    powers = range(math.floor(math.log10(axis.low)), math.ceil(math.log10(axis.high)) + 1)
    for steps in ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):
        found = [each * 10.0**power for power in powers for each in steps]
        within = [each for each in found if axis.low <= each <= axis.high]
        if len(within) <= about + 2:
            return within
    return axis.ticks(about)


def foot(written: Sequence[tuple[float, str]], y: float) -> str:
    """Words below the field; at its ends they stay within it."""
    return "".join(
        words_at(x, y, words, anchor="start" if x < 40.0 else "end" if x > ACROSS - 40.0 else "middle")
        for x, words in written
    )


def _through(points: Sequence[Point]) -> str:
    first, *rest = points
    return f"M{place(first[0])} {place(first[1])}L" + " ".join(f"{place(x)} {place(y)}" for x, y in rest or [first])
