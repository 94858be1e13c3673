"""From values to places on a chart: an axis, its round ticks, and the frame that every chart stands in.

Called by the charts. Places are kept within the chart whatever the value; numbers are written short, a page holds
thousands of them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from swarmd.engine.certificates.markup import escaped

# Units of a chart; on a phone one unit is about one pixel, so that the letters stay readable.
WIDTH, HEIGHT = 340, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 18, 30
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """`low` is drawn at `start` and `high` at `end`; a logarithmic one wants both above 0."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        low, high, value = (self._scaled(each) for each in (self.low, self.high, value))
        share = (value - low) / (high - low)
        return self.start + (self.end - self.start) * min(1.0, max(0.0, share))

    def ticks(self, about: int = 4) -> list[float]:
        """Round values within the axis."""
        if self.is_log and self.high / self.low > 20.0:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            every = max(1, math.ceil((last - first) / about))
            powers = [10.0**power for power in range(first, last + 1, every)]
            return [power for power in powers if self.low <= power <= self.high]
        span = (self.high - self.low) / about
        magnitude = 10.0 ** math.floor(math.log10(span))
        step = next((each * magnitude for each in _STEPS if each * magnitude >= span), 10.0 * magnitude)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [each * step for each in range(first, min(last, first + 2 * about + 2) + 1)]

    def _scaled(self, value: float) -> float:
        return math.log(max(value, 1e-300)) if self.is_log else value


def axis_over(values: Iterable[float], start: float, end: float, *, room: float = 0.05, is_log: bool = False) -> Axis:
    """An axis that holds all values, with a little room beyond them; of one value, or of none, an axis all the same."""
    held = list(values)
    # Over more than nine powers of ten, or down to dust, a logarithm shows nothing.
    is_log = is_log and bool(held) and min(held) > max(1e-9, 1e-9 * max(held))
    low, high = (min(held), max(held)) if held else (0.0, 1.0)
    if is_log:
        margin = max((high / low) ** room, 1.001)
        return Axis(low / margin, high * margin, start, end, is_log=True)
    # A span that rounding would swallow is none.
    margin = (high - low) * room
    if high - low <= 1e-9 * max(1.0, abs(low), abs(high)):
        margin = max(1e-6, 0.1 * max(abs(low), abs(high)))
    return Axis(low - margin, high + margin, start, end)


def place(value: float) -> str:
    """A coordinate, to a tenth of a unit."""
    return f"{value:.1f}".removesuffix(".0")


def text_at(x: float, y: float, words: str, *, anchor: str = "start", kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text x="{place(x)}" y="{place(y)}" text-anchor="{anchor}"{named}>{escaped(words)}</text>'


def line_at(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{place(x1)}" y1="{place(y1)}" x2="{place(x2)}" y2="{place(y2)}" class="{kind}"/>'


def box_at(x: float, y: float, width: float, height: float, kind: str, said: str = "", opacity: float = 1.0) -> str:
    seen = "" if opacity >= 1.0 else f' fill-opacity="{opacity:.2f}"'
    title = f"<title>{escaped(said)}</title>" if said else ""
    return (
        f'<rect x="{place(x)}" y="{place(y)}" width="{place(width)}" height="{place(height)}" class="{kind}"{seen}>'
        f"{title}</rect>"
    )


def dot_at(x: float, y: float, radius: float, kind: str, said: str = "") -> str:
    title = f"<title>{escaped(said)}</title>" if said else ""
    return f'<circle cx="{place(x)}" cy="{place(y)}" r="{place(radius)}" class="{kind}">{title}</circle>'


def path_of(points: Sequence[tuple[float, float]], kind: str) -> str:
    if not points:
        return ""
    return f'<polyline points="{" ".join(f"{place(x)},{place(y)}" for x, y in points)}" class="{kind}"/>'


def thinned(points: Sequence[tuple[float, float]], most: int = 480) -> Sequence[tuple[float, float]]:
    """The points of a line, at most so many: of a longer one the lowest and highest of each piece."""
    if len(points) <= most:
        return points
    every = -(-2 * len(points) // most)
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), every):
        bucket = points[start : start + every]
        kept += sorted({min(bucket, key=lambda point: point[1]), max(bucket, key=lambda point: point[1])})
    return kept


def label_at(x: float, y: float, words: str, kind: str) -> str:
    """Words beside a mark, on the side where there is room for them."""
    is_left = x < (LEFT + WIDTH - RIGHT) / 2.0
    return text_at(x + (5.0 if is_left else -5.0), y, words, anchor="start" if is_left else "end", kind=kind)


def level_lines(axis: Axis, written: Sequence[tuple[float, str]], right: float = WIDTH - RIGHT) -> str:
    """Grid lines across the chart at the ticks of the upright axis, each with its words left of the chart."""
    return "".join(
        line_at(LEFT, axis.at(value), right, axis.at(value), "grid")
        + text_at(LEFT - 5, axis.at(value) + 3.5, words, anchor="end", kind="tick")
        for value, words in written
    )


def foot_ticks(axis: Axis, written: Sequence[tuple[float, str]], y: float = HEIGHT - BOTTOM) -> str:
    """Words below the chart at the ticks of the lying axis; the outermost stay within it."""
    made = []
    for value, words in written:
        x = axis.at(value)
        half = len(words) * 3.0
        anchor = "start" if x - half < LEFT else "end" if x + half > WIDTH - RIGHT else "middle"
        made.append(text_at(x, y + 13, words, anchor=anchor, kind="tick"))
    return "".join(made)


def chart(name: str, title: str, description: str, body: str, height: int = HEIGHT) -> str:
    """The frame: a picture with a name and a description for who cannot see it."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escaped(title)}</title><desc id="{name}-desc">{escaped(description)}</desc>'
        f"{body}</svg>"
    )
