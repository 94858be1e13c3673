"""The vectors of entries as a store keeps them, the same for SQLite and Postgres: half floats beside the entry's row.

A vector belongs to a model, to an entry's digest, and to the very words that were embedded: an entry that changed only
its date or its links keeps it. Written by ``embedding.py``, read by a search; made by the stores around their
connection, inside one transaction.
"""

import hashlib
import heapq
import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from swarmd.state.knowledge.entry import Kind

if TYPE_CHECKING:
    from swarmd.state.knowledge.meaning.embedder import Embedder, FloatArray

# Questions in SQLite's way to write them; Postgres' has %s for each ?.
Ask = Callable[[str, Sequence[Any]], Iterable[tuple[Any, ...]]]
# Of an entry so much is looked at; the model reads less.
MOST_LETTERS = 4_000
_PAGE = 4_096
_KEY = "meaning"


class Model(NamedTuple):
    """Whose vectors a store keeps: the name for people, the digest of its weights, how long a vector is."""

    name: str
    digest: str
    dim: int


class Meaning(NamedTuple):
    """A question as a vector of length 1; ``is_alone`` where words shall not be looked for."""

    model: str
    vector: "FloatArray"
    is_alone: bool = False


class Unembedded(NamedTuple):
    """An entry whose vector is missing or of another digest; ``before`` says of which words its old vector is."""

    row: int
    id: str
    digest: str
    text: str
    before: str

    @property
    def said(self) -> str:
        return hashlib.blake2b(self.text.encode(errors="replace"), digest_size=12).hexdigest()


class Vector(NamedTuple):
    """One vector: the entry and its digest, the digest of the words it is of, the half floats."""

    id: str
    digest: str
    said: str
    value: bytes


def model_of(embedder: "Embedder") -> Model:
    return Model(embedder.name, embedder.digest, embedder.dim)


class Vectors:
    """Questions to one store, through the function that asks it."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    # -- whose they are ---------------------------------------------------------------------------------------------

    def model(self) -> Model | None:
        """The model this store is kept up with; None where search by meaning is switched off."""
        said = list(self._ask("SELECT value FROM meta WHERE key = ?", (_KEY,)))
        return Model(**json.loads(said[0][0])) if said else None

    def switch_on(self, model: Model) -> None:
        self._ask(
            "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            (_KEY, json.dumps(model._asdict())),
        )

    def switch_off(self) -> int:
        """No model, and no vectors; gives back how many there were."""
        (n,) = next(iter(self._ask("SELECT count(*) FROM vector", ())))
        self._ask("DELETE FROM vector", ())
        self._ask("DELETE FROM meta WHERE key = ?", (_KEY,))
        return int(n)

    # -- writing ----------------------------------------------------------------------------------------------------

    def missing(self, model: str, *, after: int = 0, limit: int = 64) -> list[Unembedded]:
        """In the order of their rows, those behind ``after``."""
        found = self._ask(
            f"SELECT e.row, e.id, e.digest, e.under, e.title, substr(e.text, 1, {MOST_LETTERS}), coalesce(v.said, '')"
            " FROM entry e LEFT JOIN vector v ON v.row = e.row AND v.model = ?"
            " WHERE e.row > ? AND (v.row IS NULL OR v.digest <> e.digest) ORDER BY e.row LIMIT ?",
            (model, after, limit),
        )
        return [
            Unembedded(row, id, digest, "\n".join(part for part in (under, title, text) if part)[:MOST_LETTERS], said)
            for row, id, digest, under, title, text, said in found
        ]

    def count(self, model: str) -> tuple[int, int]:
        """How many entries have their vector by this model, and how many have none."""
        asked = (
            "SELECT count(*), coalesce(sum(CASE WHEN v.row IS NULL OR v.digest <> e.digest THEN 1 ELSE 0 END), 0)"
            " FROM entry e LEFT JOIN vector v ON v.row = e.row AND v.model = ?"
        )
        ((entries, missing),) = self._ask(asked, (model,))
        return int(entries) - int(missing), int(missing)

    def keep(self, model: str, vectors: Iterable[Vector]) -> None:
        """Beside the entries that still say so; of one that changed meanwhile or went nothing is kept."""
        for one in vectors:
            self._ask(
                "INSERT INTO vector (row, model, digest, said, value)"
                " SELECT e.row, ?, e.digest, ?, ? FROM entry e WHERE e.id = ? AND e.digest = ?"
                " ON CONFLICT (row) DO UPDATE SET model = excluded.model, digest = excluded.digest,"
                " said = excluded.said, value = excluded.value",
                (model, one.said, one.value, one.id, one.digest),
            )

    def confirm(self, ones: Iterable[Unembedded]) -> None:
        """These say what their vector is of, and changed in something else."""
        for one in ones:
            self._ask("UPDATE vector SET digest = ? WHERE row = ? AND said = ?", (one.digest, one.row, one.before))

    # -- reading ----------------------------------------------------------------------------------------------------

    def page(self, model: str, *, after: str = "", limit: int = 1_000) -> list[Vector]:
        """In the order of the entries' ids, those behind ``after``: for a move."""
        asked = (
            "SELECT e.id, v.digest, v.said, v.value FROM entry e JOIN vector v ON v.row = e.row"
            " WHERE v.model = ? AND v.digest = e.digest AND e.id > ? ORDER BY e.id LIMIT ?"
        )
        return [Vector(id, d, said, bytes(value)) for id, d, said, value in self._ask(asked, (model, after, limit))]

    def nearest(self, meaning: Meaning, *, kind: Kind | None, domain: str | None, limit: int) -> dict[int, float]:
        """The rows with the largest cosine; a page of vectors is in memory at a time."""
        import numpy as np

        wanted = self._rows(kind, domain)
        best: list[tuple[float, int]] = []
        after = -1
        asked = "SELECT row, value FROM vector WHERE model = ? AND row > ? ORDER BY row LIMIT ?"
        while page := list(self._ask(asked, (meaning.model, after, _PAGE))):
            after = page[-1][0]
            # One of another length is damaged, and passed over.
            whole = (one for one in page if len(one[1]) == 2 * len(meaning.vector))
            page = [one for one in whole if wanted is None or one[0] in wanted]
            if not page:
                continue
            values = np.frombuffer(b"".join(bytes(value) for _, value in page), dtype="<f2")
            cosines = values.reshape(len(page), -1).astype(np.float32) @ meaning.vector
            some = np.argsort(-cosines, kind="stable")[:limit]
            best = heapq.nlargest(limit, [*best, *((float(cosines[at]), -page[at][0]) for at in some)])
        sound = self._sound([-row for _, row in best])
        return {-row: cosine for cosine, row in best if -row in sound}

    def _sound(self, rows: Sequence[int]) -> set[int]:
        """Of these rows those whose entry still says what its vector is of."""
        asked = (
            "SELECT e.row FROM entry e JOIN vector v ON v.row = e.row AND v.digest = e.digest"
            f" WHERE e.row IN ({', '.join('?' * len(rows))})"
        )
        return {row for (row,) in self._ask(asked, rows)} if rows else set()

    def _rows(self, kind: Kind | None, domain: str | None) -> set[int] | None:
        limits = [(name, value) for name, value in (("domain", domain), ("kind", kind)) if value]
        if not limits:
            return None
        asked = " AND ".join(f"{name} = ?" for name, _ in limits)
        return {row for (row,) in self._ask(f"SELECT row FROM entry WHERE {asked}", [value for _, value in limits])}
