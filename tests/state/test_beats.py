"""The page of progress counters, and what becomes of those who write to it when its file is removed."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from swarmd.state.beats import SLOT_BYTES, BeatsPage, Pulse


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "beats"


def test_what_a_run_writes_is_what_is_read_of_its_slot(path: Path) -> None:
    with BeatsPage(path, create=True) as page, BeatsPage(path) as theirs:
        writer = theirs.writer(3, token=2)
        writer.expect(10)
        writer.ready()
        writer.skip(3)
        writer.advance(4)
        writer.pulse(77)
        pulse = page.read(3)
        assert (pulse.token, pulse.is_ready, pulse.done, pulse.total, pulse.heartbeat) == (2, True, 7, 10, 77)
        assert pulse.skipped == 3
        assert page.copied(4)[3 * SLOT_BYTES] == 2
        page.clear(3)
        assert page.read(3).token == 0


def test_what_was_skipped_never_looks_like_work_to_who_reads_in_between(path: Path) -> None:
    with BeatsPage(path, create=True) as page:
        writer, seen = page.writer(0, token=1), []
        put = writer._put

        def watched(word: int, value: int) -> None:
            put(word, value)
            seen.append(page.read(0))

        writer._put = watched  # type: ignore[method-assign]
        writer.skip(5)
        writer.follow(Pulse(1, True, 9, 8, 10, 0, skipped=8, waits=True))
    assert len(seen) > 6
    assert all(each.done <= each.skipped for each in seen)


def test_a_sign_of_life_without_a_unit_is_that_of_one_that_waits(path: Path) -> None:
    with BeatsPage(path, create=True) as page:
        writer, told = page.writer(0, token=1), []
        nothing, skips_none, skips = (partial(writer.advance, 0), partial(writer.skip, 0), partial(writer.skip, 2))
        steps: tuple[Callable[[], None], ...] = (writer.ready, nothing, skips_none, skips, writer.advance)
        for step in steps:
            step()
            told.append((page.read(0).waits, page.read(0).progress))
    assert told == [(False, 1), (True, 2), (True, 2), (False, 3), (False, 4)]


def test_a_slot_follows_that_of_a_node(path: Path) -> None:
    there = Pulse(1, True, 9, 8, 10, 0, skipped=3, waits=True)
    with BeatsPage(path, create=True) as page:
        page.writer(0, token=1).follow(there)
        assert page.read(0) == there


def test_a_page_is_seen_where_its_file_is_and_nowhere_else(path: Path) -> None:
    with BeatsPage(path, create=True) as page:
        assert page.is_seen()
        path.unlink()
        assert not page.is_seen()
        path.write_bytes(b"a stranger's")
        assert not page.is_seen()
        page.renew()
        assert page.is_seen()


def test_a_run_that_has_mapped_a_page_is_read_on_after_a_new_one_was_made(path: Path) -> None:
    with BeatsPage(path, create=True) as page:
        old = BeatsPage(path).writer(0, token=1)
        path.unlink()
        page.renew()
        new = BeatsPage(path).writer(1, token=5)
        old.advance(7)
        new.advance(2)
        assert (page.read(0).token, page.read(0).done) == (1, 7)
        assert (page.read(1).token, page.read(1).done) == (5, 2)
        copy = page.copied(2)
        assert (copy[0], copy[SLOT_BYTES]) == (1, 5)
        # The next run in the first slot is a new one, whatever the old one left there.
        page.clear(0)
        assert page.read(0).token == 0
        assert page.copied(2)[0] == 0
