"""A gate: each comparison at its threshold, and what is no number failing whichever way it points."""

import math

import numpy as np
import pytest

from swarmd.engine.guards.gate import Gate


@pytest.mark.parametrize(
    ("comparison", "passing"),
    [
        (">", [False, False, True]),
        (">=", [False, True, True]),
        ("<", [True, False, False]),
        ("<=", [True, True, False]),
    ],
)
def test_below_at_and_above_the_threshold(comparison, passing):
    assert [Gate("g", "a figure", figure, comparison, 1.0).passes for figure in (0.9, 1.0, 1.1)] == passing


@pytest.mark.parametrize("comparison", [">", ">=", "<", "<="])
@pytest.mark.parametrize("figure", [None, math.nan, math.inf, -math.inf])
def test_what_is_undefined_or_not_finite_fails(comparison, figure):
    assert not Gate("g", "a figure", figure, comparison, 1.0).passes


def test_it_is_told_and_written_with_figure_and_threshold():
    gate = Gate("mc_p", "p-value", np.float64(0.01234567), "<", 0.05)
    assert gate.told == "mc_p 0.01235 (< 0.05): pass"
    assert gate.document() == {
        "name": "mc_p",
        "meaning": "p-value",
        "figure": 0.01234567,
        "comparison": "<",
        "threshold": 0.05,
        "pass": True,
    }
    assert type(gate.document()["figure"]) is float
