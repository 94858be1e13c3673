"""The search in pictures: the best so far by trial, what the best vectors have in common, and which parameters matter.

All of it is in sample: these are development bars, which the search has seen. A chart draws what it is given.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import accumulate

from swarmd.engine.certificates.axes import Axis, axis_over
from swarmd.engine.certificates.figures import asked, percent, plain
from swarmd.engine.certificates.markup import escaped
from swarmd.engine.certificates.reading import Document, entries, number, part, value, words
from swarmd.engine.reports.frame import (
    ACROSS,
    BOTTOM,
    TOP,
    Point,
    dots,
    foot,
    levels,
    lying,
    mark_at,
    polyline,
    share,
    wide,
    words_at,
)
from swarmd.engine.reports.material import Importance

# Below so many lines each is seen, above they are a grey cloud.
MOST_LINES = 500


def progress_chart(trials: Sequence[Document], finalist: float | None, height: int = 210) -> str:
    """Every trial's score in its order, the best so far as a line; what broke a constraint is hollow."""
    scored = [(at, score, value(trial, "valid") is True) for at, trial in enumerate(trials)
              if (score := number(trial, "score")) is not None]  # fmt: skip
    best = list(accumulate((score if valid else -math.inf for _, score, valid in scored), max))
    line = [(at, level) for (at, _, _), level in zip(scored, best, strict=True) if math.isfinite(level)]
    ordered = sorted(score for _, score, _ in scored)
    # One ruin of a trial must not press all others into a line: what is below stands at the foot.
    low = max(ordered[0], ordered[len(ordered) // 20] - (ordered[-1] - ordered[len(ordered) // 20]) * 0.5)
    upright = axis_over([low, ordered[-1]], height - BOTTOM, TOP)
    across = lying(-0.5, len(trials) - 0.5)
    steps: list[Point] = []
    for at, level in line:
        steps += [(across.at(at), steps[-1][1])] if steps else []
        steps.append((across.at(at), upright.at(level)))
    if steps:
        steps.append((across.at(len(trials) - 0.5), steps[-1][1]))
    stretched = dots([(across.at(at), upright.at(score)) for at, score, valid in scored if not valid], "no-vector")
    stretched += polyline(steps, "vault-thin")
    stretched += dots([(across.at(at), upright.at(score)) for at, score, valid in scored if valid], "vector")
    below = levels(upright, [(tick, asked(tick)) for tick in upright.ticks(5)])
    above = ""
    for at, score, _ in scored:
        if finalist is not None and number(trials[at], "number") == finalist:
            above += mark_at(across.at(at), upright.at(score), "ring", "chosen", f"the finalist, {plain(score)}")
    ticks = [(across.at(at), plain(at)) for at in across.ticks(6) if at == int(at) and 0 <= at < len(trials)]
    return wide(
        "progress", "Score by trial", f"{len(trials)} trials, the best score {plain(ordered[-1])}.", height,
        stretched=stretched, above=above + foot(ticks, height - 7), below=below,
    )  # fmt: skip


def parallel_chart(space: Document, vectors: Sequence[Document], finalist: Document, height: int = 260) -> str:
    """A line for each vector through its parameters, the better the fuller; the finalist's on top."""
    axes = {name: axis for name in space if (axis := _axis(part(space, name), height)) is not None}
    names = list(axes)
    if len(names) < 2 or not vectors:
        return ""
    places = [at * ACROSS / (len(names) - 1) for at in range(len(names))]
    kept = sorted(vectors, key=lambda each: number(each, "score") or -math.inf)[-MOST_LINES:]
    drawn = ""
    for at, each in enumerate(kept):
        rank = (at + 1) / len(kept)
        kind = "best-vector" if rank > 0.9 else "good-vector" if rank > 0.5 else "some-vector"
        drawn += polyline(_vector(each, names, axes, places, aside=_spread(at)), kind)
    drawn += polyline(_vector({"params": finalist}, names, axes, places), "finalist")
    above = ""
    for at, (name, axis) in enumerate(axes.items()):
        anchor = "start" if at == 0 else "end" if at == len(names) - 1 else "middle"
        above += (
            f'<line x1="{share(places[at])}" x2="{share(places[at])}" y1="{axis.end}" y2="{axis.start}" class="axis"/>'
        )
        above += words_at(places[at], 12, plain(axis.high), anchor=anchor)
        above += words_at(places[at], height - 22, plain(axis.low), anchor=anchor)
        above += words_at(places[at], height - 6, _short(name), anchor=anchor, kind="value")
        if (chosen := number(finalist, name)) is not None:
            above += mark_at(places[at], axis.at(chosen), "ring", "chosen", f"{name} {plain(chosen)}")
    return wide(
        "parallel", "The best vectors", f"{len(kept)} vectors through {len(names)} parameters.", height,
        stretched=drawn, above=above, below="",
    )  # fmt: skip


def importance_bars(importance: Importance) -> str:
    """A bar for each parameter, the most important first: plain boxes, as wide as the share."""
    ranked = sorted(importance.shares.items(), key=lambda each: (-each[1], each[0]))
    lines = "".join(
        f'<tr><th scope="row">{escaped(name)}</th><td><span class="bar-box" style="width:{each * 100.0:.1f}%"></span>'
        f'</td><td><data value="{each:.17g}">{percent(each)}</data></td></tr>'
        for name, each in ranked
    )
    return f'<table class="bars"><tbody>{lines}</tbody></table>'


def overview(prescreen: Document, search: Document) -> list[tuple[str, float | None]]:
    """How much was tried, and what became of it."""
    trials = [each for each in entries(search, "trials") if isinstance(each, Mapping)]
    states = [words(each, "state") for each in trials]
    found: list[tuple[str, float | None]] = []
    if prescreen:
        found += [("vectors screened", number(prescreen, "tried")), ("of them valid", number(prescreen, "valid"))]
    if search:
        found += [
            ("trials of the search", float(len(trials))),
            ("of them valid", float(sum(value(each, "valid") is True for each in trials))),
            ("given up early", float(states.count("pruned"))),
            ("failed", float(states.count("failed"))),
        ]
    return found


def _axis(spec: Document, height: int) -> Axis | None:
    """The parameter's range, upright; None of one that stands still."""
    choices = [each for each in entries(spec, "choices") if isinstance(each, int | float)]
    low = min(choices) if choices else number(spec, "low")
    high = max(choices) if choices else number(spec, "high")
    if low is None or high is None or not low < high:
        return None
    is_log = value(spec, "log") is True and low > 0.0
    return Axis(float(low), float(high), height - BOTTOM - 14.0, TOP + 4.0, is_log=is_log)


def _vector(
    each: Document, names: Sequence[str], axes: Mapping[str, Axis], places: Sequence[float], aside: float = 0.0
) -> list[Point]:
    found = [number(each, "params", name) for name in names]
    return [(x, axes[name].at(at) + aside) for x, name, at in zip(places, names, found, strict=True) if at is not None]


def _spread(at: int) -> float:
    """A few pixels up or down, by rank: lines over the same whole numbers lie beside each other."""
    return ((at * 7) % 11 - 5) * 0.7


def _short(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:19]}…"
