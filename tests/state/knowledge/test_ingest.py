"""Ingesting: twice is once, what vanished is forgotten, and one bad file never loses the rest. On both stores."""

import os
import socket
import sqlite3
from pathlib import Path

import pytest
from knowledge_builders import ids

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.knowledge import ingest as ingesting
from swarmd.state.knowledge.contract import KnowledgeBase
from swarmd.state.knowledge.entry import Changed
from swarmd.state.knowledge.ingest import Outcome, asked, changes, ingest, update
from swarmd.state.knowledge.sqlite import SqliteKnowledge

ROOT_READS_ALL = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.md").write_text("# Alpha\n\nfirst\n\n## Part\n\nsecond\n")
    (folder / "deep" / "b.html").write_text("<h1>Beta</h1><p>third")
    (folder / "c.py").write_text('"""Gamma."""\n\n\ndef call_it() -> None:\n    """Fourth."""\n')
    return folder


def run(base: KnowledgeBase, place: Path, **fields: object) -> Outcome:
    return ingest(base, asked(place, **{"root": None, "domain": None, **fields}))  # type: ignore[arg-type]


def test_the_second_time_nothing_is_read_and_nothing_changes(base: KnowledgeBase, docs: Path) -> None:
    first = run(base, docs)
    assert (first.read, first.changed) == (3, Changed(added=5))
    again = run(base, docs)
    assert (again.read, again.same, again.changed) == (0, 3, Changed())
    for path in docs.rglob("*.*"):
        path.touch()
    touched = run(base, docs)
    assert (touched.read, touched.same, touched.changed) == (0, 3, Changed())
    assert ids(base.search("fourth")) == [f"doc:{docs}/c.py#call_it"]


def test_only_what_changed_is_written_and_what_vanished_is_forgotten(base: KnowledgeBase, docs: Path) -> None:
    run(base, docs)
    (docs / "a.md").write_text("# Alpha\n\nanother\n")
    (docs / "deep" / "b.html").unlink()
    outcome = run(base, docs)
    assert (outcome.read, outcome.same, outcome.forgotten_files, outcome.forgotten) == (1, 1, 1, 1)
    assert outcome.changed == Changed(changed=1, gone=1)
    assert [base.search(word) for word in ("first", "second", "third")] == [[], [], []]
    assert base.totals().files == 2


def test_a_store_that_cannot_be_written_is_told_and_the_next_time_reads_what_is_left(
    tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault comes out of the thread that writes, and what was written before it stays."""
    monkeypatch.setattr(ingesting, "BATCH_FILES", 1)
    told: list[int] = []

    def hold(outcome: Outcome) -> None:
        told.append(outcome.read)
        if not holder.in_transaction:
            holder.execute("BEGIN IMMEDIATE")

    with SqliteKnowledge(tmp_path / "knowledge.db", patience=50) as base:
        holder = sqlite3.connect(tmp_path / "knowledge.db", isolation_level=None)
        with pytest.raises(OutsideError, match="written by another process"):
            ingest(base, asked(docs, root=None, domain=None), hold)
        assert told == [1]
        assert base.totals().files == 1
        holder.execute("ROLLBACK")
        holder.close()
        run(base, docs)
        assert base.totals().files == 3
        assert base.health()["problems"] == []


def test_a_part_of_a_folder_leaves_the_rest_alone(base: KnowledgeBase, docs: Path) -> None:
    run(base, docs)
    (docs / "deep" / "b.html").unlink()
    assert run(base, docs / "a.md", root=docs).forgotten_files == 0
    assert run(base, docs / "deep", root=docs).forgotten_files == 1


def test_a_domain_may_be_named_and_another_one_is_a_change(base: KnowledgeBase, docs: Path) -> None:
    run(base, docs, domain="gpu")
    assert {entry.domain for entry in base.entries()} == {"gpu"}
    assert run(base, docs, domain="ops").changed == Changed(changed=5)


def test_what_is_no_document_is_passed_over_counted_and_no_failure(base: KnowledgeBase, docs: Path) -> None:
    (docs / "picture.png").write_bytes(b"\x89PNG\0")
    (docs / "binary.md").write_bytes(b"\0\1\2" * 100)
    (docs / ".hidden.md").write_text("# Hidden")
    os.mkfifo(docs / "pipe.md")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(docs / "socket.md"))
    with (docs / "giant.md").open("wb") as file:
        file.truncate(1 << 30)
    outcome = run(base, docs)
    assert dict(outcome.passed) == {"other-kind": 1, "binary": 1, "hidden": 1, "special": 2, "too-large": 1}
    assert (outcome.read, outcome.failed) == (3, 0)
    assert "1,073,741,824 bytes" in next(one.told for one in outcome.named if one.why == "too-large")


def test_links_are_followed_neither_out_nor_in_circles(base: KnowledgeBase, docs: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("# Secret")
    (docs / "out.md").symlink_to(tmp_path / "secret.md")
    (docs / "deep" / "loop").symlink_to(docs)
    (docs / "nowhere.md").symlink_to(docs / "absent.md")
    (docs / "self").symlink_to(docs / "self")
    outcome = run(base, docs)
    assert outcome.passed["link"] == 4
    assert outcome.read == 3
    assert ids(base.search("secret")) == []


def test_a_file_that_became_a_link_is_forgotten(base: KnowledgeBase, docs: Path) -> None:
    run(base, docs)
    (docs / "c.py").unlink()
    (docs / "c.py").symlink_to(docs / "a.md")
    assert run(base, docs).forgotten == 2


def test_a_place_outside_its_root_is_refused(docs: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (docs / "away").symlink_to(tmp_path / "other")
    for place in (tmp_path / "other", docs / ".." / "other", docs / "away"):
        with pytest.raises(OperatorError, match="outside the root"):
            asked(place, root=docs, domain=None)
    with pytest.raises(OperatorError, match="No such file"):
        asked(docs / "absent", root=None, domain=None)
    with pytest.raises(OperatorError, match="is no folder"):
        asked(docs / "a.md", root=docs / "a.md", domain=None)


def test_a_file_named_by_a_person_is_read_whatever_it_is_called(base: KnowledgeBase, docs: Path) -> None:
    (docs / "notes.cfg").write_text("needle = 1")
    assert run(base, docs / "notes.cfg").read == 1
    assert ids(base.search("needle")) == [f"doc:{docs}/notes.cfg"]


def test_names_and_texts_in_no_known_encoding_are_kept_as_well_as_can_be(base: KnowledgeBase, docs: Path) -> None:
    (Path(os.fsdecode(os.fsencode(docs) + b"/caf\xe9.md"))).write_bytes(b"# Caf\xe9 needle\n" + b"word " * 20)
    (docs / "wide.txt").write_bytes("wide needle".encode("utf-16"))
    assert run(base, docs).read == 5
    assert sorted(ids(base.search("needle"))) == [f"doc:{docs}/caf\\xe9.md", f"doc:{docs}/wide.txt"]
    assert run(base, docs).same == 5


@ROOT_READS_ALL
def test_what_may_not_be_read_is_a_failure_and_keeps_what_was_known(base: KnowledgeBase, docs: Path) -> None:
    run(base, docs)
    (docs / "a.md").write_text("changed")
    (docs / "a.md").chmod(0)
    (docs / "deep").chmod(0)
    try:
        outcome = run(base, docs)
        assert (outcome.failed, outcome.forgotten_files) == (2, 0)
    finally:
        (docs / "deep").chmod(0o700)
    assert len(ids(base.search("third"))) == 1


def test_a_file_that_is_taken_away_while_it_is_read_is_a_failure_and_loses_nothing(docs: Path, tmp_path: Path) -> None:
    from swarmd.state.knowledge.walk import Found, Passed, files_below, read

    found = [one for one in files_below(docs) if isinstance(one, Found)]
    found[0].path.unlink()
    found[1].path.unlink()
    os.mkfifo(found[1].path)
    found[2].path.unlink()
    found[2].path.symlink_to(tmp_path)
    told = [read(one) for one in found]
    assert [one.why for one in told if isinstance(one, Passed)] == ["unreadable", "special", "link"]


def test_a_file_that_grows_beyond_its_limit_is_not_read_whole(docs: Path) -> None:
    from swarmd.state.knowledge.walk import Found, Passed, read

    data = read(Found(docs / "a.md", "markdown", 1, 1), most_bytes=10)
    assert isinstance(data, Passed)
    assert data.why == "too-large"


def test_a_very_deep_folder_is_walked(base: KnowledgeBase, docs: Path) -> None:
    deep = docs
    for _ in range(60):
        deep = deep / ("d" * 20)
    deep.mkdir(parents=True)
    (deep / "e.md").write_text("# Bottom needle")
    assert run(base, docs).read == 4
    (hit,) = base.search("needle")
    assert len(hit.entry.id) <= 1_000
    assert run(base, docs).same == 4


def test_many_small_files_come_in_batches(base: KnowledgeBase, tmp_path: Path) -> None:
    for number in range(450):
        (tmp_path / f"{number:03}.txt").write_text(f"tiny {number}")
    seen: list[int] = []
    outcome = ingest(base, asked(tmp_path, root=None, domain=None), lambda so_far: seen.append(so_far.read))
    assert (outcome.read, seen[:2]) == (450, [200, 400])
    assert base.totals().files == 450


def test_single_files_are_brought_up_to_date(base: KnowledgeBase, docs: Path) -> None:
    run(base, docs)
    it = asked(docs, root=None, domain=None)
    (docs / "a.md").write_text("# Alpha\n\nanother\n")
    (docs / "c.py").unlink()
    (docs / "new.txt").write_text("new")
    (docs / "new.png").write_text("no document")
    outside = docs.parent / "outside.md"
    paths = [docs / "a.md", docs / "c.py", docs / "new.txt", docs / "new.png", docs / "deep", outside]
    outcome = update(base, it, paths)
    assert (outcome.read, outcome.forgotten_files) == (2, 1)
    assert update(base, it, paths).read == 0


def test_changes_are_told_by_the_file(docs: Path) -> None:
    with changes(asked(docs, root=None, domain=None)) as wait:
        (docs / "deep" / "b.html").write_text("<h1>Other")
        told: set[Path] = set()
        for _ in range(100):
            told |= wait(0.1) or set()
            if told:
                break
        assert told == {docs / "deep" / "b.html"}
        (docs / "fresh").mkdir()
        answers = [wait(0.1) for _ in range(20)]
        assert None in answers  # a folder came: look at everything
