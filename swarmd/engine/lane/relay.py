"""One order carried to a node and its results home: what the courier's child does, from first call to last line.

Whatever the node tells is written here and nowhere else: files below the folder that this run holds, lines of its own
token, batches of its own run onto the trial ledger. A stop that is asked for here is asked for there.
"""

import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swarmd.engine.lane.changes import ChangesHere
from swarmd.engine.lane.luggage import pieces_of, results_for
from swarmd.engine.lane.outpost import Taken
from swarmd.engine.lane.parcels import packed, unpacked
from swarmd.engine.lane.ray_link import Link, LinkLost, Share
from swarmd.engine.lane.same_code import code_digest
from swarmd.engine.lane.two_processes import hear_stops
from swarmd.engine.market.faults import DataAway, DataError
from swarmd.engine.phases.child import ending
from swarmd.engine.phases.desk import Yielded, quiet_desk
from swarmd.engine.phases.folder import alone_in
from swarmd.engine.phases.places import work_folder
from swarmd.state.beats import BeatsPage, BeatWriter, Pulse
from swarmd.state.cluster import ADDRESS_VARIABLE
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.records.job import Phase
from swarmd.state.store.files import Home
from swarmd.state.store.patience import waits_with
from swarmd.state.store.trial_ledger import Batch, Vintage, append_batch
from swarmd.state.units import Millis
from swarmd.state.work_order import BEATS_VARIABLE, ExitCode, SaidLine, WorkOrder

log = logging.getLogger(__name__)

LOST = 1
# What a courier ends with where node or cluster are gone: a lane that ends so has done it on its own.
_OURS = (ExitCode.NODE_LOST, ExitCode.CLUSTER_LOST)
_CONNECT_WITHIN_S = 45.0
_WAIT_FOR_FOLDER_SECONDS = 5.0
# How long a question waits on the node for something to tell, and how long for any answer at all.
_LISTEN_S = 0.5
_ANSWER_WITHIN_S = 30.0
_SETTLES_S = 1.0
# As lanes that fill are named.
_FILL = "fill"
# After a no of these there is nothing more for the asset, and its report is told before the result is.
_MAY_END = frozenset({Phase.PRESCREEN, Phase.REFINE})


class _Beats:
    """The run's real slot: it follows that of the node, and until there is one it pulses for itself."""

    def __init__(self, variable: str | None, token: int) -> None:
        self._writer = _slot(variable, token)
        self._token = token
        self._last = 0

    def alive(self) -> None:
        if self._writer is not None:
            self._writer.pulse(_boot_ms())

    def wait(self) -> None:
        """A moment in which nothing is done and nothing hangs."""
        if self._writer is not None:
            self._writer.advance(0)
        self.alive()

    def follow(self, there: Pulse) -> None:
        """A pulse here for every new one there: a lane that is stopped on its node falls silent here."""
        if self._writer is None:
            return
        if there.token == self._token:
            self._writer.follow(there)
        if there.token != self._token or there.heartbeat != self._last:
            self._last = there.heartbeat
            self.alive()


def _slot(variable: str | None, token: int) -> BeatWriter | None:
    if variable is None:
        return None
    path, _, slot = variable.rpartition(":")
    return BeatsPage(Path(path)).writer(int(slot), token)


@dataclass(slots=True)
class _Trip:
    order: WorkOrder
    home: Home
    changes: ChangesHere
    beats: _Beats
    tell_stage: Callable[[str], None]
    is_stop_asked: bool = False
    _is_stop_told: bool = field(default=False, init=False)

    def say(self, text: str) -> None:
        log.info("%s", text)
        self.changes.say(SaidLine(token=self.order.token, text=text, wall=_wall_ms()))

    def waiting(self) -> None:
        """Before the lane lives anywhere, we speak for it, and may end at any time."""
        self.beats.alive()
        if self.is_stop_asked:
            raise Yielded

    def make(self, address: str, link: Link | None) -> int:
        """The lane's exit code. ``link`` is one that is connected already."""
        self.tell_stage(f"it connected to the cluster at {address}")
        self.waiting()
        link = link or connected(address)
        self.tell_stage(f"it waited for room on the cluster at {address}")
        order = self.order
        about = self._placed(link)
        if about["code"] != code_digest():
            raise LinkLost(f"node {link.node} has another swarmd than this machine; install the same on both", LOST)
        self.say(f"the lane lives on node {link.node} ({about['host']}, worker pid {about['pid']})")
        self.tell_stage(f"the lane was on node {link.node}")
        pieces = pieces_of(order)
        for sha256 in link.ask("lacking", pieces, within_s=_ANSWER_WITHIN_S, meanwhile=self.waiting):
            piece = next(piece for piece in pieces if piece.sha256 == sha256)
            content = Path(piece.path).read_bytes()
            link.ask("accept", piece, content, within_s=_ANSWER_WITHIN_S + piece.n_bytes / 1e6, meanwhile=self.waiting)
            log.info("%s: %d bytes to node %s, for all runs there", piece.name, piece.n_bytes, link.node)
        results = results_for(order, self.home)
        link.ask("start", as_there(order), pieces, results, within_s=_ANSWER_WITHIN_S, meanwhile=self.waiting)
        code = self._listened(link)
        if code == -signal.SIGKILL:
            # A worker that goes with its node kills its lane first, and may still have told of that.
            time.sleep(_SETTLES_S)
            link.ask("about", within_s=_ANSWER_WITHIN_S)
        with contextlib.suppress(LinkLost):
            link.ask("close", within_s=_ANSWER_WITHIN_S)
        link.close()
        if code == -signal.SIGTERM and self._is_stop_told:
            raise Yielded  # it was asked before it could listen
        if code < 0 or code in _OURS:
            raise LinkLost(f"the lane on node {link.node} {ending(code)}", LOST)
        return code

    def _placed(self, link: Link) -> dict[str, str | int]:
        about = link.take_up(self.order, share_of(self.order), meanwhile=self.waiting)
        if about is not None:
            return about
        if link.ahead_on:
            link.close()
        return link.place(self.order, share_of(self.order), meanwhile=self.waiting)

    def _listened(self, link: Link) -> int:
        while True:
            if self.is_stop_asked and not self._is_stop_told:
                link.ask("ask_to_stop", within_s=_ANSWER_WITHIN_S)
                self._is_stop_told = True
            taken: Taken = link.ask("take", _LISTEN_S, within_s=_ANSWER_WITHIN_S)
            self.beats.follow(taken.pulse)
            for parcel in taken.parcels:
                self._heard(link, parcel)
            if taken.log:
                sys.stderr.write(taken.log.decode(errors="replace"))
                sys.stderr.flush()
            if taken.code is not None:
                return taken.code

    def _heard(self, link: Link, parcel: bytes) -> None:
        header, _ = unpacked(parcel)
        if header["kind"] == "batch":
            link.ask("give", packed(self._sealed(header)), within_s=_ANSWER_WITHIN_S)
        else:
            self.changes.apply(parcel, before_lines=self._report)

    def _sealed(self, header: Mapping[str, Any]) -> dict[str, Any]:
        """Onto the ledger of this home: the answer, or why not."""
        try:
            told = dict(header["batch"])
            batch = Batch(**{**told, "vintage": Vintage.of(told["vintage"])})
            if batch.symbol != self.order.symbol or batch.run != self.order.run or batch.is_look:
                raise OutsideError(f"the node told of a batch that is not of run {self.order.run}")
            # The lane stands still until it has its answer: while a server is waited for, we speak for it again.
            with waits_with(self._wait_for_ledger):
                entry = append_batch(self.home, batch, int(header["at"]))
        except (OperatorError, OutsideError) as refusal:
            return {"refusal": str(refusal), "is_operators": isinstance(refusal, OperatorError)}
        return {"line": entry.line, "at": entry.at, "digest": entry.digest}

    def _wait_for_ledger(self) -> None:
        self.beats.wait()
        if self.is_stop_asked:
            raise OutsideError("stopped while the server of the ledger was waited for")

    def _report(self, events: bytes) -> None:
        """As the phase itself would have: its pages are on the disk before its no is."""
        lines = [json.loads(line) for line in events.splitlines()]
        is_no = any(line["event"] == "result" and line["summary"]["verdict"] == "fail" for line in lines)
        if not is_no or self.order.phase not in _MAY_END:
            return
        from dataclasses import replace

        from swarmd.engine.phases.report import tell_report

        tell_report(self.order, replace(quiet_desk(self.home, _wall_ms), say=self.say))


def relayed(
    order: WorkOrder,
    home: Home,
    holder: Mapping[str, int | str],
    *,
    tell_stage: Callable[[str], None],
    link: Link | None = None,
) -> int:
    """The exit code of the run. ``tell_stage`` hears where it stands, and the empty word once all is said; ``link`` is
    one that was connected before the order was known.
    """
    folder = work_folder(order, home)
    try:
        changes = ChangesHere(folder, home.outbox_of(order.run), token=order.token)
    except OutsideError as cause:
        log.error("%s", cause)
        tell_stage("")
        return LOST
    trip = _Trip(order, home, changes, _Beats(os.environ.get(BEATS_VARIABLE), order.token), tell_stage)
    signal.signal(signal.SIGTERM, lambda number, frame: setattr(trip, "is_stop_asked", True))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hear_stops()
    address = os.environ.get(ADDRESS_VARIABLE) or order.campaign.backend.address
    try:
        with alone_in(folder, holder, wait_seconds=_WAIT_FOR_FOLDER_SECONDS, should_yield=lambda: trip.is_stop_asked):
            code = trip.make(address, link)
    except Yielded:
        code = _ended(trip, ExitCode.YIELDED, "stopped before the lane began on a node, as asked")
    except LinkLost as lost:
        code = _ended(trip, lost.code, str(lost))
    except OperatorError as refusal:
        code = _ended(trip, ExitCode.BAD_ORDER, str(refusal))
    except DataAway as lack:
        code = _ended(trip, LOST, str(lack))
    except DataError as refusal:
        code = _ended(trip, ExitCode.DATA, str(refusal))
    except OutsideError as cause:
        code = _ended(trip, LOST, str(cause))
    except Exception as fault:
        log.exception("the courier failed")
        code = _ended(trip, LOST, f"{type(fault).__name__}: {fault}")
    tell_stage("")
    return code


def _ended(trip: _Trip, code: int, text: str) -> int:
    with contextlib.suppress(OutsideError):
        trip.say(text)
    return code


def connected(address: str) -> Link:
    """Within a bounded time: a library that waits for ever in its own code is ended by the kernel."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, _CONNECT_WITHIN_S)
    try:
        return Link(address)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def made_ready(like: WorkOrder, *, within_s: float) -> Link:
    """A link to the cluster, with a lane that waits on the node of that order, if it names one. Raises LinkLost where
    the cluster, the node or the code there cannot serve a run of ours.
    """
    link = connected(os.environ.get(ADDRESS_VARIABLE) or like.campaign.backend.address)
    if like.node:
        about = link.place_ahead(like.node, meanwhile=_nothing)
        if about["code"] != code_digest():
            raise LinkLost(f"node {link.node} has another swarmd than this machine", LOST)
        link.ask("get_ready", as_there(like), within_s=within_s)
    return link


def _nothing() -> None:
    """A spare has no beats, and ends with its parent."""


def as_there(order: WorkOrder) -> WorkOrder:
    """With as many threads as it has processors there: the daemon shares out those of its own machine."""
    cpus = order.campaign.backend.lane_cpus
    return order.model_copy(update={"threads": max(1, int(cpus * order.scale))})


def share_of(order: WorkOrder) -> Share:
    """What the lane asks of its node: a refinement by several workers has a processor for each, and a lane that
    may compute on a graphics processor its share of one.
    """
    backend, refine = order.campaign.backend, order.campaign.search.refine
    workers = refine.workers if order.phase in (Phase.REFINE, Phase.REOPTIMIZE) else 1
    # A lane that fills what others leave idle is put where all processors are taken already, by whoever measured that.
    cpus = 0.0 if order.lane.startswith(_FILL) else max(backend.lane_cpus, float(workers))
    if order.engine == "cpu":
        return Share(cpus)
    return Share(cpus, gpus=backend.lane_gpus, vram_gb=backend.lane_vram_gb)


def _wall_ms() -> Millis:
    return time.time_ns() // 1_000_000


def _boot_ms() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
