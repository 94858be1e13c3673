"""The strict table of one finalist, in two steps: what the development bars tell of it, then what the vault does.

The phases `guards` and `validate` both judge by it; between the two steps they open the vault, each in its own way. The
walk forward repeats the search in each window of the development bars, with fewer trials; taken up again after a kill
it goes on with the windows it had not searched.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.guards.gate import Gate
from swarmd.engine.guards.sensitivity import ParameterSensitivity
from swarmd.engine.guards.strict_table import strict_gates
from swarmd.engine.guards.top10 import top10_share
from swarmd.engine.market.bars import Bars
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.question import Question
from swarmd.engine.phases.strict_figures import (
    N_VAULT_RUNS,
    OnVault,
    Regimes,
    n_neighbours,
    on_vault,
    regimes_of,
    sensitivity_of,
)
from swarmd.engine.phases.tried import note_tried
from swarmd.engine.phases.walk import walk, windows_for
from swarmd.engine.search.methods import Procedure, procedure_of
from swarmd.engine.search.score import Constraints
from swarmd.engine.search.windows import Window
from swarmd.engine.validation.walk_forward import LEAST_WINDOWS
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.search_settings import SearchSettings
from swarmd.state.work_order import WorkOrder

# The windows of the walk forward, below the phase's own folder.
_WALK_FOLDER = "walk"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done for a finalist, worked out before anything is: settings, windows and how each is searched."""

    params: Mapping[str, Any]
    seed: int
    search: SearchSettings
    windows: tuple[Window, ...]
    procedure: Procedure
    n_neighbours: int
    paths: int

    @property
    def units(self) -> int:
        """Of work, for whoever watches."""
        return len(self.windows) * (self.procedure.n_trials + 1) + self.n_neighbours + N_VAULT_RUNS + 2


@dataclass(frozen=True, slots=True)
class Inside:
    """The finalist on the development bars: its run, the search walked forward, and a step aside in each parameter."""

    run: Simulation
    walked: dict[str, Any]
    walk_file: str
    n_trials_each: int
    sensitivity: ParameterSensitivity
    neighbours: dict[str, Any]

    @property
    def tried(self) -> int:
        """Vectors looked at; the finalist's own runs on both stretches and under stress count as one."""
        return int(self.walked["tried"]) + self.sensitivity.n_given + 1

    def document(self) -> dict[str, Any]:
        walked = self.walked
        return {
            "walk_forward": {
                "windows": len(walked["windows"]),
                "trials_each": self.n_trials_each,
                "efficiency": walked["efficiency"],
                "undefined_because": walked["efficiency_undefined_because"],
                "share_of_profitable_windows": walked["share_of_profitable_windows"],
                "worst_window": walked["worst_window"],
                "file": self.walk_file,
            },
            "sensitivity": self.neighbours,
        }


@dataclass(frozen=True, slots=True)
class Outside:
    """The finalist on the vault, where it stands in regimes it has or has not earned, and the nine gates of it all."""

    found: OnVault
    vault: Bars
    regimes: Regimes
    gates: tuple[Gate, ...]

    @property
    def run(self) -> Simulation:
        return self.found.run

    def document(self) -> dict[str, Any]:
        return {**self.found.document, "regimes": self.regimes.document}


def planned(question: Question, params: Mapping[str, Any], settings: CampaignSettings) -> Plan:
    """ValueError where the development bars hold too few windows."""
    search = _walked_search(settings.search)
    asked, seed = search.reoptimize.window_trials, search.refine.seed
    procedure = procedure_of(search.procedure, question.strategy, question.space, trials=asked, seed=seed)
    windows = windows_for(question, search)
    return Plan(params, seed, search, windows, procedure, n_neighbours(question, params), settings.validation.paths)


def judged_inside(question: Question, plan: Plan, folder: Path, order: WorkOrder, desk: Desk) -> Inside:
    """On the development bars; the vault is not looked at. What is tried is told to the trial ledger first."""
    fit_bars = plan.windows[0].fit_stop - plan.windows[0].fit_start
    walker, walks = _fewer_trades(question, fit_bars), folder / _WALK_FOLDER
    walked, written = walk(walker, plan.search, plan.procedure, plan.windows, walks, order, desk, name=order.job)
    told = plan.n_neighbours + 1
    note_tried(
        question, desk.home, phase=order.phase.value, count=told, run=order.run, at=desk.now(), folder=folder
    )  # fmt: skip
    run = run_backtest(question.development, question.strategy, plan.params, mode=question.mode, costs=question.costs)
    desk.work(1)
    sensitivity, neighbours = sensitivity_of(question, plan.params, run.metrics.annual_sharpe, desk)
    return Inside(run, walked, written, plan.procedure.n_trials, sensitivity, neighbours)


def judged_outside(question: Question, plan: Plan, inside: Inside, desk: Desk) -> Outside:
    """On the vault, which the caller has opened for this finalist."""
    outside = on_vault(question, plan.params, desk, seed=plan.seed, paths=plan.paths)
    regimes = regimes_of(question, inside.run, outside.run)
    desk.work(1)
    metrics = outside.run.metrics
    gates = strict_gates(
        wfe=inside.walked["efficiency"],
        oos_annual_sharpe=metrics.annual_sharpe,
        oos_trades=metrics.total_trades,
        mc_p=outside.mc_p,
        sensitivity=inside.sensitivity.variance,
        bootstrap_lower_bound=outside.bootstrap_lower_bound,
        top10_share=top10_share(outside.run.trades.pnl),
        stress1_annual_sharpe=outside.stress1,
        regime_mismatch=regimes.mismatch,
    )
    vault = question.bars.between(question.vault_bar, question.bars.n_bars)
    return Outside(outside, vault, regimes, gates)


def stretch_document(bars: Bars, simulation: Simulation) -> dict[str, Any]:
    return {
        "first_open_ms": int(bars.open_time[0]),
        "last_open_ms": int(bars.open_time[-1]),
        "bars": bars.n_bars,
        "metrics": simulation.metrics.as_json(),
    }


def _walked_search(search: SearchSettings) -> SearchSettings:
    """As the campaign walks forward, with as many windows at least as an efficiency takes."""
    asked = search.walk_forward
    return search.model_copy(
        update={"walk_forward": asked.model_copy(update={"windows": max(asked.windows, LEAST_WINDOWS)})}
    )


def _fewer_trades(question: Question, fit_bars: int) -> Question:
    """The least number of trades is asked of all development bars: of a window's, in proportion."""
    share = fit_bars / question.development.n_bars
    least = max(1, math.ceil(question.constraints.min_trades * share))
    return replace(question, constraints=Constraints(least, question.constraints.max_drawdown))
