"""How hits are ordered: what the words say, weighed by how fresh, how sure and how near to the asked domain.

    score = words · (1 + 0.25 · 2^(−age / 90 days) + 0.35 · strength + 0.6 · nearness)

``words`` is the backend's figure, larger for better: in SQLite bm25 (k1 = 1.2, b = 0.75) with a match in the title
counted six times, in the headings above it 2.5 times; in Postgres Σ idf · ts_rank with the same weights. Nearness is 1
for an entry of the asked domain, 0.5 where its words point at that domain, 0 without a hint. The best 200 by words are
weighed. No weight reaches 0: what the words find is found, an old guess only later than a fresh certainty.
"""

from collections.abc import Iterable

from swarmd.state.knowledge.entry import Entry
from swarmd.state.units import DAY, Millis

TITLE, UNDER, TEXT = 6.0, 2.5, 1.0
WEIGHED = 200
HALF_LIFE: Millis = 90 * DAY
FRESH, SURE, NEAR = 0.25, 0.35, 0.6


def score(words: float, entry: Entry, *, hints: Iterable[str], domain: str | None, now: Millis) -> float:
    """The formula above; an entry from the future counts as of now."""
    age = max(now - entry.at, 0)
    fresh: float = 2.0 ** -(age / HALF_LIFE)
    near = 0.0
    if domain is not None:
        near = 1.0 if entry.domain == domain else 0.5 if domain in hints else 0.0
    return words * (1.0 + FRESH * fresh + SURE * entry.strength + NEAR * near)
