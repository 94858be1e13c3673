"""What is searched and how: strategy and modes, the wide draw, the refinement with its rungs, the second search."""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from swarmd.state.records.quantities import Name
from swarmd.state.records.record import Shape


class StrategySettings(Shape):
    """``name`` is one of `swarmd strategies list`, or ``path/to/file.py:ClassName``; ``modes`` are the search spaces of
    its card, each searched for each asset.
    """

    name: str
    modes: Annotated[tuple[Name, ...], Field(min_length=1)]  # each becomes part of paths


class PrescreenSettings(Shape):
    """``combos`` is how many vectors are drawn; ``seed`` is that of the draw; ``top`` is how many are kept."""

    combos: Annotated[int, Field(ge=1, le=50_000_000)] = 250_000
    seed: Annotated[int, Field(ge=0)] = 42
    top: Annotated[int, Field(ge=1, le=100_000)] = 500


def _word_or_list(value: Any) -> str:
    return "word" if isinstance(value, str) else "list"


# Told apart beforehand: of a list with a mistake in it nobody wants to hear that it is not the word.
Rungs = Annotated[
    Annotated[Literal["auto"], Tag("word")] | Annotated[tuple[Annotated[int, Field(ge=1)], ...], Tag("list")],
    Discriminator(_word_or_list),
]
# From so many trials on, ``auto`` makes rungs: half of fewer tells too little of an asset.
RUNGS_FROM_TRIALS = 100


class RefineSettings(Shape):
    """``trials`` are made in all, by Optuna's ``sampler``. ``warm_start`` is how many of the prescreen's best come
    first; ``seed`` is that of the trials. ``pick`` says which trial stands for the search: the middle of the best
    neighbourhood, or the highest score.

    ``rungs`` are the trial counts after which an asset is compared with its cohort, and goes on or stops; ``[]`` gives
    each asset all its trials, ``auto`` is a quarter and a half of them from 100 trials and two assets on.

    ``prune: median`` gives a trial up that does worse on the first third of the bars than half of those before it.
    With several ``workers`` the trials depend on which of them ends first: another run makes others.
    """

    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    rungs: Rungs = "auto"
    sampler: Literal["tpe"] = "tpe"
    warm_start: Annotated[int, Field(ge=0)] = 20
    pick: Literal["cluster", "peak"] = "cluster"
    prune: Literal["off", "median"] = "off"
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    seed: Annotated[int, Field(ge=0)] = 42

    @field_validator("rungs")
    @classmethod
    def _climbing(cls, rungs: tuple[int, ...] | str, info: ValidationInfo) -> tuple[int, ...] | str:
        if isinstance(rungs, str) or not rungs:
            return rungs
        for lower, upper in pairwise(rungs):
            if upper <= lower:
                raise ValueError(f"{upper} does not come after {lower}; list the trial counts in rising order")
        if (trials := info.data.get("trials")) is not None and rungs[-1] >= trials:
            raise ValueError(
                f"{rungs[-1]} is not below trials {trials}; list only the counts before the last, or raise trials"
            )
        return rungs


class WalkSettings(Shape):
    """``windows`` tests lie end to end at the end of the development bars, each after a stretch to search on that is
    ``fit`` times as long (and begins at the first bar where ``anchored``); ``purge`` bars before and ``embargo`` bars
    after a test are left out. ``procedure`` is what searches each window anew, with ``refine.trials``.
    """

    windows: Annotated[int, Field(ge=2, le=100)] = 6
    fit: Annotated[float, Field(ge=0.5, le=50)] = 3.0
    anchored: bool = False
    purge: Annotated[int, Field(ge=0)] = 0
    embargo: Annotated[int, Field(ge=0)] = 0
    procedure: Literal["tpe", "grid", "monte_carlo"] = "tpe"


class ReoptimizeSettings(Shape):
    """``trials`` on all development bars are the second search, of ``crown_on: source_strict``.

    ``window_trials`` are made in each window when a judgement walks the procedure forward, that of evidence as well.
    """

    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 300
    window_trials: Annotated[int, Field(ge=1, le=1_000_000)] = 40


class SearchSettings(Shape):
    """``method`` is how the refinement searches: Optuna's ``tpe``, every point of a ``grid``, seeded draws
    (``monte_carlo``), or a search that is walked forward besides, as ``walk_forward`` says.
    """

    prescreen: PrescreenSettings = PrescreenSettings()
    refine: RefineSettings = RefineSettings()
    method: Literal["tpe", "grid", "monte_carlo", "walk_forward"] = "tpe"
    walk_forward: WalkSettings = WalkSettings()
    reoptimize: ReoptimizeSettings = ReoptimizeSettings()

    @property
    def procedure(self) -> Literal["tpe", "grid", "monte_carlo"]:
        """The search itself: of each window where it is walked forward."""
        return self.walk_forward.procedure if self.method == "walk_forward" else self.method


class SpaceRange(Shape):
    """An override of one parameter's range."""

    low: float
    high: float
    type: Literal["int", "float"] = "float"
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "SpaceRange":
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}; exchange them")
        return self
