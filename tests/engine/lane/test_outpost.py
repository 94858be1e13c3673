"""A lane on a node and the courier's end of it, without a cluster between: real processes in two homes.

The oracle is the lane as it runs on one machine: the same files, the same trials told, the same ledger.
"""

import contextlib
import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from search_builders import MODE, SYMBOL, a_market, an_order, files_below, run_phase

from swarmd.engine.lane.changes import ChangesHere
from swarmd.engine.lane.luggage import pieces_of, results_for
from swarmd.engine.lane.outpost import Outpost
from swarmd.engine.lane.parcels import packed, unpacked
from swarmd.engine.lane.ray_link import VRAM, Share
from swarmd.engine.lane.relay import share_of
from swarmd.engine.phases.places import work_folder
from swarmd.state.cluster import NODE_DIR_VARIABLE
from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import Batch, Vintage, append_batch, ledgers, read_ledger
from swarmd.state.work_order import ExitCode, WorkOrder

TRIALS = 150
REFINED = {"search": {"prescreen": {"combos": 300, "top": 50}, "refine": {"trials": TRIALS, "warm_start": 4}}}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market, a home in which everything before the refinement is done, and one in which that is too."""
    root = tmp_path_factory.mktemp("prepared")
    a_market(root / "bars")
    for phase in ("preflight", "prescreen"):
        assert run_phase(root / "home", root / "bars", phase, **REFINED).verdict == "pass"
    shutil.copytree(root / "home", root / "undisturbed")
    run_phase(root / "undisturbed", root / "bars", "refine", **REFINED)
    return root


@pytest.fixture
def home(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv(NODE_DIR_VARIABLE, str(tmp_path / "node"))
    shutil.copytree(prepared / "home", tmp_path / "home")
    return Home(tmp_path / "home")


class Trip:
    """What a courier does, in this process."""

    def __init__(self, home: Home, order: WorkOrder) -> None:
        self.home, self.order = home, order
        self.folder = work_folder(order, home)
        self.here = ChangesHere(self.folder, home.outbox_of(order.run), token=order.token)
        self.outpost = Outpost()
        self.sent = 0
        self.log = b""

    def start(self) -> int:
        pieces = pieces_of(self.order)
        for sha256 in self.outpost.lacking(pieces):
            piece = next(piece for piece in pieces if piece.sha256 == sha256)
            self.outpost.accept(piece, Path(piece.path).read_bytes())
            self.sent += 1
        return self.outpost.start(self.order, pieces, results_for(self.order, self.home))

    def steps(self) -> Iterator[int | None]:
        """After each answer of the outpost; the last is the exit code."""
        code = None
        while code is None:
            taken = self.outpost.take(0.2)
            self.log += taken.log
            for parcel in taken.parcels:
                header, _ = unpacked(parcel)
                if header["kind"] == "batch":
                    told = header["batch"]
                    batch = Batch(**{**told, "vintage": Vintage.of(told["vintage"])})
                    entry = append_batch(self.home, batch, header["at"])
                    self.outpost.give(packed({"line": entry.line, "at": entry.at, "digest": entry.digest}))
                else:
                    self.here.apply(parcel)
            code = taken.code
            yield code

    def trials(self) -> list[int]:
        path = self.home.outbox_of(self.order.run) / "trials.jsonl"
        return [json.loads(line)["number"] for line in path.read_text().splitlines()]


def an_away_order(home: Home, prepared: Path, *, token: int = 1) -> WorkOrder:
    order: WorkOrder = an_order(
        home.root, prepared / "bars", "refine", token=token, run=f"cpu0-refine-{token}", **REFINED
    )
    return order


def children() -> set[int]:
    return {int(word) for word in Path("/proc/thread-self/children").read_text().split()}


def waiting_in(trip: Trip, like: WorkOrder) -> int:
    """The pid of the lane that waits in the outpost from now on."""
    before = children()
    assert trip.outpost.get_ready(like)
    (waiting,) = children() - before
    return waiting


def tried(home: Home) -> int:
    return sum(entry.batch.count for name in ledgers(home) for entry in read_ledger(home, name))


@pytest.mark.parametrize("has_waited", [False, True])
def test_what_a_lane_on_a_node_leaves_is_what_one_here_leaves(prepared: Path, home: Home, has_waited: bool) -> None:
    trip = Trip(home, an_away_order(home, prepared))
    if has_waited:
        # Of another run and phase of the same campaign, long before there is an order.
        like = an_order(home.root, prepared / "bars", "prescreen", run="cpu0-prescreen-9", token=9, **REFINED)
        waiting = waiting_in(trip, like)
        assert trip.start() == waiting
    else:
        trip.start()
    *_, code = trip.steps()
    assert code == ExitCode.DONE, trip.log.decode()
    undisturbed = Home(prepared / "undisturbed").results_of("c", SYMBOL, MODE)
    assert files_below(trip.folder) == files_below(undisturbed)
    assert trip.trials() == list(range(TRIALS))
    assert tried(home) == tried(Home(prepared / "undisturbed"))
    assert trip.sent == 0, "it sees the very file, and reads that"
    trip.outpost.close()
    assert list((home.root.parent / "node" / "homes").iterdir()) == []


def test_a_lane_that_dies_on_its_node_is_gone_on_from_where_it_told(prepared: Path, home: Home) -> None:
    first = Trip(home, an_away_order(home, prepared, token=1))
    pid = first.start()
    for _ in first.steps():
        if (home.outbox_of(first.order.run) / "trials.jsonl").stat().st_size:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    told = first.trials()
    assert 0 < len(told) < TRIALS
    assert told == list(range(len(told)))
    second = Trip(home, an_away_order(home, prepared, token=2))
    second.start()
    *_, code = second.steps()
    assert code == ExitCode.DONE, second.log.decode()
    assert [*told, *second.trials()] == list(range(TRIALS)), "each trial is told once"
    undisturbed = Home(prepared / "undisturbed").results_of("c", SYMBOL, MODE)
    assert files_below(second.folder) == files_below(undisturbed)


def test_a_lane_that_waits_for_another_campaign_gets_no_order_and_is_ended(prepared: Path, home: Home) -> None:
    order = an_away_order(home, prepared)
    other = order.model_copy(update={"campaign": order.campaign.model_copy(update={"name": "other"})})
    trip = Trip(home, order)
    waiting = waiting_in(trip, other)
    started = trip.start()
    assert started != waiting
    assert waiting not in children()
    trip.outpost.close()
    assert started not in children()


def test_asked_to_stop_it_yields_and_what_it_did_is_kept(prepared: Path, home: Home) -> None:
    trip = Trip(home, an_away_order(home, prepared))
    trip.start()
    codes, is_asked = [], False
    for code in trip.steps():
        codes.append(code)
        if trip.trials() and not is_asked:
            trip.outpost.ask_to_stop()
            is_asked = True
    assert codes[-1] == ExitCode.YIELDED
    assert trip.trials()
    assert not (trip.folder / "all_trials.json").exists()


def test_a_file_travels_once_to_a_node_that_does_not_see_it(
    prepared: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = an_away_order(home, prepared)
    (piece,) = pieces_of(order)
    hidden = Path(piece.path).rename(prepared / "hidden")
    try:
        outpost = Outpost()
        assert outpost.lacking((piece,)) == (piece.sha256,)
        with pytest.raises(OutsideError, match="did not come over whole"):
            outpost.accept(piece, b"something else")
        outpost.accept(piece, hidden.read_bytes())
        assert Outpost().lacking((piece,)) == (), "the next run finds it there"
        outpost.start(order, (piece,), results_for(order, home))
        until = time.monotonic() + 60
        while not (taken := outpost.take(0.2)).pulse.is_ready and time.monotonic() < until:
            assert taken.code is None, taken.log.decode()
        outpost.close()
    finally:
        hidden.rename(piece.path)


@pytest.mark.parametrize("name", ["../x.json", "/etc/x", ".lock", "a/../../b.json", ".hidden/x.json", "x.lock"])
def test_a_node_writes_nowhere_but_into_its_runs_folder(tmp_path: Path, name: str) -> None:
    here = ChangesHere(tmp_path / "results", tmp_path / "outbox", token=1)
    parcel = packed({"kind": "changes", "files": [{"path": name}], "gone": [], "outbox": []}, [b"x"])
    with pytest.raises(OutsideError, match="no parcel of a lane"):
        here.apply(parcel)
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".jsonl"}, "its outbox and nothing else"


def test_lines_of_another_token_are_refused(tmp_path: Path) -> None:
    here = ChangesHere(tmp_path / "results", tmp_path / "outbox", token=2)
    line = b'{"token": 1, "event": "result"}\n'
    parcel = packed({"kind": "changes", "files": [], "gone": [], "outbox": ["events"]}, [line])
    with pytest.raises(OutsideError, match="another token"):
        here.apply(parcel)
    assert (tmp_path / "outbox" / "events.jsonl").read_bytes() == b""


@pytest.mark.parametrize(
    ("changed", "share"),
    [
        ({"engine": "cpu"}, Share(2.0)),
        ({"engine": "cpu", "lane": "fill0"}, Share(0.0)),
        ({"engine": "gpu"}, Share(2.0, gpus=0.25, vram_gb=10.0)),
        ({"engine": "auto"}, Share(2.0, gpus=0.25, vram_gb=10.0)),
    ],
)
def test_a_lane_asks_its_node_for_what_it_uses(tmp_path: Path, changed: dict[str, str], share: Share) -> None:
    backend = {"kind": "ray", "lane_cpus": 2, "lane_gpus": 0.25, "lane_vram_gb": 10}
    order = an_order(tmp_path, tmp_path, "refine", run="r", backend=backend, **REFINED).model_copy(update=changed)
    assert share_of(order) == share
    assert share.resources == ({VRAM: 10.0} if share.gpus else {})
