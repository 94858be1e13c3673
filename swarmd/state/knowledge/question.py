"""A question as the backends answer it: groups of terms, each group one word with what else it may be called.

Pure: text and how common each term is go in, the parts of a search that costs little come out. Any text at all is a
question; there is no syntax, so none can be wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from swarmd.state.knowledge.domains import alternatives
from swarmd.state.knowledge.words import STOP_WORDS, forms, tokens

# One of these must stand in the text, all terms of it: `evaluate_many`, or else both `evaluate` and `many`.
Group = tuple[tuple[str, ...], ...]
MOST_WORDS = 12
# Of the entries; a word in more tells next to nothing, and is left out where others are asked.
COMMON = 0.25


@dataclass(frozen=True)
class Match:
    """One look into the index: groups that all must match (or any, where ``is_any``), within these limits.

    ``tags`` are a kind or domain that must be had; ``in_titles`` looks at titles and headings only; ``is_recent``
    takes the last written that match, not the best of all; ``is_last`` spares no cost to find some.
    """

    groups: tuple[Group, ...]
    is_any: bool = False
    tags: tuple[str, ...] = ()
    in_titles: bool = False
    is_recent: bool = False
    is_last: bool = False

    def terms(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(term for group in self.groups for way in group for term in way))


def kind_tag(kind: str) -> str:
    """An entry of this kind has it. No text has such a term, for § is no letter."""
    return f"§kind.{kind}"


def domain_tag(domain: str) -> str:
    """Of the entries of this domain, and of those whose words point at it."""
    return f"§near.{_plain(domain)}"


def own_tag(domain: str) -> str:
    """Of the entries of this domain alone."""
    return f"§in.{_plain(domain)}"


def _plain(domain: str) -> str:
    return "".join(letter if letter.isalnum() else "." for letter in domain)


def groups_of(question: str, domain: str | None = None) -> tuple[Group, ...]:
    """A group for each different word; words that are in every text only where there are no others."""
    words = list(dict.fromkeys(tokens(question[:2_000])))
    telling = [word for word in words if word.lower() not in STOP_WORDS] or words
    found = []
    for word in telling[:MOST_WORDS]:
        whole, *parts = forms(word)
        ways: list[tuple[str, ...]] = [(whole,), *((other,) for other in alternatives(whole, domain))]
        if parts:
            # The pieces between dots stand for themselves: without them the words alone would have to do.
            ways.append(tuple(dict.fromkeys(part for part in parts if "_" not in part)) or tuple(parts))
        found.append(tuple(dict.fromkeys(ways)))
    return tuple(dict.fromkeys(found))


def looks(
    groups: tuple[Group, ...], counts: Mapping[str, int], n_entries: int, tags: tuple[str, ...], *, many: int
) -> list[Match]:  # fmt: skip
    """The looks that find the best entries without ranking more than some ``many`` of them.

    Entries with all the words first; then those with any of the telling ones. Where each word is in too many, those
    that have it in a title, and the last written.
    """
    seen = sorted((_count(group, counts), group) for group in groups)
    sought = [(n, group) for n, group in seen if n]
    if not sought:
        return []
    # Ours or not, a word that most entries have is no reason to prefer one.
    telling = [(n, group) for n, group in sought if n <= max(COMMON * n_entries, many)] or sought[:1]
    every = Match(tuple(group for _, group in telling), tags=tags)
    found = []
    if telling[0][0] <= many:
        # All of them cost what the rarest does.
        found.append(every)
        some: list[Group] = []
        total = 0
        for n, group in telling:
            total += n
            if total > many and some:
                break
            some.append(group)
        if len(telling) > 1:
            found.append(Match(tuple(some), is_any=True, tags=tags))
        return found
    few = replace(every, groups=every.groups[:2])
    found = [replace(few, in_titles=True, is_recent=True), replace(few, is_recent=True)]
    if len(few.groups) > 1:
        found.append(replace(few, groups=few.groups[:1], in_titles=True, is_recent=True))
    return found


def last_look(groups: tuple[Group, ...], counts: Mapping[str, int], tags: tuple[str, ...]) -> list[Match]:
    """Where common words never stand together: the last written that have the rarest of them."""
    sought = sorted((n, group) for group in groups if (n := _count(group, counts)))
    return [Match((group,), tags=tags, is_recent=True, is_last=True) for _, group in sought[:1]]


def _count(group: Group, counts: Mapping[str, int]) -> int:
    """About how many entries have it: a way of several terms has no more than the rarest of them."""
    return sum(min(counts.get(term, 0) for term in way) for way in group)
