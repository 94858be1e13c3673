"""Starting and stopping runs: the half of those actions that touches the world.

The journal already holds the intent. What came of it is returned as records; a failure outside is a lost run, which the
sentry sees in the next cycle like any other.
"""

import asyncio
import contextlib
import itertools
import shutil
import signal
import sys
from pathlib import Path

from swarmd.state.actions import StopRun
from swarmd.state.errors import OutsideError
from swarmd.state.records.record import Record
from swarmd.state.records.run import RunAlive, RunOrdered, RunStatus
from swarmd.state.store.files import atomic_write
from swarmd.state.units import Millis, iso
from swarmd.state.view import View
from swarmd.state.work_order import WorkOrder
from swarmd.supervisor.backends.local import LocalBackend
from swarmd.supervisor.effects.records import evidence_path
from swarmd.supervisor.processes import Exit
from swarmd.supervisor.sensors.runs import ended, evidence_of, launched

_STACK_WITHIN_S = 2.0
_STACK_TRIES = 8
# Of py-spy's dump, which tells the innermost frame first: where Python begins the main thread.
_ROOTS = ("<module> (", "_run_module_as_main (")
_LOG_TAIL_BYTES = 4096


def work_order(view: View, run: RunOrdered, *, home: Path, session: str, threads: int) -> WorkOrder:
    """Everything the run needs to know, and all it will ever be told."""
    job = view.jobs[run.job]
    campaign = view.campaigns[job.campaign]
    device = view.device_of(view.lanes.get(run.lane))
    return WorkOrder(
        run=run.id,
        job=job.id,
        token=run.attempt,
        lane=run.lane,
        phase=job.phase,
        symbol=job.symbol,
        mode=job.mode,
        home=str(home),
        session=session,
        threads=max(1, round(threads * run.scale)),
        engine=run.engine,
        device="" if device is None else device.uuid,
        node=run.node,
        scale=run.scale,
        trials=job.trials,
        branch=job.branch,
        surrogates=job.surrogates,
        campaign=campaign.settings,
    )


def start_run(backend: LocalBackend, run: RunOrdered, order: WorkOrder, boot: str, *, now: Millis) -> Record:
    try:
        identity = backend.launch(run, order)
    except OutsideError as error:
        return ended(run, now, Exit(), RunStatus.LOST, str(error), was_launched=False)
    return launched(run, identity, boot, now, adopted=False)


async def stop_run(backend: LocalBackend, run: RunAlive, action: StopRun, *, now: Millis) -> None:
    """TERM asks; KILL takes the evidence first. The end itself is seen by the sensor, through the pidfd."""
    process = backend.process_of(run)
    if process is None or process.has_ended():
        return
    if action.how == "term":
        process.send(signal.SIGTERM)
        return
    told = f"{iso(now)} run {run.id} (pid {run.pid}): {action.reason}\n\n{await _evidence(backend, run)}"
    # A full disk must not keep a hung run alive; the reason is in the journal already.
    with contextlib.suppress(OutsideError):
        atomic_write(backend.home.inside(evidence_path(run.id)), told.encode())
    # A frozen group is continued by SIGKILL itself; no CONT is needed, and none lets it write a late result.
    process.kill_group()


def ask_again(backend: LocalBackend, run: RunAlive) -> None:
    """SIGTERM, perhaps once more: a run that heard the first is on its way to its safe point already."""
    process = backend.process_of(run)
    if process is not None and not process.has_ended():
        process.send(signal.SIGTERM)


def kill_again(backend: LocalBackend, run: RunAlive) -> None:
    """SIGKILL once more, which is harmless: its evidence was taken the first time, or went with the turn."""
    process = backend.process_of(run)
    if process is not None and not process.has_ended():
        process.kill_group()


async def _evidence(backend: LocalBackend, run: RunAlive) -> str:
    """Python stack (py-spy, without pausing the process), /proc, and the last lines of its log."""
    return "\n".join([evidence_of(run.pid), await _stack(run.pid), _log_tail(backend.home.log_path(run.id))])


async def _stack(pid: int) -> str:
    program = shutil.which("py-spy", path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin")
    if program is None:
        return "--- stack: py-spy is not installed\n"
    told = ""
    for _ in range(_STACK_TRIES):
        latest, is_whole = await _dump(program, pid)
        if is_whole:
            return latest
        told = max(told, latest, key=len)
    return told


async def _dump(program: str, pid: int) -> tuple[str, bool]:
    """What py-spy says of a process, and whether to leave it at that.

    It reads while the process runs on: a frame that goes away under its eyes ends the dump, or a thread's part of it,
    and the next is luckier.
    """
    try:
        dump = await asyncio.create_subprocess_exec(
            program,
            "dump",
            "--nonblocking",
            "--pid",
            str(pid),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
    except OSError as error:
        return f"--- stack: py-spy could not be started: {error.strerror}\n", True
    try:
        async with asyncio.timeout(_STACK_WITHIN_S):
            told, _ = await dump.communicate()
    except TimeoutError:
        # Not waited for: reading from a run in state D it may itself survive the signal. It is reaped when it ends.
        dump.kill()
        return f"--- stack: py-spy gave none within {_STACK_WITHIN_S:g} s\n", True
    text = told.decode(errors="replace")
    is_whole = dump.returncode == 0 and has_whole_main_thread(text, pid)
    return f"--- stack (py-spy dump --nonblocking --pid {pid})\n{text}", is_whole


def has_whole_main_thread(dump: str, pid: int) -> bool:
    """Whether the main thread's frames go down to where Python began it; True where the dump names none.

    ``dump`` is what ``py-spy dump`` printed. A dump in which that thread's stack breaks off is a success to py-spy.
    """
    _, named, rest = dump.partition(f"\nThread {pid} (")
    own = list(itertools.takewhile(lambda line: line.startswith("    "), rest.splitlines()[1:]))
    return not named or (bool(own) and own[-1].strip().startswith(_ROOTS))


def _log_tail(path: Path) -> str:
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
            return f"--- last of {path.name}\n{log.read().decode(errors='replace')}"
    except OSError as error:
        return f"--- log not readable: {error.strerror}\n"
