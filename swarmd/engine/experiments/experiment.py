"""An experiment ready to run: all that a person's file asks for, in the engine's own terms.

Made by `experiment_checks` of a file without fault; read by whatever plans, runs and tells of it.
"""

from dataclasses import dataclass
from pathlib import Path

from swarmd.engine.experiments.bounds import Bound
from swarmd.engine.experiments.settings import DEFAULT_TRIALS, ExperimentSettings, Procedure
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import Bars
from swarmd.engine.search.score import ScoreRule
from swarmd.engine.search.space import Space
from swarmd.engine.search.vectors import Vectors
from swarmd.engine.search.windows import Window
from swarmd.engine.strategies.contract import BarStrategy


@dataclass(frozen=True, slots=True)
class Experiment:
    """All that the file asks for, in the engine's own terms.

    `vectors` are None where the method finds them as it goes; `windows` are by symbol, none where nothing is walked.
    """

    path: Path
    settings: ExperimentSettings
    strategy: BarStrategy
    mode: str
    procedure: Procedure
    spaces: tuple[Space, ...]
    vectors: Vectors | None
    bars: dict[str, Bars]
    windows: dict[str, tuple[Window, ...]]
    bounds: tuple[Bound, ...]
    rule: ScoreRule
    costs: Costs


def trials_asked(procedure: Procedure) -> int:
    """How many trials a search that draws makes."""
    return DEFAULT_TRIALS if procedure.trials is None else procedure.trials
