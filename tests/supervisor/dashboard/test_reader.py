"""The fold that goes on: whatever the pieces in which a journal came, the picture is that of reading it whole."""

import shutil
from pathlib import Path

import pytest
from builders import a_beat, a_campaign, a_cycle, a_finding, a_gauge, a_job, a_lane, a_policy, a_session, an_action
from dashboard_home import told_home

from swarmd.state.query import Picture
from swarmd.state.store.files import Home
from swarmd.state.store.journal import Journal
from swarmd.state.store.raw import read_journal
from swarmd.supervisor.dashboard.reader import Reader

KINDS = ("campaign", "job", "lane", "run", "beat", "incident", "champion", "gauge", "policy", "session", "request")


def rows(picture: Picture) -> dict[str, list[dict[str, object]]]:
    return {kind: picture.rows(kind) for kind in KINDS}


def read_anew(home: Home) -> dict[str, list[dict[str, object]]]:
    return rows(Picture(read_journal(home.journal).folded()))


@pytest.mark.parametrize("piece", [1, 97, 1_000, 100_000])
def test_a_journal_that_comes_in_pieces_gives_the_picture_of_the_whole(tmp_path: Path, piece: int) -> None:
    told = told_home(tmp_path / "told")
    whole = b"".join(path.read_bytes() for path in sorted(told.journal.glob("0*.jsonl")))
    home = Home(tmp_path / "home")
    home.prepare()
    segment = home.journal / "000001.jsonl"
    reader = Reader(home)
    reader.look()
    step = max(piece, len(whole) // 40) if piece == 1 else piece
    for at in range(0, len(whole), step):
        with segment.open("ab") as file:
            file.write(whole[at : at + step])
        reader.look()
    assert rows(reader.picture()) == read_anew(told)
    assert [event["seq"] for event in reader.events] == sorted(event["seq"] for event in reader.events)


def test_what_is_appended_is_seen_and_a_second_look_sees_nothing(tmp_path: Path) -> None:
    home = told_home(tmp_path)
    reader = Reader(home)
    assert (reader.look(), reader.look()) == (True, False)
    before = reader.seq
    with Journal.open(home.journal)[0] as journal:
        journal.append([a_finding("curator/x", text="new"), a_gauge(value=0.9), a_beat(done=77), an_action("a3-0")])
        journal.commit()
        assert reader.look()
        journal.snapshot()
    assert reader.seq == before + 4
    assert [event["id"] for event in list(reader.events)[-2:]] == ["curator/x", "a3-0"]
    assert reader.changed["gauge"] == before + 2
    assert rows(reader.picture()) == read_anew(home)


def test_another_journal_in_its_place_is_read_from_its_beginning(tmp_path: Path) -> None:
    home = told_home(tmp_path)
    reader = Reader(home)
    reader.look()
    shutil.rmtree(home.journal)
    assert not reader.look()
    with Journal.open(home.journal)[0] as journal:
        journal.append([a_policy(), a_session(), a_campaign(), a_lane(), a_job(), a_cycle()])
        journal.commit()
    assert reader.look()
    assert rows(reader.picture()) == read_anew(home)
    assert len(reader.picture().rows("lane")) == 1


def test_a_new_reader_knows_what_happened_lately_and_the_last_measures(tmp_path: Path) -> None:
    home = told_home(tmp_path)
    reader = Reader(home)
    reader.look()
    assert reader.events[-1]["seq"] <= reader.seq
    assert {event["kind"] for event in reader.events} >= {"action", "incident", "run", "champion"}
    assert [value for _, value in reader.samples["host.cpu_util"]] == [0.7]
