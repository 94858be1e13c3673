"""Who works on a study that several machines share, and lives: told by heartbeats, judged by one's own clock alone.

Everybody at work has a row in the storage, with a number that it raises every few seconds. Whoever looks holds the
*change* of that number against their own steady clock, and counts only the time in which they could look: a server
that was away, or a laptop that slept, makes nobody dead. On the looker's own machine a lock says it exactly, at once.

A row that stood still for too long is closed, and what it leaves reaped. Was its worker merely slow, the storage
refuses whatever it still wants to write, for a reaped trial is finished. Rows are trials of a study beside the one
that is searched, since that is what any storage of Optuna keeps; it numbers them, no two alike, which settles who came
first.
"""

import contextlib
import itertools
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from swarmd.engine.search.presence import held
from swarmd.engine.search.storage_contract import LOST
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.steady_event import SteadyEvent
from swarmd.state.store.files import is_locked

log = logging.getLogger(__name__)
_times_led = itertools.count()


@dataclass(frozen=True, slots=True)
class Pulse:
    """How often one shows that it lives, and after how long a silence another takes it for dead."""

    every_s: float = 2.0
    dead_after_s: float = 20.0


@dataclass(slots=True)
class _Seen:
    """The number last seen in a row, for how long it has stood still while we looked, and whether it ever moved."""

    beat: int
    silent_s: float = 0.0
    has_moved: bool = False


class BeatPresence:
    """Of one study on a server. ``locks`` is the folder for the locks of our own, ``machine`` what this one is known
    by, ``now`` a steady clock in seconds. ``token`` is that of the lease we work by, 0 without one: who has a higher
    one takes the lead of whoever works by a lower, for that one's supervisor owns the campaign no more."""

    def __init__(
        self,
        storage: BaseStorage,
        study: str,
        *,
        locks: Path,
        pulse: Pulse | None = None,
        machine: str | None = None,
        token: int = 0,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._storage = storage
        self._place = study
        self._locks = locks
        self._pulse = pulse or Pulse()
        self._machine = machine or _this_machine()
        self._token = token
        self._now = now
        self._study_id = _study_beside(storage, f"{study} workers")
        self._rows: list[FrozenTrial] = []
        self._seen: dict[int, _Seen] = {}
        self._nameless_s: dict[int, float] = {}
        self._looked_at: float | None = None
        self._passed_s = 0.0
        self._is_deposed = SteadyEvent()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """The server itself sees to it that a trial is given out once."""
        yield

    @contextlib.contextmanager
    def lead(self, safe_point: Callable[[], None]) -> Iterator[None]:
        # A name for each time: after a lost server we come anew, and are not to be taken for the one we were.
        name = f"leader-{socket.gethostname()}-{os.getpid()}-{next(_times_led)}"
        with self._shown(name, leads=True) as mine:
            while before := self._leaders_before(mine):
                for row in before:
                    if 0 < int(row.user_attrs.get("token", 0)) < self._token:
                        self._depose(row, safe_point)
                    elif self._is_sure_to_live(row):
                        who = row.user_attrs
                        raise OperatorError(
                            f"{self._place} is led by another: {who.get('worker')} on {who.get('host')}; help it with "
                            "`swarmd storage work`, or give the campaign another name"
                        )
                    else:
                        self._judged(row)
                safe_point()
                time.sleep(self._pulse.every_s / 4)
            yield

    @contextlib.contextmanager
    def at_work(self, worker: str) -> Iterator[None]:
        with self._shown(worker, leads=False):
            yield

    def look(self) -> None:
        now = self._now()
        self._rows = self._storage.get_all_trials(self._study_id, deepcopy=False)
        # Of a longer time without a look, for we slept or the server was gone, no more is held against anybody.
        passed = 0.0 if self._looked_at is None else now - self._looked_at
        self._passed_s, self._looked_at = min(passed, 2 * self._pulse.every_s), now
        for row in self._rows:
            beat, seen = int(row.user_attrs.get("beat", 0)), self._seen.get(row.number)
            if seen is None:
                self._seen[row.number] = _Seen(beat)
            elif seen.beat != beat:
                self._seen[row.number] = _Seen(beat, has_moved=True)
            else:
                seen.silent_s += self._passed_s

    def lives(self, worker: str | None, trial: int) -> bool:
        row = next((each for each in reversed(self._rows) if each.user_attrs.get("worker") == worker), None)
        if worker is not None and row is not None:
            return self._judged(row)
        # Taken and not named yet, or its worker is not in the picture yet: a moment, unless something died in it.
        self._nameless_s[trial] = self._nameless_s.get(trial, -self._passed_s) + self._passed_s
        return self._nameless_s[trial] <= self._pulse.dead_after_s

    def check_leading(self) -> None:
        if self._is_deposed.is_set():
            raise OutsideError(f"{self._place}: this run gave no sign of life for too long, and another leads now")

    def put_up(self) -> None:
        with contextlib.suppress(OSError):
            self._locks.rmdir()

    def has_leader(self) -> bool:
        """Whether somebody leads who is not known to be dead, as of the last look."""
        return any(row.user_attrs.get("leads") and self._judged(row) for row in self._rows)

    # -- others' rows -------------------------------------------------------------------------------------------------

    def _leaders_before(self, mine: int) -> list[FrozenTrial]:
        self.look()
        rows = [row for row in self._rows if row.number < mine and row.user_attrs.get("leads")]
        return [row for row in rows if not row.state.is_finished()]

    def _is_sure_to_live(self, row: FrozenTrial) -> bool:
        lock = self._lock_here(row)
        return self._seen[row.number].has_moved if lock is None else is_locked(lock)

    def _judged(self, row: FrozenTrial) -> bool:
        """Whether whoever the row stands for lives; the row of the dead is closed."""
        if row.state.is_finished():
            return False
        lock = self._lock_here(row)
        is_alive = self._seen[row.number].silent_s <= self._pulse.dead_after_s if lock is None else is_locked(lock)
        if not is_alive:
            self._close(row._trial_id)
        return is_alive

    def _depose(self, row: FrozenTrial, safe_point: Callable[[], None]) -> None:
        """Close the row of a former owner's run, and give it the time in which it hears of that and ends."""
        log.warning("%s: %s worked for a former owner; it leads no more", self._place, row.user_attrs.get("worker"))
        self._close(row._trial_id)
        lock, until = self._lock_here(row), self._now() + self._pulse.dead_after_s
        while self._now() < until and (lock is None or is_locked(lock)):
            safe_point()
            time.sleep(self._pulse.every_s / 4)

    def _lock_here(self, row: FrozenTrial) -> Path | None:
        """The lock of one on our own machine."""
        return Path(row.user_attrs["lock"]) if row.user_attrs.get("machine") == self._machine else None

    def _close(self, row: int) -> None:
        with contextlib.suppress(UpdateFinishedTrialError):
            self._storage.set_trial_state_values(row, TrialState.FAIL)

    # -- our own row --------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _shown(self, worker: str, *, leads: bool) -> Iterator[int]:
        lock = (self._locks / f"{worker}.lock").absolute()
        told = {
            "worker": worker, "leads": leads, "machine": self._machine, "lock": str(lock), "host": socket.gethostname(),
            "token": self._token,
        }  # fmt: skip
        with held(lock):
            row = self._new_row(told)
            is_over = SteadyEvent()
            beating = threading.Thread(target=self._beat, args=(row, told, is_over), name="heartbeat", daemon=True)
            beating.start()
            try:
                yield self._storage.get_trial(row).number
            finally:
                is_over.set()
                beating.join()

    def _new_row(self, told: dict[str, object]) -> int:
        template = optuna.trial.create_trial(state=TrialState.RUNNING, user_attrs=told)
        return self._storage.create_new_trial(self._study_id, template_trial=template)

    def _beat(self, row: int, told: dict[str, object], is_over: SteadyEvent) -> None:
        beat = 0
        while not is_over.wait(self._pulse.every_s):
            beat += 1
            try:
                self._storage.set_trial_user_attr(row, "beat", beat)
            except UpdateFinishedTrialError:
                # Taken for dead. A worker shows itself anew; of leaders there may be another by now.
                if told["leads"]:
                    self._is_deposed.set()
                    return
                with contextlib.suppress(*LOST):
                    row = self._new_row(told)
            except LOST:
                # Nobody else reaches the server now either, or they count our silence while we try again.
                pass
        with contextlib.suppress(*LOST):
            self._close(row)


def _study_beside(storage: BaseStorage, name: str) -> int:
    try:
        return storage.create_new_study([StudyDirection.MAXIMIZE], name)
    except DuplicatedStudyError:
        return storage.get_study_id_from_name(name)


def _this_machine() -> str:
    """Equal for two processes that see the same kernel and the same files, and hence each other's locks."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/mnt').readlink()}"
