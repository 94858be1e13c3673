"""Real kills and real processes: a niche has one whole champion at any instant, and takes one change at a time."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from swarmd.engine.champions.champion import content_at, digest_of, read_champion, write_champion
from swarmd.engine.champions.changes import read_changes, told_history
from tests.champion_builders import a_champion

ROOT = Path(__file__).resolve().parents[3]
_WRITER = """
import sys; from pathlib import Path
from swarmd.engine.champions.champion import write_champion
from swarmd.engine.champions.niche import alone_with
from tests.champion_builders import a_champion
path, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
for score in range(first, first + count):
    with alone_with(path):
        write_champion(path, a_champion(score=float(score)))
"""


def writer(path, first, count):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-c", _WRITER, str(path), str(first), str(count)]
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE)


@pytest.mark.parametrize("change", ["set", "rollback", "dethroned", "emptied"])
def test_killed_at_any_step_the_niche_is_whole_and_the_next_ends_what_was_begun(tmp_path, change):
    program = ["-m", "tests.engine.champions.killed_at_every_step", change, str(tmp_path / "champions")]
    done = subprocess.run(
        [sys.executable, *program], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 10  # an open, a lock, a line, a backup, a replacement and their directories at least


def test_killed_at_any_moment_of_many_changes_nothing_is_lost(tmp_path):
    path, seeded = tmp_path / "BTCUSDT_5m.json", random.Random(5)
    for round_ in range(4):
        busy = writer(path, 1000 * round_, 1000)
        busy.stdout.readline()
        while read_champion(path) is None:
            assert busy.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            busy.wait(seeded.uniform(0.0, 0.05))
        busy.send_signal(signal.SIGKILL)
        busy.wait(60)
        busy.stdout.close()
        champion = read_champion(path)
        held = {round_ * 1000 + n for n in range(1000)}
        assert champion.score in held or round_
        kept = {place.stem.removeprefix("BTCUSDT_5m_") for place in (tmp_path / "backup").glob("BTCUSDT_5m_*.json")}
        told = told_history(read_changes(tmp_path), "BTCUSDT_5m", digest_of(content_at(path)))
        assert not any(each.changed_by_hand_since for each in told)
        reigned = [each.change.after for each in told if each.came_about]
        assert reigned[-1] == digest_of(content_at(path))
        assert set(reigned[:-1]) <= kept


def test_two_that_change_a_niche_at_once_take_turns(tmp_path):
    path = tmp_path / "BTCUSDT_5m.json"
    write_champion(path, a_champion())
    writers = [writer(path, 1000 * n, 20) for n in (1, 2)]
    assert [each.wait(120) for each in writers] == [0, 0]
    for each in writers:
        each.stdout.close()
    changes = read_changes(tmp_path)
    assert len(changes) == 41
    # Each begins where the one before it ended: none replaced what it had not seen.
    assert [change.before for change in changes[1:]] == [change.after for change in changes[:-1]]
    assert changes[-1].after == digest_of(content_at(path))
