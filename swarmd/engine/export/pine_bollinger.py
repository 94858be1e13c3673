"""`bollinger_reversion` in Pine: mean and population deviation of the last closes, summed anew at every bar.

`ta.stdev` is not used: how it sums is not told, and a band that is missed by a rounding is another trade.
"""

from swarmd.engine.export.pine_parts import plain_orders

# How far back a script may look on a chart.
LONGEST_WINDOW = 4999

_BANDS = """\
moments(float x, int length) =>
    total = 0.0
    for i = 0 to length - 1
        total := total + (x[i] - x)
    apart = total / length
    squares = 0.0
    for i = 0 to length - 1
        step = (x[i] - x) - apart
        squares := squares + step * step
    [x + apart, math.sqrt(squares / length)]
[mean, deviation] = moments(close, window)
ready = bar_index >= window - 1
lower = mean - k * deviation
upper = mean + k * deviation
wish = not ready ? 0 : close < lower ? 1 : close > upper ? -1 : 0
held = strategy.position_size
"""

_PLOTS = "plot(ready ? lower : na, 'lower', color.teal)\nplot(ready ? upper : na, 'upper', color.orange)\n"


def bollinger_reversion(*, sells_short: bool) -> str:
    """The body after inputs and shared parts."""
    return _BANDS + plain_orders(sells_short=sells_short) + _PLOTS
