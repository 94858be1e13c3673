"""The p-value of a whole search: how often it finds as much in markets where nothing is to be found.

Fed one best score at a time, by whoever searches the surrogates; it says when enough have been heard. What it says
follows from the scores in the order of their surrogates and from nothing else, so that a search of surrogates which was
killed, or shared among lanes, is taken up from the list of its scores.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import NormalDist, fmean, stdev

SURROGATES = 199
QUICK_SURROGATES = 49
EXCEEDANCES = 5


@dataclass(frozen=True, slots=True)
class SearchPValue:
    """`p` with its Monte Carlo standard error, and by which of the three it was told.

    "stopped": enough surrogates were as good, p = h / l. "counted": all were searched, p = (1 + b) / (B + 1). "tail":
    all of the quick form were, p from the Normal distribution of their scores.
    """

    p: float
    standard_error: float
    told_by: str


@dataclass(frozen=True, slots=True)
class WholeSearch:
    """The best score of the real search, and those of the surrogates heard so far, in the order of their numbers.

    Parameters
    ----------
    best : what the search found in the real market; finite
    planned : B, how many surrogates are searched at most
    exceedances : h; so many surrogates at least as good, and the rest cannot change the answer: the search stops
    is_quick : tell p by the Normal tail where all were searched; meant for few surrogates
    scores : -inf for a surrogate in which nothing was found

    Source: Besag and Clifford (1991), Sequential Monte Carlo p-values, Biometrika 78(2).
    """

    best: float
    planned: int = SURROGATES
    exceedances: int = EXCEEDANCES
    is_quick: bool = False
    scores: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not math.isfinite(self.best):
            raise ValueError(f"whole search: the best score is {self.best}; a search that found nothing has no p-value")
        if self.planned < 19 or self.exceedances < 1:
            raise ValueError(
                f"whole search: {self.planned} surrogates, stop after {self.exceedances}; give at least 19 surrogates "
                "(fewer cannot show p = 0.05) and 1"
            )
        for number, score in enumerate(self.scores):
            if math.isnan(score) or score == math.inf:
                raise ValueError(f"whole search: the score of surrogate {number} is {score}; give a number, or -inf")
        # Those after the stop are nobody's business: whether they were searched depends on how many lanes there are.
        heard, as_good = 0, 0
        for score in self.scores[: self.planned]:
            heard += 1
            as_good += score >= self.best
            if as_good == self.exceedances:
                break
        object.__setattr__(self, "scores", tuple(map(float, self.scores[:heard])))

    def heard(self, scores: Iterable[float]) -> "WholeSearch":
        """The same with the scores of the next surrogates."""
        return replace(self, scores=(*self.scores, *scores))

    @property
    def as_good(self) -> int:
        """How many surrogates were at least as good; a tie counts against the real market."""
        return sum(score >= self.best for score in self.scores)

    @property
    def is_settled(self) -> bool:
        return self.as_good >= self.exceedances or len(self.scores) >= self.planned

    def p_value(self) -> SearchPValue:
        """What is known now. Before it is settled this is no p-value yet but a glance, told as "counted"."""
        n, as_good = len(self.scores), self.as_good
        if as_good >= self.exceedances:
            p = as_good / n
            # Of a proportion estimated by waiting for the h-th success.
            return SearchPValue(p, p * math.sqrt((1.0 - p) / as_good), "stopped")
        p = (1 + as_good) / (n + 1)
        counted = SearchPValue(p, math.sqrt(p * (1.0 - p) / (n + 1)), "counted")
        if not (self.is_quick and self.is_settled):
            return counted
        return _tail(self.best, self.scores) or counted


def _tail(best: float, scores: tuple[float, ...]) -> SearchPValue | None:
    """Of the Normal distribution with the scores' mean and deviation; None where they have none.

    The deviation is widened by 1 + 1/n, since the mean was estimated too. Best scores lean to the right of a Normal
    (they are maxima), so that small p-values come out somewhat too small: a quick look, not a verdict.
    """
    if not all(map(math.isfinite, scores)) or (deviation := stdev(scores)) == 0.0:
        return None
    n = len(scores)
    z = (best - fmean(scores)) / (deviation * math.sqrt(1.0 + 1.0 / n))
    # erfc keeps its precision in the tail, where 1 - cdf would round to zero.
    p = 0.5 * math.erfc(z / math.sqrt(2.0))
    # By the delta method, from the errors of mean and deviation.
    error = NormalDist().pdf(z) * math.sqrt(1.0 / n + z * z / (2.0 * (n - 1)))
    return SearchPValue(p, error, "tail")
