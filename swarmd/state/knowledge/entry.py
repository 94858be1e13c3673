"""What the knowledge base holds and gives back: entries, the links between them, and the hits of a search.

Values only, the same for every backend; whoever writes an entry makes its id from what the entry is about, so that
writing it twice changes nothing. What cannot be kept by every backend (a NUL, half a surrogate pair) goes here, once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Literal, NamedTuple, get_args

import orjson

from swarmd.state.units import Millis

Kind = Literal["document", "lesson", "failure", "hypothesis", "note"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Relation = Literal["contains", "links-to", "mentions-symbol", "imports", "defines"]
GENERAL = "general"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing known.

    ``id`` is stable and says what it is about (``failure:gpu-oom``, ``lesson:majors.BTCUSDT``); ``domain`` is one of
    ``domains.py`` or a word of one's own. ``text`` is plain or Markdown, never rendered. ``source`` is where it came
    from (a path, a command), ``evidence`` the ids of the records behind it, ``at`` when it was last true, and
    ``strength`` how sure it is, 0 to 1. ``under`` is the headings a section stands under.
    """

    id: str
    domain: str
    kind: Kind
    title: str
    text: str
    source: str = ""
    evidence: tuple[str, ...] = ()
    at: Millis = 0
    strength: float = 0.5
    under: str = ""

    def __post_init__(self) -> None:
        """Refuse what would be found by nobody. Raises ValueError with the entry and what is wrong with it."""
        if not self.id.strip() or len(self.id) > 1_000:
            raise ValueError(f"an entry's id has 1 to 1000 characters, this one {len(self.id)}: {self.id[:60]!r}")
        if not self.domain.strip():
            raise ValueError(f"entry {self.id!r} has no domain; {GENERAL!r} is for what belongs nowhere")
        if self.kind not in KINDS:
            raise ValueError(f"entry {self.id!r} is of the kind {self.kind!r}; known are {', '.join(KINDS)}")
        if not 0.0 <= self.strength <= 1.0:  # NaN as well
            raise ValueError(f"entry {self.id!r} has the strength {self.strength}; it lies between 0 and 1")


NAMES = tuple(field.name for field in fields(Entry))
_VALUES = attrgetter(*NAMES)


class Link(NamedTuple):
    """``source`` is an entry's id; ``target`` another's, or a name such as ``symbol:evaluate_many``.

    Who *defines* a name is reached by all who mention or import it, whichever of the two was written first.
    """

    source: str
    relation: Relation
    target: str


@dataclass(frozen=True, slots=True)
class Changed:
    """What writing came to, counted; ``same`` were there already, word for word, ``gone`` their file has no more."""

    added: int = 0
    changed: int = 0
    same: int = 0
    gone: int = 0

    def __add__(self, other: "Changed") -> "Changed":
        added, changed = self.added + other.added, self.changed + other.changed
        return Changed(added, changed, self.same + other.same, self.gone + other.gone)


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a snippet; ``is_match`` where it is a word that was asked for."""

    text: str
    is_match: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """An entry found, its score (higher is better), the words around the match, and how the graph led to it.

    ``path`` is empty for what the question itself found, by its words or by its meaning, else the steps from such a
    hit to this entry.
    """

    entry: Entry
    score: float
    snippet: tuple[Piece, ...] = ()
    path: tuple[str, ...] = ()
    is_by_words: bool = False
    is_by_meaning: bool = False


@dataclass(frozen=True, slots=True)
class FileMark:
    """A file as it was when it was read: where, under which root, and how to see without reading that it is the same.

    ``how`` names whatever else decides what becomes of it: the readers' version and the domain that was asked for.
    """

    path: str
    root: str
    size: int
    mtime_ns: int
    digest: str
    how: str


@dataclass(frozen=True, slots=True)
class FileRead:
    """A file and everything it says."""

    mark: FileMark
    entries: tuple[Entry, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Totals:
    """How much is kept: what a move must find on the other side."""

    entries: int
    links: int
    files: int


def storable(entry: Entry) -> Entry:
    """The entry as every backend can keep it: no NUL, no lone surrogate, an id and a domain without blanks around."""
    return Entry(
        _kept(entry.id).strip(), _kept(entry.domain).strip().lower(), entry.kind, _kept(entry.title), _kept(entry.text),
        _kept(entry.source), tuple(map(_kept, entry.evidence)), int(entry.at), float(entry.strength),
        _kept(entry.under),
    )  # fmt: skip


def _kept(text: str) -> str:
    if "\0" in text:
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    # Nearly every text passes the first line; encoding alone finds a lone surrogate at the speed of memory.
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


def digest_of(entry: Entry, links: Sequence[Link] = ()) -> str:
    """Of everything an entry says and leads to: equal digests mean that nothing has to be written."""
    said = [_VALUES(entry), [(link.relation, link.target) for link in links]]
    return hashlib.blake2b(orjson.dumps(said), digest_size=16).hexdigest()


def as_fields(entry: Entry) -> dict[str, Any]:
    """For JSON: the fields by name, the evidence as a list."""
    return {**{name: getattr(entry, name) for name in NAMES}, "evidence": list(entry.evidence)}
