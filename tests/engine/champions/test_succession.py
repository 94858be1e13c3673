"""Who follows whom: backups in the order of their reigns, the way back, and the end of a reign."""

import json
import os

import pytest

from swarmd.engine.champions.champion import champion_of_bytes, checksum_of, digest_of, read_champion, write_champion
from swarmd.engine.champions.changes import read_changes
from swarmd.engine.champions.loader import ChampionLoader
from swarmd.engine.champions.succession import backups_of, dethrone, put_back, way_back
from swarmd.state.errors import OperatorError
from tests.champion_builders import a_champion

AT = "2026-05-01T00:00:00.000Z"


@pytest.fixture
def path(tmp_path):
    """A niche in which 1.0 and 2.0 were followed by 3.0."""
    place = tmp_path / "BTCUSDT_5m.json"
    for score in (1.0, 2.0, 3.0):
        write_champion(place, a_champion(score=score))
    return place


def backups(path):
    return backups_of(path, read_changes(path.parent))


def scores(path):
    return [backup.champion.score for backup in backups(path)]


def back(path, asked=None, reason="because"):
    current = read_champion(path)
    chosen = way_back(
        path, backups(path), read_changes(path.parent), asked=asked, current=None if current is None else current.claim
    )
    return put_back(path, chosen, at=AT, reason=reason)


# -- the file ---------------------------------------------------------------------------------------------------------


def test_a_file_from_before_there_were_origins_reads_as_crowned_and_keeps_its_checksum(tmp_path):
    path = tmp_path / "BTCUSDT_5m.json"
    write_champion(path, a_champion())
    document = json.loads(path.read_text())
    assert not {"origin", "note"} & set(document)
    read = read_champion(path)
    assert (read.origin, read.note, read.checksum) == ("crowned", "", checksum_of(document))
    assert read.document() == document


def test_a_file_that_says_its_origin_is_verified_as_it_stands(tmp_path):
    document = a_champion().document() | {"origin": "crowned", "note": ""}
    content = json.dumps(document | {"checksum": checksum_of(document)}).encode()
    assert champion_of_bytes(content, where="here").origin == "crowned"


def test_a_claim_is_the_same_whoever_put_it_there(tmp_path):
    mine = a_champion()
    theirs = a_champion(origin="rollback", note="n", run_id="r2", created_at="2027")
    assert mine.says_the_same(theirs)
    assert mine.claim == theirs.claim != a_champion(score=2.0).claim


# -- backups ----------------------------------------------------------------------------------------------------------


def test_the_last_in_force_is_the_first_backup_whatever_the_times_of_the_files(path):
    for number, backup in enumerate(backups(path)):
        os.utime(backup.path, (10**9 + number, 10**9 + number))
    assert scores(path) == [2.0, 1.0]


def test_backups_from_before_changes_were_kept_are_the_oldest(path):
    old = a_champion(score=0.5).sealed()
    content = json.dumps(old.document()).encode()
    place = path.parent / "backup" / f"BTCUSDT_5m_{digest_of(content)}.json"
    place.write_bytes(content)
    assert scores(path) == [2.0, 1.0, 0.5]
    assert backups(path)[-1].left_at is None


def test_a_damaged_backup_is_told_and_never_put_back(path):
    newest = backups(path)[0]
    newest.path.write_bytes(newest.path.read_bytes().replace(b'"score": 2.0', b'"score": 9.0'))
    assert "changed by hand" in backups(path)[0].damaged
    assert back(path).score == 1.0
    with pytest.raises(OperatorError, match="changed by hand"):
        back(path, asked=newest.digest)


def test_the_backups_of_another_niche_are_not_mine(path):
    write_champion(path.with_name("BTCUSDT_5m_x.json"), a_champion())
    write_champion(path.with_name("BTCUSDT_5m_x.json"), a_champion(score=7.0))
    assert scores(path) == [2.0, 1.0]


# -- rollback ---------------------------------------------------------------------------------------------------------


def test_a_rollback_puts_the_one_before_back_and_says_why(path):
    crowned = back(path, reason="fills are worse")
    assert read_champion(path) == crowned
    assert (crowned.score, crowned.origin, crowned.note) == (2.0, "rollback", "fills are worse")
    assert scores(path) == [3.0, 2.0, 1.0]
    last = read_changes(path.parent)[-1]
    assert (last.change, last.reason, last.at) == ("rollback", "fills are worse", AT)


def test_a_second_rollback_goes_back_to_who_was_in_force_before_it(path):
    back(path)
    assert back(path).score == 3.0


def test_a_rollback_by_digest_goes_where_it_is_told(path):
    assert back(path, asked=backups(path)[1].digest[:6]).score == 1.0
    with pytest.raises(OperatorError, match="0 backups are named 'zz'"):
        back(path, asked="zz")


def test_a_damaged_champion_can_be_rolled_back_from(path):
    path.write_bytes(b"{")
    chosen = way_back(path, backups(path), read_changes(path.parent), asked=None, current=None)
    assert put_back(path, chosen, at=AT, reason="damaged").score == 2.0
    assert b"{" in [backup.path.read_bytes() for backup in backups(path)]


def test_without_anything_to_go_back_to_a_rollback_says_so(tmp_path):
    path = tmp_path / "BTCUSDT_5m.json"
    write_champion(path, a_champion())
    with pytest.raises(OperatorError, match="no backup to go back to"):
        back(path)


# -- dethroned --------------------------------------------------------------------------------------------------------


def fall(path, *, heir=True):
    fallen = read_champion(path)
    return dethrone(path, fallen, backups(path)[0] if heir else None, at=AT, reason="its days", evidence={"e": 21.0})


def test_one_that_is_dethroned_is_followed_by_the_one_before(path):
    heir = fall(path)
    assert (heir.score, heir.origin) == (2.0, "rollback")
    assert heir.note == "follows one that was dethroned: its days"
    assert read_champion(path) == heir
    last = read_changes(path.parent)[-1]
    assert (last.change, last.evidence, last.claim) == ("dethroned", {"e": 21.0}, a_champion(score=3.0).claim)
    assert ChampionLoader(path.parent).load("BTCUSDT", "5m").champion == heir


def test_without_an_heir_the_niche_is_empty_and_the_loader_says_why(path):
    assert fall(path, heir=False) is None
    assert not path.exists()
    loaded = ChampionLoader(path.parent).load("BTCUSDT", "5m")
    told = loaded.meta["champion"]
    assert told["source"] == "baseline"
    assert told["reason"] == "its champion was dethroned on 2026-05-01: its days"
    assert scores(path) == [3.0, 2.0, 1.0]


def test_a_dethroned_one_copied_back_by_hand_is_not_loaded(path):
    content = path.read_bytes()
    fall(path, heir=False)
    path.write_bytes(content)
    for loaded in (
        ChampionLoader(path.parent).load("BTCUSDT", "5m"),
        ChampionLoader(path.parent).load_cached("BTCUSDT", "5m"),
    ):
        assert loaded.meta["champion"]["reason"] == "this champion was dethroned on 2026-05-01: its days"


def test_a_rollback_passes_over_the_dethroned_unless_it_is_named(path):
    fall(path)
    fallen = backups(path)[0]
    assert fallen.champion.score == 3.0
    assert back(path).score == 1.0
    assert back(path, asked=fallen.digest).score == 3.0
    assert ChampionLoader(path.parent).load("BTCUSDT", "5m").champion.score == 3.0
