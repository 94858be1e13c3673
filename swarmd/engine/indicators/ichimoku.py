"""Midranges and the on-off regime of the Ichimoku family.

A midrange is the line everything there is built from: conversion, base and span B are midranges of different lengths.
Which lines are compared with which, and how far back, is the strategy's business.
"""

import numpy as np
from numba import njit

from swarmd.engine.arrays import BoolArray, FloatArray, IntArray


@njit(cache=True, nogil=True)
def midrange(high: FloatArray, low: FloatArray, length: int) -> FloatArray:
    """Half the sum of the highest high and the lowest low of the last `length` bars, the present one included.

    Parameters
    ----------
    high, low : float64, shape (n_bars,)
    length : at least 1

    Returns
    -------
    float64, shape (n_bars,)
        NaN before the `length`-th bar.

    Raises
    ------
    ValueError
        If length is below 1.

    Source: Hosoda's lines as given in M. Patel (2010), Trading with Ichimoku Clouds, Wiley.
    """
    if length < 1:
        raise ValueError("midrange: length is below 1; give the number of bars")
    n_bars = high.size
    out = np.full(n_bars, np.nan)
    # Bars that may still become the extreme, the extreme itself first; each bar enters and leaves once.
    tops, bottoms = np.empty(n_bars, np.int64), np.empty(n_bars, np.int64)
    top_from = top_to = bottom_from = bottom_to = 0
    for t in range(n_bars):
        while top_to > top_from and high[tops[top_to - 1]] <= high[t]:
            top_to -= 1
        tops[top_to] = t
        top_to += 1
        while bottom_to > bottom_from and low[bottoms[bottom_to - 1]] >= low[t]:
            bottom_to -= 1
        bottoms[bottom_to] = t
        bottom_to += 1
        if tops[top_from] <= t - length:
            top_from += 1
        if bottoms[bottom_from] <= t - length:
            bottom_from += 1
        if t >= length - 1:
            out[t] = (high[tops[top_from]] + low[bottoms[bottom_from]]) / 2.0
    return out


@njit(cache=True, nogil=True)
def regimes(bullish: BoolArray, bearish: BoolArray) -> tuple[IntArray, IntArray]:
    """A flag that bullish bars raise and bearish ones lower, as a regime, and the number of the regime's run.

    The regime is 0 until the flag is raised for the first time, +1 while it is up and -1 after it was lowered: there is
    no -1 before the first +1. Runs are counted from 0, the stretch before the first regime included.

    Returns
    -------
    (int64, int64), each of shape (n_bars,)
    """
    regime, run = np.zeros(bullish.size, np.int64), np.zeros(bullish.size, np.int64)
    state = count = 0
    for t in range(bullish.size):
        if state != 1 and bullish[t]:
            state, count = 1, count + 1
        elif state == 1 and bearish[t]:
            state, count = -1, count + 1
        regime[t], run[t] = state, count
    return regime, run
