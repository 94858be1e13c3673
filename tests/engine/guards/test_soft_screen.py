"""The soft screen's gates: strict where they say so, failing where undefined, and told in numbers."""

import numpy as np
import pytest

from swarmd.engine.guards.soft_screen import soft_screen_gates, walk_forward_efficiency


def gates(**changed):
    figures = {"oos_annual_sharpe": 0.81, "oos_trades": 51, "wfe": 0.51, "psr": 0.99, "alpha": 0.01} | changed
    return {gate.name: gate for gate in soft_screen_gates(**figures)}


def test_just_above_every_threshold_all_gates_pass():
    assert all(gate.passes for gate in gates().values())


@pytest.mark.parametrize(
    ("name", "value"), [("oos_annual_sharpe", 0.8), ("oos_trades", 50), ("wfe", 0.5), ("psr", 0.9899), ("wfe", None)]
)
def test_at_its_threshold_a_strict_gate_fails_alone(name, value):
    found = gates(**{name: value})
    assert [gate.name for gate in found.values() if not gate.passes] == [name]


def test_what_is_not_finite_fails():
    assert not gates(oos_annual_sharpe=float("inf"))["oos_annual_sharpe"].passes
    assert not gates(psr=float("nan"))["psr"].passes


def test_a_gate_tells_figure_and_threshold():
    assert gates()["wfe"].told == "wfe 0.51 (> 0.5): pass"
    assert gates(wfe=None)["wfe"].told == "wfe undefined (> 0.5): fail"


def test_a_steady_edge_is_fully_efficient_however_long_each_stretch_is():
    rng = np.random.default_rng(1)
    inside, outside = (rng.normal(0.002, 0.001, n) for n in (4000, 1000))
    # Compounded, the longer stretch earns 2,980 times its stake and the shorter 7: the ratio would be 0.01.
    assert walk_forward_efficiency(inside, outside) == pytest.approx(1.0, abs=0.05)


def test_efficiency_is_undefined_without_a_profit_in_sample():
    assert walk_forward_efficiency(np.array([-0.1, -0.1]), np.array([-0.2, -0.2])) is None
    assert walk_forward_efficiency(np.zeros(5), np.ones(5)) is None
    with pytest.raises(ValueError, match="give some of both"):
        walk_forward_efficiency(np.zeros(0), np.ones(5))
