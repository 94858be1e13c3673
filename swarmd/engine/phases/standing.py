"""How a champion stands today: the days since its vault, replayed, against what it promised.

`monitored` is pure and may be asked by a phase, a command or a person's own program: a champion and bars in, a Standing
out. Who dethrones for it is the caller (`swarmd champion monitor`).
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from swarmd.engine.arrays import FloatArray
from swarmd.engine.champions.champion import ChampionFile
from swarmd.engine.champions.monitor import ALPHA, LEAST_DAYS_BEFORE, PromiseEvidence, promise_evidence
from swarmd.engine.guards.sharpe import sharpe_ratio
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.timeframes import DAY_MINUTES
from swarmd.engine.metrics.daily import DAYS_PER_YEAR, daily_returns
from swarmd.engine.phases.replayed_champion import bars_after, replayed
from swarmd.state.units import iso

SCHEMA = "swarmd.standing/1"
_MINUTE_MS = 60_000
_DAY_MS = DAY_MINUTES * _MINUTE_MS
# The scale of the first days is told by about a year before them.
_DAYS_BEFORE = 400


@dataclass(frozen=True, slots=True)
class Standing:
    """`state`: "stands", "falls" (the evidence has reached 1/alpha), or "silent": there is nothing to say, and
    `sentence` says why. `broken_on` is the day it fell; `annual_sharpe` that of the days since, where it is defined."""

    niche: str
    checksum: str
    state: Literal["stands", "falls", "silent"]
    sentence: str
    alpha: float
    promised: float | None
    evidence: PromiseEvidence | None = None
    days: tuple[str, ...] = ()
    annual_sharpe: float | None = None
    broken_on: str | None = None

    def document(self) -> dict[str, Any]:
        """Plain values; `log_e` has one for each of `days`."""
        log_e = [] if self.evidence is None else list(self.evidence.log_e)
        return {"schema": SCHEMA} | self.figures() | {"days": list(self.days), "log_e": log_e}

    def figures(self) -> dict[str, Any]:
        """The same without the day by day, for a line among others."""
        evidence = self.evidence
        return {
            "niche": self.niche,
            "checksum": self.checksum,
            "state": self.state,
            "sentence": self.sentence,
            "alpha": self.alpha,
            "promised_annual_sharpe": self.promised,
            "annual_sharpe": self.annual_sharpe,
            "n_days": len(self.days),
            "first_day": self.days[0] if self.days else None,
            "last_day": self.days[-1] if self.days else None,
            "e": None if evidence is None else evidence.e,
            "largest_e": None if evidence is None else evidence.largest_e,
            "broken_on": self.broken_on,
        }


def promise_of(champion: ChampionFile) -> float | None:
    """The annual Sharpe ratio that was forecast for it when it was crowned; None for one without a forecast."""
    told = champion.metrics.get("forecast", {}).get("annual_sharpe")
    return None if told is None else float(told)


def monitored(
    champion: ChampionFile,
    bars: Bars,
    *,
    costs: Costs,
    seen_until_ms: int,
    promised: float | None,
    alpha: float = ALPHA,
) -> Standing:
    """Replay the champion on the bars after `seen_until_ms` and weigh its days against the promise.

    Parameters
    ----------
    bars : from the first that its search has seen to the newest there is
    seen_until_ms : open time of the last bar that choosing or certifying it has seen
    promised : annual Sharpe ratio; without one, or with one that is not positive, nothing can be broken

    Only whole UTC days count, and not the data's last one: its run ends with a closing that the market never asked for.
    So no day's figure changes when bars are added, and looking often is the same as looking once.

    Raises
    ------
    ValueError
        If the champion's strategy or parameters are not to be run, or alpha is not within (0, 1).
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"monitor: alpha is {alpha}; give a share between 0 and 1, such as 0.05")

    def silent(why: str) -> Standing:
        return Standing(champion.niche, champion.checksum, "silent", why, alpha, promised)

    if promised is None:
        return silent("nothing was forecast for it, so there is no promise to hold it to")
    if promised <= 0.0:
        return silent(
            f"an annual Sharpe ratio of {promised:.2f} was forecast for it, and nothing can fall short of that"
        )
    start = bars_after(bars, seen_until_ms)
    if start >= bars.n_bars:
        return silent(f"no bars after {iso(seen_until_ms)}, the last it was chosen on")
    since = bars.between(start, bars.n_bars)
    simulation = replayed(champion, bars, start, costs=costs)
    days, returns = _whole_days(since, daily_returns(simulation.equity, day_end_bars(since.open_time)))
    if not days:
        return silent(f"no whole day yet after {iso(seen_until_ms)}, the last it was chosen on")
    before = _returns_before(champion, bars, start, costs)
    if before.size < LEAST_DAYS_BEFORE or not before.any():
        return silent(f"{before.size} days before with {np.count_nonzero(before)} returns are too few to tell a scale")
    evidence = promise_evidence(returns, before, promised_annual_sharpe=promised)
    figure = sharpe_ratio(returns, periods_per_year=DAYS_PER_YEAR).figure
    broken = evidence.broken_on(alpha)
    told = (
        f"{len(days)} days since {days[0]} with an annual Sharpe ratio of "
        f"{'-' if figure is None else f'{figure:.2f}'} where {promised:.2f} was forecast: e = {evidence.e:.3g}"
    )
    if broken is None:
        sentence = f"{told}, largest {evidence.largest_e:.3g}, below the {1 / alpha:g} at which it falls"
    else:
        sentence = f"{told}; it reached {1 / alpha:g} on {days[broken - 1]}, so the promise is broken (alpha {alpha:g})"
    return Standing(
        niche=champion.niche,
        checksum=champion.checksum,
        state="stands" if broken is None else "falls",
        sentence=sentence,
        alpha=alpha,
        promised=promised,
        evidence=evidence,
        days=days,
        annual_sharpe=figure if figure is None or math.isfinite(figure) else None,
        broken_on=None if broken is None else days[broken - 1],
    )


def _whole_days(bars: Bars, returns: FloatArray) -> tuple[tuple[str, ...], FloatArray]:
    """The days that began with the bars, without the data's last one; with their returns."""
    ends = day_end_bars(bars.open_time)
    day = bars.open_time[ends] // _DAY_MS
    is_whole = np.ones(day.size, np.bool_)
    is_whole[0] = int(bars.open_time[0]) % _DAY_MS == 0
    is_whole[-1] = False
    days = tuple(iso(int(number) * _DAY_MS)[:10] for number in day[is_whole].tolist())
    return days, np.ascontiguousarray(returns[is_whole])


def _returns_before(champion: ChampionFile, bars: Bars, start: int, costs: Costs) -> FloatArray:
    """Daily returns on the bars that it was chosen on: for the scale of the first days, and for nothing else."""
    if start == 0:
        return np.zeros(0)
    known = bars.between(0, start)
    simulation = replayed(champion, known, 0, costs=costs)
    return daily_returns(simulation.equity, day_end_bars(known.open_time))[-_DAYS_BEFORE:]
