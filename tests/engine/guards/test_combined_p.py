"""Combined p-values: worked by hand, by an independent package, and uniform where there is nothing."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import combine_pvalues

from swarmd.engine.guards.combined_p import combined_p_value

INSIDE = st.lists(st.floats(1e-12, 1.0 - 1e-9), min_size=1, max_size=12)


def test_two_by_hand():
    """Fisher of two: q (1 - ln q) with q their product."""
    assert combined_p_value([0.02, 0.05]) == pytest.approx(0.001 * (1 - math.log(0.001)), rel=1e-12)
    # 1.6449 twice over the root of two is 2.3262: 0.0100.
    assert combined_p_value([0.05, 0.05], "stouffer") == pytest.approx(0.0100, abs=5e-5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(INSIDE, st.data())
def test_an_independent_package_agrees(p, data):
    assert combined_p_value(p) == pytest.approx(combine_pvalues(p).pvalue, rel=1e-9)
    weights = data.draw(st.lists(st.floats(0.1, 9.0), min_size=len(p), max_size=len(p)))
    for given_weights in (None, weights):
        expected = combine_pvalues(p, "stouffer", given_weights).pvalue
        assert combined_p_value(p, "stouffer", weights=given_weights) == pytest.approx(expected, rel=1e-6, abs=1e-300)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(INSIDE, st.sampled_from(["fisher", "stouffer"]))
def test_one_is_itself_order_does_not_matter_and_smaller_ones_make_it_smaller(p, method):
    combined = combined_p_value(p, method)
    assert 0.0 < combined <= 1.0
    assert combined_p_value(p[:1], method) == pytest.approx(p[0], rel=1e-9)
    assert combined_p_value(p[::-1], method) == pytest.approx(combined, rel=1e-9)
    assert combined_p_value([p[0] / 2, *p[1:]], method) <= combined * (1 + 1e-9)


def test_thousands_of_p_values_neither_underflow_nor_overflow():
    halves = np.full(5000, 0.5)
    assert combined_p_value(halves) == pytest.approx(combine_pvalues(halves).pvalue, rel=1e-9)
    assert combined_p_value(np.full(1000, 0.3)) == pytest.approx(combine_pvalues(np.full(1000, 0.3)).pvalue, rel=1e-9)


def test_certainties():
    for method in ("fisher", "stouffer"):
        assert combined_p_value([0.0, 0.5], method) == 0.0
        assert combined_p_value([1.0, 1.0], method) == 1.0
    assert combined_p_value([0.0, 1.0]) == 0.0
    assert combined_p_value([1.0, 0.2], "stouffer") == 1.0
    with pytest.raises(ValueError, match="a p-value of 0 and one of 1"):
        combined_p_value([0.0, 1.0], "stouffer")


def test_a_weight_of_zero_leaves_its_test_out():
    assert combined_p_value([0.03, 1.0], "stouffer", weights=[2.0, 0.0]) == pytest.approx(0.03)


@pytest.mark.parametrize("method", ["fisher", "Stouffer"])
def test_of_uniform_p_values_the_combined_one_is_uniform(method):
    pairs = np.random.default_rng(0).random((4000, 2))
    combined = np.sort([combined_p_value(pair, method) for pair in pairs])
    # Kolmogorov's 1 % bound at n = 4000 is 0.0257.
    assert np.max(np.abs(combined - (np.arange(4000) + 0.5) / 4000)) < 0.0257


@pytest.mark.parametrize(
    ("p", "keywords", "said"),
    [
        ([], {}, "no p-values"),
        ([0.5, 1.5], {}, "p-value 1 is 1.5"),
        ([0.5], {"method": "tippett"}, "no method 'tippett'"),
        ([0.5], {"weights": [1.0]}, "takes no weights"),
        ([0.5, 0.5], {"method": "stouffer", "weights": [1.0]}, r"weights \[1.0\] for 2"),
        ([0.5, 0.5], {"method": "stouffer", "weights": [0.0, 0.0]}, "not all 0"),
        ([0.5, 0.5], {"method": "stouffer", "weights": [2.0, -1.0]}, "none below 0"),
    ],
)
def test_what_cannot_be_combined_is_refused(p, keywords, said):
    with pytest.raises(ValueError, match=said):
        combined_p_value(p, **keywords)
