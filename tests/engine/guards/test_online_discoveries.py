"""The online false discovery rate: printed output of the R package onlineFDR, a twin in plain loops, and noise."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.guards.online_discoveries import METHODS, online_fdr

# The example of the package's reference pages, LORD and SAFFRON, in the order of its rows (random = FALSE).
SAMPLE = [2.90e-08, 0.06743, 0.01514, 0.08174, 0.00171, 3.60e-05, 0.79149, 0.27201, 0.28295, 7.59e-08]
SAMPLE += [0.69274, 0.30443, 0.00136, 0.72342, 0.54757]
LORD = [0.0002675839, 0.0024664457, 0.0005732818, 0.0004872805, 0.0004059066, 0.0003447286, 0.0029745013]
LORD += [0.0008450114, 0.0007305648, 0.0006243143, 0.0032185913, 0.0010617227, 0.0009256825, 0.0008019657]
LORD += [0.0007059610]
SAFFRON = [0.005468627, 0.010937254, 0.010937254, 0.010937254, 0.010937254, 0.021874508, 0.032811762, 0.010823845]
SAFFRON += [0.010823845, 0.010823845, 0.021761099, 0.009265591, 0.009265591, 0.020202846, 0.009064367]
# The same pages, alpha = 0.1 and a wealth of their own, in the order in which the package drew the rows.
DRAWN = [2.90e-08, 0.06743, 0.01514, 0.08174, 0.00171, 0.27201, 3.60e-05, 0.79149, 7.59e-08, 0.28295]
DRAWN += [0.69274, 0.72342, 0.30443, 0.54757, 0.00136]
LORD_RICH = [0.0026758385, 0.0032577488, 0.0010775352, 0.0009078052, 0.0007616238, 0.0006517385, 0.0005682672]
LORD_RICH += [0.0058549106, 0.0016151293, 0.0067518870, 0.0023619734, 0.0020342733, 0.0017477495, 0.0015277362]
LORD_RICH += [0.0013569121]
SAFFRON_RICH = [0.005468627, 0.021874508, 0.021874508, 0.043749017, 0.043749017, 0.065623525, 0.065623525, 0.087498033]
SAFFRON_RICH += [0.028863587, 0.050738095, 0.050738095, 0.022302945, 0.013293195, 0.013293195, 0.009042997]

P_VALUES = st.lists(st.floats(0.0, 1.0) | st.sampled_from([0.0, 1e-6, 1e-3, 0.5, 1.0]), max_size=40)


def test_the_published_levels_of_lord():
    found = online_fdr(SAMPLE)
    assert found.levels == pytest.approx(LORD, abs=5.1e-11)
    assert np.flatnonzero(found.rejected).tolist() == [0, 5, 9]
    assert online_fdr(DRAWN, 0.1, w0=0.05).levels == pytest.approx(LORD_RICH, abs=5.1e-11)


def test_the_published_levels_of_saffron():
    found = online_fdr(SAMPLE, method="saffron")
    assert found.levels == pytest.approx(SAFFRON, abs=5.1e-10)
    assert np.flatnonzero(found.rejected).tolist() == [0, 4, 5, 9, 12]
    assert online_fdr(DRAWN, 0.1, "saffron", w0=0.025).levels == pytest.approx(SAFFRON_RICH, abs=5.1e-10)


def twin(p: list[float], alpha: float, method: str, w0: float, c: float) -> list[float]:
    """The definitions read aloud, with every sum written out anew for every test."""
    levels: list[float] = []
    rejections: list[int] = []
    for t in range(1, len(p) + 1):
        if method == "lord++":
            gamma = [0.0] + [
                0.07720838 * math.log(max(k, 2)) / (k * math.exp(math.sqrt(math.log(k)))) for k in range(1, t + 1)
            ]
            level = gamma[t] * w0
            level += (alpha - w0) * gamma[t - rejections[0]] if rejections else 0.0
            level += alpha * sum(gamma[t - tau] for tau in rejections[1:])
        else:
            gamma = [0.0] + [0.4374901658 * k**-1.6 for k in range(1, t + 1)]
            candidates = [value <= c for value in p[: t - 1]]
            level = w0 * gamma[t - sum(candidates)]
            for j, tau in enumerate(rejections):
                level += (alpha if j else alpha - w0) * gamma[t - tau - sum(candidates[tau:])]
            level = min(c, (1 - c) * level)
        levels.append(level)
        if p[t - 1] <= level:
            rejections.append(t)
    return levels


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    P_VALUES,
    st.sampled_from(METHODS),
    st.sampled_from([0.01, 0.05, 0.2]),
    st.floats(0.05, 1.0),
    st.sampled_from([0.1, 0.5, 0.8]),
)
def test_a_twin_in_plain_loops_agrees(p, method, alpha, share, c):
    found = online_fdr(p, alpha, method, w0=share * alpha, candidate_below=c)
    assert found.levels == pytest.approx(twin(p, alpha, method, share * alpha, c), rel=1e-12)
    assert np.array_equal(found.rejected, np.array(p) <= found.levels)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(P_VALUES, P_VALUES, st.sampled_from(METHODS))
def test_what_comes_later_changes_nothing_and_the_next_level_is_the_next_level(p, later, method):
    found, longer = online_fdr(p, method=method), online_fdr([*p, 0.2, *later], method=method)
    assert np.array_equal(found.levels, longer.levels[: len(p)])
    assert np.array_equal(found.rejected, longer.rejected[: len(p)])
    assert found.next_level == longer.levels[len(p)]


@pytest.mark.parametrize("method", METHODS)
def test_a_p_value_at_its_level_is_a_discovery_and_one_above_is_not(method):
    level = online_fdr([], method=method).next_level
    assert online_fdr([level, 0.9], method=method).rejected.tolist() == [True, False]
    assert online_fdr([np.nextafter(level, 1.0)], method=method).rejected.tolist() == [False]


def test_before_the_first_test_the_first_level_is_known():
    assert online_fdr([]).next_level == pytest.approx(LORD[0], abs=5.1e-11)
    assert online_fdr([]).levels.shape == online_fdr([]).rejected.shape == (0,)


def test_without_discoveries_all_levels_together_never_spend_more_than_the_wealth():
    for method, wealth in (("lord++", 0.005), ("saffron", 0.025)):
        spent = online_fdr([0.9] * 2000, method=method).levels
        assert np.all(np.diff(spent) < 0)
        assert 0.3 * wealth < spent.sum() < wealth


@pytest.mark.parametrize("method", METHODS)
def test_over_many_streams_the_false_share_stays_below_alpha_and_true_edges_are_found(method):
    rng = np.random.default_rng(3)
    shares, found = [], 0
    for _ in range(150):
        is_true = rng.random(120) < 0.2
        z = rng.standard_normal(120) + np.where(is_true, 4.0, 0.0)
        p = 0.5 * np.array([math.erfc(value / math.sqrt(2.0)) for value in z])
        rejected = online_fdr(p, 0.1, method).rejected
        shares.append(np.sum(rejected & ~is_true) / max(rejected.sum(), 1))
        found += np.sum(rejected & is_true) / is_true.sum()
    assert np.mean(shares) <= 0.1
    assert found / 150 > 0.5


def test_a_candidate_at_a_fixed_one_percent_would_pass_for_ever_and_here_does_not():
    """A thousand worthless candidates: ten pass a fixed 1 %, hardly one the ledger."""
    streams = np.random.default_rng(4).random((20, 1000))
    assert np.sum(streams <= 0.01) > 150
    assert sum(int(online_fdr(stream, 0.01).rejected.sum()) for stream in streams) <= 2


@pytest.mark.parametrize(
    ("arguments", "keywords", "said"),
    [
        (([0.1, 1.1],), {}, "p-value 1 is 1.1"),
        (([0.1], 0.0), {}, "alpha 0.0"),
        (([0.1], 0.05, "lond"), {}, "no method 'lond'"),
        (([0.1], 0.05), {"w0": 0.06}, "w0 0.06"),
        (([0.1], 0.05), {"w0": 0.0}, "w0 0.0"),
        (([0.1], 0.05, "saffron"), {"candidate_below": 1.0}, "candidate_below 1.0"),
    ],
)
def test_impossible_arguments_are_refused(arguments, keywords, said):
    with pytest.raises(ValueError, match=said):
        online_fdr(*arguments, **keywords)
