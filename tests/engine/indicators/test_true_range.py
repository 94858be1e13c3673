"""The average true range is Wilder's, as pandas and vectorbt compute it."""

import numpy as np
import pandas as pd
import pytest
from price_builders import KINDS, awkward_ohlc

from swarmd.engine.indicators.true_range import average_true_range


@pytest.mark.parametrize("kind", KINDS)
def test_it_equals_an_exponential_average_of_the_true_range(kind: str):
    _, high, low, close = awkward_ohlc(kind, 500, 3)
    last = pd.Series(close).shift()
    spans = pd.concat([pd.Series(high - low), (pd.Series(high) - last).abs(), (pd.Series(low) - last).abs()], axis=1)
    expected = spans.max(axis=1).ewm(alpha=1 / 14, adjust=False).mean()
    np.testing.assert_allclose(average_true_range(high, low, close, 14), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore::numba.core.errors.NumbaPendingDeprecationWarning")
def test_it_comes_to_what_vectorbt_says_once_the_seeds_are_forgotten():
    vbt = pytest.importorskip("vectorbt", reason="vectorbt is in the lock of the tests: run scripts/test")
    _, high, low, close = awkward_ohlc("walk", 3_000, 4)
    theirs = vbt.ATR.run(pd.Series(high), pd.Series(low), pd.Series(close), window=14, ewm=False).tr.to_numpy()
    smoothed = pd.Series(theirs).ewm(alpha=1 / 14, adjust=False).mean().to_numpy()
    np.testing.assert_allclose(average_true_range(high, low, close, 14)[1_000:], smoothed[1_000:], rtol=1e-9)


def test_a_length_below_one_is_refused():
    with pytest.raises(ValueError, match="length is below 1"):
        average_true_range(np.ones(3), np.ones(3), np.ones(3), 0)
