"""What only a file can suffer: rights, damage, strangers, a writer beside it, terms made by an older rule."""

import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from knowledge_builders import an_entry, ids

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.knowledge.entry import Changed
from swarmd.state.knowledge.prepared import prepared
from swarmd.state.knowledge.sqlite import SqliteKnowledge


def test_the_file_and_what_lies_beside_it_are_its_owners_alone(tmp_path: Path) -> None:
    with SqliteKnowledge(tmp_path / "new" / "knowledge.db") as base:
        base.put([an_entry()])
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    assert modes == {"knowledge.db": 0o600, "knowledge.db-wal": 0o600, "knowledge.db-shm": 0o600}


def test_readers_go_on_while_another_process_writes_and_a_second_writer_says_so(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.db"
    with SqliteKnowledge(path, patience=100) as base:
        base.put([an_entry(text="word")])
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        assert ids(base.search("word")) == ["note:one"]
        with pytest.raises(OutsideError, match="written by another process"):
            base.put([an_entry("note:two")])
        holder.execute("ROLLBACK")
        holder.close()
        assert base.put([an_entry("note:two")]) == Changed(added=1)


def test_several_processes_may_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.db"
    code = (
        "import sys; from pathlib import Path\n"
        "from swarmd.state.knowledge.entry import Entry\n"
        "from swarmd.state.knowledge.sqlite import SqliteKnowledge\n"
        "with SqliteKnowledge(Path(sys.argv[1])) as base:\n"
        "    for n in range(20):\n"
        "        base.put([Entry(f'note:{sys.argv[2]}-{n}', 'ops', 'note', 'shared', f'word{n}')])\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), name]) for name in ("a", "b", "c")]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    with SqliteKnowledge(path) as base:
        assert base.totals().entries == 60
        assert len(base.search("shared", limit=100)) == 60
        assert base.health()["problems"] == []


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "knowledge.db"
    path.write_bytes(content)
    with pytest.raises(OutsideError, match="damaged or no knowledge base"):
        SqliteKnowledge(path)
    assert path.read_bytes() == content


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    with pytest.raises(OperatorError, match="something else"):
        SqliteKnowledge(path)


def test_a_newer_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.db"
    SqliteKnowledge(path).close()
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(OperatorError, match="newer swarmd"):
        SqliteKnowledge(path)


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "knowledge.db").mkdir()
    with pytest.raises(OperatorError, match="cannot keep knowledge"):
        SqliteKnowledge(tmp_path / "knowledge.db")


def test_damage_within_is_found_by_health(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.db"
    with SqliteKnowledge(path) as base:
        base.put([an_entry(f"note:{n}", "text " * 500) for n in range(50)])
    data = bytearray(path.read_bytes())
    data[40_000:60_000] = b"\xa5" * 20_000
    path.write_bytes(data)
    with SqliteKnowledge(path) as base:
        assert base.health()["problems"] != []


def test_an_older_base_is_taken_over_with_an_index_that_holds_no_copy(tmp_path: Path) -> None:
    """Tables 1, as a base of that time has them: FTS5 kept every term beside its index, and there were no vectors."""
    path = tmp_path / "knowledge.db"
    notes = [an_entry(f"note:{n}", f"needle {n} " + f"filler{n} text " * 200, title=f"Title {n}") for n in range(60)]
    with SqliteKnowledge(path) as base:
        base.put(notes)
    with sqlite3.connect(path) as raw:
        raw.execute("DROP TABLE vector")
        raw.execute("DROP TABLE words")
        raw.execute(
            "CREATE VIRTUAL TABLE words USING fts5 (title, under, text, tags, tokenize = \"ascii tokenchars '_.'\")"
        )
        ready = {one.entry.id: one.columns for one in prepared(notes)}
        for row, id in raw.execute("SELECT row, id FROM entry").fetchall():
            it = ready[id]
            columns = map(" ".join, (it.title, it.under, it.text, it.tags))
            raw.execute("INSERT INTO words (rowid, title, under, text, tags) VALUES (?, ?, ?, ?, ?)", (row, *columns))
        raw.execute("UPDATE meta SET value = '1' WHERE key = 'schema'")
    raw.close()
    before = path.stat().st_size
    with SqliteKnowledge(path) as base:
        assert base.health()["problems"] == []
        assert ids(base.search("title 7 needle", limit=1)) == ["note:7"]
        assert base.put(notes) == Changed(same=60)
        assert base.put([an_entry("note:7", "other")]) == Changed(changed=1)
        assert "note:7" not in ids(base.search("needle", limit=100))
        assert base.forget(["note:8"]) == 1
        assert len(base.search("needle", limit=100)) == 58
    assert path.stat().st_size < 0.8 * before


def test_terms_made_by_an_older_rule_are_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "knowledge.db"
    with SqliteKnowledge(path) as base:
        base.put([an_entry(text="needle here"), an_entry("note:two", "needle there")])
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE meta SET value = '0' WHERE key = 'words'")
        raw.execute("INSERT INTO words (words) VALUES ('delete-all')")
        raw.execute("DELETE FROM term")
    with SqliteKnowledge(path) as base:
        assert len(base.search("needle")) == 2
        assert base.put([an_entry(text="needle here")]) == Changed(same=1)
        assert base.forget(["note:one", "note:two"]) == 2
        assert base.suggestion("needel") is None
