"""What an experiment will try, where that is known beforehand: every point of a grid, or seeded draws.

Pure: spaces in, parameter vectors out, each once whatever its spelling, and only those whose parameters go together.
Longer draws begin as shorter ones do, so that an experiment can be widened later without losing a trial.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from swarmd.engine.search.canonical import canonical_key
from swarmd.engine.search.combos import draw_combinations, grid_size, row_params
from swarmd.engine.search.space import Space
from swarmd.engine.strategies.contract import BarStrategy, ParamSpec

Vector = dict[str, float | int]

# Up to this size a finite space is shuffled whole; above it, single draws hardly meet one another.
_SHUFFLED_WHOLE = 100_000
# So many draws in a row without a new vector, and there is none to be found.
_FRUITLESS_DRAWS = 2_000
_CHUNK = 8_192


@dataclass(frozen=True, slots=True)
class Vectors:
    """What to try, in order. `left_out` points of the grid do not go together, as the strategy sees it; `repeated`
    were there already (alternatives may overlap)."""

    vectors: tuple[Vector, ...]
    left_out: int = 0
    repeated: int = 0


def points_of(spaces: Sequence[Space]) -> int | None:
    """How many points the spaces hold, whether they go together or not; None where a parameter is continuous."""
    sizes = [grid_size(space) for space in spaces]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def grid_vectors(spaces: Sequence[Space], strategy: BarStrategy) -> Vectors:
    """Every point of every space, the last parameter running fastest.

    Raises
    ------
    ValueError
        If a parameter is continuous, or no point goes together.
    """
    seen: dict[str, Vector] = {}
    n_points = n_fit = 0
    for space in spaces:
        for chunk in _chunks(_points(space)):
            columns = {spec.name: np.array([point[at] for point in chunk]) for at, spec in enumerate(space)}
            fits = strategy.admissible(columns)
            n_points += len(chunk)
            for point in itertools.compress(chunk, fits.tolist()):
                n_fit += 1
                vector = {spec.name: value for spec, value in zip(space, point, strict=True)}
                seen.setdefault(canonical_key(vector), vector)
    if not seen:
        names = ", ".join(spec.name for spec in spaces[0])
        raise ValueError(f"no point of the grid is admissible: {names} never go together (see the strategy's rules)")
    return Vectors(tuple(seen.values()), left_out=n_points - n_fit, repeated=n_fit - len(seen))


def drawn_vectors(spaces: Sequence[Space], strategy: BarStrategy, n: int, seed: int) -> Vectors:
    """`n` distinct vectors, or as many as the spaces hold; of alternatives each is as likely as the other.

    Raises
    ------
    ValueError
        If a space holds no admissible vector.
    """
    size = points_of(spaces)
    if size is not None and size <= _SHUFFLED_WHOLE:
        whole = grid_vectors(spaces, strategy)
        order = np.random.default_rng(seed).permutation(len(whole.vectors))[:n]
        return Vectors(tuple(whole.vectors[at] for at in order.tolist()), whole.left_out, whole.repeated)
    seen: dict[str, Vector] = {}
    fruitless = repeated = 0
    for draw in itertools.count():
        if len(seen) >= n or fruitless >= _FRUITLESS_DRAWS:
            break
        # A generator for each draw: what the tenth is does not depend on how many are wanted.
        way = int(np.random.default_rng((seed, draw)).integers(len(spaces)))
        vector = row_params(draw_combinations(spaces[way], 1, (seed, draw, way), strategy.admissible), 0)
        is_new = canonical_key(vector) not in seen
        seen.setdefault(canonical_key(vector), vector)
        fruitless = 0 if is_new else fruitless + 1
        repeated += not is_new
    return Vectors(tuple(seen.values()), repeated=repeated)


def _points(space: Space) -> Iterator[tuple[float | int, ...]]:
    return itertools.product(*(_values(spec) for spec in space))


def _values(spec: ParamSpec) -> Sequence[float | int]:
    if spec.kind == "choice":
        return spec.choices
    low, high = spec.low, spec.high
    if low is None or high is None or (spec.kind == "float" and low != high):
        raise ValueError(f"{spec.name} is continuous: a grid needs its values; add step or points, or list them")
    return range(math.ceil(low), math.floor(high) + 1) if spec.kind == "int" else (low,)


def _chunks(points: Iterator[tuple[float | int, ...]]) -> Iterator[tuple[tuple[float | int, ...], ...]]:
    while chunk := tuple(itertools.islice(points, _CHUNK)):
        yield chunk
