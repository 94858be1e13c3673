"""A journal of several segments and a snapshot under damage of every kind: what is whole is kept, the rest is named.

The law held everywhere: a line is read exactly as it was written or not at all, none twice; where one is missing and no
snapshot stands for it, somebody is told; the writer opens, writes on, and changes no segment that holds damage. Samples
are seeded; ``scripts/check_journal`` takes every byte, bit and block instead.
"""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from builders import a_gauge, a_job, a_run

from swarmd.state.errors import OutsideError
from swarmd.state.store.journal import Damage, Journal
from swarmd.state.store.raw import QUARANTINE, SNAPSHOT, history, read_journal

# How many of a kind are tried; 0 means all of them (hours).
SAMPLE = int(os.environ.get("SWARMD_JOURNAL_SAMPLE", "30"))
BLOCK = 4096
Files = dict[str, bytes]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 45 KB in segments of 8, jobs and runs that move, a snapshot, and a tail after it."""
    directory = tmp_path_factory.mktemp("sound")
    journal, _ = Journal.open(directory, segment_bytes=8000, snapshot_every=10_000)
    with journal:
        for number in range(60):
            name = f"j{number}"
            journal.append([a_job(id=name, at=number), a_run(name, 1, at=number)])
            journal.append([a_run(name, 1, status="done", at=number), a_gauge(id=f"g{number % 5}", value=number)])
            journal.commit()
            if number == 45:
                journal.snapshot()
    assert len(segments(directory)) > 4
    return directory


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("0*.jsonl"))


def sample(of: range, seed: int) -> list[int]:
    return list(of) if SAMPLE == 0 or len(of) <= SAMPLE else sorted(random.Random(seed).sample(of, SAMPLE))


@contextmanager
def a_copy(sound: Path, tmp_path: Path, *, without_snapshot: bool = False) -> Iterator[Path]:
    directory = tmp_path / "copy"
    shutil.copytree(sound, directory)
    if without_snapshot:
        (directory / SNAPSHOT).unlink()
    yield directory
    shutil.rmtree(directory)


def judge(sound: Path, directory: Path, *, is_harmed: bool = True) -> tuple[Damage, ...]:
    """Hold the law. Gives back what the writer named."""
    written = {line.seq: line.content for line in history(sound)[0]}
    lines, damages = history(directory)
    assert [line.seq for line in lines] == sorted({line.seq for line in lines})
    assert all(written[line.seq] == line.content for line in lines)
    lost = set(range(1, lines[-1].seq + 1 if lines else 1)) - {line.seq for line in lines}
    assert not lost or damages
    before = {path.name: path.read_bytes() for path in segments(directory)}
    expected = read_journal(directory)
    journal, named = Journal.open(directory)
    with journal:
        assert journal.seq == expected.seq
        if is_harmed:
            assert named or journal.torn or expected.snapshot_seq, "harmed, and nobody was told"
        assert all((directory / QUARANTINE / f"{damage.name}.txt").is_file() for damage in named)
        journal.append([a_gauge(id="after")])
        journal.commit()
    after = history(directory)[0]
    assert [line.content for line in after[: len(lines)]] == [line.content for line in lines]
    assert after[-1].said["id"] == "after"
    for name, content in before.items():
        now = (directory / name).read_bytes()
        is_written_on = name == segments(directory)[-1].name
        assert now == content or (is_written_on and now[:-1000].startswith(content[: len(now) - 1000][:-1000]))
    again, known = Journal.open(directory)
    with again:
        assert not any(damage.is_new for damage in known), "the same damage is news once"
        assert again.seq == after[-1].seq
    return named


def test_any_zeroed_block_is_named_and_costs_the_lines_in_it(sound: Path, tmp_path: Path) -> None:
    written = len(history(sound)[0])
    for path in segments(sound):
        size = path.stat().st_size
        for start in sample(range(0, size, BLOCK), 1):
            with a_copy(sound, tmp_path, without_snapshot=True) as directory:
                data = bytearray((directory / path.name).read_bytes())
                length = min(BLOCK, size - start)
                data[start : start + length] = bytes(length)
                (directory / path.name).write_bytes(data)
                hit = path.read_bytes()[max(0, start - 1) : start + length].count(b"\n") + 1
                named = judge(sound, directory)
                assert named
                assert written + 1 - hit <= len(history(directory)[0]) <= written + 1


def test_any_flipped_bit_of_any_segment_is_named(sound: Path, tmp_path: Path) -> None:
    every = [(path.name, place) for path in segments(sound) for place in range(path.stat().st_size)]
    chance = random.Random(2)
    for number in sample(range(len(every)), 3):
        name, place = every[number]
        for bit in range(8) if SAMPLE == 0 else (chance.randrange(8),):
            with a_copy(sound, tmp_path, without_snapshot=True) as directory:
                _flip(directory / name, place, bit)
                assert judge(sound, directory)
                assert len(history(directory)[0]) >= len(history(sound)[0]) - 1


def test_the_last_segment_cut_at_any_byte_keeps_every_whole_line(sound: Path, tmp_path: Path) -> None:
    last = segments(sound)[-1]
    data = last.read_bytes()
    whole = len(history(sound)[0]) - data.count(b"\n")
    for cut in sample(range(len(data)), 4):
        with a_copy(sound, tmp_path, without_snapshot=cut % 2 == 0) as directory:
            os.truncate(directory / last.name, cut)
            judge(sound, directory, is_harmed=False)
            assert len(history(directory)[0]) == whole + data[:cut].count(b"\n") + 1


@pytest.mark.parametrize("harm", ["flip", "cut"])
def test_a_damaged_snapshot_is_never_believed(sound: Path, tmp_path: Path, harm: str) -> None:
    state = {(line.kind, line.id): line.content for line in read_journal(sound).folded()}
    for place in sample(range((sound / SNAPSHOT).stat().st_size), 5):
        with a_copy(sound, tmp_path) as directory:
            if harm == "flip":
                _flip(directory / SNAPSHOT, place, place % 8)
            else:
                os.truncate(directory / SNAPSHOT, place)
            reading = read_journal(directory)
            assert [damage.segment for damage in reading.damages] == [SNAPSHOT]
            assert {(line.kind, line.id): line.content for line in reading.folded()} == state


def test_swapped_segments_are_read_in_the_order_of_their_lines_and_named(sound: Path, tmp_path: Path) -> None:
    names = [path.name for path in segments(sound)]
    for one in range(len(names)):
        for other in range(one + 1, len(names)):
            with a_copy(sound, tmp_path, without_snapshot=True) as directory:
                aside = (directory / names[one]).rename(directory / "aside")
                (directory / names[other]).rename(directory / names[one])
                aside.rename(directory / names[other])
                named = judge(sound, directory)
                assert any("read in the order of its lines" in damage.reason for damage in named)
                lines = history(directory)[0]
                assert len(lines) == len(history(sound)[0]) + 1


def test_with_everything_wrong_at_once_what_is_whole_is_still_read(sound: Path, tmp_path: Path) -> None:
    chance = random.Random(6)
    for _ in range(SAMPLE or 1000):
        with a_copy(sound, tmp_path, without_snapshot=chance.random() < 0.5) as directory:
            for path in chance.sample(segments(directory), 3):
                harm = chance.choice(("flip", "zero", "cut", "gone", "empty", "copy", "stranger"))
                if harm == "flip":
                    _flip(path, chance.randrange(path.stat().st_size), chance.randrange(8))
                elif harm == "zero":
                    data = path.read_bytes()
                    start = chance.randrange(len(data))
                    path.write_bytes(data[:start] + bytes(len(data[start : start + 500])) + data[start + 500 :])
                elif harm == "cut":
                    os.truncate(path, chance.randrange(path.stat().st_size))
                elif harm == "gone":
                    path.unlink()
                elif harm == "empty":
                    path.write_bytes(b"")
                elif harm == "copy":
                    shutil.copy(path, directory / f"{chance.choice((0, 20, 30)):06d}.jsonl")
                else:
                    (directory / f"{path.name}.bak").write_text("mine")
            judge(sound, directory, is_harmed=False)


def test_a_directory_that_may_only_be_read_is_refused_and_left_as_it_is(sound: Path, tmp_path: Path) -> None:
    with a_copy(sound, tmp_path) as directory:
        (directory / ".lock").unlink()
        (directory / ".lock").mkdir()
        with pytest.raises(OutsideError, match="cannot hold the lock"):
            Journal.open(directory)
        (directory / ".lock").rmdir()
        assert Journal.open(directory)[1] == ()


def _flip(path: Path, place: int, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)
