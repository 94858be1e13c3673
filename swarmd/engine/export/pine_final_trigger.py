"""`final_trigger` in Pine: regime and second filter, the stop in average true ranges, three legs and a moving stop.

The unit of the distances is known when the order is given, so levels are exact from the entry bar on. Which legs have
left is told by what is still held; a stop moved by a leg is in force from the next bar.
"""

from swarmd.engine.export.pine_parts import ENTRY_PRICE
from swarmd.engine.export.pine_text import number
from swarmd.engine.export.pine_votes import VOTES
from swarmd.engine.strategies.final_trigger import ATR_BARS, CONSERVATIVE, RISK, SHARES
from swarmd.engine.strategies.ichimoku_cloud import FAR, NEAR

_CLOUDS = f"""\
middle(int length) =>
    (ta.highest(high, length) + ta.lowest(low, length)) / 2.0
bullish(float t, float k, float a, float b) =>
    isAbove = close > t and close > k and close > a[{NEAR}] and close > b[{NEAR}] and close > a[{FAR}] and \
close > b[{FAR}] and close > k[{NEAR}] and close > t[{NEAR}]
    isAbove and a > b and a > a[1] and b > b[1] and k > k[1] and t > t[1]
bearish(float a, float b) =>
    close < a[{NEAR}] and close < b[{NEAR}] and close < b
"""

_STRICT = f"""\
strictlyBearish(float t, float k, float a, float b) =>
    isBelow = close < t and close < k and close < a[{NEAR}] and close < b[{NEAR}] and close < a[{FAR}] and \
close < b[{FAR}] and close < k[{NEAR}] and close < t[{NEAR}]
    isUnder = k < a[{NEAR}] and k < b[{NEAR}] and t < a[{NEAR}] and t < b[{NEAR}]
    isBelow and isUnder and a < b and k < k[1] and t < t[1] and a < a[1] and b < b[1]
"""

_REGIME = """\
spanB = middle(displacement)
line1 = middle(tenkan)
base1 = middle(kijun)
span1 = (line1 + base1) / 2.0
line2 = middle(tenkan_5)
base2 = middle(kijun_5)
span2 = (line2 + base2) / 2.0
isBullish = bullish(line1, base1, span1, spanB)
isBearish = bearish(span1, spanB)
var int regime = 0
var int run = 0
if regime != 1 and isBullish
    regime := 1
    run := run + 1
else if regime == 1 and isBearish
    regime := -1
    run := run + 1
filterUp = bullish(line2, base2, span2, spanB)
"""

_RANGE = f"""\
lastClose = nz(close[1], close)
trueRange = bar_index == 0 ? high - low : math.max(high - low, math.abs(high - lastClose), math.abs(low - lastClose))
var float range14 = na
range14 := na(range14) ? trueRange : range14 + {number(1.0 / ATR_BARS)} * (trueRange - range14)
"""

_ENTRY = f"""\
held = strategy.position_size
var int takenRun = -1
{ENTRY_PRICE}\
var float unit = na
var float bought = na
enters = held == 0 and regime != 0 and agreed == regime and range14 > 0 and run != takenRun
if enters
    takenRun := run
    entryBar := bar_index + 1
    unit := range14
    bought := quantity(regime, math.min(1.0, {number(RISK)} * close / (sl * unit)))
"""

# Half-way between what is left before a leg has gone and after it.
_AFTER_1 = 1.0 - SHARES[0] / 2
_AFTER_2 = 1.0 - SHARES[0] - SHARES[1] / 2
_MANAGED = f"""\
side = held > 0 ? 1 : -1
target1 = entry + side * tp1 * unit
target2 = entry + side * tp2 * unit
target3 = entry + side * tp3 * unit
has1 = held != 0 and math.abs(held) < bought * {number(round(_AFTER_1, 10))}
has2 = held != 0 and math.abs(held) < bought * {number(round(_AFTER_2, 10))}
stopAt = has2 ? target1 : has1 ? entry : entry - side * sl * unit
"""


def final_trigger(mode: str) -> str:
    """The body after inputs and shared parts."""
    votes = VOTES[mode]
    down = "strictlyBearish(line2, base2, span2, spanB)" if mode == CONSERVATIVE else "bearish(span2, spanB)"
    ups = " and ".join(["filterUp", *(f"{vote.name}Up" for vote in votes)])
    downs = " and ".join(["filterDown", *(f"{vote.name}Down" for vote in votes)])
    return (
        _CLOUDS
        + (_STRICT if mode == CONSERVATIVE else "")
        + _REGIME
        + f"filterDown = {down}\n"
        + "".join(vote.text for vote in votes)
        + f"agreed = {ups} ? 1 : {downs} ? -1 : 0\n"
        + _RANGE
        + _ENTRY
        + _MANAGED
        + _orders("long", 1)
        + _orders("short", -1)
        + "plot(held != 0 ? stopAt : na, 'stop', color.red, style=plot.style_linebr)\n"
    )


def _orders(side: str, sign: int) -> str:
    """Of the held position first, then of a new one.

    The first are called when the entry is ordered too, and replaced in the same breath: PineTS takes levels that are
    told for the first time for left over from the position before, and drops those on the far side of the entry.
    """
    given = f"enters and regime {'>' if sign > 0 else '<'} 0"
    lines = [f"if held {'>' if sign > 0 else '<'} 0 or ({given})\n"]
    for leg, share in enumerate(SHARES, start=1):
        part = "" if leg == len(SHARES) else f"qty=bought * {number(share)}, "
        order = (
            f"strategy.exit('{side} leg {leg}', '{side}', {part}limit=target{leg}, stop=stopAt, {_words(side, leg)})\n"
        )
        lines.append(f"    {order}" if leg == len(SHARES) else f"    if not has{leg}\n        {order}")
    lines.append(
        f"if {given}\n    strategy.entry('{side}', strategy.{side}, qty=bought + halfStep, comment='entry', "
        f"alert_message=payload('entry', '{side}'))\n"
    )
    for leg, share in enumerate(SHARES, start=1):
        part = "" if leg == len(SHARES) else f"qty=bought * {number(share)}, "
        lines.append(
            f"    strategy.exit('{side} leg {leg}', '{side}', {part}profit=tp{leg} * unit / syminfo.mintick, "
            f"loss=sl * unit / syminfo.mintick, {_words(side, leg)})\n"
        )
    return "".join(lines)


def _words(side: str, leg: int) -> str:
    return (
        f"comment_profit='target {leg}', comment_loss='stop', alert_profit=payload('target {leg}', '{side}'), "
        f"alert_loss=payload('stop', '{side}')"
    )
