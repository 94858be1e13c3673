"""Whether what ranked high in one window ranks high in the next: rank correlations, and how the two tops overlap.

A search whose ranking is reshuffled from window to window chooses by luck, however well its winner did. Two scores of
the same trials in, one figure out; higher scores are better. None where a figure is undefined, so that a gate fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from swarmd.engine.arrays import FloatArray, IntArray


def spearman(x: Sequence[float] | FloatArray, y: Sequence[float] | FloatArray) -> float | None:
    """Spearman's rank correlation: Pearson's of the average ranks, ties sharing the mean of their places.

    Parameters
    ----------
    x, y : shape (n,), two scores of the same n trials, finite

    Returns
    -------
    float in [-1, 1] or None
        None with fewer than two trials, or where one side is constant: it ranks nothing.

    Source: Spearman (1904), American Journal of Psychology 15; with ties Kendall and Gibbons (1990), Rank Correlation
    Methods, 5th ed., section 3.8.
    """
    first, second = _paired("spearman", x, y)
    if first.size < 2:
        return None
    a, b = average_ranks(first), average_ranks(second)
    # Ranks are halves of whole numbers and their mean is known: these sums are exact up to some 100,000 trials.
    middle = (first.size + 1) / 2.0
    a, b = a - middle, b - middle
    spread = float(np.sqrt(a @ a) * np.sqrt(b @ b))
    return min(1.0, max(-1.0, float(a @ b) / spread)) if spread > 0.0 else None


def kendall_tau_b(x: Sequence[float] | FloatArray, y: Sequence[float] | FloatArray) -> float | None:
    """Kendall's tau-b, `(C - D) / sqrt((P - Tx)(P - Ty))`, in n log n steps.

    C and D count the concordant and the discordant of the P = n(n-1)/2 pairs, Tx and Ty those tied in x and in y.

    Parameters
    ----------
    x, y : shape (n,), two scores of the same n trials, finite

    Returns
    -------
    float in [-1, 1] or None
        None with fewer than two trials, or where one side is constant.

    Source: Kendall (1945), The treatment of ties in ranking problems, Biometrika 33(3); the count of swaps is that of
    Knight (1966), Journal of the American Statistical Association 61.
    """
    first, second = _paired("kendall_tau_b", x, y)
    n = first.size
    order = np.lexsort((second, first))
    first, second = first[order], second[order]
    pairs = n * (n - 1) // 2
    same_x, same_y = first[1:] == first[:-1], second[1:] == second[:-1]
    tied_x, tied_both = _pairs_of_runs(same_x), _pairs_of_runs(same_x & same_y)
    in_order = np.sort(second)
    tied_y = _pairs_of_runs(in_order[1:] == in_order[:-1])
    if pairs in (tied_x, tied_y):
        return None
    # Sorted by x, then by y: each swap that sorts y is a discordant pair.
    discordant = int(_swaps(second.copy()))
    concordant_less_discordant = pairs - tied_x - tied_y + tied_both - 2 * discordant
    tau: float = concordant_less_discordant / (float(pairs - tied_x) ** 0.5 * float(pairs - tied_y) ** 0.5)
    return min(1.0, max(-1.0, tau))


@dataclass(frozen=True, slots=True)
class TopKOverlap:
    """How many trials two tops of k share, `expected` by chance, and `lift`, the quotient: 1 is chance, N/k is best.

    `overlap` is a whole number unless a tie lies across the k-th place.
    """

    overlap: float
    expected: float
    k: int
    n_trials: int

    @property
    def share(self) -> float:
        """Of the k."""
        return self.overlap / self.k

    @property
    def lift(self) -> float:
        return self.overlap / self.expected


def top_k_overlap(x: Sequence[float] | FloatArray, y: Sequence[float] | FloatArray, k: int) -> TopKOverlap:
    """Trials among the k highest of both scores, beside k^2/N: the mean where the two rankings are strangers.

    Where several trials tie for the last places each is counted by its chance of a place. Drawn by their number
    instead, the many trials of an equal score (of no trades, say) would be the same ones in both tops.

    Parameters
    ----------
    x, y : shape (n,), two scores of the same n trials, finite
    k : 1 <= k <= n

    Raises
    ------
    ValueError
        If the two differ in length, a score is not finite, or k is outside [1, n].
    """
    first, second = _paired("top_k_overlap", x, y)
    n = int(first.size)
    if not 1 <= k <= n:
        raise ValueError(f"top_k_overlap: k is {k} of {n} trials; give 1 <= k <= {n}")
    overlap = float(_chance_of_a_place(first, k) @ _chance_of_a_place(second, k))
    return TopKOverlap(overlap=overlap, expected=k * k / n, k=k, n_trials=n)


def average_ranks(values: FloatArray) -> FloatArray:
    """Rank of every value, 1 for the lowest; equal ones share the mean of their places. Shape (n,)."""
    _, of_value, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: FloatArray = (last - (counts - 1) / 2.0)[of_value.reshape(-1)]
    return ranks


def _chance_of_a_place(values: FloatArray, k: int) -> FloatArray:
    at_the_cut = np.partition(values, values.size - k)[values.size - k]
    above, tied = values > at_the_cut, values == at_the_cut
    places = (k - np.count_nonzero(above)) / np.count_nonzero(tied)
    chance: FloatArray = np.where(above, 1.0, np.where(tied, places, 0.0))
    return chance


def _paired(
    name: str, x: Sequence[float] | FloatArray, y: Sequence[float] | FloatArray
) -> tuple[FloatArray, FloatArray]:
    first, second = np.asarray(x, np.float64).ravel(), np.asarray(y, np.float64).ravel()
    if first.size != second.size:
        raise ValueError(f"{name}: {first.size} and {second.size} scores; give two of each trial")
    wrong = ~(np.isfinite(first) & np.isfinite(second))
    if wrong.any():
        at = int(np.argmax(wrong))
        raise ValueError(f"{name}: trial {at} has scores {first[at]} and {second[at]}; leave out what has none")
    return first, second


def _pairs_of_runs(same_as_before: np.ndarray) -> int:
    """Pairs within runs of equal neighbours; `same_as_before[i]` says that item i + 1 equals item i."""
    starts = np.flatnonzero(np.concatenate(([True], ~same_as_before)))
    lengths: IntArray = np.diff(np.concatenate((starts, [same_as_before.size + 1])))
    return int((lengths * (lengths - 1) // 2).sum())


@njit(cache=True, nogil=True)
def _swaps(values: FloatArray) -> int:
    """How many neighbours a bubble sort would swap, counted by a merge sort from below; sorts `values` on the way."""
    n = values.size
    merged = np.empty_like(values)
    swaps = 0
    width = 1
    while width < n:
        for start in range(0, n, 2 * width):
            middle = min(start + width, n)
            stop = min(start + 2 * width, n)
            left, right = start, middle
            for at in range(start, stop):
                if left < middle and (right >= stop or values[left] <= values[right]):
                    merged[at] = values[left]
                    left += 1
                else:
                    merged[at] = values[right]
                    right += 1
                    swaps += middle - left
        values[:] = merged
        width *= 2
    return swaps
