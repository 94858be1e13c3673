"""What a campaign teaches: counts over its judged searches, each with how many cases it rests on and its interval.

Used by the analyst, who tells them. A lesson says n and an interval or is not told; one about a part of the
campaign (a mode, a tier, a gate) needs so many cases of its own. No lesson says why: counts cannot.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from math import comb, sqrt
from statistics import median

from swarmd.agents.rules.judged import Judged
from swarmd.agents.rules.words import several
from swarmd.state.actions import TellLesson
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.lesson import Scope

LEAST_CASES = 3
# The fewest whose smallest and largest value enclose the median with 95%: 1 − 2 · 0.5⁶ = 0.969.
LEAST_PAIRS = 6
_EVIDENCE_KEPT = 20
_Z = 1.959964  # 95%, two-sided

# Gates as people know them; any other is told by its name.
_GATES = {
    "p": "the p-value of search and vault",
    "plateau": "the neighbourhood (plateau)",
    "stress1_annual_sharpe": "doubled costs (stress 1)",
    "stress3_net_profit": "missed trades (stress 3)",
    "top10_excess": "the ten best trades (top10_excess)",
    "top10_share": "the ten best trades (top10_share)",
    "wfe": "the walk-forward efficiency (wfe)",
    "oos_annual_sharpe": "the annual Sharpe ratio out of sample",
    "max_drawdown": "the drawdown",
    "oos_max_drawdown": "the drawdown out of sample",
    "total_trades": "the number of trades",
    "oos_trades": "the number of trades out of sample",
}


def lessons_of(campaign: Campaign, judged: Sequence[Judged]) -> list[TellLesson]:
    """The first is always about all of them; none where nothing was judged."""
    if not judged:
        return []
    return [
        _passing(campaign, judged, "verdicts", "in all", _scope(campaign, judged)),
        *_of_modes(campaign, judged),
        *_of_tiers(campaign, judged),
        *_of_gates(campaign, judged),
        *_of_shrinkage(campaign, judged),
    ]


def wilson(held: int, n: int) -> tuple[float, float]:
    """The 95% score interval of a share (Wilson 1927): never outside 0 and 1, and sound for small n."""
    if n == 0:
        return 0.0, 1.0
    share, square = held / n, _Z * _Z
    middle = share + square / (2 * n)
    spread = _Z * sqrt(share * (1 - share) / n + square / (4 * n * n))
    return max(0.0, (middle - spread) / (1 + square / n)), min(1.0, (middle + spread) / (1 + square / n))


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """The narrowest pair of order statistics that encloses the median with at least 95%, whatever the distribution."""
    ordered, n = sorted(values), len(values)
    outside, depth = 0.0, 0
    while depth < n // 2 and 2 * (outside + comb(n, depth) / 2**n) <= 0.05:
        outside += comb(n, depth) / 2**n
        depth += 1
    lowest = max(0, depth - 1)
    return ordered[lowest], ordered[n - 1 - lowest]


# -- one by one -------------------------------------------------------------------------------------------------------


def _scope(campaign: Campaign, judged: Sequence[Judged], *, mode: str = "", group: str = "") -> Scope:
    asked = campaign.settings
    assets = tuple(dict.fromkeys(each.symbol for each in judged))
    return Scope(strategy=asked.strategy.name, interval=asked.data.interval, mode=mode, group=group, assets=assets)


def _passing(campaign: Campaign, judged: Sequence[Judged], topic: str, whose: str, scope: Scope) -> TellLesson:
    held, n = sum(1 for each in judged if each.passed), len(judged)
    low, high = wilson(held, n)
    costs = campaign.settings.costs
    missed = Counter(name for each in judged for name in each.missed)
    most = ", ".join(f"{gate_words(name)} {count}" for name, count in sorted(missed.items(), key=_commonest)[:3])
    claim = (
        f"{scope.strategy} on {scope.interval} bars, {whose}, at {costs.fee_bps:g} bps fee and {costs.slippage_bps:g} "
        f"bps slippage: {held} of {several(n, 'search', 'searches')} passed on data not seen before"
        + (f"; what the others missed most often: {most}" if most else "")
    )
    return _told(campaign, topic, claim, scope, n=n, held=held, interval=(low, high), counted=judged)


def _commonest(pair: tuple[str, int]) -> tuple[int, str]:
    return -pair[1], pair[0]


def _of_modes(campaign: Campaign, judged: Sequence[Judged]) -> Iterator[TellLesson]:
    modes = campaign.settings.strategy.modes
    for mode in modes if len(modes) > 1 else ():
        of_mode = [each for each in judged if each.mode == mode]
        if len(of_mode) >= LEAST_CASES:
            yield _passing(campaign, of_mode, f"mode/{mode}", f"mode {mode}", _scope(campaign, of_mode, mode=mode))


def _of_tiers(campaign: Campaign, judged: Sequence[Judged]) -> Iterator[TellLesson]:
    tiers = campaign.settings.assets.tiers
    for tier, symbols in tiers.items() if len(tiers) > 1 else ():
        of_tier = [each for each in judged if each.symbol in symbols]
        if len(of_tier) >= LEAST_CASES:
            yield _passing(campaign, of_tier, f"tier/{tier}", f"tier {tier}", _scope(campaign, of_tier, group=tier))


def _of_gates(campaign: Campaign, judged: Sequence[Judged]) -> Iterator[TellLesson]:
    if len(judged) < LEAST_CASES:
        return
    for name in dict.fromkeys(name for each in judged for name in each.missed):
        at = [each for each in judged if name in each.missed]
        alone = sum(1 for each in at if each.missed == (name,))
        low, high = wilson(len(at), len(judged))
        also = f", {alone} of them by nothing else" if alone else ""
        claim = (
            f"{campaign.settings.strategy.name} on {campaign.settings.data.interval} bars: {len(at)} of "
            f"{len(judged)} judged searches failed at {gate_words(name)}{also}"
        )
        scope = _scope(campaign, judged, group=name)
        n, held = len(judged), len(at)
        yield _told(campaign, f"gate/{name}", claim, scope, n=n, held=held, interval=(low, high), counted=at)


def _of_shrinkage(campaign: Campaign, judged: Sequence[Judged]) -> Iterator[TellLesson]:
    """What is left of the Sharpe ratio a search has found, where nothing was searched."""
    pairs = [
        (each, inside, outside)
        for each in judged
        if (inside := each.figure("annual_sharpe")) is not None
        and (outside := each.figure("oos_annual_sharpe")) is not None
    ]
    if len(pairs) < LEAST_PAIRS:
        return
    lost = [inside - outside for _, inside, outside in pairs]
    low, high = median_interval(lost)
    held = sum(1 for _, inside, outside in pairs if outside < inside)
    claim = (
        f"{campaign.settings.strategy.name} on {campaign.settings.data.interval} bars: from sample to vault the annual "
        f"Sharpe ratio lost {median(lost):.2f} in the middle of {len(pairs)} judged searches (from "
        f"{median(inside for _, inside, _ in pairs):.2f} to {median(outside for _, _, outside in pairs):.2f}); "
        f"it fell in {held} of them"
    )
    counted = [each for each, _, _ in pairs]
    yield _told(
        campaign, "shrinkage", claim, _scope(campaign, counted), n=len(pairs), held=held, interval=(low, high),
        counted=counted,
    )  # fmt: skip


def _told(
    campaign: Campaign, topic: str, claim: str, scope: Scope, *, n: int, held: int, interval: tuple[float, float],
    counted: Sequence[Judged],
) -> TellLesson:  # fmt: skip
    """``topic`` is its place in the campaign; ``held`` of ``n`` is what it counts."""
    evidence = _evidence(counted)
    return TellLesson(
        lesson=f"{campaign.id}/{topic}", campaign=campaign.id, topic=topic, scope=scope, n=n, held=held,
        low=interval[0], high=interval[1], evidence=evidence, reason=claim, caused_by=(campaign.id, *evidence[-1:]),
    )  # fmt: skip


def gate_words(name: str) -> str:
    return _GATES.get(name, name)


def _evidence(judged: Sequence[Judged]) -> tuple[str, ...]:
    newest = sorted(judged, key=lambda each: (each.result.at, each.result.id))[-_EVIDENCE_KEPT:]
    return tuple(each.result.id for each in newest)
