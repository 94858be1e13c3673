"""How hits are ordered: what the words say, weighed by how fresh, how sure and how near to the asked domain.

    score = words · (1 + 0.25 · 2^(−age / 90 days) + 0.35 · strength + 0.6 · nearness)

``words`` is the backend's figure, larger for better: in SQLite bm25 (k1 = 1.2, b = 0.75) with a match in the title
counted six times, in the headings above it 2.5 times; in Postgres Σ idf · ts_rank with the same weights. Nearness is 1
for an entry of the asked domain, 0.5 where its words point at that domain, 0 without a hint. The best 200 by words are
weighed. No weight reaches 0: what the words find is found, an old guess only later than a fresh certainty.

Found by meaning, an entry's place is by its cosine, with a twentieth of what the brackets hold beyond 1 added. Words
and meaning together go by their places, not by their figures, which have no common measure:

    score = Σ 1 / (60 + place)        (reciprocal rank fusion; Cormack, Clarke and Büttcher, SIGIR 2009)
"""

from collections.abc import Iterable, Sequence

from swarmd.state.knowledge.entry import Entry
from swarmd.state.units import DAY, Millis

TITLE, UNDER, TEXT = 6.0, 2.5, 1.0
WEIGHED = 200
HALF_LIFE: Millis = 90 * DAY
FRESH, SURE, NEAR = 0.25, 0.35, 0.6
NUDGE, _RANK_CONSTANT = 0.05, 60
# Texts that have nothing to do with each other lie below this, mostly.
LEAST_COSINE = 0.2


def score(words: float, entry: Entry, *, hints: Iterable[str], domain: str | None, now: Millis) -> float:
    """The formula above; an entry from the future counts as of now."""
    return words * (1.0 + _weight(entry, hints, domain, now))


def meaning_score(cosine: float, entry: Entry, *, hints: Iterable[str], domain: str | None, now: Millis) -> float:
    return cosine + NUDGE * _weight(entry, hints, domain, now)


def fused(orders: Sequence[Sequence[str]]) -> dict[str, float]:
    """The score of each id out of its places in these orders."""
    scores: dict[str, float] = {}
    for order in orders:
        for place, id in enumerate(order, 1):
            scores[id] = scores.get(id, 0.0) + 1.0 / (_RANK_CONSTANT + place)
    return scores


def _weight(entry: Entry, hints: Iterable[str], domain: str | None, now: Millis) -> float:
    age = max(now - entry.at, 0)
    fresh: float = 2.0 ** -(age / HALF_LIFE)
    near = 0.0
    if domain is not None:
        near = 1.0 if entry.domain == domain else 0.5 if domain in hints else 0.0
    return FRESH * fresh + SURE * entry.strength + NEAR * near
