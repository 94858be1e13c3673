"""Scripts as text: whose they are, what cannot be told, and that nothing from outside becomes code."""

import hashlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmd.engine.export.pine import FORMS, NoPineForm, Terms, body_digest, body_of, pine_script
from swarmd.engine.export.pine_text import commented, number, on_one_line, quoted
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.strategies.registry import strategy_named
from tests.champion_builders import a_champion
from tests.pine_builders import BASELINE_TRIGGER

SLOW = {"tf_fast": 15, "L_fast": 5, "tf_slow": 60, "L_slow": 12, "sl": 0.02, "tp": 0.05}
PARAMS = {
    "mtf_ema": SLOW,
    "ema_cross": {"L_fast": 5, "L_slow": 20, "sl": 1 / 3, "tp": 0.05},
    "final_trigger": BASELINE_TRIGGER,
    "bollinger_reversion": {"window": 40, "k": 2.0},
}
EVERY = [(name, mode) for name in FORMS for mode in strategy_named(name).card.modes]


def script_of(strategy: str = "mtf_ema", mode: str = "aggressive", terms: Terms | None = None, **changed) -> str:
    fields = {"strategy": strategy, "mode": mode, "parameters": PARAMS[strategy]} | changed
    return pine_script(a_champion(**fields).sealed(), terms or Terms())


@pytest.mark.parametrize(("strategy", "mode"), EVERY)
def test_every_mode_of_every_form_has_a_script_with_the_champions_values_and_the_cards_limits(strategy, mode):
    script = script_of(strategy, mode)
    for spec in strategy_named(strategy).card.params:
        (line,) = re.findall(rf"^{spec.name} = input\.(?:int|float)\((.*)\)$", script, re.MULTILINE)
        value = float(line.split(",")[0])
        assert value == PARAMS[strategy][spec.name]
        if spec.kind == "choice":
            assert str(int(value)) in re.search(r"options=\[(.*?)\]", line)[1].split(", ")
        else:
            low, high = (float(re.search(rf"{end}=([\d.]+)", line)[1]) for end in ("minval", "maxval"))
            assert low <= value <= high <= spec.high


@pytest.mark.parametrize(("strategy", "mode"), EVERY)
def test_the_same_champion_gives_the_same_bytes_and_the_header_the_digest_of_its_body(strategy, mode):
    script = script_of(strategy, mode)
    assert script == script_of(strategy, mode)
    assert f"// sha256 of the body: {body_digest(script)} " in script
    assert hashlib.sha256(body_of(script).encode()).hexdigest() == body_digest(script)


@pytest.mark.parametrize(("strategy", "mode"), EVERY)
def test_shorts_are_sold_where_the_mode_sells_them_and_nowhere_else(strategy, mode):
    sells = strategy_named(strategy).card.modes[mode].direction.value == "long_short"
    assert ("strategy.entry('short'" in script_of(strategy, mode)) is sells


def test_the_header_says_whose_it_is_and_of_what():
    terms = Terms(Costs(fee_bps=7.5, slippage_bps=1.0), 1_704_067_200_000, 1_709_251_200_000)
    champion = a_champion(campaign="majors", run_id="r-77", snapshot_id="snap", trial_id=12).sealed()
    head = pine_script(champion, terms).split("//@version=6")[0]
    for told in (
        "BTCUSDT_5m", "trial 12 of campaign majors, run r-77", champion.checksum, "snapshot snap",
        "2024-01-01T00:00:00Z to 2024-03-01T00:00:00Z", "fee 7.5 bps and slippage 1 bps",
    ):  # fmt: skip
        assert told in head
    assert "commission_value=0.085," in pine_script(champion, terms)


def test_a_slow_line_is_requested_as_it_stood_before_the_bar_under_way_and_by_direct_calls():
    script = script_of()
    asked = re.findall(r"request\.security\(.*", script)
    assert len(asked) == 2
    assert all(call.endswith("lookahead=barmerge.lookahead_on)") and "emaBefore(" in call for call in asked)
    assert "    [e[1], nz(n[1])]\n" in script
    assert not re.search(r"^    .*request\.security", script, re.MULTILINE), "within no function and no condition"
    assert "ta.ema" not in script
    assert "margin_long=0, margin_short=0" in script


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_name_from_outside_leaves_its_comment_or_changes_the_body(campaign, run, snapshot):
    script = script_of(campaign=campaign, run_id=run, snapshot_id=snapshot)
    head, _, _ = script.partition("//@version=6\n")
    assert all(line.startswith("//") for line in head.splitlines())
    assert script.count("//@version=6\n") == 1
    plain = script_of()
    assert re.sub(r"[0-9a-f]{64}", "", body_of(script)) == re.sub(r"[0-9a-f]{64}", "", body_of(plain))


def test_a_name_that_imitates_the_version_line_stays_a_comment():
    script = script_of(campaign="x\n//@version=6\nstrategy.close_all()", run_id="\u2028strategy.close_all()")
    assert body_of(script) == script[script.index("\n//@version=6\n") + 1 :]
    assert not re.search(r"^strategy\.close_all", script, re.MULTILINE)


@given(st.text(max_size=80))
def test_a_literal_is_one_line_and_ends_where_it_should(text):
    literal = quoted(text)
    assert "\n" not in literal
    body = literal[1:-1]
    assert re.fullmatch(r"(?:[^'\\]|\\['\\])*", body)
    assert re.sub(r"\\(.)", r"\1", body) == on_one_line(text)


@given(st.lists(st.text(max_size=40), max_size=4))
def test_comments_are_comments(lines):
    assert all(line.startswith("//") for line in commented(lines).splitlines())


@given(st.one_of(st.integers(-(10**9), 10**9), st.floats(1e-12, 1e12, allow_nan=False)))
def test_a_number_is_told_by_all_its_digits_and_without_an_exponent(value):
    told = number(value)
    assert re.fullmatch(r"-?\d+(\.\d+)?", told)
    assert float(told) == value


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"strategy": "ofi_momentum", "mode": "long", "parameters": {}}, "ofi_momentum has no Pine form; there is one"),
        ({"strategy": "mine.py:Own", "mode": "long", "parameters": {}}, "mine.py:Own has no Pine form"),
        (
            {"strategy": "bollinger_reversion", "mode": "long", "parameters": {"window": 5000, "k": 2.0}},
            "window = 5000 bars, and a chart's script looks back 4999",
        ),
        (
            {"timeframe": "1h"},
            "tf_fast = 15 min is no multiple of the chart's 60 min",
        ),
        (
            {"strategy": "final_trigger", "mode": "baseline", "parameters": BASELINE_TRIGGER | {"tp2": 9.0}},
            "targets [3.0, 9.0, 8.0] do not rise",
        ),
    ],
)  # fmt: skip
def test_what_pine_cannot_express_is_refused_by_its_name(changed, told):
    with pytest.raises(NoPineForm, match=re.escape(told)):
        pine_script(a_champion(**changed).sealed(), Terms())


def test_parameters_beyond_the_card_are_refused():
    with pytest.raises(ValueError, match=r"sl is 5\.0; give"):
        script_of(parameters=SLOW | {"sl": 5.0})


def test_the_payload_is_written_so_that_its_constant_part_is_json():
    script = script_of()
    (head,) = re.findall(r"^    '(\{\"source\".*?),' \+ ", script, re.MULTILINE)
    assert json.loads(head + "}")["champion"] == "BTCUSDT_5m"
