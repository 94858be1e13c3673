"""What a campaign names and nobody has is told before anything starts."""

from pathlib import Path

import pytest

from swarmd.engine.search.methods import MOST_POINTS as ENGINES_MOST_POINTS
from swarmd.supervisor.campaign_checks import (
    MOST_POINTS,
    check_campaign,
    data_problems,
    strategy_cards,
    strategy_problems,
)
from swarmd.supervisor.campaign_file import CampaignFile, CampaignFileError, read_campaign

CARDS = {
    "mtf_ema": {
        "name": "mtf_ema",
        "modes": {"balanced": {}, "aggressive": {}},
        "params": [
            {"name": "tf_fast", "kind": "choice", "choices": [15, 30]},
            {"name": "L_fast", "kind": "int", "low": 1, "high": 1000},
            {"name": "sl", "kind": "float", "low": 0.0001, "high": 0.95},
        ],
    }
}


def a_file(folder: Path, **lines: str) -> CampaignFile:
    text = {
        "name": "majors",
        "data": "{root: bars}",
        "assets": "{tiers: {A: [BTCUSDT, ETHUSDT]}}",
        "strategy": "{name: mtf_ema, modes: [balanced]}",
        **lines,
    }
    path = folder / "campaign.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in text.items()))
    return read_campaign(path)


def with_bars(folder: Path, *names: str) -> None:
    (folder / "bars").mkdir()
    for name in names:
        (folder / "bars" / name).write_bytes(b"")


def test_a_missing_data_root_is_told_at_its_field(tmp_path: Path) -> None:
    (problem,) = data_problems(a_file(tmp_path))
    assert (problem.place.line, problem.place.column, problem.field) == (2, 14, "data.root")
    assert f"{tmp_path / 'bars'}: there is no such folder" in problem.text


def test_a_symbol_without_a_file_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    with_bars(tmp_path, "BTCUSDT.parquet", "ETHUSD.csv", "SOLUSDT.feather", "notes.txt")
    (problem,) = data_problems(a_file(tmp_path))
    assert (problem.place.line, problem.place.column, problem.field) == (3, 31, "assets.tiers.A.1")
    assert problem.text.startswith(f"no bars of ETHUSDT in {tmp_path / 'bars'}; did you mean 'ETHUSD'?")
    assert problem.text.endswith("(known: BTCUSDT, ETHUSD, SOLUSDT)")


@pytest.mark.parametrize(
    ("lines", "field", "said"),
    [
        ({"strategy": "{name: mtf_emma, modes: [balanced]}"}, "strategy.name", "did you mean 'mtf_ema'?"),
        ({"strategy": "{name: mtf_ema, modes: [balance]}"}, "strategy.modes.0", "did you mean 'balanced'?"),
        ({"space": "{L_fst: [1]}"}, "space.L_fst", "did you mean 'L_fast'?"),
        ({"space": "{L_fast: [0, 5]}"}, "space.L_fast", "0 lies outside 1 to 1000"),
        ({"space": "{L_fast: {low: 5, high: 5000, type: int}}"}, "space.L_fast", "5000 lies outside 1 to 1000"),
        ({"space": "{L_fast: [2.5]}"}, "space.L_fast", "2.5 is not a whole number"),
        ({"space": "{tf_fast: [15, 20]}"}, "space.tf_fast", "20 is not one of 15, 30"),
        ({"space": "{tf_fast: {low: 15, high: 30}}"}, "space.tf_fast", "give a list of those"),
        ({"space": "{sl: {low: 0.5, high: 0.96}}"}, "space.sl", "0.96 lies outside 0.0001 to 0.95"),
    ],
)
def test_what_the_strategy_does_not_have_is_told(tmp_path: Path, lines: dict[str, str], field: str, said: str) -> None:
    (problem,) = strategy_problems(a_file(tmp_path, **lines), CARDS)
    assert problem.field == field
    assert said in problem.text
    assert problem.place.line == (4 if "strategy" in lines else 5)


@pytest.mark.parametrize(
    ("space", "field", "said"),
    [
        ("{sl: {low: 0.01, high: 0.02}}", "space.sl", "is a range without values; for a grid list them"),
        ("{L_fast: [0, 5]}", "space.L_fast", "0 lies outside 1 to 1000"),
        (
            "{L_fast: {low: 1, high: 1000, type: int}, sl: [0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1,"
            " 0.11, 0.12, 0.13, 0.14, 0.15, 0.16, 0.17, 0.18, 0.19, 0.2, 0.21]}",
            "space",
            "makes a grid of 21,000 points, more than 20,000",
        ),
    ],
)
def test_what_has_no_points_for_a_grid_is_told(tmp_path: Path, space: str, field: str, said: str) -> None:
    (problem,) = strategy_problems(a_file(tmp_path, search="{method: grid}", space=space), CARDS)
    assert (problem.field, problem.place.line) == (field, 6)
    assert said in problem.text
    walked = "{method: walk_forward, walk_forward: {procedure: grid}}"
    assert [each.field for each in strategy_problems(a_file(tmp_path, search=walked, space=space), CARDS)] == [field]


def test_a_grid_of_lists_and_whole_numbers_is_no_problem_and_the_engine_takes_as_many_points(tmp_path: Path) -> None:
    space = "{L_fast: {low: 5, high: 50, type: int}, tf_fast: [15, 30], sl: {low: 0.01, high: 0.01}}"
    assert strategy_problems(a_file(tmp_path, search="{method: grid}", space=space), CARDS) == []
    assert ENGINES_MOST_POINTS == MOST_POINTS


def test_a_space_within_the_limits_is_no_problem(tmp_path: Path) -> None:
    space = "{L_fast: {low: 5, high: 50, type: int}, tf_fast: [30], sl: {low: 0.01, high: 0.02, log: true}}"
    assert strategy_problems(a_file(tmp_path, space=space), CARDS) == []


OWN = """\
from dataclasses import replace
from swarmd.engine.strategies.ema_cross import EmaCross

print("a file may say what it likes")


class Mine(EmaCross):
    card = replace(EmaCross.card, name="{name}")
"""


@pytest.mark.parametrize(
    ("name", "lines", "told"),
    [
        ("mine", {}, []),
        (
            "mine",
            {"strategy": "{name: own.py:Mine, modes: [lang]}", "space": "{L_fsat: [5]}"},
            [
                ("strategy.modes.0", "is not a mode of mine; did you mean 'long'?"),
                ("space.L_fsat", "did you mean 'L_fas"),
            ],
        ),
        ("ema_cross", {}, [("strategy.name", "bears the name 'ema_cross', which another strategy has")]),
        (
            "mine",
            {"strategy": "{name: own.py:Nine, modes: [long]}"},
            [("strategy.name", "no class 'Nine'; it has: EmaC")],
        ),
        ("mine", {"strategy": "{name: gone.py:Mine, modes: [long]}"}, [("strategy.name", "ClassName")]),
    ],
)
def test_a_strategy_of_ones_own_is_looked_at_like_any_other(
    tmp_path: Path, name: str, lines: dict[str, str], told: list[tuple[str, str]]
) -> None:
    with_bars(tmp_path, "BTCUSDT.parquet", "ETHUSDT.parquet")
    (tmp_path / "own.py").write_text(OWN.replace("{name}", name))
    file = a_file(tmp_path, **({"strategy": "{name: own.py:Mine, modes: [long]}"} | lines))
    found = []
    try:
        check_campaign(file)
    except CampaignFileError as wrong:
        found += wrong.problems
    assert [each.field for each in found] == [field for field, _ in told]
    for problem, (_, said) in zip(found, told, strict=True):
        assert said in problem.text


def test_the_engine_is_asked_for_its_strategies_and_everything_is_told_together(tmp_path: Path) -> None:
    cards = strategy_cards()
    assert {"balanced", "aggressive", "conservative"} == set(cards["mtf_ema"]["modes"])
    # Bars are all that a campaign has, and one of its names stands for another strategy on ticks.
    assert "ofi_momentum" not in cards
    assert cards["bollinger_reversion"]["data"] == "bars of any interval"
    file = a_file(tmp_path, strategy="{name: mtf_emma, modes: [balanced]}")
    with pytest.raises(CampaignFileError) as caught:
        check_campaign(file)
    assert [each.field for each in caught.value.problems] == ["data.root", "strategy.name"]
