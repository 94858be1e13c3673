"""The writer dies at each of its calls, or its disk refuses each of them: what was committed is there, and only once.

A real process, killed by a preloaded C file before, in the middle of or after the n-th call that changes a file, for
every n until its story ends. Segments and snapshots are small, so that the story holds rotations and snapshots.
"""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_disk import (
    AFTER,
    ALL,
    BEFORE,
    HALFWAY,
    MKDIR,
    OPEN,
    RENAME,
    SYNC,
    TRUNCATE,
    UNLINK,
    WRITE,
    FaultyDisk,
    Nursery,
)

from swarmd.state.store.journal import Journal
from swarmd.state.store.raw import Damage, history, read_journal

# Tells what is durable; what cannot be written is tried again, as the daemon does in its next cycle.
PROGRAM = """
import sys
from pathlib import Path
from swarmd.state.errors import OutsideError
from swarmd.state.records.gauge import Gauge
from swarmd.state.store.journal import Journal

def life(words):
    directory, batches, tries = Path(words[0]), int(words[1]), int(words[2])
    for _ in range(tries):
        try:
            journal, damages = Journal.open(directory, segment_bytes=1500, snapshot_every=9)
            break
        except OutsideError as error:
            print("refused", error, flush=True)
    assert not damages, damages
    with journal:
        for _ in range(batches):
            first = journal.seq + 1
            records = [Gauge(id=f"g{n}", at=n, value=n) for n in range(first, first + 3)]
            written = False
            for _ in range(tries):
                try:
                    if not written:
                        journal.append(records)
                    written = True
                    journal.commit()
                    break
                except OutsideError as error:
                    print("refused", error, flush=True)
            else:
                raise AssertionError("refused for ever")
            print("durable", journal.committed_seq, flush=True)
"""
BATCHES = 10


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> FaultyDisk:
    folder = tmp_path_factory.mktemp("faulty")
    return FaultyDisk(folder / "page", folder / "home")


@pytest.fixture(scope="module")
def nursery(disk: FaultyDisk) -> Iterator[Nursery]:
    made = Nursery(PROGRAM, disk)
    yield made
    made.close()


@pytest.fixture(scope="module")
def home(disk: FaultyDisk) -> Path:
    (home := Path(disk.environment["FAULTY_DISK_UNDER"])).mkdir()
    return home


def durable(said: list[str]) -> int:
    return max((int(line.split()[1]) for line in said if line.startswith("durable")), default=0)


def whole_and_single(directory: Path, at_least: int) -> tuple[Damage, ...]:
    """Opened again: no hole, no double, nothing durable lost, all the same from snapshot and segments."""
    lines, damages = history(directory)
    assert damages == []
    assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
    assert len(lines) >= at_least
    journal, named = Journal.open(directory)
    with journal:
        assert named == ()
        assert journal.seq == len(lines)
        whole = {f"g{n}" for n in range(1, len(lines) + 1)}
        assert set(read_journal(directory).folded().table("gauge")) == whole
    return () if journal.torn is None else (journal.torn,)


def n_calls(nursery: Nursery, disk: FaultyDisk, directory: Path) -> int:
    """How many calls the undisturbed story makes."""
    disk.die(0, BEFORE)
    code, said = nursery.live(directory, BATCHES, 1)
    assert (code, durable(said)) == (0, 3 * BATCHES)
    return disk.calls


@pytest.mark.parametrize("moment", [BEFORE, HALFWAY, AFTER])
def test_killed_at_any_call_it_loses_nothing_durable_and_doubles_nothing(
    nursery: Nursery, disk: FaultyDisk, home: Path, moment: int
) -> None:
    calls = n_calls(nursery, disk, home / f"calm-{moment}")
    assert calls > 50
    torn = 0
    for number in range(1, calls + 1):
        directory = home / f"killed-{moment}-{number}"
        disk.die(number, moment)
        code, said = nursery.live(directory, BATCHES, 1)
        assert code == -9, f"call {number}: {said}"
        disk.heal()
        torn += len(whole_and_single(directory, durable(said))) if directory.exists() else 0
    # Half a write is a torn line, which is named; the other moments leave whole lines.
    assert (torn > 0) == (moment == HALFWAY)


def test_killed_in_each_of_its_lives_it_goes_on_from_where_it_was(
    nursery: Nursery, disk: FaultyDisk, home: Path
) -> None:
    directory = home / "many-lives"
    known = 0
    for life in range(60):
        disk.die(5 + 7 * life % 31, HALFWAY)
        _, said = nursery.live(directory, BATCHES, 1)
        disk.heal()
        assert not any("AssertionError" in line for line in said)
        whole_and_single(directory, known := max(known, durable(said)))
    assert known > 60


KINDS = {
    "open": OPEN, "write": WRITE, "sync": SYNC, "rename": RENAME, "truncate": TRUNCATE, "unlink": UNLINK,
    "mkdir": MKDIR, "all": ALL,
}  # fmt: skip


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EROFS, errno.EMFILE])
def test_each_call_refused_once_costs_a_try_and_nothing_else(
    nursery: Nursery, disk: FaultyDisk, home: Path, error: int
) -> None:
    calls = n_calls(nursery, disk, home / f"calm-{error}")
    # Every call for one error; the answer to the others is the same code, so every third is enough.
    for number in range(1, calls + 1, 1 if error == errno.EIO else 3):
        directory = home / f"refused-{error}-{number}"
        disk.refuse(error, at=number, is_partial=error == errno.ENOSPC)
        code, said = nursery.live(directory, BATCHES, 4)
        assert code == 0, f"call {number}: {said}"
        assert durable(said) == 3 * BATCHES
        disk.heal()
        whole_and_single(directory, 3 * BATCHES)
    (lines, damages) = history(directory)
    assert (len(lines), damages) == (3 * BATCHES, [])


@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_refuses_for_a_while_and_then_kills_loses_nothing_durable(
    nursery: Nursery, disk: FaultyDisk, home: Path, kind: str
) -> None:
    """It tries in vain and dies; the next life, on a sound disk, has all that was durable and goes on."""
    directory = home / f"vain-{kind}"
    _, said = nursery.live(directory, 2, 1)
    before = durable(said)
    assert before == 6
    for error in (errno.EIO, errno.ENOSPC, errno.EROFS):
        disk.refuse(error, KINDS[kind])
        _, said = nursery.live(directory, BATCHES, 3)
        before = max(before, durable(said))
        disk.heal()
        whole_and_single(directory, before)
        code, said = nursery.live(directory, 1, 1)
        assert code == 0
        before = durable(said)
    whole_and_single(directory, before)
