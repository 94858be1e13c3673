"""The account's own pictures: equity, drawdown, years, and how the trades came out; fluid in width.

Development, which the search has seen, is dim, the vault is not, and where it opens is marked. A chart draws what it is
given; what its captions say is the page's business.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from swarmd.engine.certificates.axes import axis_over, place, thinned
from swarmd.engine.certificates.figures import asked, percent, plain, signed_percent
from swarmd.engine.certificates.markup import escaped
from swarmd.engine.reports.frame import (
    ACROSS,
    BOTTOM,
    TOP,
    area,
    boxes,
    foot,
    level,
    levels,
    lying,
    polyline,
    round_levels,
    upright_line,
    wide,
    words_at,
)
from swarmd.engine.reports.material import DEVELOPMENT, VAULT, Stretch

# Of a line as wide as the page.
_POINTS = 900


def equity_chart(stretches: Sequence[Stretch], height: int = 260) -> str:
    """Equity on a logarithmic axis; the vault begins at 1, and what was before it is scaled to end there."""
    scaled = in_one_scale(stretches)
    values = [value for line in scaled for value in line]
    upright = axis_over([*values, 1.0], height - BOTTOM, TOP, is_log=True)
    stretched, above = _stretched(stretches, scaled, upright.at), _calendar(stretches, height)
    below = levels(upright, [(value, asked(value)) for value in round_levels(upright, 6)])
    # Where two stretches are told apart, the level at which the second begins.
    below += level(upright.at(1.0), "axis")
    last = f" It ends at {plain(stretches[-1].equity[-1])} after {stretches[-1].days[-1]}." if values else ""
    return wide(
        "equity", "Equity", f"End-of-day equity after costs, by stretch.{last}", height,
        stretched=stretched, above=above, below=below,
    )  # fmt: skip


def drawdown_chart(stretches: Sequence[Stretch], height: int = 150) -> str:
    """How far below its highest the equity stood, each stretch from its own start."""
    fallen = [falls(stretch.equity) for stretch in stretches]
    upright = axis_over([0.0, *(value for line in fallen for value in line)], height - BOTTOM, TOP, room=0.04)
    n_days = sum(len(line) for line in fallen)
    across, drawn, before = lying(0.0, max(1.0, n_days - 1.0)), "", 0
    for stretch, line in zip(stretches, fallen, strict=True):
        points = thinned([(across.at(before + day), upright.at(value)) for day, value in enumerate(line)], _POINTS)
        kind = "dim" if stretch.name == DEVELOPMENT else "vault"
        drawn += area(points, upright.at(0.0), f"{kind}-ground") + polyline(points, f"{kind}-thin")
        before += len(line)
    ticks = [(value, asked(value, "max_drawdown")) for value in upright.ticks(4) if value <= 1e-9]
    below = levels(upright, ticks)
    worst = min((min(line, default=0.0) for line in fallen), default=0.0)
    return wide(
        "drawdown", "Drawdown", f"Fall of end-of-day equity below its highest so far, at most {percent(-worst)}.",
        height, stretched=drawn, above=_calendar(stretches, height), below=below,
    )  # fmt: skip


def years_chart(years: Mapping[tuple[int, int], float], height: int = 260) -> str:
    """A bar for each year's return."""
    upright = axis_over([0.0, *years.values()], height - BOTTOM, TOP + 8, room=0.1)
    each = ACROSS / max(1, len(years))
    wide_bar = min(each * 0.6, 120.0)
    bars: dict[str, list[tuple[float, float, float, float]]] = {"rise": [], "fall": []}
    above = level(upright.at(0.0), "axis")
    for at, ((year, _), change) in enumerate(years.items()):
        middle = (at + 0.5) * each
        top, floor = sorted((upright.at(change), upright.at(0.0)))
        bars["rise" if change >= 0.0 else "fall"].append((middle - wide_bar / 2, top, wide_bar, floor - top))
        above += words_at(middle, top - 4 if change >= 0.0 else floor + 12, signed_percent(change), kind="value")
        above += words_at(middle, height - 5, str(year))
    below = levels(upright, [(value, asked(value, "total_return")) for value in upright.ticks(4)])
    return wide(
        "years", "Return of each year", "; ".join(f"{year}: {signed_percent(of)}" for (year, _), of in years.items()),
        height, stretched="".join(boxes(found, kind) for kind, found in bars.items()), above=above,
        below=below,
    )  # fmt: skip


def returns_chart(returns: Sequence[float], height: int = 170) -> str:
    """How many trades came out how: bins of one width, losses left of 0 and profits right of it."""
    width = _bin_width(returns)
    counts: dict[int, int] = {}
    for each in returns:
        at = math.floor(each / width)
        counts[at] = counts.get(at, 0) + 1
    low, high = min(0, min(counts)), max(0, max(counts) + 1)
    across = lying(low * width, high * width)
    upright = axis_over([0.0, max(counts.values())], height - BOTTOM, TOP, room=0.0)
    bars: dict[str, list[tuple[float, float, float, float]]] = {"rise": [], "fall": []}
    for at, count in sorted(counts.items()):
        left, right, top = across.at(at * width), across.at((at + 1) * width), upright.at(count)
        gap = min(1.5, (right - left) * 0.1)
        corner = (left + gap, top, right - left - 2 * gap, upright.at(0.0) - top)
        bars["rise" if at >= 0 else "fall"].append(corner)
    mean = sum(returns) / len(returns)
    below = levels(upright, [(value, asked(value)) for value in upright.ticks(3) if value == int(value)])
    above = upright_line(across.at(0.0), TOP - 6, height - BOTTOM, "axis")
    above += upright_line(across.at(mean), TOP - 6, height - BOTTOM, "mark-thin")
    is_left = across.at(mean) < 600.0
    above += words_at(
        across.at(mean), TOP, f"mean {signed_percent(mean)}", anchor="start" if is_left else "end", kind="mark-label",
        aside=5 if is_left else -5,
    )  # fmt: skip
    above += foot([(across.at(value), asked(value, "total_return")) for value in across.ticks(6)], height - 7)
    return wide(
        "returns", "Returns of the trades", f"{len(returns)} trades from {percent(min(returns))} to "
        f"{percent(max(returns))}, {signed_percent(mean)} in the mean.", height,
        stretched="".join(boxes(found, kind) for kind, found in bars.items()), above=above, below=below,
    )  # fmt: skip


def small_equity(name: str, stretches: Sequence[Stretch], height: int = 70) -> str:
    """The equity as a small multiple: no axis, the level of the vault's start and its end."""
    scaled = in_one_scale(stretches)
    upright = axis_over([1.0, *(value for line in scaled for value in line)], height - 4, 4, is_log=True)
    drawn = _stretched(stretches, scaled, upright.at)
    start = f'<path d="M0 {place(upright.at(1.0))}H{ACROSS:.0f}" class="axis"/>'
    return (
        f'<svg class="small" viewBox="0 0 {ACROSS:.0f} {height}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escaped(name)}">{start}{drawn}</svg>'
    )


def in_one_scale(stretches: Sequence[Stretch]) -> list[list[float]]:
    """The last stretch begins at 1 and those before end where the next begins; what lost all stays as it is."""
    found: list[list[float]] = []
    factor = 1.0
    for at, stretch in enumerate(reversed(stretches)):
        end = stretch.equity[-1] if stretch.equity else 1.0
        # Of one stretch alone the start is 1; of what came before, the end.
        factor = factor if at == 0 else factor / (end if end > 1e-6 else 1.0)
        found.append([value * factor for value in stretch.equity])
    return found[::-1]


def _stretched(stretches: Sequence[Stretch], lines: Sequence[Sequence[float]], at: Callable[[float], float]) -> str:
    n_days = sum(len(line) for line in lines)
    across, drawn, before = lying(0.0, max(1.0, n_days - 1.0)), "", 0
    for stretch, line in zip(stretches, lines, strict=True):
        points = thinned([(across.at(before + day), at(value)) for day, value in enumerate(line)], _POINTS)
        drawn += polyline(points, "dim-line" if stretch.name == DEVELOPMENT else "vault-line")
        before += len(line)
    return drawn


def _calendar(stretches: Sequence[Stretch], height: int) -> str:
    """Where the vault opens, and the months or years below the field."""
    days = [day for stretch in stretches for day in stretch.days]
    across = lying(0.0, max(1.0, len(days) - 1.0))
    drawn, before = "", 0
    for stretch in stretches:
        if stretch.name == VAULT and before and stretch.days:
            x = across.at(before)
            drawn += upright_line(x, TOP - 10, height - BOTTOM, "split")
            drawn += words_at(x, TOP - 4, "vault →", anchor="start", kind="mark-label", aside=4)
        before += len(stretch.days)
    return drawn + foot([(across.at(at), words) for at, words in day_ticks(days)], height - 7)


def day_ticks(days: Sequence[str], about: int = 6) -> list[tuple[int, str]]:
    """Places and names of the first days of months or years, about so many, evenly apart; of few days the ends."""
    firsts = [at for at in range(1, len(days)) if days[at][:7] != days[at - 1][:7]]
    if len(firsts) < 3:
        return [(0, days[0]), (len(days) - 1, days[-1])] if days else []
    every = next((each for each in (1, 2, 3, 6, 12, 24, 60, 120) if len(firsts) / each <= about), 240)
    if every < 12:
        kept = [at for at in firsts if (int(days[at][5:7]) - 1) % every == 0]
        return [(at, days[at][:7]) for at in kept]
    kept = [at for at in firsts if days[at][5:7] == "01" and int(days[at][:4]) % (every // 12) == 0]
    return [(at, days[at][:4]) for at in kept]


def falls(equity: Sequence[float]) -> list[float]:
    peaks = accumulate(equity, max, initial=1.0)
    next(peaks)
    return [value / peak - 1.0 if peak > 0.0 else 0.0 for value, peak in zip(equity, peaks, strict=True)]


def _bin_width(returns: Sequence[float]) -> float:
    """A round width that gives about thirty bins over nearly all returns, at most sixty over all of them."""
    ordered = sorted(returns)
    span = (ordered[-1] - ordered[0]) or abs(ordered[0]) or 0.01
    near = ordered[int(len(ordered) * 0.98)] - ordered[int(len(ordered) * 0.02)] or span
    wanted = max(near / 30.0, span / 60.0)
    magnitude = 10.0 ** math.floor(math.log10(wanted))
    return next(each * magnitude for each in (1.0, 2.0, 2.5, 5.0, 10.0) if each * magnitude >= wanted * (1 - 1e-9))
