"""The journal under every cut, flip and loss we could think of: it opens, keeps what is whole, and names the rest."""

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders import a_finding, a_gauge, a_job, a_run
from faulty_disk import file_size_limit
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.state.errors import InvariantError, OperatorError, OutsideError
from swarmd.state.projection import Projection
from swarmd.state.records.record import Record
from swarmd.state.store.codec import encode
from swarmd.state.store.journal import Damage, Journal
from swarmd.state.store.raw import QUARANTINE, SNAPSHOT, history, read_journal, sealed
from swarmd.state.store.walks import Follower

FIRST = "000001.jsonl"


def gauges(first: int, last: int) -> list[Record]:
    return [a_gauge(id=f"g{number}", value=number, at=number) for number in range(first, last + 1)]


def write(directory: Path, *batches: list[Record], segment_bytes: int = 16 << 20) -> None:
    journal, damages = Journal.open(directory, segment_bytes=segment_bytes)
    assert damages == ()
    with journal:
        for batch in batches:
            journal.append(batch)
            journal.commit()


def ids(directory: Path) -> list[str]:
    return [line.said["id"] for line in history(directory)[0]]


def seqs(directory: Path) -> list[int]:
    return [line.seq for line in history(directory)[0]]


def reopened(directory: Path) -> tuple[Damage, ...]:
    """Open, add one record called ``after``, close; the damages told."""
    journal, damages = Journal.open(directory)
    with journal:
        journal.append([a_gauge(id="after")])
    return damages


@pytest.fixture(scope="module")
def small() -> bytes:
    return b"".join(encode(record, seq) for seq, record in enumerate([*gauges(1, 3), a_finding(text="ü\n")], 1))


@contextmanager
def a_directory(content: bytes) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / FIRST).write_bytes(content)
        yield Path(name)


# -- writing --------------------------------------------------------------------------------------------------------


def test_what_is_committed_is_read_back_in_order_without_holes(tmp_path: Path) -> None:
    write(tmp_path, gauges(1, 3), gauges(4, 4))
    write(tmp_path, gauges(5, 6))
    assert ids(tmp_path) == ["g1", "g2", "g3", "g4", "g5", "g6"]
    assert seqs(tmp_path) == [1, 2, 3, 4, 5, 6]


def test_the_second_writer_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    journal, _ = Journal.open(tmp_path)
    with journal, pytest.raises(OperatorError, match=f"is being written by process {os.getpid()}"):
        Journal.open(tmp_path)
    Journal.open(tmp_path)[0].close()


def test_a_closed_journal_takes_nothing(tmp_path: Path) -> None:
    journal, _ = Journal.open(tmp_path)
    journal.close()
    journal.close()
    with pytest.raises(InvariantError, match="is closed"):
        journal.append(gauges(1, 1))


def test_segments_are_rotated_by_size_and_read_as_one(tmp_path: Path) -> None:
    write(tmp_path, *([record] for record in gauges(1, 40)), segment_bytes=1000)
    assert len(list(tmp_path.glob("0*.jsonl"))) > 5
    assert seqs(tmp_path) == list(range(1, 41))
    assert reopened(tmp_path) == ()


def test_a_batch_without_records_writes_nothing(tmp_path: Path) -> None:
    write(tmp_path, [])
    assert (tmp_path / FIRST).read_bytes() == b""


def test_a_follower_sees_new_lines_across_a_rotation(tmp_path: Path) -> None:
    journal, _ = Journal.open(tmp_path, segment_bytes=500)
    with journal:
        journal.append(gauges(1, 2))
        journal.commit()
        follower = Follower(tmp_path)
        for record in gauges(3, 9):
            journal.append([record])
            journal.commit()
        assert [line.seq for line in follower.fresh()] == [3, 4, 5, 6, 7, 8, 9]
        assert list(follower.fresh()) == []


# -- damage ---------------------------------------------------------------------------------------------------------


def test_cut_at_any_byte_it_keeps_exactly_the_whole_lines_before(small: bytes) -> None:
    for cut in range(len(small) + 1):
        whole = small[:cut].count(b"\n")
        with a_directory(small[:cut]) as directory:
            assert reopened(directory) == ()
            assert seqs(directory) == list(range(1, whole + 2)), f"cut at byte {cut}"
            assert ids(directory)[-1] == "after"


def test_any_flipped_byte_is_named_and_never_silently_wrong(small: bytes) -> None:
    lines = small.splitlines(keepends=True)
    start = 0
    for number, line in enumerate(lines):
        for place in range(start, start + len(line)):
            for flip in (0x01, 0x80, small[place] ^ 0x0A):
                broken = bytearray(small)
                broken[place] ^= flip
                if bytes(broken) == small:
                    continue
                with a_directory(bytes(broken)) as directory:
                    if place % 5 == 0:  # the writer syncs; every fifth byte is enough to see it do as readers do
                        damages = reopened(directory)
                        assert damages
                        assert all((directory / QUARANTINE / f"{damage.name}.txt").is_file() for damage in damages)
                        assert ids(directory)[-1] == "after"
                    else:
                        assert history(directory)[1], f"byte {place} ^ {flip:#x}"
                    kept = [line.content + b"\n" for line in history(directory)[0] if line.said["id"] != "after"]
                    # A broken newline takes the following line with it.
                    lost = {number, number + 1} if place == start + len(line) - 1 else {number}
                    assert kept == [other for index, other in enumerate(lines) if index not in lost]
        start += len(line)


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 1200), length=st.integers(1, 600), filler=st.sampled_from([b"\0", b"\xff", b"\n"]))
def test_an_overwritten_block_is_named_and_the_rest_is_kept(place: int, length: int, filler: bytes) -> None:
    sound = b"".join(encode(record, seq) for seq, record in enumerate(gauges(1, 9), 1))
    broken = sound[:place] + filler * len(sound[place : place + length]) + sound[place + length :]
    with a_directory(broken) as directory:
        damages = reopened(directory)
        kept = {line.content for line in history(directory)[0]}
        untouched = {line for line in sound.splitlines() if b"\n" + line + b"\n" in b"\n" + broken}
        assert untouched <= kept
        assert kept - untouched <= {line for line in kept if b'"id":"after"' in line}
        assert damages or broken == sound


def test_a_zeroed_block_in_a_larger_journal_costs_only_the_lines_in_it(tmp_path: Path) -> None:
    write(tmp_path, gauges(1, 200))
    data = bytearray((tmp_path / FIRST).read_bytes())
    data[4096:8192] = bytes(4096)
    (tmp_path / FIRST).write_bytes(data)
    damages = reopened(tmp_path)
    kept = seqs(tmp_path)
    lost = sorted(set(range(1, 202)) - set(kept))
    assert len(damages) == 1
    assert f"seq {lost[0]} to {lost[-1]} lost" in damages[0].reason
    assert kept[-1] == 201


def test_damage_is_new_once_and_known_afterwards(small: bytes) -> None:
    with a_directory(small[:30] + b"?" + small[31:]) as directory:
        first, second = reopened(directory), reopened(directory)
    assert [(damage.segment, damage.line, damage.is_new) for damage in first] == [(FIRST, 1, True)]
    assert [(damage.segment, damage.line, damage.is_new) for damage in second] == [(FIRST, 1, False)]


def test_after_damage_writing_goes_on_in_a_fresh_segment(small: bytes) -> None:
    broken = small[:30] + b"?" + small[31:]
    with a_directory(broken) as directory:
        reopened(directory)
        assert (directory / FIRST).read_bytes() == broken
        assert (directory / "000002.jsonl").read_bytes().count(b"\n") == 1


def test_a_hole_in_the_sequence_is_named(tmp_path: Path, small: bytes) -> None:
    lines = small.splitlines(keepends=True)
    (tmp_path / FIRST).write_bytes(lines[0] + lines[3])
    (damage,) = reopened(tmp_path)
    assert (damage.line, damage.reason) == (2, "seq 2 to 3 missing before seq 4")
    assert seqs(tmp_path) == [1, 4, 5]


@pytest.fixture
def segmented(tmp_path: Path) -> Path:
    """Four segments of ten gauges, without a snapshot, so that every reader needs all of them."""
    for number in range(4):
        first = number * 10 + 1
        content = b"".join(encode(record, first + i) for i, record in enumerate(gauges(first, first + 9)))
        (tmp_path / f"{number + 1:06d}.jsonl").write_bytes(content)
    assert seqs(tmp_path) == list(range(1, 41))
    return tmp_path


def test_a_missing_segment_is_named(segmented: Path) -> None:
    (segmented / "000002.jsonl").unlink()
    told = [damage.reason for damage in reopened(segmented)]
    assert told == ["the segment is missing", "seq 11 to 20 missing before seq 21"]
    assert seqs(segmented) == [*range(1, 11), *range(21, 42)]


def test_the_missing_first_segment_is_named(segmented: Path) -> None:
    (segmented / FIRST).unlink()
    told = [(damage.segment, damage.reason) for damage in reopened(segmented)]
    assert told == [(FIRST, "the segment is missing"), ("000002.jsonl", "seq 1 to 10 missing before seq 11")]


def test_an_empty_segment_is_named_unless_it_is_the_last(segmented: Path) -> None:
    (segmented / "000005.jsonl").touch()
    assert reopened(segmented) == ()
    (segmented / "000005.jsonl").write_bytes(b"")
    (segmented / "000006.jsonl").write_bytes(encode(a_gauge(), 41))
    assert [(d.segment, d.reason) for d in reopened(segmented)] == [("000005.jsonl", "the segment is empty")]


@pytest.mark.parametrize("copy", ["000000.jsonl", "000005.jsonl", "000009.jsonl"])
def test_a_copied_segment_counts_once_and_is_named(segmented: Path, copy: str) -> None:
    shutil.copy(segmented / "000003.jsonl", segmented / copy)
    damages = reopened(segmented)
    assert any("a copy" in damage.reason for damage in damages)
    assert any("repeats 10 records" in damage.reason for damage in damages)
    assert seqs(segmented) == list(range(1, 42))
    assert ids(segmented)[-1] == "after"


def test_a_foreign_file_is_named_and_left_alone(segmented: Path) -> None:
    (segmented / "notes.txt").write_text("mine")
    (segmented / "000002.jsonl.bak").write_text("mine too")
    assert [d.segment for d in reopened(segmented)] == ["000002.jsonl.bak", "notes.txt"]
    assert (segmented / "notes.txt").read_text() == "mine"


def test_a_tail_that_is_no_torn_line_is_quarantined(small: bytes) -> None:
    for tail in (b"\0" * 50, b"hello", small[:-1] + b"x"):
        with a_directory(small + tail) as directory:
            damages = reopened(directory)
            assert [damage.content for damage in damages if damage.line] == [tail.split(b"\n")[-1]]
            assert seqs(directory) == [1, 2, 3, 4, 5]


def test_a_line_of_a_later_swarmd_is_refused_and_nothing_is_changed(small: bytes) -> None:
    later = encode(a_gauge(), 5).replace(b'"v":1', b'"v":2')
    content = small + sealed(later[: later.rindex(b',"crc"')] + b"}")
    with a_directory(content) as directory:
        with pytest.raises(OperatorError, match="version 2, from another swarmd"):
            Journal.open(directory)
        assert (directory / FIRST).read_bytes() == content


# -- snapshots ------------------------------------------------------------------------------------------------------


def a_story(steps: list[int]) -> list[Record]:
    """Jobs, runs and gauges that move, sometimes illegally, sometimes often enough to be forgotten."""
    told: list[Record] = []
    statuses = ["starting", "running", "stopping", "failed", "done"]
    for at, step in enumerate(steps):
        told += [
            a_gauge(id=f"g{step % 3}", value=step, at=at),
            a_run(f"j{step % 4}", 1, status=statuses[step % 5], at=at),
            a_job(id=f"j{step % 4}", status="queued" if step % 2 else "done", at=at),
        ]
    return told


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.integers(0, 20), min_size=1, max_size=40), every=st.integers(1, 20))
def test_snapshot_and_tail_give_the_view_that_all_segments_give(steps: list[int], every: int) -> None:
    story = a_story(steps)
    whole = Projection()
    for record in story:
        whole.apply(record)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        journal, _ = Journal.open(directory, snapshot_every=every, segment_bytes=3000)
        with journal:
            for at in range(0, len(story), 2):
                journal.append(story[at : at + 2])
                journal.commit()
        view = Projection.from_journal(directory).view()
        assert view == whole.view()
        assert list(view.runs) == list(whole.view().runs)
        (directory / SNAPSHOT).unlink(missing_ok=True)
        assert Projection.from_journal(directory).view() == whole.view()


def test_a_snapshot_spares_the_reader_the_lines_before_it(tmp_path: Path) -> None:
    journal, _ = Journal.open(tmp_path)
    with journal:
        journal.append(gauges(1, 50))
        journal.snapshot()
        journal.append(gauges(51, 53))
    reading = read_journal(tmp_path)
    assert reading.snapshot_seq == 50
    assert [line.seq for line in reading.lines] == [51, 52, 53]
    assert len(reading.folded().table("gauge")) == 53


def test_a_damaged_snapshot_is_named_and_the_segments_are_used(tmp_path: Path) -> None:
    journal, _ = Journal.open(tmp_path)
    with journal:
        journal.append(gauges(1, 5))
        journal.snapshot()
    sound = (tmp_path / SNAPSHOT).read_bytes()
    for place in range(0, len(sound), 7):
        (tmp_path / SNAPSHOT).write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        reading = read_journal(tmp_path)
        assert [damage.segment for damage in reading.damages] == [SNAPSHOT], f"byte {place}"
        assert len(reading.lines) == 5
    for cut in range(0, len(sound), 13):
        (tmp_path / SNAPSHOT).write_bytes(sound[:cut])
        assert len(read_journal(tmp_path).lines) == 5


def test_a_snapshot_survives_the_loss_of_all_segments(tmp_path: Path) -> None:
    journal, _ = Journal.open(tmp_path)
    with journal:
        journal.append(gauges(1, 5))
        journal.snapshot()
    (tmp_path / FIRST).unlink()
    reopened(tmp_path)
    reading = read_journal(tmp_path)
    assert set(reading.folded().table("gauge")) == {"g1", "g2", "g3", "g4", "g5", "after"}
    assert reading.seq == 6


def test_leftovers_of_an_interrupted_snapshot_are_cleared_away(tmp_path: Path) -> None:
    write(tmp_path, gauges(1, 2))
    (tmp_path / f".{SNAPSHOT}.123-abc").write_bytes(b"half")
    assert reopened(tmp_path) == ()
    assert not list(tmp_path.glob(f".{SNAPSHOT}.*"))


# -- a failing disk -------------------------------------------------------------------------------------------------


def test_a_partial_write_is_cut_back_and_can_be_tried_again(tmp_path: Path) -> None:
    journal, _ = Journal.open(tmp_path)
    with journal:
        journal.append(gauges(1, 5))
        journal.commit()
        whole = (tmp_path / FIRST).read_bytes()
        with file_size_limit(len(whole) + 100), pytest.raises(OutsideError, match="nothing is lost, free space"):
            journal.append(gauges(6, 9))
        assert (tmp_path / FIRST).read_bytes() == whole
        assert journal.seq == 5
        journal.append(gauges(6, 9))
    assert ids(tmp_path) == [f"g{number}" for number in range(1, 10)]


def test_after_a_failed_sync_everything_since_the_last_commit_is_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    journal, _ = Journal.open(tmp_path)
    with journal:
        journal.append(gauges(1, 2))
        journal.commit()
        journal.append(gauges(3, 4))
        with monkeypatch.context() as disk:
            disk.setattr(os, "fdatasync", failing)
            with pytest.raises(OutsideError, match=r"cannot make .* durable"):
                journal.commit()
        # What the kernel may have dropped after the failed sync.
        os.truncate(tmp_path / FIRST, len((tmp_path / FIRST).read_bytes()) - 100)
        assert journal.committed_seq == 2
        journal.append(gauges(5, 5))
        journal.commit()
        assert journal.committed_seq == 5
    assert ids(tmp_path) == ["g1", "g2", "g3", "g4", "g5"]


def test_a_full_disk_loses_nothing_and_is_written_on_when_there_is_space(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a tiny tmpfs here: {mounted.stderr.strip()}")
    try:
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(40 << 10))
        directory = disk / "journal"
        journal, _ = Journal.open(directory)
        with journal:
            number = 0
            refusals: list[str] = []
            while len(refusals) < 3:
                try:
                    journal.append(gauges(number + 1, number + 10))
                    journal.commit()
                    number += 10
                except OutsideError as error:
                    refusals.append(str(error))
            assert number >= 10
            assert all(os.strerror(errno.ENOSPC) in refusal for refusal in refusals)
            assert (directory / FIRST).read_bytes().count(b"\n") == number
            ballast.unlink()
            journal.append(gauges(number + 1, number + 10))
        assert ids(directory) == [f"g{n}" for n in range(1, number + 11)]
        assert reopened(directory) == ()
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_snapshot_that_does_not_fit_costs_no_commit(tmp_path: Path) -> None:
    journal, _ = Journal.open(tmp_path, snapshot_every=10)
    with journal:
        journal.append(gauges(1, 9))
        journal.commit()
        journal.append(gauges(10, 12))
        (tmp_path / SNAPSHOT).mkdir()  # a directory in its place: the rename fails
        journal.commit()
        assert journal.committed_seq == 12
        assert "snapshot.jsonl" in journal.snapshot_fault
        (tmp_path / SNAPSHOT).rmdir()
        journal.append(gauges(13, 13))
        journal.commit()
        assert journal.snapshot_fault == ""
    assert read_journal(tmp_path).snapshot_seq == 13


def test_a_directory_removed_under_the_writer_is_made_anew_with_all_that_counts(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    journal, _ = Journal.open(directory)
    with journal:
        journal.append(gauges(1, 3))
        journal.commit()
        shutil.rmtree(directory)
        journal.append(gauges(4, 4))
        journal.commit()
        journal.append(gauges(5, 5))
    assert set(read_journal(directory).folded().table("gauge")) == {"g1", "g2", "g3", "g4", "g5"}


def test_a_torn_last_line_is_cut_and_named(tmp_path: Path) -> None:
    with Journal.open(tmp_path)[0] as journal:
        journal.append([a_gauge(value=1.0), a_gauge(value=2.0)])
    segment = tmp_path / "000001.jsonl"
    os.truncate(segment, segment.stat().st_size - 7)
    reopened_journal, damages = Journal.open(tmp_path)
    with reopened_journal:
        assert damages == ()
        assert reopened_journal.torn is not None
        assert "without an end were cut, after seq 1" in reopened_journal.torn.reason
    with Journal.open(tmp_path)[0] as again:
        assert again.torn is None
