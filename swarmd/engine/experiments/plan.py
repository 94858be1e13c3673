"""An experiment as searches: one for each symbol, and for each window of it where it walks forward.

Joins what the file asks with what the result folders hold already. Called by `swarmd run`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmd.engine.experiments.experiment import Experiment, trials_asked
from swarmd.engine.experiments.order import Setting, plain_bars
from swarmd.engine.experiments.results import Shelf
from swarmd.engine.experiments.runner import Search
from swarmd.engine.experiments.study import Listed, Study, Tpe
from swarmd.engine.experiments.trial import Judge, Trial
from swarmd.engine.search.provenance import Provenance
from swarmd.engine.search.sampler import ReproducibleSampler, TpeSettings
from swarmd.engine.search.windows import Window


@dataclass(frozen=True, slots=True)
class Plan:
    """The searches, and a line for each file of an earlier run that does not count."""

    searches: list[Search]
    strange: list[str]

    @property
    def n_trials(self) -> int:
        return sum(search.study.total for search in self.searches)

    @property
    def n_found(self) -> int:
        """Trials that an earlier run has finished."""
        return sum(len(search.study.found) for search in self.searches)

    @property
    def n_windows(self) -> int:
        return sum(search.window is not None for search in self.searches)


def plan_of(experiment: Experiment, folder: Path, origins: Mapping[str, Provenance], judge: Judge) -> Plan:
    """What is to be done in `folder`, and what of it is done."""
    searches, strange = [], []
    for symbol, bars in experiment.bars.items():
        whole = [(0, bars.n_bars, None)]
        walked = [(window.fit_start, window.fit_stop, window) for window in experiment.windows.get(symbol, ())]
        for start, stop, window in walked or whole:
            shelf = _shelf(experiment, folder, symbol, origins[symbol], start, stop, window)
            finished, unfit = shelf.finished(judge)
            strange += unfit
            study = _study(experiment, finished)
            searches.append(Search(symbol, start, stop, study, shelf, window))
    return Plan(searches, strange)


def setting_of(experiment: Experiment) -> Setting:
    """What every evaluating process is told once."""
    return Setting(
        strategy=experiment.settings.strategy.reference,
        mode=experiment.mode,
        fee_bps=experiment.costs.fee_bps,
        slippage_bps=experiment.costs.slippage_bps,
        bars={symbol: plain_bars(bars) for symbol, bars in experiment.bars.items()},
    )


def symbol_folder(folder: Path, symbol: str, mode: str) -> Path:
    return folder / symbol / mode


def _shelf(
    experiment: Experiment,
    folder: Path,
    symbol: str,
    origin: Provenance,
    start: int,
    stop: int,
    window: Window | None,
) -> Shelf:
    place = symbol_folder(folder, symbol, experiment.mode)
    about: dict[str, Any] = {
        "experiment": experiment.settings.name,
        "symbol": symbol,
        "strategy": experiment.strategy.card.name,
        "mode": experiment.mode,
        "costs": experiment.settings.costs.model_dump(mode="json"),
        "bars": {"start_bar": start, "stop_bar": stop},
    }
    if window is not None:
        place, about["window"] = place / f"window_{window.number}", window.number
    return Shelf(place, origin, experiment.settings.seed, about)


def _study(experiment: Experiment, finished: list[Trial]) -> Study:
    settings = experiment.settings
    if experiment.vectors is not None:
        return Listed(experiment.procedure.method, experiment.vectors.vectors, finished)
    asked = settings.sampler
    space = experiment.spaces[0]
    tpe = TpeSettings(asked.n_startup_trials, asked.n_ei_candidates, constant_liar=asked.at_once > 1)
    sampler = ReproducibleSampler(experiment.strategy, space, seed=settings.seed, settings=tpe)
    return Tpe(sampler, space, trials_asked(experiment.procedure), finished, at_once=asked.at_once)
