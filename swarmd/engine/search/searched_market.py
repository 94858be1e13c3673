"""The complete search of one market: prescreen, refinement and pick, as one call that leaves nothing behind.

The real market and every surrogate go through this same function, with the same seeds: the p-value of a search holds
only for the search that was priced. It tries what the phases of a campaign try, trial for trial, and keeps neither
files nor a study. Development bars in, one selection score out; who makes the markets is the caller's.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import optuna
from numpy.typing import NDArray

from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.gpu import ScreenEngine
from swarmd.engine.kernel.plan import Direction
from swarmd.engine.market.bars import Bars
from swarmd.engine.search.combos import draw_combinations, row_params
from swarmd.engine.search.methods import SampledMethod, procedure_of
from swarmd.engine.search.pick import Pick, picked
from swarmd.engine.search.prescreen import Stopwatch, screen_combinations
from swarmd.engine.search.pruning import FIRST_PART, Pruning
from swarmd.engine.search.refine import add_listed, run_trials
from swarmd.engine.search.score import Constraints, ScoreRule
from swarmd.engine.search.space import Space, space_document
from swarmd.engine.search.trial import Trial
from swarmd.engine.search.vectors import Vector
from swarmd.engine.strategies.contract import BarStrategy


@dataclass(frozen=True, slots=True)
class MarketSearch:
    """All that a search is, the bars left out. Without `combos` there is no prescreen; `warm_start` of its best are the
    refinement's first trials, where that is TPE's."""

    strategy: BarStrategy
    mode: str
    space: Space
    costs: Costs
    rule: ScoreRule
    constraints: Constraints
    combos: int
    combos_seed: int
    trials: int
    trials_seed: int
    warm_start: int
    method: SampledMethod = "tpe"
    pick: Literal["cluster", "peak"] = "cluster"
    prunes: bool = False

    @property
    def may_sell_short(self) -> bool:
        return self.strategy.card.mode(self.mode).direction is Direction.LONG_SHORT

    def identity(self) -> dict[str, Any]:
        """All that a score depends on besides the bars and the code, as plain values."""
        return {
            "strategy": self.strategy.card.name,
            "mode": self.mode,
            "space": space_document(self.space),
            "costs": {"fee_bps": self.costs.fee_bps, "slippage_bps": self.costs.slippage_bps},
            "score": {"primary": self.rule.primary, "weights": dict(self.rule.weights)},
            "constraints": {
                "min_trades": self.constraints.min_trades,
                "max_drawdown": self.constraints.max_drawdown,
            },
            "prescreen": {"combos": self.combos, "seed": self.combos_seed},
            "refine": {
                "method": self.method,
                "trials": self.trials,
                "seed": self.trials_seed,
                "warm_start": self.warm_start,
                "pick": self.pick,
                "prune": "median" if self.prunes else "off",
            },
        }

    def drawn(self) -> dict[str, NDArray[Any]]:
        """The vectors of the prescreen: the same for every market, so they are drawn once; empty without one."""
        if not self.combos:
            return {}
        return draw_combinations(self.space, self.combos, self.combos_seed, self.strategy.admissible)


@dataclass(frozen=True, slots=True)
class Found:
    """What the search came to. `pick` is None where no vector met the constraints."""

    pick: Pick | None
    prescreened: int
    trials: int

    @property
    def score(self) -> float:
        """What the pick was picked by: the mean of its neighbourhood, or its own score where none is asked; -inf where
        nothing was found. No market may be asked by another score than the rest."""
        return -math.inf if self.pick is None else self.pick.mean

    @property
    def tried(self) -> int:
        return self.prescreened + self.trials


def searched_market(
    bars: Bars,
    search: MarketSearch,
    columns: Mapping[str, NDArray[Any]],
    *,
    engine: ScreenEngine = "cpu",
    before: Callable[[], None] = lambda: None,
) -> Found:
    """Search these bars, as a campaign would.

    Parameters
    ----------
    bars : development bars of a market, or of a surrogate of them
    columns : what `search.drawn()` gives
    engine : what screens; the metrics are the same bits
    before : called before each trial and now and then during the prescreen; may raise to stop

    Raises
    ------
    ValueError
        If the space holds nothing admissible, or every vector fails: the question is wrong then, not the market.
    """
    prescreened = 0
    seeds: tuple[Vector, ...] = ()
    if columns:
        prescreened, seeds = _screened(bars, search, columns, engine=engine, before=before)
        if not seeds:
            # A campaign ends here.
            return Found(None, prescreened, 0)
    is_warm = search.method == "tpe"
    procedure = procedure_of(
        search.method,
        search.strategy,
        search.space,
        trials=search.trials,
        seed=search.trials_seed,
        warm=seeds[: search.warm_start] if is_warm else (),
    )
    sampler = procedure.sampler(search.strategy, search.space)
    study = _study_in_memory(sampler)
    if not search.prunes:
        add_listed(
            study,
            search.space,
            procedure.listed[: procedure.n_trials],
            procedure.origin,
            lambda params: _run(bars, search, params),
            rule=search.rule,
            constraints=search.constraints,
            before=before,
        )
    trials = run_trials(
        study,
        sampler,
        search.space,
        lambda params: _run(bars, search, params),
        n_trials=procedure.n_trials,
        rule=search.rule,
        constraints=search.constraints,
        finished=_unheard,
        before=before,
        pruning=_pruning(bars, search),
    )
    return Found(picked(trials, search.space, search.pick, is_grid=search.method == "grid"), prescreened, len(trials))


def _screened(
    bars: Bars,
    search: MarketSearch,
    columns: Mapping[str, NDArray[Any]],
    *,
    engine: ScreenEngine,
    before: Callable[[], None],
) -> tuple[int, tuple[Vector, ...]]:
    """How many vectors were screened, and the best of them; none where no vector meets the constraints."""
    screening = screen_combinations(
        bars,
        search.strategy,
        columns,
        mode=search.mode,
        costs=search.costs,
        rule=search.rule,
        constraints=search.constraints,
        top=max(1, search.warm_start),
        watch=Stopwatch(),
        engine=engine,
        progress=lambda done: before(),
    )
    return screening.tried, tuple(row_params(screening.columns, row) for row in screening.ranked.tolist())


def _study_in_memory(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=sampler, direction="maximize")


def _pruning(bars: Bars, search: MarketSearch) -> Pruning | None:
    if not search.prunes:
        return None
    first = bars.between(0, round(bars.n_bars * FIRST_PART))
    return Pruning(lambda params: _run(first, search, params), first.n_bars)


def _run(bars: Bars, search: MarketSearch, params: Mapping[str, Any]) -> Simulation:
    return run_backtest(bars, search.strategy, params, mode=search.mode, costs=search.costs)


def _unheard(trial: Trial) -> None:
    return
