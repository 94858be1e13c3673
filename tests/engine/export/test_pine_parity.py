"""Exported scripts, executed by PineTS on real candles, give the engine's trades; one that looks ahead does not."""

import pytest

from swarmd.engine.export.parity import CAPITAL, TIE, TOLERANCE
from swarmd.engine.export.pine import Terms, pine_script
from tests.pine_builders import BASELINE_TRIGGER, Case, parity_of

QUICK_TRIGGER = BASELINE_TRIGGER | {"tenkan": 7, "kijun": 20, "tenkan_5": 5, "displacement": 26}
CROSS_1 = {"L_fast": 8, "L_slow": 21, "sl": 0.06, "tp": 0.10}
CROSS_2 = {"L_fast": 5, "L_slow": 14, "sl": 0.05, "tp": 0.09}
CROSS_3 = {"L_fast": 7, "L_slow": 20, "sl": 0.03, "tp": 0.05}
HOURLY = {"tf_fast": 15, "L_fast": 8, "tf_slow": 60, "L_slow": 12, "sl": 0.02, "tp": 0.04}
UNALIGNED = {"tf_fast": 45, "L_fast": 5, "tf_slow": 240, "L_slow": 10, "sl": 0.03, "tp": 0.06}
SIX_HOURS = {"tf_fast": 30, "L_fast": 5, "tf_slow": 360, "L_slow": 3, "sl": 0.02, "tp": 0.05}
CASES = [
    # Prices from a tenth to tens of thousands; no stretch misses a bar.
    Case("ema_cross", "long_short", "BTCUSDT", "1h", CROSS_1, 9000, 12000),
    Case("bollinger_reversion", "long_short", "ETHUSDT", "1h", {"window": 30, "k": 1.5}, 9000, 12000),
    Case("ema_cross", "long", "LINKUSDT", "1h", CROSS_2, 0, 3000),
    Case("ema_cross", "long_short", "TRXUSDT", "1h", CROSS_3, 0, 3000),
    # None begins where its slow bars do.
    Case("mtf_ema", "aggressive", "XRPUSDT", "5m", HOURLY, 7, 7000),
    Case("mtf_ema", "aggressive", "DOGEUSDT", "5m", UNALIGNED, 5, 13000),
    Case("mtf_ema", "balanced", "BTCUSDT", "5m", SIX_HOURS, 100, 20000),
    Case("bollinger_reversion", "long", "DOGEUSDT", "1h", {"window": 20, "k": 1.2}, 0, 3000),
    Case("bollinger_reversion", "long_short", "TRXUSDT", "1h", {"window": 24, "k": 1.2}, 0, 3000),
    Case("final_trigger", "baseline", "LINKUSDT", "1h", BASELINE_TRIGGER, 0, 6000),
    Case("final_trigger", "moderate", "AVAXUSDT", "1h", QUICK_TRIGGER, 0, 6000),
    Case("final_trigger", "conservative", "AVAXUSDT", "1h", QUICK_TRIGGER, 0, 6000),
    Case("final_trigger", "baseline", "XRPUSDT", "1h", BASELINE_TRIGGER, 9000, 15000),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.strategy}-{case.mode}-{case.symbol}")
def test_the_exported_script_gives_the_engines_trades_bar_for_bar_and_price_for_price(case):
    figures = parity_of(case)
    assert figures["first_differences"] == []
    assert figures["equal"] == figures["trades"] == figures["entry_bar_equal"] == figures["exit_bar_equal"] >= 50
    assert figures["max_price_difference"] <= TOLERANCE
    # Quantities are told at the close before the fill, which the engine need not do.
    assert abs(figures["net_profit"]["difference"]) < 0.03 * CAPITAL


@pytest.mark.parametrize("case", [CASES[4]], ids=["mtf_ema"])
def test_a_script_that_looks_ahead_fails_the_same_comparison(case):
    script = pine_script(case.champion, Terms())
    ahead = script.replace("[e[1], nz(n[1])]", "[e, n]")
    assert ahead != script
    figures = parity_of(case, script=ahead)
    assert figures["equal"] < 0.5 * figures["trades"]
    assert figures["entry_bar_equal"] < figures["trades"]


def test_a_script_without_its_last_step_sees_each_slow_bar_one_bar_late_and_fails_too():
    case = CASES[4]
    script = pine_script(case.champion, Terms())
    late = script.replace("fastCloses = barEnd", "fastCloses = false and barEnd")
    late = late.replace("slowCloses = barEnd", "slowCloses = false and barEnd")
    figures = parity_of(case, script=late)
    assert figures["equal"] < 0.5 * figures["trades"]


def test_what_a_broker_emulator_cannot_be_told_is_told_by_its_name():
    near = BASELINE_TRIGGER | {"tenkan": 7, "kijun": 20, "sl": 2.0, "tp1": 2.0, "tp2": 3.0, "tp3": 5.0}
    figures = parity_of(Case("final_trigger", "baseline", "BTCUSDT", "1h", near, 0, 1200))
    assert figures["differences_by_kind"] == {TIE: 1}
    assert figures["exit_bar_equal"] == figures["trades"]
