"""On a node: one lane's process, started, listened to and ended for a courier on the machine that owns the home.

The library of the cluster makes an actor of this class and calls its methods from afar; here nothing is known of it.
The process is a lane like any other, with a lock, a page of beats and an outbox of its own in a scratch home. It dies
with this one, which dies with the courier's.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from swarmd.engine.lane.luggage import Piece, is_there
from swarmd.engine.lane.node_place import NodePlace
from swarmd.engine.lane.parcels import Unpacker, packed
from swarmd.engine.lane.same_code import code_digest
from swarmd.engine.strategies.copies import COPY_VARIABLE
from swarmd.state.beats import BeatsPage, Pulse
from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home, write_whole
from swarmd.state.work_order import BEATS_VARIABLE, LOCK_FD_VARIABLE, RUN_VARIABLE, SPARE_OPTION, WorkOrder

_AWAY = ("-P", "-m", "swarmd.engine.lane.away")
# Parts of a home moved elsewhere are the owner's, and so is whom it tells that it is ready.
_NOT_OURS = ("SWARMD_HOME", "STATE_ROOT", "LOGS_ROOT", "RESULTS_ROOT", "NOTIFY_SOCKET")
_READ_BYTES = 1 << 20
# So much is told at a time: the next question comes at once.
_TAKEN_MAX_BYTES = 16 << 20
_LOG_MAX_BYTES = 1 << 16
_READY_LOOK_S = 0.2
# Of the scratch home that a lane waits in before it is any run's.
_AHEAD = "spare"
# There is one lane in a scratch home, whichever run that is by then.
_LANE = "lane"


@dataclass(frozen=True, slots=True)
class Taken:
    """What came since the last question. ``code`` is the exit code of the lane once it has ended and all is told,
    negative for a signal; ``pulse`` is its slot of the page of beats on the node."""

    parcels: tuple[bytes, ...]
    pulse: Pulse
    log: bytes
    code: int | None


class Outpost:
    """One order, once: ``lacking``, ``accept`` what is, ``start``, ``take`` until it has ended, ``close``.

    ``get_ready`` may come before all of them, as long before as one likes.
    """

    def __init__(self) -> None:
        self._place = NodePlace.found()
        self._home: Home | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._unpacker = Unpacker()
        self._whole: list[bytes] = []
        self._log_at = 0
        self._lock = -1
        # What the lane that waits has made itself ready for.
        self._like: WorkOrder | None = None

    def about(self) -> dict[str, str | int]:
        """Who this is: host, the cluster's id of its node, pid, and the digest of the code it would run."""
        return {"host": socket.gethostname(), "node": _node_id(), "pid": os.getpid(), "code": code_digest()}

    def lacking(self, pieces: tuple[Piece, ...]) -> tuple[str, ...]:
        """Digests of those that have to come over the network."""
        kept = {piece.sha256 for piece in pieces if self._place.input_of(piece.sha256, piece.name).is_file()}
        return tuple(piece.sha256 for piece in pieces if piece.sha256 not in kept and not is_there(piece))

    def accept(self, piece: Piece, content: bytes) -> None:
        self._place.accept(content, sha256=piece.sha256, name=piece.name)

    def get_ready(self, like: WorkOrder) -> bool:
        """Start a lane that imports and compiles, and then waits for an order; whether it does by now. A shortcut and
        nothing else: where it fails, ``start`` begins from cold.
        """
        home = self._home or self._made_home(_AHEAD)
        path = home.order_path(_AHEAD)
        try:
            path.write_text(like.model_copy(update={"home": str(home.root)}).model_dump_json())
            self._spawn(like, home, [SPARE_OPTION, str(path)], {})
        except OSError as cause:
            raise OutsideError(f"no lane could be made ready in {home.root}: {cause.strerror}") from cause
        self._like = like
        assert self._child is not None
        while not self._whole and self._child.poll() is None:
            self._heard(_READY_LOOK_S)
        is_ready = bool(self._whole)
        self._whole.clear()
        return is_ready

    def _made_home(self, run: str) -> Home:
        self._home, self._lock = self._place.make_home(run)
        return self._home

    def start(self, order: WorkOrder, pieces: tuple[Piece, ...], results: dict[str, bytes]) -> int:
        """The lane's pid. Raises OutsideError where its scratch home cannot be made, or nothing can be started."""
        home = self._home or self._made_home(order.run)
        places = {piece.purpose: self._place_of(piece) for piece in pieces}
        try:
            for name, content in results.items():
                path = home.inside(name)
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.write_bytes(content)
            data = order.campaign.data.model_copy(update={"root": str(places["bars"])})
            campaign = order.campaign.model_copy(update={"data": data})
            here = order.model_copy(update={"home": str(home.root), "campaign": campaign})
            path = home.order_path(order.run)
            path.write_text(here.model_dump_json())
            BeatsPage(home.beats_path, create=True).close()
            variables = self._variables(order, home, strategy=places.get("strategy"))
            if not self._has_taken(order, path, variables):
                self._spawn(order, home, [str(path)], variables)
        except OSError as cause:
            raise OutsideError(f"the lane could not be started in {home.root}: {cause.strerror}") from cause
        assert self._child is not None
        return self._child.pid

    def _place_of(self, piece: Piece) -> Path:
        kept = self._place.input_of(piece.sha256, piece.name)
        if kept.is_file():
            os.utime(kept.parent)
            return kept
        return Path(piece.path)

    def _variables(self, order: WorkOrder, home: Home, *, strategy: Path | None) -> dict[str, str]:
        """What tells one run's environment from another's."""
        variables = {BEATS_VARIABLE: f"{home.beats_path}:0", RUN_VARIABLE: f"{order.run}@{home.run_dir}"}
        named = order.campaign.strategy.name.rpartition(":")[0]
        if strategy is not None and str(strategy) != named:
            variables[COPY_VARIABLE] = f"{named}\n{strategy}"
        return variables

    def _has_taken(self, order: WorkOrder, path: Path, variables: dict[str, str]) -> bool:
        """Whether the lane that waits here is the order's now. One that it does not suit is ended."""
        like, self._like = self._like, None
        if like is None or self._child is None:
            return False
        suits = order.threads <= like.threads and (order.engine, order.campaign) == (like.engine, like.campaign)
        if suits and self._child.poll() is None and self._link is not None:
            self.give(packed({"kind": "order", "order": str(path), "environment": variables}))
            return True
        self._end_lane()
        return False

    def _spawn(self, order: WorkOrder, home: Home, words: list[str], variables: dict[str, str]) -> None:
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
        environment |= {
            "NUMBA_NUM_THREADS": str(order.threads),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            LOCK_FD_VARIABLE: str(self._lock),
            **variables,
        }
        if order.engine == "cpu":
            # Of a lane with a device the cluster has set which it may use.
            environment["CUDA_VISIBLE_DEVICES"] = ""
        ours, theirs = socket.socketpair()
        log = os.open(home.log_path(_LANE), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            self._child = subprocess.Popen(
                [sys.executable, *_AWAY, *words, str(theirs.fileno()), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
                pass_fds=(self._lock, theirs.fileno()),
            )
        finally:
            theirs.close()
            os.close(log)
        self._link = ours

    def take(self, wait_s: float) -> Taken:
        """What is there; waits so long for something to be."""
        assert self._child is not None
        assert self._home is not None
        until = time.monotonic() + wait_s
        code = self._child.poll()
        while not self._heard(max(0.0, until - time.monotonic()) if code is None else 0.0):
            # The other end may close a moment before the process is gone; what it said last is read either way.
            code = self._child.poll()
            if code is not None or time.monotonic() >= until:
                break
        whole, self._whole = self._taken(), self._whole
        log = self._new_log()
        is_all = code is not None and not whole and not log and not self._heard(0.0)
        with BeatsPage(self._home.beats_path) as page:
            return Taken(whole, page.read(0), log, code if is_all else None)

    def _taken(self) -> tuple[bytes, ...]:
        taken: list[bytes] = []
        while self._whole and sum(map(len, taken)) < _TAKEN_MAX_BYTES:
            taken.append(self._whole.pop(0))
        return tuple(taken)

    def _heard(self, wait_s: float) -> bool:
        """Whether there is a whole parcel, waiting so long for more bytes."""
        if self._whole:
            return True
        if self._link is None:
            time.sleep(min(wait_s, 0.02))
            return False
        self._link.settimeout(wait_s or 0.0)
        try:
            data = self._link.recv(_READ_BYTES)
        except (TimeoutError, BlockingIOError):
            return False
        except ConnectionResetError:
            data = b""
        if not data:
            self._link.close()
            self._link = None
            return False
        self._whole += self._unpacker.fed(data)
        return True

    def _new_log(self) -> bytes:
        assert self._home is not None
        with self._home.log_path(_LANE).open("rb") as file:
            file.seek(self._log_at)
            told = file.read(_LOG_MAX_BYTES)
        self._log_at += len(told)
        return told

    def give(self, parcel: bytes) -> None:
        """An answer to the lane. One that is gone needs none."""
        if self._link is not None:
            self._link.settimeout(None)
            try:
                write_whole(self._link.fileno(), parcel)
            except (BrokenPipeError, ConnectionResetError):
                return

    def ask_to_stop(self) -> None:
        """At its next safe point."""
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """End what is left of the lane, and remove its scratch home."""
        self._end_lane()
        if self._home is not None:
            shutil.rmtree(self._home.root, ignore_errors=True)

    def _end_lane(self) -> None:
        if self._child is not None and self._child.poll() is None:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()
        if self._link is not None:
            self._link.close()
            self._link = None
        self._unpacker, self._whole = Unpacker(), []


def _node_id() -> str:
    """Empty where no cluster has made this outpost."""
    ray = sys.modules.get("ray")
    return "" if ray is None or not ray.is_initialized() else str(ray.get_runtime_context().get_node_id())
