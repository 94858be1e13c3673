"""SIGKILL at random instants: what was committed is there, whatever the writer was doing."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from swarmd.state.store.journal import Journal
from swarmd.state.store.raw import history, read_journal

KILLS = int(os.environ.get("SWARMD_JOURNAL_KILLS", "10"))  # scripts/check_journal asks for more

# Small segments and frequent snapshots, so that kills also fall into rotations and snapshots.
WRITER = """
import sys
from pathlib import Path
from swarmd.state.records.gauge import Gauge
from swarmd.state.store.journal import Journal

journal, damages = Journal.open(Path(sys.argv[1]), segment_bytes=20_000, snapshot_every=40)
assert not damages, damages
while True:
    journal.append([Gauge(id=f"g{journal.seq + n}", at=n, value=n) for n in range(1, 8)])
    journal.commit()
    print(journal.committed_seq, flush=True)
"""


@pytest.mark.timeout(120 + 12 * KILLS)
def test_every_committed_record_survives_kills_at_random_instants(tmp_path: Path) -> None:
    chance = random.Random(20260131)
    committed = 0
    for life in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            first = child.stdout.readline()
            assert first, "the writer could not open the journal"
            try:
                child.wait(chance.uniform(0.0, 0.15))
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
            told = [
                int(line) for line in [first, *child.stdout.read().splitlines(keepends=True)] if line.endswith("\n")
            ]
            assert child.wait() == -signal.SIGKILL
        assert told[0] > committed, f"life {life} began before the last one's end"
        committed = told[-1]
        lines, damages = history(tmp_path)
        assert [damage.reason for damage in damages] == []
        assert [line.seq for line in lines] == list(range(1, len(lines) + 1))
        assert len(lines) >= committed
        assert set(read_journal(tmp_path).folded().table("gauge")) >= {f"g{n}" for n in range(1, committed + 1)}
    journal, damages = Journal.open(tmp_path)
    with journal:
        assert damages == ()
        assert journal.seq >= committed
