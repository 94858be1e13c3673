"""A champion as a TradingView strategy, Pine version 6: the same trades on the same bars.

`pine_script` is the front door: champion and terms in, text out; the same champion gives the same bytes. Nothing is
read or written here. What Pine cannot say is a `NoPineForm` that names it.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from swarmd.engine.champions.champion import ChampionFile
from swarmd.engine.export.pine_bollinger import LONGEST_WINDOW, bollinger_reversion
from swarmd.engine.export.pine_crossing import ema_cross, mtf_ema
from swarmd.engine.export.pine_final_trigger import final_trigger
from swarmd.engine.export.pine_parts import declaration, payload_function, sizing, timeframe_guard
from swarmd.engine.export.pine_text import commented, inputs
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.plan import Direction
from swarmd.engine.market.timeframes import DAY_MINUTES, iso_instant, parse_interval
from swarmd.engine.strategies.contract import Params, checked_params, in_mode, without_tp_progression
from swarmd.engine.strategies.registry import strategy_named

# Where the header ends and what its SHA-256 is of begins.
BODY_BEGINS = "//@version=6\n"


class NoPineForm(ValueError):  # noqa: N818  (it reads as what is the matter)
    """This champion cannot be told in Pine; the message says what stands against it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a champion was judged by: costs, and the open times (ms UTC) of the first and last bar of its figures."""

    costs: Costs = field(default_factory=Costs)
    first_ms: int | None = None
    last_ms: int | None = None


@dataclass(frozen=True, slots=True)
class _Form:
    """How one strategy is told: the text from mode and direction, how far back it looks, what of it Pine cannot say."""

    text: Callable[[str, bool], str]
    history: int
    refusal: Callable[[Params, int], str | None] = lambda params, minutes: None
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def pine_script(champion: ChampionFile, terms: Terms) -> str:
    """The whole script.

    Raises
    ------
    NoPineForm
        For a strategy, mode or value that Pine cannot express.
    ValueError
        For parameters outside the card's limits.
    """
    form = FORMS.get(champion.strategy)
    if form is None:
        raise NoPineForm(f"{champion.strategy} has no Pine form; there is one of {', '.join(FORMS)}")
    strategy = in_mode(without_tp_progression(strategy_named(champion.strategy)), champion.mode)
    params = checked_params(strategy, champion.parameters)
    minutes = parse_interval(champion.timeframe)
    refusal = form.refusal(params, minutes)
    if refusal is not None:
        raise NoPineForm(f"{champion.strategy}: {refusal}")
    sells_short = strategy.card.mode(champion.mode).direction is Direction.LONG_SHORT
    title = f"swarmd {champion.strategy} {champion.mode} {champion.symbol} {champion.timeframe}"
    body = (
        declaration(title, terms.costs, history=form.history)
        + inputs(params, strategy.card.params, ranges=form.ranges)
        + payload_function(champion.niche, champion.checksum)
        + sizing(terms.costs)
        + form.text(champion.mode, sells_short)
        + timeframe_guard(minutes, champion.timeframe)
    )
    return _header(champion, terms, body) + body


def body_of(script: str) -> str:
    """What the header's SHA-256 is of."""
    return script[script.index(BODY_BEGINS) :]


def body_digest(script: str) -> str:
    return hashlib.sha256(body_of(script).encode()).hexdigest()


def _header(champion: ChampionFile, terms: Terms, body: str) -> str:
    period = (
        "unknown"
        if terms.first_ms is None or terms.last_ms is None
        else f"{iso_instant(terms.first_ms)} to {iso_instant(terms.last_ms)}"
    )
    return commented(
        [
            f"{champion.niche}: {champion.strategy} {champion.mode}, written by swarmd",
            f"champion: trial {champion.trial_id} of campaign {champion.campaign}, run {champion.run_id}",
            f"checksum of the champion: {champion.checksum}",
            f"symbol: {champion.symbol}, on a chart of {champion.timeframe}",
            f"data: {period} (open times), snapshot {champion.snapshot_id}",
            f"costs: fee {terms.costs.fee_bps:g} bps and slippage {terms.costs.slippage_bps:g} bps a side, both as "
            "commission",
            f"sha256 of the body: {hashlib.sha256(body.encode()).hexdigest()} (from the line //@version=6 to the end)",
            "Whether its trades are those of the engine is told by the .parity.json beside it.",
        ]
    )


def _timeframes(params: Params, minutes: int) -> str | None:
    for name in ("tf_fast", "tf_slow"):
        if int(params[name]) % minutes or DAY_MINUTES % int(params[name]):
            return f"{name} = {params[name]} min is no multiple of the chart's {minutes} min within a day"
    return None


def _window(params: Params, minutes: int) -> str | None:
    if int(params["window"]) > LONGEST_WINDOW:
        return f"window = {params['window']} bars, and a chart's script looks back {LONGEST_WINDOW} at most"
    return None


def _progression(params: Params, minutes: int) -> str | None:
    targets = [float(params[f"tp{n}"]) for n in (1, 2, 3)]
    if not targets[0] < targets[1] < targets[2]:
        return f"targets {targets} do not rise, and the script's legs leave in their order"
    return None


FORMS: Mapping[str, _Form] = {
    "mtf_ema": _Form(lambda mode, shorts: mtf_ema(sells_short=shorts), 500, _timeframes),
    "ema_cross": _Form(lambda mode, shorts: ema_cross(sells_short=shorts), 500),
    "final_trigger": _Form(lambda mode, shorts: final_trigger(mode), 1000, _progression),
    "bollinger_reversion": _Form(
        lambda mode, shorts: bollinger_reversion(sells_short=shorts), 5000, _window, {"window": (2, LONGEST_WINDOW)}
    ),
}
