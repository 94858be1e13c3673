"""A search from question to hits, over whatever answers ``Index``: SQLite's tables or those of Postgres.

The backends only look up and rank by words; what is asked of them, how hits are weighed, marked and followed through
the graph is decided here, once.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from swarmd.state.knowledge.domains import resolved
from swarmd.state.knowledge.entry import Entry, Hit, Kind
from swarmd.state.knowledge.meaning.vectors import Meaning
from swarmd.state.knowledge.question import Group, Match, domain_tag, groups_of, kind_tag, last_look, looks, own_tag
from swarmd.state.knowledge.ranking import LEAST_COSINE, WEIGHED, fused, meaning_score, score
from swarmd.state.knowledge.snippet import snippet
from swarmd.state.knowledge.words import nearest, tokens
from swarmd.state.units import Millis

MOST_HITS = 1_000
ENOUGH = 60
# Neighbours are followed from the first few hits, and stand behind them at this share of their score.
FOLLOWED, STEPS, FADING = 5, 2, 0.5
_MOST_NEIGHBOURS = 12


class Kept(NamedTuple):
    """An entry as it lies in the store, with the domains its words point at."""

    entry: Entry
    hints: tuple[str, ...]


class Index(Protocol):
    """What a backend answers; every question within one picture of the store.

    ``many`` is how many entries it ranks in some ten milliseconds: of what more match, the last and the titles count.
    """

    many: int

    def size(self) -> int: ...

    def counts(self, terms: Sequence[str]) -> Mapping[str, int]:
        """In how many entries each term stands; those in none may be absent."""
        ...

    def ranked(self, match: Match, counts: Mapping[str, int], n_entries: int) -> Mapping[int, float]:
        """Rows that match with their figure for the words, the best ``ranking.WEIGHED`` of them."""
        ...

    def nearest(self, meaning: Meaning, *, kind: Kind | None, domain: str | None, limit: int) -> Mapping[int, float]:
        """Rows with the cosine of their vector and the question's, the largest; ``kind`` and ``domain`` exclude."""
        ...

    def kept(self, rows: Sequence[int]) -> Mapping[int, Kept]: ...

    def kept_by_id(self, ids: Sequence[str]) -> Mapping[str, Kept]: ...

    def neighbours(self, ids: Sequence[str]) -> Mapping[str, Sequence[tuple[str, str]]]: ...

    def like(self, term: str) -> Mapping[str, int]:
        """Known terms that could be this one mistyped, with their counts: the same first letter, about as long."""
        ...


def search(
    index: Index, question: str, *, domain: str | None, kind: Kind | None, limit: int, graph: bool, only: bool,
    now: Millis, meaning: Meaning | None = None,
) -> list[Hit]:  # fmt: skip
    """The hits in falling order of their score, equal ones by id."""
    limit = min(max(limit, 0), MOST_HITS)
    hint = resolved(domain) if domain else None
    groups = groups_of(question, hint)
    if not limit or (meaning is None and not groups):
        return []
    wanted = frozenset(term for group in groups for way in group for term in way)
    found: list[tuple[float, Entry]] = []
    if groups and not (meaning is not None and meaning.is_alone):
        words = _by_words(index, groups, hint, kind, only=only)
        found = [
            (score(words[row], kept.entry, hints=kept.hints, domain=hint, now=now), kept.entry)
            for row, kept in index.kept(sorted(words)).items()
            if not (only and hint is not None and kept.entry.domain != hint)
        ]
        found.sort(key=_falling)
    by_words, by_meaning = frozenset(entry.id for _, entry in found), frozenset[str]()
    if meaning is not None:
        near = _by_meaning(index, meaning, hint, kind, only=only, now=now)
        by_meaning = frozenset(entry.id for _, entry in near)
        found = near if meaning.is_alone else _together(found, near)
    hits = [
        Hit(entry, points, snippet(entry.text, wanted), is_by_words=entry.id in by_words,
            is_by_meaning=entry.id in by_meaning)
        for points, entry in found[:limit]
    ]  # fmt: skip
    if graph:
        hits = _with_neighbours(index, hits, kind, wanted)
    return hits


def _by_meaning(
    index: Index, meaning: Meaning, hint: str | None, kind: Kind | None, *, only: bool, now: Millis
) -> list[tuple[float, Entry]]:
    """The entries nearest in meaning, in falling order; what lies too far is none."""
    cosines = index.nearest(meaning, kind=kind, domain=hint if only else None, limit=WEIGHED)
    rows = sorted(row for row, cosine in cosines.items() if cosine >= LEAST_COSINE)
    found = [
        (meaning_score(cosines[row], kept.entry, hints=kept.hints, domain=hint, now=now), kept.entry)
        for row, kept in (index.kept(rows) if rows else {}).items()
    ]
    return sorted(found, key=_falling)


def _together(by_words: list[tuple[float, Entry]], near: list[tuple[float, Entry]]) -> list[tuple[float, Entry]]:
    entries = {entry.id: entry for _, entry in (*by_words, *near)}
    scores = fused([[entry.id for _, entry in order] for order in (by_words, near)])
    return sorted(((points, entries[id]) for id, points in scores.items()), key=_falling)


def _falling(one: tuple[float, Entry]) -> tuple[float, str]:
    return -one[0], one[1].id


def _by_words(
    index: Index, groups: tuple[Group, ...], hint: str | None, kind: Kind | None, *, only: bool
) -> dict[int, float]:
    """Each row with its best figure. With a hint one looks among its own first: else the many could hide the near."""
    n_entries = index.size()
    counts = index.counts(sorted({term for group in groups for way in group for term in way}))
    tags = (kind_tag(kind),) if kind else ()
    among = [(*tags, own_tag(hint) if only else domain_tag(hint))] if hint else []
    if not only or not hint:
        among.append(tags)
    words: dict[int, float] = {}
    for limits in among:
        for match in looks(groups, counts, n_entries, limits, many=index.many):
            found = index.ranked(match, counts, n_entries)
            for row, figure in found.items():
                words[row] = max(figure, words.get(row, 0.0))
            if len(found) >= ENOUGH:
                break  # with so many that have all the words, those that lack some come too late to be seen
        for match in last_look(groups, counts, limits) if not words else ():
            words.update(index.ranked(match, counts, n_entries))
    return words


# -- the graph ----------------------------------------------------------------------------------------------------


def _with_neighbours(index: Index, hits: list[Hit], kind: Kind | None, wanted: frozenset[str]) -> list[Hit]:
    """The hits, and behind each of the first few what it leads to, with the way told."""
    known = {hit.entry.id for hit in hits}
    led: dict[str, tuple[float, tuple[str, ...]]] = {}
    edge: list[tuple[str, float, tuple[str, ...]]] = [
        (hit.entry.id, hit.score, (hit.entry.id,)) for hit in hits[:FOLLOWED]
    ]
    for _ in range(STEPS):
        around = index.neighbours([id for id, _, _ in edge])
        further: list[tuple[str, float, tuple[str, ...]]] = []
        for id, points, path in edge:
            for how, other in list(around.get(id, ()))[:_MOST_NEIGHBOURS]:
                if other in known or other in led:
                    continue
                led[other] = (points * FADING, (*path, how, other))
                further.append((other, *led[other]))
        edge = further
    kept = index.kept_by_id(sorted(led))
    beside = [
        Hit(kept[id].entry, points, snippet(kept[id].entry.text, wanted), path)
        for id, (points, path) in led.items()
        if id in kept and (kind is None or kept[id].entry.kind == kind)
    ]
    beside.sort(key=lambda hit: (-hit.score, len(hit.path), hit.entry.id))
    return [*hits, *beside[: max(len(hits), FOLLOWED)]]


# -- did you mean -------------------------------------------------------------------------------------------------


def suggestion(index: Index, question: str, domain: str | None = None) -> str | None:
    """The question with each unknown word replaced by the nearest known; None where nothing is to be replaced."""
    words = list(tokens(question[:2_000]))
    groups = {word: groups_of(word) for word in words}
    counts = index.counts(sorted({term for found in groups.values() for group in found for w in group for term in w}))
    better = []
    for word in words:
        is_known = any(all(counts.get(term) for term in way) for group in groups[word] for way in group)
        plain = groups[word][0][0][0]
        near = None if is_known or len(word) < 4 else nearest(plain, dict(index.like(plain)))
        better.append(near or word)
    return " ".join(better) if better != words else None
