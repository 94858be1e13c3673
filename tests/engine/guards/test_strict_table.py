"""The strict table: nine thresholds as the source has them, each failing alone, seven of them counted as guards."""

import pytest

from swarmd.engine.guards.strict_table import GUARDS, guards_passed, strict_gates

JUST_GOOD = {
    "wfe": 0.61,
    "oos_annual_sharpe": 1.01,
    "oos_trades": 61,
    "mc_p": 0.049,
    "sensitivity": 0.099,
    "bootstrap_lower_bound": 1.01,
    "top10_share": 0.399,
    "stress1_annual_sharpe": 1.01,
    "regime_mismatch": 0.009,
}
AT_THE_THRESHOLD = {
    "wfe": 0.6,
    "oos_annual_sharpe": 1.0,
    "oos_trades": 60,
    "mc_p": 0.05,
    "sensitivity": 0.1,
    "bootstrap_lower_bound": 1.0,
    "top10_share": 0.4,
    "stress1_annual_sharpe": 1.0,
    "regime_mismatch": 0.01,
}


def test_a_candidate_just_past_every_threshold_has_nine_gates_and_seven_guards():
    gates = strict_gates(**JUST_GOOD)
    assert [gate.name for gate in gates] == list(JUST_GOOD)
    assert all(gate.passes for gate in gates)
    assert guards_passed(gates) == "7/7"


@pytest.mark.parametrize("name", list(JUST_GOOD))
@pytest.mark.parametrize("worse", ["at the threshold", "undefined"])
def test_at_its_threshold_or_undefined_one_gate_fails_alone(name, worse):
    figure = AT_THE_THRESHOLD[name] if worse == "at the threshold" else None
    gates = strict_gates(**(JUST_GOOD | {name: figure}))
    assert [gate.name for gate in gates if not gate.passes] == [name]
    assert guards_passed(gates) == ("6/7" if name in GUARDS else "7/7")


def test_the_seven_are_all_but_the_plain_figures_of_the_run():
    assert set(JUST_GOOD) - set(GUARDS) == {"oos_annual_sharpe", "oos_trades"}


def test_a_missing_guard_is_not_counted_as_one_of_fewer():
    with pytest.raises(ValueError, match="no gate wfe, mc_p"):
        guards_passed([gate for gate in strict_gates(**JUST_GOOD) if gate.name not in ("wfe", "mc_p")])
