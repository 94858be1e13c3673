"""Moving everything from one store to the other: whole, again after a break, and with the password told to nobody."""

import stat
from pathlib import Path

import pytest
from knowledge_builders import an_entry, ids

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.knowledge.entry import Changed, Link, Totals
from swarmd.state.knowledge.ingest import asked, ingest
from swarmd.state.knowledge.move import move
from swarmd.state.knowledge.opening import (
    VARIABLE,
    address,
    checked_url,
    open_at,
    open_knowledge,
    place_of,
    remember,
    url_path,
)
from swarmd.state.knowledge.sqlite import SqliteKnowledge
from swarmd.state.store.files import Home


@pytest.fixture
def full(tmp_path: Path) -> SqliteKnowledge:
    docs = tmp_path / "docs"
    docs.mkdir()
    for number in range(130):
        (docs / f"{number}.md").write_text(
            f"# Page {number}\n\n`call_{number}` [next]({number + 1}.md)\n\n## Part\n\ntext"
        )
    base = SqliteKnowledge(tmp_path / "full.db")
    ingest(base, asked(docs, root=None, domain=None))
    base.put(
        [an_entry(f"note:{n}", f"loose {n}", evidence=("r-1",)) for n in range(30)],
        links=[Link("note:1", "links-to", "note:2")],
    )
    return base


def test_there_and_back_again_nothing_is_lost(full: SqliteKnowledge, fresh_postgres: str, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    told: list[tuple[int, int]] = []
    with open_at(home, fresh_postgres) as shared, SqliteKnowledge(tmp_path / "back.db") as back:
        moved = move(full, shared, lambda done, total: told.append((done, total)))
        assert (moved.entries, moved.files, moved.changed) == (290, 130, Changed(added=290))
        assert told[-1] == (290, 290)
        assert shared.totals() == full.totals() == Totals(entries=290, links=moved.links, files=130)
        assert move(shared, back, lambda *_: None).entries == 290
        assert back.totals() == full.totals()
        assert back.entries(limit=1000) == full.entries(limit=1000)
        assert (
            sorted(ids(back.search("call_77")))
            == sorted(ids(shared.search("call_77")))
            == sorted(ids(full.search("call_77")))
        )
        assert ingest(back, asked(tmp_path / "docs", root=None, domain=None)).same == 130
    full.close()


def test_a_move_that_broke_off_goes_on(full: SqliteKnowledge, tmp_path: Path) -> None:
    class BrokenOffError(Exception):
        pass

    def break_off(done: int, total: int) -> None:
        if done > 100:
            raise BrokenOffError

    with SqliteKnowledge(tmp_path / "target.db") as target:
        with pytest.raises(BrokenOffError):
            move(full, target, break_off)
        before = target.totals().entries
        assert 0 < before < 290
        assert move(full, target, lambda *_: None).changed == Changed(added=290 - before)
        assert move(full, target, lambda *_: None).changed == Changed(same=30)
    full.close()


def test_what_is_over_there_already_stays(full: SqliteKnowledge, tmp_path: Path) -> None:
    with SqliteKnowledge(tmp_path / "target.db") as target:
        target.put([an_entry("note:theirs", "theirs"), an_entry("note:1", "an older text")])
        assert move(full, target, lambda *_: None).changed == Changed(added=289, changed=1)
        assert target.entry("note:theirs") is not None
    full.close()


def test_postgres_tables_without_vectors_get_them(fresh_postgres: str, tmp_path: Path) -> None:
    import psycopg

    from swarmd.state.knowledge.postgres_tables import NAME

    home = Home(tmp_path / "home")
    with open_at(home, fresh_postgres) as base:
        base.put([an_entry(text="needle")])
    with psycopg.connect(fresh_postgres, autocommit=True) as raw:
        raw.execute(f"DROP TABLE {NAME}.vector")
        raw.execute(f"UPDATE {NAME}.meta SET value = '1' WHERE key = 'schema'")
    with open_at(home, fresh_postgres) as base:
        assert ids(base.search("needle")) == ["note:one"]
        with base.vectors() as vectors:
            assert vectors.count("any") == (0, 1)


# -- addresses --------------------------------------------------------------------------------------------------------


def test_an_address_is_kept_for_its_owner_alone_and_told_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    url = "postgresql://swarm:s3cret@db.example:5433/team?sslpassword=s3cret"
    remember(home, url)
    assert stat.S_IMODE(url_path(home).stat().st_mode) == 0o600
    assert address(home) == url
    assert place_of(url, home) == "postgresql://swarm@db.example:5433/team"
    monkeypatch.setenv(VARIABLE, "postgres://other/x")
    assert address(home) == "postgres://other/x"
    monkeypatch.delenv(VARIABLE)
    remember(home, None)
    assert address(home) is None


@pytest.mark.parametrize(
    "wrong", ["mysql://u:s3cret@h/d", "s3cret", "postgresql://u:s3cret@h:port/d", "postgresql://h/d\nx"]
)
def test_what_is_no_address_is_refused_without_being_repeated(wrong: str) -> None:
    with pytest.raises(OperatorError, match="is no address") as told:
        checked_url(wrong, "--to")
    assert "s3cret" not in str(told.value)


def test_a_server_that_is_not_there_or_refuses_is_an_outside_error_without_the_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_postgres: str
) -> None:
    home = Home(tmp_path)
    wrong = fresh_postgres.replace("s3cret", "wr0ng")
    for url in ("postgresql://u:wr0ng@/d?host=/nowhere", "postgresql://u:wr0ng@127.0.0.1:1/d", wrong):
        monkeypatch.setenv(VARIABLE, url)
        with pytest.raises(OutsideError, match="cannot reach postgresql://") as told:
            open_knowledge(home)
        assert "wr0ng" not in str(told.value)
