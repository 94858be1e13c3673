"""The tracker: one row an asset and mode, what each waits for or failed at, and why, in figures."""

import csv
import io

import pytest

from swarmd.engine.guards import soft_screen
from swarmd.state import tracker
from swarmd.state.tracker import COLUMNS, Seen, candidates, diagnosis, tracker_csv, tracker_rows

TIERS = {"MAJORS": ["BTC", "ETH"], "REST": ["SOL"]}
GOOD = {"annual_sharpe": 2.0, "oos_annual_sharpe": 1.25, "wfe": 0.71, "oos_trades": 90}


def seen(status: str = "done", reason: str = "", is_running: bool = False, **figures: float | None) -> Seen:
    return Seen(status, reason, is_running, figures)


def test_rows_come_in_the_order_of_the_tiers_and_tell_what_each_waits_for() -> None:
    jobs = {
        ("BTC", "", "preflight"): seen(),
        ("BTC", "m", "prescreen"): seen("queued", is_running=True),
        ("ETH", "", "preflight"): seen(),
        ("ETH", "m", "prescreen"): seen("queued"),
    }
    rows = tracker_rows(TIERS, ["m"], jobs)
    assert [(row["Asset"], row["Tier"], row["Screen Status"]) for row in rows] == [
        ("BTC", "MAJORS", "prescreen runs"),
        ("ETH", "MAJORS", "prescreen waits"),
        ("SOL", "REST", "WAITS"),
    ]


def test_a_pass_a_no_and_unfit_data_are_told_with_their_figures() -> None:
    chain = {(asset, mode, phase): seen() for asset in ("BTC", "ETH") for mode in ("m", "") for phase in
             ("preflight", "prescreen", "refine")}  # fmt: skip
    jobs = chain | {
        ("BTC", "m", "screen"): Seen("done", "all 4 gates passed", False, GOOD),
        ("BTC", "m", "crown"): seen("done", "the niche was empty"),
        ("ETH", "m", "screen"): Seen("failed", "2 of 4 gates failed", False, GOOD | {"wfe": 0.1, "oos_trades": 12}),
        ("SOL", "", "preflight"): seen("failed", "78.6 days given, 90 wanted"),
    }
    btc, eth, sol = tracker_rows(TIERS, ["m"], jobs)
    assert (btc["Screen Status"], btc["WFE"], btc["Sharpe"]) == ("PASS", 0.71, 1.25)
    assert btc["Reason"] == "all 4 gates passed; crowned on the screen alone: the niche was empty"
    assert btc["Prod Ready"] == "NO", "no guard has been run"
    assert eth["Screen Status"] == "FAIL"
    assert eth["Reason"] == (
        "over-fitted: annual Sharpe 2.00 in sample, walk-forward efficiency 0.10 behind it; too few trades: 12 out of "
        "sample (more than 50 tell something); screen: 2 of 4 gates failed"
    )
    assert (sol["Screen Status"], sol["Reason"]) == ("FAIL", "preflight: 78.6 days given, 90 wanted")
    assert candidates([btc, eth, sol, btc]) == ["BTC"]


@pytest.mark.parametrize(
    ("screen", "refine", "words"),
    [
        ({"annual_sharpe": 0.3, "wfe": None}, {}, "under-fitted: annual Sharpe 0.30 in sample already"),
        (
            {"annual_sharpe": 1.3, "wfe": None},
            {},
            "over-fitted: annual Sharpe 1.30 in sample, walk-forward efficiency und",
        ),
        ({"annual_sharpe": 1.3, "wfe": 0.9}, {"top10_share": 0.55}, "concentrated: the ten best trades make 55%"),
    ],
)
def test_each_cause_is_told_by_the_figure_that_shows_it(
    screen: dict[str, float | None], refine: dict[str, float], words: str
) -> None:
    assert diagnosis(screen, refine).startswith(words)


def test_a_sound_finalist_has_no_diagnosis() -> None:
    assert diagnosis(GOOD, {"top10_share": 0.2}) == ""


def test_the_csv_has_the_columns_in_their_order_and_a_dash_for_what_is_not_known() -> None:
    jobs = {("BTC", "", "preflight"): seen("failed", 'gaps, "many"')}
    rows = list(csv.reader(io.StringIO(tracker_csv(tracker_rows({"T": ["BTC"]}, ["m"], jobs)))))
    assert tuple(rows[0]) == COLUMNS
    assert rows[1] == ["BTC", "T", "m", "FAIL", "-", "-", "-", "-", "-", "NO", 'preflight: gaps, "many"']


def test_what_the_diagnosis_calls_sound_is_what_the_soft_screen_asks() -> None:
    asked = (soft_screen.LEAST_OOS_SHARPE, soft_screen.LEAST_WFE, soft_screen.LEAST_OOS_TRADES)
    told = (tracker.SOUND_SHARPE, tracker._SOUND_WFE, tracker._ENOUGH_TRADES)
    assert told == asked
