"""The soft screen's gates: strict where they say so, failing where undefined, and told in numbers."""

import pytest

from swarmd.engine.guards.soft_screen import soft_screen_gates


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
