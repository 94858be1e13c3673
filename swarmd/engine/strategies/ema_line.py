"""The EMA of a timeframe as a line with the moments at which its values become known; for crossing strategies."""

from swarmd.engine.indicators.moving import ema
from swarmd.engine.kernel.crossings import SampledLine
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.timeframes import htf_close


def ema_line(bars: Bars, minutes: int, length: int) -> SampledLine:
    """The EMA of that many bars of a timeframe, valid from the close that completes its `length`-th bar."""
    closes, complete_at = htf_close(bars.close, int(bars.open_time[0]), bars.interval_minutes, minutes)
    return SampledLine(ema(closes, length), complete_at, length)
