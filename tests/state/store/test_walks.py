"""A long journal looked through from either end: the same lines as its whole history, one segment at a time."""

from pathlib import Path

import pytest
from builders import a_gauge, a_job, a_run

from swarmd.state.errors import OutsideError
from swarmd.state.store.compaction import compact, removable
from swarmd.state.store.journal import Journal
from swarmd.state.store.lines import Damage
from swarmd.state.store.raw import history, walk
from swarmd.state.store.walks import backward, ids, mentioning
from swarmd.state.units import iso


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Forty records in several segments, the last of them torn."""
    journal, _ = Journal.open(tmp_path / "journal", segment_bytes=1500)
    with journal:
        for at in range(1, 21):
            journal.append([a_gauge(f"host.g{at % 4}", float(at), at=at), a_job(symbol=f"S{at}", at=at)])
            journal.commit()
    last = max((tmp_path / "journal").glob("0*.jsonl"))
    with last.open("ab") as file:
        file.write(b'{"seq":41,"at":"1970-')
    assert int(last.stem) > 3
    return tmp_path / "journal"


def test_the_way_back_has_the_lines_of_the_history_and_each_its_id(directory: Path) -> None:
    damages: list[Damage] = []
    back = list(backward(directory, damages))
    lines, _ = history(directory)
    assert [content for _, content in back] == [line.content for line in reversed(lines)]
    assert [id.decode() for id, _ in back] == [line.id for line in reversed(lines)]
    assert damages == []


def test_a_flipped_byte_is_named_by_segment_and_line_from_either_end(directory: Path) -> None:
    path = directory / "000002.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b"job", b"jib")
    path.write_bytes(b"\n".join(lines))
    ahead: list[Damage] = []
    behind: list[Damage] = []
    there = [line.content for line in walk(directory, ahead)]
    assert [content for _, content in backward(directory, behind)] == there[::-1]
    assert [(each.segment, each.line) for each in ahead] == [("000002.jsonl", 2)]
    assert [(each.segment, each.line, each.reason) for each in behind] == [
        ("000002.jsonl", 2, "its checksum is wrong or missing")
    ]


def test_words_are_found_wherever_they_stand_and_damaged_lines_are_left_out(directory: Path) -> None:
    assert [line.seq for line in mentioning(directory, b"host.g1")] == [1, 9, 17, 25, 33]
    assert list(mentioning(directory, b"nowhere")) == []
    path = directory / "000001.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"value":1.0', b'"value":7.0'))
    assert [line.seq for line in mentioning(directory, b"host.g1")] == [9, 17, 25, 33]


def test_every_id_is_listed_once(directory: Path) -> None:
    lines, _ = history(directory)
    assert list(ids(directory)) == list(dict.fromkeys(line.id for line in lines))


def test_what_was_removed_is_met_last_on_the_way_back_and_first_on_the_way_forward(directory: Path) -> None:
    journal, _ = Journal.open(directory)
    with journal:
        journal.append([a_run(at=30)])
        journal.snapshot()
    compact(directory, removable(directory, iso(10)))
    assert not (directory / "000001.jsonl").exists()
    lines, _ = history(directory)
    back = [content for _, content in backward(directory, [])]
    assert back == [line.content for line in reversed(lines)]
    assert {line.id for line in mentioning(directory, b"S1.")} == {a_job(symbol="S1").id}
    assert set(ids(directory)) == {line.id for line in lines}


def test_a_segment_that_goes_while_it_is_walked_through_is_told(directory: Path) -> None:
    lines = walk(directory, [])
    next(lines)
    (directory / "000003.jsonl").unlink()
    with pytest.raises(OutsideError, match=r"000003\.jsonl was removed"):
        list(lines)


def test_nothing_is_found_where_there_is_no_journal(tmp_path: Path) -> None:
    assert list(backward(tmp_path / "none", [])) == []
    assert list(mentioning(tmp_path / "none", b"x")) == []
    assert ids(tmp_path / "none") == {}
