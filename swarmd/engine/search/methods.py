"""What a refinement tries by each method, and by which sampler: `tpe`, `grid` or `monte_carlo`.

All three are one study: a list that is known beforehand goes first, and TPE goes on where there are more trials than
the list has. Called by the refine phase; pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from swarmd.engine.search.sampler import ReproducibleSampler, TpeSettings
from swarmd.engine.search.space import Space
from swarmd.engine.search.vectors import Vector, drawn_vectors, grid_vectors, points_of
from swarmd.engine.strategies.contract import BarStrategy

SampledMethod = Literal["tpe", "grid", "monte_carlo"]
# Every trial of a campaign is a file and some lines of its study: beyond this a prescreen is the tool.
MOST_POINTS = 20_000


@dataclass(frozen=True, slots=True)
class Procedure:
    """How one stretch of bars is searched: `listed` vectors first, `n_trials` in all. TPE's list comes from
    `warm_from`."""

    method: SampledMethod
    seed: int
    listed: tuple[Vector, ...]
    n_trials: int
    warm_from: str = "prescreen"

    def sampler(self, strategy: BarStrategy, space: Space) -> ReproducibleSampler:
        """For one worker, whose n-th trial is the n-th of the list."""
        return ReproducibleSampler(strategy, space, seed=self.seed, warm=self.listed, listed_as=self.origin)

    def shared_sampler(self, strategy: BarStrategy, space: Space) -> ReproducibleSampler:
        """For several, to whom the list is handed out through the study."""
        return ReproducibleSampler(strategy, space, seed=self.seed, settings=TpeSettings(constant_liar=True))

    @property
    def origin(self) -> str:
        """What a listed vector is said to come from."""
        return self.warm_from if self.method == "tpe" else self.method


def procedure_of(
    method: SampledMethod,
    strategy: BarStrategy,
    space: Space,
    *,
    trials: int,
    seed: int,
    warm: Sequence[Vector] = (),
    warm_from: str = "prescreen",
) -> Procedure:
    """The procedure of that method. `warm` vectors are tried first by TPE alone; a grid has as many trials as points.

    Raises
    ------
    ValueError
        If no vector is admissible, or a grid is continuous or has more points than a campaign takes.
    """
    match method:
        case "tpe":
            return Procedure(method, seed, tuple(warm), trials, warm_from)
        case "monte_carlo":
            drawn = drawn_vectors((space,), strategy, trials, seed).vectors
            return Procedure(method, seed, drawn, len(drawn))
        case "grid":
            points = points_of((space,))
            if points is not None and points > MOST_POINTS:
                raise ValueError(
                    f"space: the grid has {points:,} points, more than {MOST_POINTS:,}; list fewer values, or take "
                    "monte_carlo"
                )
            every = grid_vectors((space,), strategy).vectors
            return Procedure(method, seed, every, len(every))
