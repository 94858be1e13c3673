"""Adjusted p-values: a worked example, independent packages, the laws between the methods, and noise."""

import jsharpe
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from swarmd.engine.guards.adjusted_p import METHODS, adjusted_p_values

P_VALUES = st.lists(st.floats(0.0, 1.0) | st.sampled_from([0.0, 0.01, 0.5, 1.0]), max_size=30)
# Benjamini and Hochberg (1995), section 4.1: fifteen tests of thrombolysis; at 5 % Bonferroni keeps three, BH four.
THROMBOLYSIS = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719]
THROMBOLYSIS += [0.6528, 0.7590, 1.0000]


def test_the_published_example_keeps_three_by_bonferroni_and_four_by_benjamini_and_hochberg():
    kept = {method: int(np.sum(adjusted_p_values(THROMBOLYSIS, method) <= 0.05)) for method in METHODS}
    assert (kept["bonferroni"], kept["holm"], kept["bh"]) == (3, 3, 4)


def test_by_hand_with_a_tie_and_out_of_order():
    p = [0.04, 0.01, 0.02, 0.02]
    assert adjusted_p_values(p, "bonferroni") == pytest.approx([0.16, 0.04, 0.08, 0.08])
    assert adjusted_p_values(p, "holm") == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert adjusted_p_values(p, "bh") == pytest.approx([0.04, 0.08 / 3, 0.08 / 3, 0.08 / 3], rel=1e-12)
    assert adjusted_p_values(p, "by") == pytest.approx(np.array([0.04, 0.08 / 3, 0.08 / 3, 0.08 / 3]) * 25 / 12)
    assert adjusted_p_values(p, "sidak") == pytest.approx([1 - 0.96**4, 1 - 0.99**4, 1 - 0.98**4, 1 - 0.98**4])


@settings(max_examples=60, deadline=None, derandomize=True)
@given(P_VALUES)
def test_independent_packages_agree(values):
    p = np.array(values)
    if p.size:
        assert adjusted_p_values(p, "bonferroni") == pytest.approx(jsharpe.adjusted_p_values_bonferroni(p))
        assert adjusted_p_values(p, "sidak") == pytest.approx(jsharpe.adjusted_p_values_sidak(p), abs=1e-12)
        assert adjusted_p_values(p) == pytest.approx(jsharpe.adjusted_p_values_holm(p))
        assert adjusted_p_values(p, "bh") == pytest.approx(false_discovery_control(p, method="bh"))
        assert adjusted_p_values(p, "by") == pytest.approx(false_discovery_control(p, method="by"))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(P_VALUES)
def test_stricter_methods_lie_above_and_all_above_the_p_value_in_its_order(values):
    found = {method: adjusted_p_values(values, method) for method in METHODS}
    p = np.array(values)
    slack = 1e-12
    for lower, upper in [("bh", "holm"), ("holm", "bonferroni"), ("sidak", "bonferroni"), ("bh", "by")]:
        assert np.all(found[lower] <= found[upper] + slack)
    for adjusted in found.values():
        assert np.all((p <= adjusted) & (adjusted <= 1.0))
        assert np.all(np.diff(adjusted[np.argsort(p, kind="stable")]) >= -slack)


@pytest.mark.parametrize("method", METHODS)
def test_none_and_one_stay_as_they_are(method):
    assert adjusted_p_values([], method).shape == (0,)
    assert adjusted_p_values([0.03], method) == pytest.approx([0.03])


def test_small_p_values_survive_where_one_minus_them_rounds_to_one():
    assert adjusted_p_values([1e-20, 1.0], "sidak") == pytest.approx([2e-20, 1.0])


def test_methods_are_known_by_their_usual_names():
    for name, short in {"Holm": "holm", "fdr_bh": "bh", "FDR_BY": "by", "Šidák": "sidak", "BH": "bh"}.items():
        assert np.array_equal(adjusted_p_values(THROMBOLYSIS, name), adjusted_p_values(THROMBOLYSIS, short))


def test_on_noise_a_single_false_discovery_is_as_rare_as_asked():
    noise = np.random.default_rng(1).random((2000, 20))
    for method in METHODS:
        any_found = sum(adjusted_p_values(row, method).min() <= 0.05 for row in noise)
        # Binomial(2000, 0.05): mean 100, deviation 9.7; BY pays for dependence that is not there.
        assert any_found <= 135
        assert any_found >= (65 if method != "by" else 10)


@pytest.mark.parametrize("p", [[0.1, -0.01], [0.1, 1.01]])
def test_what_is_no_p_value_is_refused_by_its_place(p):
    with pytest.raises(ValueError, match="p-value 1 is"):
        adjusted_p_values(p)
    with pytest.raises(ValueError, match="p-value 0 is nan"):
        adjusted_p_values([np.nan])
    with pytest.raises(ValueError, match="no method 'hochberg'"):
        adjusted_p_values([0.1], "hochberg")
