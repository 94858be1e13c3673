"""`final_trigger` once more, in plain Python from its definition: bar by bar, every value looked up by its index.

It shares no line with the strategy, its indicators or the simulators. Slow and obvious; a few hundred bars at a time.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from swarmd.engine.market.bars import Bars

Series = list[float]
NAN = math.nan


@dataclass
class Rows:
    open: Series
    high: Series
    low: Series
    close: Series
    volume: Series

    @classmethod
    def of(cls, bars: Bars) -> "Rows":
        return cls(*(c.tolist() for c in (bars.open, bars.high, bars.low, bars.close, bars.volume)))

    def __len__(self) -> int:
        return len(self.close)


def at(x: Sequence[float], t: int, back: int = 0) -> float:
    return x[t - back] if t - back >= 0 else NAN


def d_line(rows: Rows, n: int) -> Series:
    return [
        NAN if t + 1 < n else (max(rows.high[t + 1 - n : t + 1]) + min(rows.low[t + 1 - n : t + 1])) / 2
        for t in range(len(rows))
    ]


class Cloud:
    def __init__(self, rows: Rows, tenkan: int, kijun: int, displacement: int) -> None:
        self.c = rows.close
        self.t, self.k, self.b = d_line(rows, tenkan), d_line(rows, kijun), d_line(rows, displacement)
        self.a = [(t + k) / 2 for t, k in zip(self.t, self.k, strict=True)]

    def _levels(self, i: int) -> list[float]:
        a, b, k, t = self.a, self.b, self.k, self.t
        return [t[i], k[i], at(a, i, 25), at(b, i, 25), at(a, i, 50), at(b, i, 50), at(k, i, 25), at(t, i, 25)]

    def bullish(self, i: int) -> bool:
        lines = (self.a, self.b, self.k, self.t)
        return (
            all(self.c[i] > level for level in self._levels(i))
            and self.a[i] > self.b[i]
            and all(x[i] > at(x, i, 1) for x in lines)
        )

    def bearish(self, i: int) -> bool:
        return self.c[i] < at(self.a, i, 25) and self.c[i] < at(self.b, i, 25) and self.c[i] < self.b[i]

    def strictly_bearish(self, i: int) -> bool:
        spans = (at(self.a, i, 25), at(self.b, i, 25))
        return (
            all(self.c[i] < level for level in self._levels(i))
            and all(line < span for line in (self.k[i], self.t[i]) for span in spans)
            and all(x[i] < at(x, i, 1) for x in (self.k, self.t, self.a, self.b))
            and self.a[i] < self.b[i]
        )


def ema(x: Series, n: int) -> Series:
    out = [x[0]]
    for value in x[1:]:
        out.append(out[-1] + 2 / (n + 1) * (value - out[-1]))
    return out


def efficiency(x: Series, n: int, t: int) -> float:
    if t < n:
        return NAN
    way = sum(abs(x[i] - x[i - 1]) for i in range(t - n + 1, t + 1))
    return abs(x[t] - x[t - n]) / way if way else 0.0


def kama(x: Series, n: int, factor: Callable[[float], float]) -> Series:
    out = [NAN] * len(x)
    for t in range(n, len(x)):
        out[t] = x[t] if t == n else out[t - 1] + factor(efficiency(x, n, t)) * (x[t] - out[t - 1])
    return out


def place(x: Series, t: int, n: int = 50) -> float:
    window = x[t + 1 - n : t + 1] if t + 1 >= n else [NAN]
    if any(math.isnan(v) for v in window) or max(window) == min(window):
        return NAN
    return (x[t] - min(window)) / (max(window) - min(window)) - 0.5


def volume_vote(rows: Rows) -> Callable[[int], int]:
    line, total = [], 0.0
    for h, low, c, v in zip(rows.high, rows.low, rows.close, rows.volume, strict=True):
        total += ((c - low) - (h - c)) / (h - low) * v if h > low else 0.0
        line.append(total)
    places = [place(line, t) for t in range(len(rows))]

    def vote(t: int) -> int:
        before = [at(places, t, k) for k in (1, 2, 3)]
        if places[t] > 0.1 and all(places[t] > x for x in before):
            return 1
        return -1 if places[t] < -0.1 and all(places[t] < x for x in before) else 0

    return vote


def oscillator_vote(rows: Rows) -> Callable[[int], int]:
    c, line = rows.close, ema(rows.close, 7)
    pulled = [line[t] + (efficiency(c, 8, t) * (2 / 8 - 2 / 20) + 2 / 20) * (c[t] - line[t]) for t in range(len(rows))]
    return lambda t: _sign(place(pulled, t))


def distance_vote(rows: Rows) -> Callable[[int], int]:
    price = [(o + h + low + c) / 4 for o, h, low, c in zip(rows.open, rows.high, rows.low, rows.close, strict=True)]
    lines = [
        kama(price, n, lambda er: (er * (0.666 - 0.0645) + 0.0645) ** 2)
        for n in (5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 100)
    ]

    def vote(t: int) -> int:
        gaps = [(lines[i][t] - lines[i + 1][t]) / lines[i + 1][t] for i in range(18)]
        return _sign(sum(gaps) / 18)

    return vote


def cloud_vote(rows: Rows) -> Callable[[int], int]:
    c, lengths = rows.close, (10, 20, 50, 100, 200, 300, 400, 500)

    def vote(t: int) -> int:
        if t + 1 < 500:
            return 0
        slopes = [float(np.polyfit(np.arange(n), c[t + 1 - n : t + 1], 1)[0]) for n in lengths]
        mean = sum(c[t - 99 : t + 1]) / 100
        moved = mean + 0.1 * sum((slopes[i] - slopes[i + 1]) * lengths[i] for i in range(7))
        if c[t] > mean and c[t] > moved:
            return 1
        return -1 if c[t] < mean and c[t] < moved else 0

    return vote


def _sign(x: float) -> int:
    return 1 if x > 0 else -1 if x < 0 else 0


def regimes(cloud: Cloud, n: int) -> tuple[list[int], list[int]]:
    regime, run, now, count = [], [], 0, 0
    for t in range(n):
        if now != 1 and cloud.bullish(t):
            now, count = 1, count + 1
        elif now == 1 and cloud.bearish(t):
            now, count = -1, count + 1
        regime.append(now)
        run.append(count)
    return regime, run


def agreement(rows: Rows, params: dict[str, float], mode: str) -> list[int]:
    """The second filter of `baseline`, `moderate`, and of `conservative` without MAMA and KAMA."""
    cloud = Cloud(rows, int(params["tenkan_5"]), int(params["kijun_5"]), int(params["displacement"]))
    down = cloud.strictly_bearish if mode == "conservative" else cloud.bearish
    made = (volume_vote, oscillator_vote, distance_vote, cloud_vote)
    votes = [] if mode == "baseline" else [vote(rows) for vote in made]

    def agreed(t: int) -> int:
        own = 1 if cloud.bullish(t) else -1 if down(t) else 0
        return own if all(vote(t) == own for vote in votes) else 0

    return [agreed(t) for t in range(len(rows))]


def atr(rows: Rows) -> Series:
    out = [rows.high[0] - rows.low[0]]
    for t in range(1, len(rows)):
        last = rows.close[t - 1]
        span = max(rows.high[t] - rows.low[t], abs(rows.high[t] - last), abs(rows.low[t] - last))
        out.append(out[-1] + (span - out[-1]) / 14)
    return out


@dataclass
class Held:
    side: int
    entered: int
    entry: float
    unit: float
    stop: float
    legs: list[int]


def source_legs(rows: Rows, params: dict[str, float], mode: str = "baseline") -> list[tuple[int, int, int, int, float]]:
    """Of each closed leg: entry row, exit row, side, number, profit; by the source's books."""
    cloud = Cloud(rows, int(params["tenkan"]), int(params["kijun"]), int(params["displacement"]))
    regime, run = regimes(cloud, len(rows))
    agreed, ranges = agreement(rows, params, mode), atr(rows)
    shares = (0.5, 0.3, 0.2)
    closed: list[tuple[int, int, int, int, float]] = []
    taken: set[int] = set()
    held: Held | None = None

    def close_leg(position: Held, leg: int, t: int, price: float) -> None:
        stop_share = params["sl"] * position.unit / position.entry
        notional = 10_000 * 0.005 / stop_share * shares[leg]
        won = position.side * (price / position.entry - 1) * notional - 2 * notional * 7e-4
        closed.append((position.entered, t, position.side, leg, won))

    for t in range(len(rows)):
        if held is not None:
            long = held.side > 0
            if rows.low[t] <= held.stop if long else rows.high[t] >= held.stop:
                for leg in held.legs:
                    close_leg(held, leg, t, held.stop)
                held = None
            else:
                for leg in list(held.legs):
                    target = held.entry + held.side * params[f"tp{leg + 1}"] * held.unit
                    if rows.high[t] >= target if long else rows.low[t] <= target:
                        close_leg(held, leg, t, target)
                        held.legs.remove(leg)
                        held.stop = held.entry if leg == 0 else held.entry + held.side * params["tp1"] * held.unit
                if not held.legs:
                    held = None
        if held is None and regime[t] != 0 and agreed[t] == regime[t] and run[t] not in taken:
            taken.add(run[t])
            stop = rows.close[t] - regime[t] * params["sl"] * ranges[t]
            held = Held(regime[t], t, rows.close[t], ranges[t], stop, [0, 1, 2])
    return closed
