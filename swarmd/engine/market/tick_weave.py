"""Weaving: quotes and trades of one instrument in the order in which they happened, each row with the quote in force.

One compiled walk over both, called by `tick_stream` for every stretch; what carries over is a vector of six numbers.
Here a trade that does not say who was the aggressor is given a side.

**Lee and Ready (1991)**, Inferring trade direction from intraday data, Journal of Finance 46(2): a trade above the
midpoint of the quote in force was bought, below it sold; at the midpoint, or where there is no quote, the tick test
decides: up from the last different trade price is a buy, down a sell. A trade with no earlier price is given 0.

- *Which quote*: the last one strictly before the trade. Quotes of the trade's own instant may be what the trade left
  behind, so they come after it (Holden and Jacobsen, 2014, Liquidity measurement problems in fast, competitive
  markets, Journal of Finance 69(4)). The five seconds of the original paper were for reports written by hand in 1988;
  Bessembinder (2003), Journal of Financial Markets 6(3), finds none to be better. Hence in the woven stream the trades
  of an instant stand before its quotes.
- *At the midpoint* means within 1e-9 of it, relatively: in floats the mean of 181.69 and 181.71 is not 181.70, and the
  side would be chosen by rounding. No market has ticks so small.
"""

import numpy as np
from numba import njit

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray

_SAME = 1e-9
# Bid, ask and their sizes in force; the last trade's price; the direction of the last change of price.
N_CARRIED = 6


def nothing_seen() -> FloatArray:
    """What carries over, before the first row."""
    return np.array([np.nan, np.nan, np.nan, np.nan, np.nan, 0.0])


@njit(cache=True, nogil=True)
def lee_ready(price: float, bid: float, ask: float, tick: float) -> float:
    """+1 bought, -1 sold; `tick` is what the tick test says (0: it cannot say), NaN quotes are none."""
    middle = 0.5 * (bid + ask)
    if price > middle * (1.0 + _SAME):
        return 1.0
    if price < middle * (1.0 - _SAME):
        return -1.0
    return tick


@njit(cache=True, nogil=True)
def weave(
    quotes: tuple[IntArray, FloatArray, FloatArray, FloatArray, FloatArray],
    trades: tuple[IntArray, FloatArray, FloatArray, FloatArray],
    carried: FloatArray,
    ts: IntArray,
    is_trade: BoolArray,
    table: FloatArray,
) -> None:
    """Fills the rows of a stretch, trades before quotes of the same instant, and `carried` for the next stretch.

    Parameters
    ----------
    quotes : ts, bid_px, ask_px, bid_sz, ask_sz
    trades : ts, price, qty, side (0: to be inferred)
    carried : shape (6,), changed in place
    ts, is_trade : shape (n_rows,), filled
    table : shape (9, n_rows), filled with bid_px, ask_px, bid_sz, ask_sz in force, price, qty, side, buy_px, sell_px.
        A quote has NaN price and 0 qty and side. One buys at the ask in force and sells at the bid; before the first
        quote at the trade's price.
    """
    q_ts, q_bid, q_ask, q_bid_sz, q_ask_sz = quotes
    t_ts, t_price, t_qty, t_side = trades
    bid, ask, bid_sz, ask_sz, last_price, tick = carried
    q = t = 0
    for row in range(ts.size):
        if t < t_ts.size and (q == q_ts.size or t_ts[t] <= q_ts[q]):
            price = t_price[t]
            if price > last_price:
                tick = 1.0
            elif price < last_price:
                tick = -1.0
            last_price = price
            ts[row], is_trade[row] = t_ts[t], True
            table[4, row], table[5, row] = price, t_qty[t]
            table[6, row] = t_side[t] if t_side[t] != 0.0 else lee_ready(price, bid, ask, tick)
            t += 1
        else:
            bid, ask, bid_sz, ask_sz = q_bid[q], q_ask[q], q_bid_sz[q], q_ask_sz[q]
            ts[row], is_trade[row] = q_ts[q], False
            table[4, row], table[5, row], table[6, row] = np.nan, 0.0, 0.0
            q += 1
        table[0, row], table[1, row], table[2, row], table[3, row] = bid, ask, bid_sz, ask_sz
        no_quote = np.isnan(bid)
        table[7, row] = last_price if no_quote else ask
        table[8, row] = last_price if no_quote else bid
    carried[0], carried[1], carried[2], carried[3], carried[4], carried[5] = (
        bid, ask, bid_sz, ask_sz, last_price, tick,
    )  # fmt: skip
