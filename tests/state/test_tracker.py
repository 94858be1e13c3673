"""The tracker: one row an asset and mode, what each waits for or failed at, and why, in figures."""

import csv
import io

import pytest

from swarmd.engine.guards import soft_screen, strict_table
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
    assert rows[1] == ["BTC", "T", "m", "FAIL", "-", "-", "-", "-", "-", "NO", "-", 'preflight: gaps, "many"']


def test_a_crown_tells_of_its_script_and_nobody_else_does() -> None:
    jobs = {("BTC", "m", phase): seen() for phase in ("prescreen", "refine", "screen")} | {
        ("BTC", "", "preflight"): seen()
    }
    crowned, failed = Seen("done", "", False, {"pine": "exported"}), Seen("failed", "", False, {"pine": "-"})
    assert [
        tracker_rows({"T": ["BTC"]}, ["m"], jobs | {("BTC", "m", "crown"): crown})[0]["Pine"]
        for crown in (crowned, failed, seen("queued"))
    ] == ["exported", None, None]


def test_what_the_diagnosis_calls_sound_is_what_the_soft_screen_and_the_strict_table_ask() -> None:
    asked = (soft_screen.LEAST_OOS_SHARPE, soft_screen.LEAST_WFE, soft_screen.LEAST_OOS_TRADES)
    assert (tracker.SOUND_SHARPE, *tracker._SOFT) == asked
    strict = (strict_table.LEAST_WFE, strict_table.LEAST_OOS_TRADES, strict_table.MOST_SENSITIVITY)
    assert (*tracker._STRICT, tracker._UNSTABLE) == strict
    assert tracker._FEW_CARRY_IT == strict_table.MOST_TOP10_SHARE


# -- the second phase -------------------------------------------------------------------------------------------------

JUDGED = {
    "guards": "4/7", "annual_sharpe": 2.0, "wfe": 0.41, "oos_annual_sharpe": 0.7, "oos_trades": 90,
    "sensitivity": 0.31, "top10_share": 0.2,
}  # fmt: skip


def standing(**steps: Seen) -> dict[str, str | float | None]:
    """The row of an asset that passed its screen; steps by name, with ``_`` for each dash."""
    chain = {("BTC", "m" if step != "preflight" else "", step): seen() for step in
             ("preflight", "prescreen", "refine")}  # fmt: skip
    jobs = {**chain, ("BTC", "m", "screen"): Seen("done", "all 4 gates passed", False, GOOD)}
    jobs |= {("BTC", "m", step.replace("_", "-")): job for step, job in steps.items()}
    (row,) = tracker_rows({"T": ["BTC"]}, ["m"], jobs)
    return row


def test_what_passed_the_guards_and_was_crowned_is_ready_with_its_guards_told() -> None:
    figures = JUDGED | {"guards": "7/7", "wfe": 0.9, "oos_annual_sharpe": 1.4}
    row = standing(
        reoptimize=seen(), guards=Seen("done", "7/7 guards; nothing failed", False, figures),
        crown=seen("done", "the niche was empty"),
    )  # fmt: skip
    assert [row[name] for name in ("Screen Status", "Reopt Status", "Guards", "Prod Ready")] == [
        "PASS", "PASS", "7/7", "YES",
    ]  # fmt: skip
    assert (row["WFE"], row["Sharpe"]) == (0.9, 1.4), "of the vault, not of the screen"
    assert row["Reason"] == "7/7 guards; nothing failed; crowned: the niche was empty"


def test_what_the_guards_refused_is_told_with_its_diagnosis() -> None:
    row = standing(
        reoptimize=seen(), guards=Seen("failed", "4/7 guards; failed: wfe 0.41 (> 0.6)", False, JUDGED),
        crown=seen("skipped", "guards said no"),
    )  # fmt: skip
    assert (row["Guards"], row["Prod Ready"]) == ("4/7", "NO")
    assert row["Reason"] == (
        "over-fitted: annual Sharpe 2.00 in sample, walk-forward efficiency 0.41 behind it; "
        "unstable: sensitivity 31%, the scatter of the scores one step aside (below 10%); "
        "4/7 guards; failed: wfe 0.41 (> 0.6)"
    )


def test_a_branch_is_shown_where_it_stands_beside_the_last_word_of_the_guards() -> None:
    chain = {"reoptimize": seen(), "guards": Seen("failed", "4/7", False, JUDGED), "crown": seen("queued")}
    grid = {f"reoptimize_displacement_{n}": seen() for n in (26, 39, 52)}
    row = standing(
        **chain, **grid, reoptimize_displacement_65=seen("queued", is_running=True),
        reoptimize_displacement_78=seen("queued"),
    )  # fmt: skip
    assert (row["Reopt Status"], row["Guards"], row["Prod Ready"]) == ("displacement: 3 of 5 done", "4/7", "NO")
    row = standing(
        **chain, **grid, guards_displacement=Seen("failed", "6/7", False, JUDGED | {"guards": "6/7"}),
        reoptimize_conservative=seen("queued"), guards_conservative=seen("queued"), crown_conservative=seen("queued"),
    )  # fmt: skip
    assert (row["Reopt Status"], row["Guards"]) == ("conservative: waits", "6/7")
    row = standing(
        **chain, reoptimize_conservative=seen(), guards_conservative=Seen("done", "7/7 guards", False, GOOD),
        crown_conservative=seen("failed", "not above the champion in force"),
    )  # fmt: skip
    assert (row["Reopt Status"], row["Prod Ready"]) == ("conservative: PASS", "NO")
    assert str(row["Reason"]).endswith("conservative: 7/7 guards; not crowned: not above the champion in force")


@pytest.mark.parametrize(
    ("job", "word"),
    [
        (seen("queued"), "waits"),
        (seen("queued", is_running=True), "runs"),
        (seen("failed", "none of 300 trials"), "FAIL"),
        (seen("quarantined", "5 attempts"), "QUARANTINE"),
    ],
)
def test_the_second_search_alone_is_told_by_one_word(job: Seen, word: str) -> None:
    row = standing(reoptimize=job, guards=seen("queued" if job.status == "queued" else "skipped"), crown=seen("queued"))
    assert (row["Reopt Status"], row["Guards"]) == (word, None)
    assert str(row["Reason"]).startswith("all 4 gates passed; ")
    assert job.reason in str(row["Reason"])
