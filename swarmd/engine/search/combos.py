"""Parameter vectors by the hundred thousand: seeded, unique, admissible, drawn column by column.

Called by the prescreen and, one vector at a time, by the refinement's first trials. The same space, count and seed give
the same rows for ever; a seed may be a tuple, such as (seed, trial number).
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from swarmd.engine.arrays import BoolArray, IntArray
from swarmd.engine.search.space import Space
from swarmd.engine.strategies.contract import Columns, ParamSpec

Admissible = Callable[[Columns], BoolArray]

# A grid up to this size may be written out in full; above it, rejection finds distinct rows fast enough.
_LARGEST_GRID = 4_000_000
# So many rounds without one new row, and there is none to be found.
_FRUITLESS_ROUNDS = 20


def draw_combinations(
    space: Space, n: int, seed: int | Sequence[int], admissible: Admissible
) -> dict[str, NDArray[Any]]:
    """Distinct admissible vectors of a space, as one array per parameter.

    Parameters
    ----------
    n : how many are wanted; fewer come back when the space holds fewer.
    seed : of the generator; a sequence is mixed as NumPy's SeedSequence does.
    admissible : which rows of given columns go together

    Returns
    -------
    dict of arrays, shape (m,), m <= n
        int64 where every value is whole by its kind, else float64; columns in the order of the space.

    Raises
    ------
    ValueError
        If no vector of the space is admissible.
    """
    generator = np.random.default_rng(seed)
    size = grid_size(space)
    if size is not None and size <= min(max(4 * n, 1), _LARGEST_GRID):
        return _of_whole_grid(space, n, generator, admissible)
    kept: dict[str, NDArray[Any]] = {spec.name: np.empty(0, _dtype(spec)) for spec in space}
    n_kept = fruitless = 0
    while n_kept < n and fruitless < _FRUITLESS_ROUNDS:
        # After a round without a find the next is twice as large: an admissible part of a thousandth is found as well.
        n_drawn = (n - n_kept) + (n - n_kept) // 8 + (16 << min(fruitless, 14))
        columns = {spec.name: _draw(spec, n_drawn, generator) for spec in space}
        is_fit = admissible(columns)
        # One column after the other, the former one let go: all of them twice would be 20 MB for 250,000 rows.
        for name in kept:
            kept[name] = np.concatenate((kept[name], columns.pop(name)[is_fit]))
        first = _first_of_each(tuple(kept.values()))[:n]
        for name in kept:
            kept[name] = kept[name][first]
        fruitless = fruitless + 1 if first.size == n_kept else 0
        n_kept = int(first.size)
    if not n_kept and n:
        raise ValueError(_nothing_fits(space))
    return kept


def grid_size(space: Space) -> int | None:
    """How many vectors the space holds, admissible or not; None where a parameter is continuous."""
    sizes = []
    for spec in space:
        low, high = _ends(spec)
        if spec.kind == "float" and low != high:
            return None
        sizes.append(len(spec.choices) if spec.kind == "choice" else int(high - low) + 1 if spec.kind == "int" else 1)
    return math.prod(sizes)


def row_params(columns: Columns, row: int) -> dict[str, float | int]:
    """One row as plain numbers."""
    return {name: column[row].item() for name, column in columns.items()}


def _of_whole_grid(space: Space, n: int, generator: np.random.Generator, admissible: Admissible) -> dict[str, Any]:
    axes = [_values(spec) for spec in space]
    mesh = np.meshgrid(*axes, indexing="ij")
    columns = {spec.name: np.ascontiguousarray(grid.ravel()) for spec, grid in zip(space, mesh, strict=True)}
    fit = np.flatnonzero(admissible(columns))
    if not fit.size:
        raise ValueError(_nothing_fits(space))
    chosen = generator.permutation(fit)[:n]
    return {name: column[chosen] for name, column in columns.items()}


def _values(spec: ParamSpec) -> NDArray[Any]:
    if spec.kind == "choice":
        return np.array(spec.choices, dtype=_dtype(spec))
    low, high = _ends(spec)
    return np.arange(int(low), int(high) + 1, dtype=np.int64) if spec.kind == "int" else np.array([low])


def _draw(spec: ParamSpec, n: int, generator: np.random.Generator) -> NDArray[Any]:
    if spec.kind == "choice":
        return np.array(spec.choices, dtype=_dtype(spec))[generator.integers(0, len(spec.choices), n)]
    low, high = _ends(spec)
    if spec.kind == "int":
        if not spec.log:
            return generator.integers(int(low), int(high), n, dtype=np.int64, endpoint=True)
        # Half a step beyond both ends, so that the end values are as likely as their neighbours.
        drawn = np.exp(generator.uniform(math.log(low - 0.5), math.log(high + 0.5), n))
        return np.clip(np.rint(drawn), low, high).astype(np.int64)
    if spec.log:
        # exp(log(x)) may miss x by a rounding: the ends are limits.
        return np.clip(np.exp(generator.uniform(math.log(low), math.log(high), n)), low, high)
    return generator.uniform(low, high, n)


def _dtype(spec: ParamSpec) -> type[np.int64] | type[np.float64]:
    is_whole = spec.kind == "int" or (spec.kind == "choice" and all(isinstance(c, int) for c in spec.choices))
    return np.int64 if is_whole else np.float64


def _ends(spec: ParamSpec) -> tuple[float, float]:
    if spec.kind == "choice":
        return min(spec.choices), max(spec.choices)
    if spec.low is None or spec.high is None:
        raise ValueError(f"space: {spec.name} has no range; give it low and high")
    return spec.low, spec.high


def _first_of_each(columns: Sequence[NDArray[Any]]) -> IntArray:
    """Rows at which a vector appears for the first time, ascending.

    By a 64-bit digest of the row, thirty times faster than sorting rows: two different vectors that share one (a
    chance of 2e-9 among 250,000) cost the later of them its place, and nothing else.
    """
    digest = np.zeros(columns[0].size, np.uint64)
    for column in columns:
        # Adding zero makes -0.0 and 0.0 one value. The rest is the finaliser of splitmix64.
        digest ^= (column.astype(np.float64) + 0.0).view(np.uint64)
        digest += np.uint64(0x9E3779B97F4A7C15)
        digest = (digest ^ (digest >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        digest = (digest ^ (digest >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        digest ^= digest >> np.uint64(31)
    return np.sort(np.unique(digest, return_index=True)[1]).astype(np.int64)


def _nothing_fits(space: Space) -> str:
    names = ", ".join(spec.name for spec in space)
    return f"space: no admissible combination of {names}; widen the ranges (see the strategy's rules)"
