"""The surrogate markets behind a finalist: in what shares they are searched, and when enough of them were.

Told alike by the agents that queue the shares, the engine that searches them and the commands that show them; what the
answer is worth is the engine's (`whole_search`). Plain values: no record is loaded here.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

# So many surrogates at least as good as the real market, and the rest cannot change the answer.
EXCEEDANCES = 5
# Small shares first: most searches of nothing are over after twenty-odd markets, and what runs beside is in vain then.
_FIRST_SHARES, _FIRST, _LATER = 3, 8, 25
# Small ones last as well, so that two lanes end at about the same time: a share is no more than a fourth of what is
# left (guided self-scheduling, Polychronopoulos & Kuck 1987), and none so small that beginning it is most of its work.
_LEFT, _SMALLEST = 4, 6

Share = tuple[int, int]
"""The number of its first market, and how many there are."""


class Priced(NamedTuple):
    """What is known of a finalist's surrogates: those searched without a gap from the first, how many of them were as
    good, and how many are planned."""

    searched: int
    as_good: int
    planned: int

    @property
    def is_settled(self) -> bool:
        return self.as_good >= EXCEEDANCES or self.searched >= self.planned

    @property
    def told(self) -> str:
        return f"{self.searched} of {self.planned} surrogate markets searched, {self.as_good} as good"


def shares(planned: int) -> tuple[Share, ...]:
    """All markets in the order of their numbers, each share one job's."""
    found: list[Share] = []
    first = 0
    while first < planned:
        left = planned - first
        size = _FIRST if len(found) < _FIRST_SHARES else min(_LATER, max(_SMALLEST, left // _LEFT))
        if left - size < _SMALLEST // 2:
            size = left
        found.append((first, min(size, left)))
        first += size
    return tuple(found)


def priced(planned: int, figures: Iterable[Mapping[str, Any] | None]) -> Priced:
    """From the figures of each share in order, None for one that has no answer yet: what follows it does not count."""
    searched = as_good = 0
    for of_share in figures:
        if of_share is None or as_good >= EXCEEDANCES:
            break
        searched += int(of_share["searched"])
        as_good += int(of_share["as_good"])
    return Priced(searched, as_good, planned)


def awaits_surrogates(
    job: Mapping[str, Any],
    jobs: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Any],
    figures_of: Callable[[Mapping[str, Any]], Mapping[str, Any] | None],
) -> str:
    """Why a judgement has not begun though its search is done, from plain rows; empty where that is not so."""
    before = jobs.get(job["after"][0]) if job["after"] else None
    if job["phase"] != "validate" or job["status"] != "queued" or before is None or before["status"] != "done":
        return ""
    planned = settings["validation"]["surrogates"]
    head = job["id"].removesuffix("validate")
    found = (jobs.get(f"{head}surrogates-{first}") for first, _ in shares(planned))
    known = priced(planned, (None if each is None or each["status"] != "done" else figures_of(each) for each in found))
    return "" if known.is_settled else f"held: {known.told}"
