"""Vectors kept beside entries: made once, kept up, found by, moved and forgotten; the same in SQLite and Postgres."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from knowledge_builders import an_entry, ids
from numpy.typing import NDArray

from swarmd.state.knowledge.contract import KnowledgeBase
from swarmd.state.knowledge.entry import Link
from swarmd.state.knowledge.meaning import vectors as keeping
from swarmd.state.knowledge.meaning.embedding import BATCH, embed_missing
from swarmd.state.knowledge.meaning.vectors import Meaning, Vector, model_of
from swarmd.state.knowledge.move import move
from swarmd.state.knowledge.sqlite import SqliteKnowledge
from swarmd.state.units import DAY

NOW = 1_000 * DAY
FloatArray = NDArray[np.float32]
SYNONYMS = {"card": "gpu", "graphics": "gpu"}


class Concepts:
    """An embedder without weights: each word is a direction of its own, synonyms are one."""

    name, dim = "concepts", 512

    def __init__(self, digest: str = "c1") -> None:
        self.digest = digest
        self.n_read = 0

    def embed(self, texts: Sequence[str]) -> FloatArray:
        self.n_read += len(texts)
        return np.array([self._one(text) for text in texts], dtype=np.float32).reshape(len(texts), self.dim)

    def _one(self, text: str) -> FloatArray:
        total = np.full(self.dim, 1e-3, dtype=np.float32)
        for word in text.lower().split():
            meant = SYNONYMS.get(word, word)
            seed = int.from_bytes(hashlib.sha256(f"{self.digest}{meant}".encode()).digest()[:8], "big")
            total += np.random.default_rng(seed).standard_normal(self.dim).astype(np.float32)
        found: FloatArray = total / np.linalg.norm(total)
        return found

    def meaning(self, question: str, *, is_alone: bool = False) -> Meaning:
        return Meaning(self.digest, self.embed([question])[0], is_alone)


def counts(base: KnowledgeBase, embedder: Concepts) -> tuple[int, int]:
    with base.vectors() as vectors:
        return vectors.count(embedder.digest)


def test_each_entry_is_embedded_once_and_again_only_where_its_words_changed(base: KnowledgeBase) -> None:
    embedder = Concepts()
    base.put([an_entry(f"note:{n}", f"text {n}") for n in range(BATCH + 5)], links=[Link("note:0", "links-to", "x")])
    told: list[tuple[int, int]] = []
    done = embed_missing(base, embedder, lambda done: told.append((done.embedded, done.total)))
    assert (done.total, done.embedded, told[-1]) == (BATCH + 5, BATCH + 5, (BATCH + 5, BATCH + 5))
    assert embed_missing(base, embedder).embedded == 0
    base.put([an_entry("note:0", "text 0", at=NOW), an_entry("note:1", "other words"), an_entry("note:new", "new")])
    assert counts(base, embedder) == (BATCH + 3, 3)
    done = embed_missing(base, embedder)
    assert (done.embedded, done.same) == (2, 1)  # another date and no link any more, but the same words
    assert counts(base, embedder) == (BATCH + 6, 0)
    assert embedder.n_read == BATCH + 7


def test_an_entry_is_found_by_what_it_means(base: KnowledgeBase) -> None:
    embedder = Concepts()
    base.put([an_entry("note:a", "graphics slow"), an_entry("note:b", "disk full"), an_entry("note:c", "gpu fast")])
    embed_missing(base, embedder)
    assert ids(base.search("card")) == []
    found = base.search("card", meaning=embedder.meaning("card", is_alone=True))
    assert sorted(ids(found)) == ["note:a", "note:c"]
    assert {(hit.is_by_words, hit.is_by_meaning) for hit in found} == {(False, True)}
    assert base.search("nobody", meaning=embedder.meaning("nobody", is_alone=True)) == []
    assert base.search("card", limit=0, meaning=embedder.meaning("card")) == []


def test_who_is_found_by_words_and_by_meaning_comes_first(base: KnowledgeBase) -> None:
    embedder = Concepts()
    base.put([
        an_entry("note:words", "gpu " + " ".join(f"filler{n}" for n in range(200))),
        an_entry("note:meaning", "card graphics"), an_entry("note:both", "gpu card"),
    ])  # fmt: skip
    embed_missing(base, embedder)
    hits = base.search("gpu", meaning=embedder.meaning("gpu"))
    assert hits[0].entry.id == "note:both"
    assert {hit.entry.id: (hit.is_by_words, hit.is_by_meaning) for hit in hits} == {
        "note:both": (True, True), "note:words": (True, False), "note:meaning": (False, True),
    }  # fmt: skip
    assert hits[0].score == pytest.approx(2 / 61, rel=0.05)  # Σ 1 / (60 + place), places 1 or 2


def test_kind_and_domain_hold_for_meaning_too(base: KnowledgeBase) -> None:
    embedder = Concepts()
    base.put([
        an_entry("note:ops", "gpu", domain="ops"), an_entry("note:gpu", "gpu", domain="gpu"),
        an_entry("lesson:ops", "gpu", domain="ops", kind="lesson"),
    ])  # fmt: skip
    embed_missing(base, embedder)
    meaning = embedder.meaning("card", is_alone=True)
    assert ids(base.search("card", kind="lesson", meaning=meaning)) == ["lesson:ops"]
    assert ids(base.search("card", domain="gpu", only=True, meaning=meaning)) == ["note:gpu"]
    assert ids(base.search("card", domain="gpu", meaning=meaning))[0] == "note:gpu"
    assert ids(base.search("card", domain="ops", kind="note", only=True, meaning=meaning)) == ["note:ops"]


def test_an_old_vector_finds_nothing_and_a_forgotten_entry_has_none(base: KnowledgeBase) -> None:
    embedder = Concepts()
    base.put([an_entry("note:a", "gpu"), an_entry("note:b", "gpu")])
    embed_missing(base, embedder)
    base.put([an_entry("note:a", "disk")])
    base.forget(["note:b"])
    assert base.search("x", meaning=embedder.meaning("gpu", is_alone=True)) == []
    base.put([an_entry("note:b", "gpu")])
    assert counts(base, embedder) == (0, 2)


def test_what_changed_while_it_was_embedded_keeps_no_vector_of_what_it_said(base: KnowledgeBase) -> None:
    base.put([an_entry("note:a", "gpu")])
    with base.vectors() as vectors:
        (one,) = vectors.missing("c1")
    base.put([an_entry("note:a", "disk")])
    with base.vectors(is_writing=True) as vectors:
        vectors.keep("c1", [Vector(one.id, one.digest, one.said, bytes(1024)), Vector("note:x", "d", "s", bytes(1024))])
    assert counts(base, Concepts()) == (0, 1)


def test_a_vector_of_another_length_is_passed_over(base: KnowledgeBase) -> None:
    embedder = Concepts()
    base.put([an_entry("note:a", "gpu"), an_entry("note:b", "gpu")])
    embed_missing(base, embedder)
    with base.vectors(is_writing=True) as vectors:
        (one, _) = vectors.page("c1")
        vectors.keep("c1", [one._replace(value=one.value[:-3])])
    assert ids(base.search("x", meaning=embedder.meaning("card", is_alone=True))) == ["note:b"]


def test_another_model_takes_the_place_of_the_first_and_is_never_compared_with_it(base: KnowledgeBase) -> None:
    first, second = Concepts("c1"), Concepts("c2")
    base.put([an_entry("note:a", "gpu")])
    embed_missing(base, first)
    assert base.search("x", meaning=second.meaning("gpu", is_alone=True)) == []
    embed_missing(base, second)
    assert (counts(base, first), counts(base, second)) == ((0, 1), (1, 0))
    with base.vectors(is_writing=True) as vectors:
        assert vectors.model() == ("concepts", "c2", 512)
        assert vectors.switch_off() == 1
        assert vectors.model() is None
    assert base.search("x", meaning=second.meaning("gpu", is_alone=True)) == []


def test_the_nearest_of_more_than_a_page_are_found(base: KnowledgeBase, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Concepts()
    monkeypatch.setattr(keeping, "_PAGE", 64)
    base.put([an_entry(f"note:{n:04}", f"filler{n % 5}") for n in range(200)])
    base.put([an_entry("note:z", "gpu")])
    with base.vectors(is_writing=True) as vectors:
        vectors.switch_on(model_of(embedder))
    embed_missing(base, embedder)
    assert ids(base.search("x", limit=1, meaning=embedder.meaning("card", is_alone=True))) == ["note:z"]
    assert len(base.search("x", limit=500, meaning=embedder.meaning("filler3", is_alone=True))) == 40


def test_a_move_takes_the_vectors_along(base: KnowledgeBase, tmp_path: Path) -> None:
    embedder = Concepts()
    with SqliteKnowledge(tmp_path / "other.db", now=lambda: NOW) as source:
        source.put([an_entry(f"note:{n}", f"gpu {n}") for n in range(3)])
        embed_missing(source, embedder)
        source.put([an_entry("note:late", "disk")])
        move(source, base, lambda *_: None)
        assert counts(base, embedder) == counts(source, embedder) == (3, 1)
        meaning = embedder.meaning("card 2", is_alone=True)
        assert ids(base.search("x", meaning=meaning)) == ids(source.search("x", meaning=meaning)) != []
    assert embed_missing(base, embedder).embedded == 1
