"""Strategies are found by name, by the nearest name in an error, and in a user's own file."""

from pathlib import Path

import pytest

from swarmd.engine.strategies.contract import ParamSpec
from swarmd.engine.strategies.registry import register_strategy, strategy_named, strategy_names

OWN = """
import numpy as np
from swarmd.engine.kernel.events import no_events
from swarmd.engine.kernel.plan import Direction, ExitPlan
from swarmd.engine.strategies.contract import ModeSpec, StrategyCard


class Nothing:
    card = StrategyCard("nothing", "Trades never", "bars", (), {"idle": ModeSpec(Direction.LONG, ())}, {})

    def events(self, bars, params):
        return no_events()

    def plan(self, params):
        return ExitPlan(stop=0.1, target=None)

    def admissible(self, columns):
        return np.ones(1, bool)

    def lookback_bars(self, params, interval_minutes):
        return 0


class Half:
    card = None
"""

ODD = """

class NoCard(Nothing):
    card = None


class Asking(Nothing):
    def __init__(self, n):
        pass
"""


def test_the_strategies_of_the_package_are_found():
    assert {"mtf_ema", "ema_cross"} <= set(strategy_names())
    assert strategy_named("mtf_ema").card.name == "mtf_ema"


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'mtf_ema'"):
        strategy_named("mtf-ema")


def test_a_users_own_class_is_loaded_from_its_file(tmp_path: Path):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    assert strategy_named(f"{file}:Nothing").card.title == "Trades never"


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("missing.py:Name", "no file"),
        ("own.py:Nought", "no class 'Nought'; it has: Nothing, Half"),
        ("own.py:Half", "class Half lacks events"),
        ("broken.py:Name", "fails on import: ZeroDivisionError"),
        ("leaving.py:Name", "fails on import: SystemExit"),
        ("odd.py:NoCard", "the card of NoCard is no StrategyCard"),
        ("odd.py:Asking", r"Asking\(\) fails .*it must take no arguments"),
    ],
)
def test_a_reference_that_leads_nowhere_says_where_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, told: str
):
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(OWN)
    Path("broken.py").write_text("1 / 0\n")
    Path("leaving.py").write_text("raise SystemExit(3)\n")
    Path("odd.py").write_text(OWN + ODD)
    with pytest.raises(ValueError, match=told):
        strategy_named(reference)


def test_a_name_belongs_to_one_strategy_and_to_its_card():
    with pytest.raises(ValueError, match="the name is taken"):

        @register_strategy("mtf_ema")
        class Other(type(strategy_named("mtf_ema"))):  # type: ignore[misc]
            pass

    with pytest.raises(ValueError, match="give both the same name"):
        register_strategy("other")(type(strategy_named("mtf_ema")))


@pytest.mark.parametrize(
    ("spec", "value", "fits"),
    [
        (ParamSpec("n", "int", 1, 5), 5, True),
        (ParamSpec("n", "int", 1, 5), 6, False),
        (ParamSpec("n", "int", 1, 5), 2.5, False),
        (ParamSpec("x", "float", 0.1, 0.5), 0.1, True),
        (ParamSpec("x", "float", 0.1, 0.5), float("nan"), False),
        (ParamSpec("c", "choice", choices=(15, 30)), 30, True),
        (ParamSpec("c", "choice", choices=(15, 30)), 31, False),
        (ParamSpec("n", "int", 1, 5), 10**400, False),
    ],
)
def test_a_parameter_knows_which_values_fit(spec: ParamSpec, value: float, fits: bool):
    assert (spec.refusal(value) is None) is fits
