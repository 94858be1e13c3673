"""`ema_cross` and `mtf_ema` in Pine: the engine's own recurrence, its first values, its alignment of timeframes.

`ta.ema` is not used: it begins with an average of the first bars and the engine with the first close. A slower line is
requested as it stood **before** the slow bar that is under way (`e[1]`, lookahead on: the one form that shows the same
on history and live). At the last chart bar of a slow bar that bar is complete, its close is the chart's, and the line
takes the same step that the request will show one bar later.
"""

from swarmd.engine.export.pine_parts import crossing_orders

_EMA_CROSS = """\
ema(float x, int length) =>
    var float e = na
    e := na(e) ? x : e + 2.0 / (length + 1.0) * (x - e)
    e
fast = ema(close, L_fast)
slow = ema(close, L_slow)
ready = bar_index >= math.max(L_fast, L_slow) - 1
"""

_MTF_EMA = """\
if tf_fast >= tf_slow
    runtime.error('swarmd: tf_fast must be below tf_slow')
emaBefore(int length) =>
    var float e = na
    var int n = 0
    e := na(e) ? close : e + 2.0 / (length + 1.0) * (close - e)
    n := n + 1
    [e[1], nz(n[1])]
[fastBefore, fastBars] = request.security(syminfo.tickerid, str.tostring(tf_fast), emaBefore(L_fast), \
lookahead=barmerge.lookahead_on)
[slowBefore, slowBars] = request.security(syminfo.tickerid, str.tostring(tf_slow), emaBefore(L_slow), \
lookahead=barmerge.lookahead_on)
barEnd = time + timeframe.in_seconds() * 1000
fastCloses = barEnd % (tf_fast * 60000) == 0
slowCloses = barEnd % (tf_slow * 60000) == 0
fast = na(fastBars) or not fastCloses ? fastBefore : \
fastBars == 0 ? close : fastBefore + 2.0 / (L_fast + 1.0) * (close - fastBefore)
slow = na(slowBars) or not slowCloses ? slowBefore : \
slowBars == 0 ? close : slowBefore + 2.0 / (L_slow + 1.0) * (close - slowBefore)
fastKnown = na(fastBars) ? 0 : fastBars + (fastCloses ? 1 : 0)
slowKnown = na(slowBars) ? 0 : slowBars + (slowCloses ? 1 : 0)
ready = fastKnown >= L_fast and slowKnown >= L_slow
"""

_CROSSING = """\
up = fast > slow
wish = ready and ready[1] and up != up[1] ? (up ? 1 : -1) : 0
held = strategy.position_size
"""

_PLOTS = "plot(fast, 'fast', color.teal)\nplot(slow, 'slow', color.orange)\n"


def ema_cross(*, sells_short: bool) -> str:
    """The body after inputs and shared parts."""
    return _EMA_CROSS + _CROSSING + crossing_orders(sells_short=sells_short) + _PLOTS


def mtf_ema(*, sells_short: bool) -> str:
    """The same with each line of a timeframe of its own."""
    return _MTF_EMA + _CROSSING + crossing_orders(sells_short=sells_short) + _PLOTS
