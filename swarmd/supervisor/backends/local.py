"""Lanes on this machine: each run a process in a session of its own, its life told by an inherited lock.

The lock decides, not the record: whoever holds ``state/run/<run>.lock`` is alive, and nobody is started while it is
held. The process inherits the locked descriptor, so the kernel lets go of it exactly when the process (and whatever it
gave the descriptor to) is gone. Handles here are a convenience that any daemon can make anew from the records.
"""

import os
import select
import signal
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from swarmd.state.beats import BeatsPage
from swarmd.state.errors import OutsideError
from swarmd.state.records.run import RunAlive, RunOrdered
from swarmd.state.store.files import Home, is_locked, lock_file, lock_holder, write_whole
from swarmd.state.view import View
from swarmd.state.work_order import BEATS_VARIABLE, LOCK_FD, LOCK_FD_VARIABLE, RUN_VARIABLE, WorkOrder
from swarmd.supervisor.backends.groups import LaneGroups
from swarmd.supervisor.backends.spares import Spares, may_start_spare, spares_wanted
from swarmd.supervisor.processes import (
    SEEN_WITHIN_MS,
    Exit,
    Process,
    hold,
    hold_child,
    kill_stragglers,
    kill_strangers,
    processes_with,
    read_stat,
)
from swarmd.supervisor.sensors.memory import KernelLog, OomWatch

# What a lane runs, the path of its order last. Any program will do that keeps the lock it is born with.
ENGINE_LANE = (sys.executable, "-P", "-m", "swarmd.engine.lane")
# For the kernel to end what has been killed; who does not end then stands in it.
_REAPABLE_WITHIN_MS = 1_000


@dataclass(frozen=True, slots=True)
class Identity:
    pid: int
    start_ticks: int


@dataclass(slots=True)
class LocalBackend:
    """``watch`` and ``unwatch`` are told of each pidfd, so that the loop wakes when a run ends.

    ``program`` is the command line of a lane without its last word, the path of the order.
    """

    home: Home
    page: BeatsPage
    watch: Callable[[int], None]
    unwatch: Callable[[int], None]
    notify_socket: str = ""
    program: tuple[str, ...] = ENGINE_LANE
    groups: LaneGroups = field(default_factory=LaneGroups)
    _processes: dict[str, Process] = field(default_factory=dict)
    oom: OomWatch = field(init=False)
    spares: Spares = field(init=False)
    # The last order for a processor: a spare gets ready for more of its kind.
    _like: WorkOrder | None = None
    # Runs buried in this turn, and how they ended: a turn that cannot be recorded buries them once more.
    _bereft: dict[str, Exit] = field(default_factory=dict)
    _looker: select.poll = field(default_factory=select.poll)

    def __post_init__(self) -> None:
        self.oom = OomWatch(self.groups, kernel_log=KernelLog.opened())
        self.spares = Spares(self.home, self.program)

    def launch(self, run: RunOrdered, order: WorkOrder) -> Identity:
        """Start the run's process. Raises OutsideError when the lock is held or the process cannot be made."""
        lock = self.home.lock_path(run.id)
        self._write_order(run, order)
        locked = lock_file(lock, {"run": run.id, "token": run.attempt})
        if locked is None:
            raise OutsideError(f"{lock} is held: a process of run {run.id} lives already, so none was started")
        try:
            pid = self._process_for(run, order, locked)
        except (OSError, OutsideError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise OutsideError(f"run {run.id} could not be started: {why}") from error
        finally:
            os.close(locked)  # ours; the child's copy keeps the lock
        self.groups.make(run.id)
        self.groups.join(run.id, pid)
        if order.engine == "cpu":
            self._like = order
        return self._held(run, pid)

    def _write_order(self, run: RunOrdered, order: WorkOrder) -> None:
        """Not synced, and not by way of a second name: nobody reads it before the process that is made after this."""
        path = self.home.order_path(run.id)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                write_whole(descriptor, order.model_dump_json(indent=2).encode())
            finally:
                os.close(descriptor)
        except OSError as cause:
            raise OutsideError(f"cannot write {path}: {cause.strerror}; free space or mend the disk") from cause

    def _process_for(self, run: RunOrdered, order: WorkOrder, locked: int) -> int:
        """A spare that takes the order, or else a process of its own."""
        self.home.outbox_of(run.id).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.page.clear(run.slot)
        log = os.open(self.home.log_path(run.id), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            is_usual = self._program_for(order) == self.program
            pid = self.spares.hand_over(order, self._variables(run), locked, log) if is_usual else None
            return self._spawned(run, order, locked, log) if pid is None else pid
        finally:
            os.close(log)

    def _program_for(self, order: WorkOrder) -> tuple[str, ...]:
        """Another backend may have another program for some phases."""
        return self.program

    def _spawned(self, run: RunOrdered, order: WorkOrder, locked: int, log: int) -> int:
        program = self._program_for(order)
        return os.posix_spawn(
            program[0],
            [*program, str(self.home.order_path(run.id))],
            {**self._environment(order.threads, order.device), **self._variables(run)},
            setsid=True,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
                # The lock last: the log's own descriptor may have been number 3.
                (os.POSIX_SPAWN_DUP2, locked, LOCK_FD),
            ],
        )

    def keep_spares(self, view: View) -> None:
        """Once a turn, after its effects. None for a program that is not the engine's: it would not know the word."""
        if self.program != ENGINE_LANE:
            return
        wanted = spares_wanted(view)
        if wanted and self._like is None:
            self._like = next(filter(None, map(self._order_of, view.live_runs())), None)
        threads = 1 if self._like is None else self._like.threads
        self.spares.keep(wanted, self._like, self._environment(threads), may_start=may_start_spare(view))

    def _order_of(self, run: RunAlive) -> WorkOrder | None:
        """Of a run that another daemon started."""
        try:
            order = WorkOrder.model_validate_json(self.home.order_path(run.id).read_bytes())
        except (OSError, ValueError):
            return None
        return order if order.engine == "cpu" else None

    def _held(self, run: RunOrdered, pid: int) -> Identity:
        """Our handle on the new process. One that cannot be held is ended: nothing runs that is not on record."""
        stat = read_stat(pid)
        identity = Identity(pid, stat.start_ticks if stat else 0)
        process = hold_child(pid)
        if process is None:
            raise OutsideError(f"run {run.id} (pid {pid}) could not be held by a pidfd, and was ended at once")
        self._keep(run.id, process)
        return identity

    def _environment(self, threads: int, device: str = "") -> dict[str, str]:
        """Of any lane with so many threads, and the graphics processor with this UUID."""
        environment = {
            **os.environ,
            "NUMBA_NUM_THREADS": str(threads),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            # A CPU lane holds no CUDA context, whatever it imports; a lane of a GPU sees no other.
            "CUDA_VISIBLE_DEVICES": device,
            "PYTHONUNBUFFERED": "1",
        }
        if self.notify_socket:
            environment["NOTIFY_SOCKET"] = self.notify_socket
        return environment

    def _variables(self, run: RunOrdered) -> dict[str, str]:
        """What tells one run's environment from another's."""
        return {
            LOCK_FD_VARIABLE: str(LOCK_FD),
            BEATS_VARIABLE: f"{self.home.beats_path}:{run.slot}",
            RUN_VARIABLE: self._mark(run.id),
        }

    def _mark(self, run: str) -> str:
        """What every descendant of the run carries. Another home may well have a run of the same id."""
        return f"{run}@{self.home.run_dir}"

    def holds_lock(self, run: str) -> bool:
        return is_locked(self.home.lock_path(run))

    def find(self, run: RunOrdered | RunAlive) -> Identity | None:
        """Who holds the run's lock: as the holder wrote it, or, if it died before writing, as its environment says."""
        holder = lock_holder(self.home.lock_path(run.id))
        pid, ticks = holder.get("pid"), holder.get("start_ticks")
        if isinstance(pid, int) and isinstance(ticks, int) and holder.get("token") == run.attempt:
            stat = read_stat(pid)
            if stat is not None and stat.start_ticks == ticks:
                return Identity(pid, ticks)
        for candidate in processes_with(RUN_VARIABLE, self._mark(run.id)):
            stat = read_stat(candidate)
            if stat is not None and _leads_its_session(candidate):
                return Identity(candidate, stat.start_ticks)
        return None

    def end_leftovers(self, run: RunOrdered) -> None:
        """The run's own process is gone, and something it left behind still holds its lock."""
        kill_stragglers(RUN_VARIABLE, {self._mark(run.id)})

    def has_handle(self, run: str) -> bool:
        """Whether this daemon started it, or has adopted it, and has not buried it yet."""
        return run in self._processes

    def has_buried(self, run: str) -> bool:
        """Whether it was buried in this turn, or in one that could not be recorded."""
        return run in self._bereft

    def has_just_ended(self, run: RunAlive) -> bool:
        """Asked of one that we hold and that was there a moment ago. True of one we do not hold."""
        process = self._processes.get(run.id)
        return process is None or process.has_ended(SEEN_WITHIN_MS)

    def process_of(self, run: RunAlive) -> Process | None:
        """Our handle on a recorded process, taken anew when this daemon has none yet."""
        if run.id not in self._processes:
            process = hold(run.pid, run.start_ticks, is_child=False)
            if process is None:
                return None
            self._keep(run.id, process)
            self.groups.adopt(run.id, run.pid)
        return self._processes[run.id]

    def bury(self, run: RunOrdered | RunAlive) -> Exit:
        """After its end: kill what is left of its process group, reap it, let go of it.

        What it left in sessions of its own dies in ``end_strays``.
        """
        process = self._processes.pop(run.id, None)
        exited = self._bereft.get(run.id, Exit())
        if process is not None:
            if process.is_child:
                # Not reaped yet, so the group's number is still ours. An adopted run's group number may be a stranger's
                # by now: what it left is found by its environment below.
                process.kill_group()
                # On a busy machine its lock is free a while before it can be waited for.
                process.has_ended(_REAPABLE_WITHIN_MS)
            self.groups.settle(run.id)
            exited = process.collect()
            self._let_go(process)
            if exited.signal == signal.SIGKILL and not getattr(run, "killed_at", 0):
                exited = replace(exited, oom=self.oom.told_of(run.id, process.pid))
        self._bereft[run.id] = exited
        return exited

    def end_strays(self) -> None:
        """End what the runs buried since the last call have left behind, wherever it moved itself, and their groups.

        Once a turn and after its effects: a walk through /proc takes longer than starting the successor. A daemon that
        dies in between leaves them to the next one's ``end_strays_but``.
        """
        if not self._bereft:
            return
        for run in self._bereft:
            self.groups.remove(run)
        kill_stragglers(RUN_VARIABLE, {self._mark(run) for run in self._bereft})
        self._bereft.clear()

    def end_strays_but(self, runs: Collection[str]) -> list[int]:
        """End whatever is in a group, or carries the mark, of a run of this home that is not one of these: their pids.

        A spare of a daemon that died is such a thing, where the kernel has not ended it already.
        """
        known = {self._mark(run) for run in runs} | self._marks_of_spares()
        return [*self.groups.remove_but(runs), *kill_strangers(RUN_VARIABLE, f"@{self.home.run_dir}", known)]

    def _marks_of_spares(self) -> frozenset[str]:
        return self.spares.marks()

    def pids(self) -> frozenset[int]:
        """Children that somebody here waits for."""
        return self.spares.pids() | {process.pid for process in self._processes.values()}

    def ended(self) -> frozenset[str]:
        """Runs we hold whose process has ended: one question to the kernel for all of them."""
        readable = {pidfd for pidfd, _ in self._looker.poll(0)}
        return frozenset(run for run, process in self._processes.items() if process.pidfd in readable)

    def adopted(self) -> dict[str, int]:
        """Pids by run of those that are no children of ours: nobody tells us when one of them is stopped."""
        return {run: process.pid for run, process in self._processes.items() if not process.is_child}

    def _keep(self, run: str, process: Process) -> None:
        self._processes[run] = process
        self._looker.register(process.pidfd, select.POLLIN)
        self.watch(process.pidfd)

    def _let_go(self, process: Process) -> None:
        self.unwatch(process.pidfd)
        self._looker.unregister(process.pidfd)
        process.close()

    def close(self) -> None:
        """Let go of every handle; the runs go on, and spares end."""
        self.spares.close()
        for process in self._processes.values():
            self._let_go(process)
        self._processes.clear()


def _leads_its_session(pid: int) -> bool:
    try:
        return os.getsid(pid) == pid
    except ProcessLookupError:
        return False
