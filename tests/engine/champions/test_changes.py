"""The changes of the champions: one line each, before the deed; readable after any crash, and never guessed at."""

import os
import subprocess
import sys

import pytest

from swarmd.engine.champions.champion import digest_of, read_champion, write_champion
from swarmd.engine.champions.changes import (
    CHANGES_FILE,
    Change,
    append_change,
    dethroning_of,
    read_changes,
    readable_changes,
    told_history,
)
from swarmd.state.errors import OperatorError, OutsideError
from tests.champion_builders import a_champion


def a_change(**changed) -> Change:
    return Change(
        **{
            "at": "2026-01-01T00:00:00.000Z",
            "niche": "BTCUSDT_5m",
            "change": "crowned",
            "before": None,
            "after": "a" * 12,
            "claim": "claim",
            "reason": "why",
        }
        | changed
    )


def test_what_was_appended_is_read_back_in_order(tmp_path):
    changes = (
        a_change(),
        a_change(change="dethroned", before="a" * 12, after=None, evidence={"e": 20.5, "days": ["x"]}),
    )
    for change in changes:
        append_change(tmp_path / "champions", change)
    assert read_changes(tmp_path / "champions") == changes


def test_no_file_is_no_changes(tmp_path):
    assert read_changes(tmp_path) == readable_changes(tmp_path) == ()


def test_a_torn_last_line_is_no_line_and_is_cut_off_by_the_next_writer(tmp_path):
    append_change(tmp_path, a_change())
    path = tmp_path / CHANGES_FILE
    path.write_bytes(path.read_bytes() + b'{"at":"2026-01-0')
    assert read_changes(tmp_path) == (a_change(),)
    append_change(tmp_path, a_change(reason="next"))
    assert [change.reason for change in read_changes(tmp_path)] == ["why", "next"]


@pytest.mark.parametrize("line", [b"nonsense", b"[]", b'{"at":"x"}', b"\xff", b"[" * 100_000])
def test_a_line_that_is_no_change_is_named_and_passed_over_only_by_who_must_go_on(tmp_path, line):
    append_change(tmp_path, a_change())
    path = tmp_path / CHANGES_FILE
    path.write_bytes(line + b"\n" + path.read_bytes())
    with pytest.raises(OperatorError, match="line 1 is no change"):
        read_changes(tmp_path)
    assert readable_changes(tmp_path) == (a_change(),)


def test_a_change_that_cannot_be_written_down_is_not_made(tmp_path):
    path = tmp_path / "BTCUSDT_5m.json"
    write_champion(path, a_champion())
    before = path.read_bytes()
    (tmp_path / CHANGES_FILE).unlink()
    (tmp_path / CHANGES_FILE).mkdir()
    with pytest.raises(OutsideError, match=r"changes\.jsonl"):
        write_champion(path, a_champion(score=2.0))
    assert path.read_bytes() == before


def test_every_champion_put_in_force_is_written_down_with_both_digests(tmp_path):
    path = tmp_path / "BTCUSDT_5m.json"
    contents = [None]
    for score in (1.0, 2.0):
        write_champion(path, a_champion(score=score))
        contents.append(path.read_bytes())
    digests = [digest_of(content) for content in contents]
    assert [(c.change, c.before, c.after) for c in read_changes(tmp_path)] == [
        ("crowned", digests[0], digests[1]),
        ("crowned", digests[1], digests[2]),
    ]
    assert read_changes(tmp_path)[1].claim == read_champion(path).claim


def test_the_very_same_file_again_is_no_change(tmp_path):
    path = tmp_path / "BTCUSDT_5m.json"
    for _ in range(2):
        write_champion(path, a_champion())
    assert len(read_changes(tmp_path)) == 1
    assert not (tmp_path / "backup").exists()


# -- the history ------------------------------------------------------------------------------------------------------


def test_a_line_whose_deed_was_never_done_is_told_as_such():
    a, b, c = ("a" * 12, "b" * 12, "c" * 12)
    own = [
        a_change(after=a),
        a_change(before=a, after=b, reason="interrupted"),
        a_change(before=a, after=c),
        a_change(before=c, after=b, reason="interrupted last"),
    ]
    told = told_history([*own, a_change(niche="ETHUSDT_5m")], "BTCUSDT_5m", c)
    assert [each.came_about for each in told] == [True, False, True, False]
    assert not any(each.changed_by_hand_since for each in told)


def test_a_file_exchanged_behind_our_back_is_told():
    a, b, x = ("a" * 12, "b" * 12, "9" * 12)
    told = told_history([a_change(after=a), a_change(before=x, after=b)], "BTCUSDT_5m", x[::-1] + "0")
    assert [(each.came_about, each.changed_by_hand_since) for each in told] == [(True, True), (True, True)]


def test_a_dethroning_counts_until_the_claim_is_put_in_force_again():
    fallen = a_change(change="dethroned", before="a" * 12, after=None)
    back = a_change(change="rollback", after="b" * 12)
    assert dethroning_of([a_change(), fallen], "BTCUSDT_5m", "claim") == fallen
    assert dethroning_of([a_change(), fallen, back], "BTCUSDT_5m", "claim") is None
    assert dethroning_of([fallen, a_change(claim="other")], "BTCUSDT_5m", "claim") == fallen
    assert dethroning_of([fallen], "ETHUSDT_5m", "claim") is None


def test_writers_at_the_same_time_lose_no_line(tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from swarmd.engine.champions.changes import Change, append_change\n"
        "for n in range(25):\n"
        "    append_change(Path(sys.argv[1]), Change('at', sys.argv[2], 'crowned', None, str(n), 'c', 'r'))\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), niche], env=os.environ) for niche in ("A", "B")
    ]
    assert [writer.wait(120) for writer in writers] == [0, 0]
    changes = read_changes(tmp_path)
    for niche in ("A", "B"):
        assert [int(change.after) for change in changes if change.niche == niche] == list(range(25))
