"""The second filter's votes beside the cloud, in Pine: volume, adaptive averages, regressions, MAMA and KAMA.

Each gives two truths, `<name>Up` and `<name>Down`. Recurrences and the order of sums are the engine's, first values
included.
"""

import itertools
from typing import NamedTuple

from swarmd.engine.strategies.final_trigger import BASELINE, CONSERVATIVE, MODERATE


class PineVote(NamedTuple):
    """The lines that make `<name>Up` and `<name>Down`."""

    name: str
    text: str


_SHARED = """\
placeIn50(float x) =>
    least = x
    greatest = x
    isKnown = bar_index >= 49 and not na(x)
    for i = 1 to 49
        isKnown := isKnown and not na(x[i])
        least := math.min(least, x[i])
        greatest := math.max(greatest, x[i])
    isKnown and greatest > least ? (x - least) / (greatest - least) - 0.5 : na
efficiency(float x, int length) =>
    var float way = 0.0
    way := bar_index == 0 ? 0.0 : way + math.abs(x - x[1])
    went = way - way[length]
    bar_index < length ? na : went > 0.0 ? math.min(1.0, math.abs(x - x[length]) / went) : 0.0
kaufman(float x, int length, float fastest, float slowest) =>
    ratio = efficiency(x, length)
    factor = math.pow(ratio * (fastest - slowest) + slowest, 2)
    var float average = na
    average := bar_index < length ? na : bar_index == length ? x : average + factor * (x - average)
    average
"""

_VOLUME = """\
var float flow = 0.0
flow := flow + (high > low ? ((close - low) - (high - close)) / (high - low) * volume : 0.0)
flowPlace = placeIn50(flow)
volumeUp = flowPlace > 0.1 and flowPlace > flowPlace[1] and flowPlace > flowPlace[2] and flowPlace > flowPlace[3]
volumeDown = flowPlace < -0.1 and flowPlace < flowPlace[1] and flowPlace < flowPlace[2] and flowPlace < flowPlace[3]
"""

_OSCILLATOR = """\
var float ema7 = na
ema7 := na(ema7) ? close : ema7 + 0.25 * (close - ema7)
pull = efficiency(close, 8) * (2.0 / 8.0 - 2.0 / 20.0) + 2.0 / 20.0
pullPlace = placeIn50(ema7 + pull * (close - ema7))
oscillatorUp = pullPlace > 0.0
oscillatorDown = pullPlace < 0.0
"""

_AVERAGES = (*range(5, 95, 5), 100)
_REGRESSIONS = (10, 20, 50, 100, 200, 300, 400, 500)


def _spread() -> str:
    lines = ["price4 = (open + high + low + close) / 4.0\n"]
    lines += [f"kama{n} = kaufman(price4, {n}, 0.666, 0.0645)\n" for n in _AVERAGES]
    gaps = [f"(kama{near} - kama{far}) / kama{far}" for near, far in itertools.pairwise(_AVERAGES)]
    lines += ["spread = 0.0\n", *(f"spread := spread + {gap}\n" for gap in gaps)]
    return "".join(lines) + "spreadUp = spread > 0.0\nspreadDown = spread < 0.0\n"


_FIT = """\
slope(float x, int length) =>
    centre = (length - 1) / 2.0
    spreadOut = length * (length * length - 1.0) / 12.0
    var float total = 0.0
    var float moment = 0.0
    if bar_index >= length - 1 and (bar_index == length - 1 or (bar_index + 1) % length == 0)
        total := 0.0
        moment := 0.0
        for i = 0 to length - 1
            value = x[length - 1 - i]
            total := total + value
            moment := moment + i * value
    else if bar_index >= length
        gone = x[length]
        moment := moment + (length - 1) * x - (total - gone)
        total := total + x - gone
    [bar_index < length - 1 ? na : total / length, bar_index < length - 1 ? na : (moment - centre * total) / spreadOut]
"""


def _regressions() -> str:
    lines = [_FIT, *(f"[mean{n}, slope{n}] = slope(close, {n})\n" for n in _REGRESSIONS), "moved = 0.0\n"]
    for near, far in itertools.pairwise(_REGRESSIONS):
        lines.append(f"moved := moved + (slope{near} - slope{far}) * {near}\n")
    return "".join(lines) + (
        "cloudLine = mean100 + 0.1 * moved\n"
        "regressionUp = close > mean100 and close > cloudLine\n"
        "regressionDown = close < mean100 and close < cloudLine\n"
    )


_MESA = """\
hilbert(float x, float gain) =>
    (0.0962 * x + 0.5769 * nz(x[2]) - 0.5769 * nz(x[4]) - 0.0962 * nz(x[6])) * gain
var float period = 0.0
var float phase = 0.0
var float i2 = 0.0
var float q2 = 0.0
var float re = 0.0
var float im = 0.0
gain = 0.075 * period + 0.54
smooth = (4.0 * close + 3.0 * nz(close[1]) + 2.0 * nz(close[2]) + nz(close[3])) / 10.0
detrended = hilbert(smooth, gain)
inPhase = nz(detrended[3])
quadrature = hilbert(detrended, gain)
turnedQuadrature = hilbert(quadrature, gain)
turnedInPhase = hilbert(inPhase, gain)
lastI2 = i2
lastQ2 = q2
i2 := 0.2 * (inPhase - turnedQuadrature) + 0.8 * lastI2
q2 := 0.2 * (quadrature + turnedInPhase) + 0.8 * lastQ2
re := 0.2 * (i2 * lastI2 + q2 * lastQ2) + 0.8 * re
im := 0.2 * (i2 * lastQ2 - q2 * lastI2) + 0.8 * im
lastPeriod = period
if re != 0.0 and im != 0.0
    period := 2.0 * math.pi / math.atan(im / re)
period := math.min(math.max(math.min(math.max(period, 0.67 * lastPeriod), 1.5 * lastPeriod), 6.0), 50.0)
period := 0.2 * period + 0.8 * lastPeriod
lastPhase = phase
phase := inPhase != 0.0 ? math.todegrees(math.atan(quadrature / inPhase)) : 0.0
phaseStep = math.max(1.0, lastPhase - phase)
ratio20 = efficiency(close, 20)
alpha20 = math.max(ratio20 / phaseStep, 0.1 * ratio20)
factor20 = math.pow(ratio20 * (alpha20 / 2.0 - alpha20) + alpha20, 2)
var float mama = na
var float mesaKama = na
mama := bar_index < 20 ? na : bar_index == 20 ? close : mama + alpha20 * (close - mama)
mesaKama := bar_index < 20 ? na : bar_index == 20 ? close : mesaKama + factor20 * (close - mesaKama)
mesaUp = close > mama + close * 0.0001 and mama > mesaKama
mesaDown = close < mama - close * 0.0001 and mama < mesaKama
"""

_MODERATE = (
    PineVote("volume", _SHARED + _VOLUME),
    PineVote("oscillator", _OSCILLATOR),
    PineVote("spread", _spread()),
    PineVote("regression", _regressions()),
)
VOTES: dict[str, tuple[PineVote, ...]] = {
    BASELINE: (),
    MODERATE: _MODERATE,
    CONSERVATIVE: (*_MODERATE, PineVote("mesa", _MESA)),
}
