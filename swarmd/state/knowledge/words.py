"""Text into the terms it is found by: the same for what is kept and for what is asked, whatever the backend.

Done here and not by FTS5 or Postgres, so that both find the same entries, and so that a symbol is found whole and by
its parts: `request.security`, `evaluate_many` and `ReplayBuffer` give the whole and each word in it. Terms hold
letters, digits, `_` and `.` only: no backend's query syntax can be written with them.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import chain, islice

# A change of what follows, or of the table of domains, makes every index stale: raise this, and they are made anew.
VERSION = 2
MAX_TERMS = 20_000  # of one text; Postgres keeps 1 MiB of them for a row at most
_LONGEST = 80  # a term beyond is a key or an encoded picture: its beginning is enough
_PARTS = 12

TOKEN = re.compile(r"\w+(?:\.\w+)*")
_NOT_TERM = re.compile(r"[^\w.]")
_HUMP = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z0-9]+")
_HAS_HUMP = re.compile(r"[a-z0-9][A-Z]|[A-Z]{2}[a-z]")
# Dropped from a question that has other words: they are in nearly every text, and tell none apart.
_STOP_WORDS = (
    "a about after all an and any are as at be been but by can did do does for from had has have how i if in into is "
    "it its me my no not of on or our she should so than that the their them then there these they this to was we "
    "were what when where which who why will with would you your"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())


def terms(text: str) -> list[str]:
    """Every term of the text, in its order, repeated as often as it stands there."""
    return list(islice(chain.from_iterable(map(forms, TOKEN.findall(text))), MAX_TERMS))


def tokens(text: str) -> Iterator[str]:
    """The words of a question as they were written, those without a letter or digit left out."""
    return (match[0] for match in TOKEN.finditer(text) if forms(match[0]))


@lru_cache(maxsize=200_000)
def forms(token: str) -> tuple[str, ...]:
    """The terms one word stands for: itself, and where it is a symbol its parts; empty for `_` and the like."""
    # The humps go first: they are seen in the capitals that the plain form has lost.
    token = token[: _LONGEST * 2]
    pieces = [piece for piece in token.split(".") if piece.strip("_")]
    whole = _plain(token.strip("."))
    found = [_stem(whole) if len(pieces) == 1 and "_" not in whole else whole]
    if whole.replace(".", "").replace("_", "").isdigit():
        return (whole,)
    for piece in pieces if len(pieces) > 1 or "_" in token or _HAS_HUMP.search(token) else ():
        plain = _plain(piece)
        found.append(plain if "_" in plain else _stem(plain))
        for word in piece.split("_"):
            humps = _HUMP.findall(word) if _HAS_HUMP.search(word) and word.isascii() else [word]
            found += [_stem(_plain(hump)) for hump in (word, *humps)]
        if len(found) > _PARTS:
            break
    return tuple(dict.fromkeys(term for term in found if term.strip("._")))


def _plain(token: str) -> str:
    """Lower case without accents: `Überprüfung` and `uberprufung` are one word."""
    if token.isascii():
        return token.lower()[:_LONGEST]
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", token).casefold())
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter))
    # Taken apart, a few letters turn into what is none: ⑴ into (1).
    return _NOT_TERM.sub("", bare).strip(".")[:_LONGEST]


def _stem(word: str) -> str:
    """Singular and plural as one (Harman's s-stemmer, with the hissing plurals): more would join what is apart."""
    if len(word) < 4 or not word.endswith("s"):
        return word
    if word.endswith("ies") and word[-4] not in "ae":
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zzes")):
        return word[:-2]
    if word.endswith(("us", "ss", "is")):
        return word
    return word[:-1]


# -- a word nobody wrote ------------------------------------------------------------------------------------------


def nearest(word: str, known: dict[str, int]) -> str | None:
    """The known term fewest typing mistakes away (2 at most, 1 in a short word), the commonest of equals."""
    most = 1 if len(word) < 6 else 2
    best = min(
        ((apart, -count, term) for term, count in known.items() if (apart := _mistakes(word, term, most)) <= most),
        default=None,
    )
    return best[2] if best else None


def _mistakes(a: str, b: str, most: int) -> int:
    """Letters missing, added, wrong or swapped with their neighbour; ``most + 1`` where it is more than that."""
    if abs(len(a) - len(b)) > most or len(set(a) ^ set(b)) > 2 * most:
        return most + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        current = [i]
        for j, y in enumerate(b, 1):
            cost = min(row[j] + 1, current[-1] + 1, row[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        if min(current) > most:
            return most + 1
        before, row = row, current
    return row[-1]
