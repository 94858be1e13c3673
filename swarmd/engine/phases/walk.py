"""Walk forward: how the refinement's procedure does on bars it has not seen, window by window of the development bars.

Each window is searched anew on its fit and its pick is scored on the test that follows. The prescreen's seeds are not
used: it has seen all the development bars, the tests among them. Writes `walk_forward.json`; the refine phase then
searches all development bars by the same procedure, and what it picks there is the finalist.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from swarmd.engine.backtest import run_backtest
from swarmd.engine.metrics.growth import bar_returns
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.question import Question
from swarmd.engine.phases.study import Study, run_study
from swarmd.engine.phases.vault import WarmedUp
from swarmd.engine.search.methods import Procedure
from swarmd.engine.search.pick import picked
from swarmd.engine.search.trial import Trial
from swarmd.engine.search.walk_forward import Choice, Walked, walk_forward_document
from swarmd.engine.search.windows import Window, even_windows
from swarmd.state.records.search_settings import SearchSettings
from swarmd.state.work_order import WorkOrder

WALK_FORWARD_FILE = "walk_forward.json"
SCHEMA = "swarmd.walk_forward/1"


def windows_for(question: Question, settings: SearchSettings) -> tuple[Window, ...]:
    """The windows on the development bars. ValueError where there are too few bars for so many."""
    asked = settings.walk_forward
    try:
        return even_windows(
            question.development.n_bars, windows=asked.windows, fit=asked.fit, purge=asked.purge,
            embargo=asked.embargo, anchored=asked.anchored,
        )  # fmt: skip
    except ValueError as refusal:
        raise ValueError(f"search.walk_forward: {question.symbol}: {refusal}") from refusal


def walk(
    question: Question,
    settings: SearchSettings,
    procedure: Procedure,
    windows: tuple[Window, ...],
    folder: Path,
    order: WorkOrder,
    desk: Desk,
    *,
    name: str,
) -> tuple[dict[str, Any], str]:
    """Search and score every window; the document, and the name records use for its file."""
    walked = []
    for window in windows:
        study = Study(
            name=f"{name} window {window.number}",
            question=question,
            procedure=procedure,
            bars=question.development.between(window.fit_start, window.fit_stop),
            folder=folder / f"window_{window.number}",
            home=desk.home,
            prunes=settings.refine.prune == "median",
            window=window,
        )
        searched = _Counted(desk)
        trials = run_study(study, order, replace(desk, advance=searched.advance), procedure.n_trials)
        walked.append(_walked(question, study, trials, settings.refine.pick))
        # The pick of a window that an earlier run has searched is tried anew, and that is no news.
        (desk.advance if searched.n_units else desk.skip)(1)
        desk.safe_point()
    tried = sum(each.n_trials for each in walked)
    document = {
        "schema": SCHEMA,
        "symbol": question.symbol,
        "strategy": question.strategy_name,
        "mode": question.mode,
        "procedure": procedure.method,
        "pick": settings.refine.pick,
        "asked": settings.walk_forward.model_dump(mode="json"),
        **question.origin.document(seed=procedure.seed, tried=tried),
        **walk_forward_document(walked, question.development),
    }
    return document, desk.write_json(folder / WALK_FORWARD_FILE, document, sync=True)


@dataclass(slots=True)
class _Counted:
    """Hands work on to a desk, and counts it."""

    desk: Desk
    n_units: int = 0

    def advance(self, units: int) -> None:
        self.n_units += units
        self.desk.advance(units)


def told_walk(document: dict[str, Any]) -> str:
    """What it came to, in one clause."""
    outside, efficiency = document["outside"], document["efficiency"]
    told = document["efficiency_undefined_because"] if efficiency is None else f"efficiency {efficiency:.2f}"
    return (
        f"walked forward over {len(document['windows'])} windows: Sharpe {outside['annual_sharpe']:.2f} outside, "
        f"{document['share_of_profitable_windows']:.0%} of them profitable, {told}"
    )


def walk_figures(document: dict[str, Any]) -> dict[str, float | int | None]:
    """The few figures that records keep of it."""
    return {
        "walked_annual_sharpe": document["outside"]["annual_sharpe"],
        "walked_profitable_share": document["share_of_profitable_windows"],
        "walked_efficiency": document["efficiency"],
        "walked_worst_return": document["worst_window"]["total_return"],
    }


def _walked(question: Question, study: Study, trials: tuple[Trial, ...], rule: Literal["cluster", "peak"]) -> Walked:
    """The window's pick on the test that follows, its indicators warmed up on all bars before."""
    window = study.window
    assert window is not None
    n_valid = sum(trial.is_valid for trial in trials)
    pick = picked(trials, question.space, rule, is_grid=study.procedure.method == "grid")
    if pick is None:
        return Walked(window, len(trials), n_valid, None)
    trial = pick.trial
    inside = study.evaluate(trial.params)
    history = question.development.between(0, window.test_stop)
    outside = run_backtest(
        history.between(window.test_start, window.test_stop),
        WarmedUp(question.strategy, history, window.test_start),
        trial.params,
        mode=question.mode,
        costs=question.costs,
    )
    return Walked(
        window=window,
        n_trials=len(trials),
        n_valid=n_valid,
        choice=Choice(trial.number, trial.params, trial.score, trial.metrics),
        metrics=outside.metrics.as_json(),
        equity=outside.equity,
        earned_inside=math.fsum(bar_returns(inside.equity).tolist()),
    )
