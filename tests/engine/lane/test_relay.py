"""What a courier does here for a lane that it has carried to a node; the ledger's server is a real Postgres."""

import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from ledger_homes import emptied, joined, nobody_let_in
from search_builders import SYMBOL, an_order

from swarmd.engine.lane.changes import ChangesHere
from swarmd.engine.lane.relay import _Beats, _Trip
from swarmd.engine.phases.places import work_folder
from swarmd.state.beats import BeatsPage, Pulse
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import Batch, LedgerName, Vintage, read_ledger, tried

pytestmark = pytest.mark.xdist_group("lease")

NOW = 1_700_000_000_000
TOKEN = 3
BATCH = Batch(
    symbol=SYMBOL, family="mtf_ema", vintage=Vintage("2023-01-01", "2024-05-31"), interval="15m", phase="prescreen",
    count=300, run="cpu0-prescreen-3", code="0.1.0+abc", data="f" * 64,
)  # fmt: skip
# As the node's slot stands while its lane waits for the answer.
THERE = Pulse(TOKEN, is_ready=True, progress=7, done=300, total=600, heartbeat=1)


@pytest.fixture
def server(ledger_server: str) -> str:
    return emptied(ledger_server)


@pytest.fixture
def trip(server: str, tmp_path: Path) -> _Trip:
    home = joined(Home(tmp_path / "home"), server).home
    home.prepare()
    BeatsPage(home.beats_path, create=True).close()
    order = an_order(home.root, tmp_path / "bars", "prescreen", run=BATCH.run, token=TOKEN)
    changes = ChangesHere(work_folder(order, home), home.outbox_of(order.run), token=TOKEN)
    return _Trip(order, home, changes, _Beats(f"{home.beats_path}:0", TOKEN), tell_stage=lambda stage: None)


class Sealing:
    """A batch of the node's on its way onto the ledger; ``answer`` is what the node is told."""

    def __init__(self, trip: _Trip) -> None:
        self.answer: dict[str, Any] = {}
        self._trip = trip
        self._thread = threading.Thread(target=self._seal)
        self._thread.start()

    def _seal(self) -> None:
        told = {**asdict(BATCH), "vintage": str(BATCH.vintage)}
        self.answer = self._trip._sealed({"kind": "batch", "batch": told, "at": NOW})

    def done(self) -> dict[str, Any]:
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()
        return self.answer


def waited(page: BeatsPage) -> Pulse:
    """The slot once whoever has it waits for somebody else."""
    until = time.monotonic() + 60
    while not (pulse := page.read(0)).waits:
        assert time.monotonic() < until, f"nobody says that it waits: {pulse}"
        time.sleep(0.01)
    return pulse


def test_while_the_ledgers_server_is_away_it_speaks_for_its_lane_and_then_seals_once(trip: _Trip, server: str) -> None:
    trip.beats.follow(THERE)
    with BeatsPage(trip.home.beats_path) as page:
        with nobody_let_in(server):
            sealing = Sealing(trip)
            first = waited(page)
            until = time.monotonic() + 60
            while (pulse := page.read(0)).progress == first.progress or pulse.heartbeat == first.heartbeat:
                assert time.monotonic() < until, "the slot stands still, and the lane is taken for stuck"
                time.sleep(0.01)
        assert sealing.done()["line"] == 1
        trip.beats.follow(THERE)
        assert (page.read(0).progress, page.read(0).waits) == (THERE.progress, False), "from here on as the node's own"
    assert tried(read_ledger(trip.home, LedgerName(BATCH.symbol, BATCH.family))) == BATCH.count


def test_asked_to_stop_meanwhile_it_tells_the_lane_so_and_seals_nothing(trip: _Trip, server: str) -> None:
    with BeatsPage(trip.home.beats_path) as page, nobody_let_in(server):
        sealing = Sealing(trip)
        waited(page)
        trip.is_stop_asked = True
        answer = sealing.done()
    assert answer == {"refusal": "stopped while the server of the ledger was waited for", "is_operators": False}
    assert read_ledger(trip.home, LedgerName(BATCH.symbol, BATCH.family)) == ()
