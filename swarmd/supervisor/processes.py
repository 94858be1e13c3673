"""Processes as Linux tells of them: identity, state, exit, signals. The only place that signals or reaps anything.

Every verdict and every signal goes through a pidfd, never a bare pid: a pid may be a stranger's by the time it is used.
Nothing here knows runs' records or decides anything.
"""

import fcntl
import os
import select
import signal
import struct
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from swarmd.state.errors import OutsideError

_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# struct pidfd_info of linux/pidfd.h: mask u64, ..., exit_code i32 at byte 60; the exit part needs kernel 6.15.
_PIDFD_GET_INFO = (3 << 30) | (64 << 16) | (0xFF << 8) | 11
_PIDFD_INFO_EXIT = 1 << 3
_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37
# What forks while it is being looked for is found by the next look.
_LOOKS_FOR_STRAGGLERS = 5
# /proc shows a zombie an instant before its pidfd tells of the end.
SEEN_WITHIN_MS = 100


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """One reading of ``/proc/PID/stat`` and ``schedstat``: times in ms, memory in bytes, state as its letter."""

    state: str
    start_ticks: int
    cpu_time: int
    runqueue_wait: int
    rss_bytes: int


def read_stat(pid: int) -> ProcessStat | None:
    """None when the process is gone or only a zombie is left, or where nothing can be opened at all.

    As long as a thread outlives the first one, with files and locks in its hands, the process is there, in state Z.
    """
    try:
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        waited = _read(f"/proc/{pid}/schedstat").split()
    except (OSError, ValueError):
        return None
    if len(fields) < 22 or (fields[0] in (b"Z", b"X") and int(fields[17]) <= 1):
        return None
    return ProcessStat(
        state=fields[0].decode(),
        start_ticks=int(fields[19]),
        cpu_time=(int(fields[11]) + int(fields[12])) * 1000 // _CLOCK_TICKS,
        runqueue_wait=int(waited[1]) // 1_000_000 if len(waited) > 1 else 0,
        rss_bytes=int(fields[21]) * _PAGE_BYTES,
    )


def state_of(pid: int) -> str:
    """The letter of its state: half of what ``read_stat`` costs. Empty when it is gone."""
    try:
        return _read(f"/proc/{pid}/stat").rpartition(b")")[2][1:2].decode()
    except OSError:
        return ""


def _read(path: str) -> bytes:
    """A line of /proc, in a third of the time Path.read_bytes takes: it is read for every lane at every look."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended; -1 where nobody could tell.

    ``high_water_bytes`` is the most it held resident, by the kernel's account at its end: at least what the daemon held
    when it was spawned. ``oom`` says why the out-of-memory killer is known to have ended it.
    """

    code: int = -1
    signal: int = -1
    high_water_bytes: int = 0
    oom: str = ""

    def told(self) -> str:
        if self.signal > 0:
            return f"killed by {_named(self.signal)}"
        return f"exited with code {self.code}" if self.code >= 0 else "gone, and its exit status with it"


def _named(number: int) -> str:
    """Real-time signals have no name of their own."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


@dataclass(slots=True)
class Process:
    """A process held by its pidfd. ``is_child`` says whether we may wait for it."""

    pid: int
    pidfd: int
    is_child: bool

    def send(self, number: signal.Signals) -> None:
        try:
            signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return

    def kill_group(self) -> None:
        """End the whole process group. Called while the leader is not reaped, so its number cannot be a stranger's."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self.send(signal.SIGKILL)

    def has_ended(self, within_ms: int = 0) -> bool:
        """Asked of the pidfd, which turns readable at the end: a number may be a stranger's by now."""
        looker = select.poll()
        looker.register(self.pidfd, select.POLLIN)
        return bool(looker.poll(within_ms))

    def collect(self) -> Exit:
        """Reap it and say how it ended; only after ``has_ended``."""
        if self.is_child:
            try:
                # Not by the pidfd: only this call tells what it used, and until we reap it the number is its own.
                pid, status, used = os.wait4(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else waited for it
                return _exit_of_adopted(self.pid, self.pidfd)
            return replace(_exit_of(status), high_water_bytes=used.ru_maxrss * 1024) if pid else Exit()
        return _exit_of_adopted(self.pid, self.pidfd)

    def close(self) -> None:
        os.close(self.pidfd)


def _exit_of_adopted(pid: int, pidfd: int) -> Exit:
    """Another process waits for it: until it has, the zombie shows the status; newer kernels then keep it for us."""
    status = _status_of_zombie(pid, pidfd)
    if status is None:
        status = _status_kept(pidfd)
    return Exit() if status is None else _exit_of(status)


def _exit_of(status: int) -> Exit:
    return Exit(signal=os.WTERMSIG(status)) if os.WIFSIGNALED(status) else Exit(code=os.WEXITSTATUS(status))


def _status_of_zombie(pid: int, pidfd: int) -> int | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        # Read after the status: as long as the pidfd still names a number, that number is no stranger's.
        is_there = f"Pid:\t{pid}\n" in Path(f"/proc/self/fdinfo/{pidfd}").read_text()
    except OSError:
        return None
    return int(fields[49]) if is_there and fields[0] == b"Z" and len(fields) > 49 else None


def _status_kept(pidfd: int) -> int | None:
    answer = bytearray(64)
    struct.pack_into("=Q", answer, 0, _PIDFD_INFO_EXIT)
    try:
        fcntl.ioctl(pidfd, _PIDFD_GET_INFO, answer)
    except OSError:
        return None
    if not struct.unpack_from("=Q", answer)[0] & _PIDFD_INFO_EXIT:
        return None
    return int(struct.unpack_from("=i", answer, 60)[0])


def hold(pid: int, start_ticks: int, *, is_child: bool) -> Process | None:
    """A pidfd on exactly the process that started at ``start_ticks``, or None when it is gone or somebody else.

    Raises OutsideError where nobody can tell (no descriptor left): a living process must not be taken for a dead one.
    """
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    except OSError as cause:
        raise OutsideError(f"cannot hold process {pid} by a pidfd: {cause.strerror}") from cause
    # The identity is read after the pidfd is open: a pid recycled in between cannot slip through.
    stat = read_stat(pid)
    process = Process(pid, pidfd, is_child)
    # Our own child that has already ended is a zombie until we wait for it: still ours.
    if is_child or (stat is not None and stat.start_ticks == start_ticks):
        return process
    is_there = stat is None and not process.has_ended(SEEN_WITHIN_MS)
    process.close()
    if is_there:
        raise OutsideError(f"cannot see who process {pid} is: /proc/{pid}/stat could not be read")
    return None


def hold_child(pid: int) -> Process | None:
    """A pidfd on a child just made. None where it could not be held: it is ended then, for nothing runs unwatched."""
    try:
        process = hold(pid, 0, is_child=True)
    except OutsideError:
        process = None
    if process is None:
        # Our own child, and not waited for: the number is still its own.
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return process


def processes_with(variable: str, value: str) -> list[int]:
    """Pids of our own user's processes whose environment carries ``variable=value``, wherever they moved themselves."""
    return [pid for pid, carried in _carriers(variable) if carried == value]


def kill_stragglers(variable: str, values: Collection[str]) -> list[int]:
    """End what runs left behind in sessions of their own; returns the pids that were signalled."""
    return _kill_all(variable, lambda value: value in values)


def kill_strangers(variable: str, ending: str, known: Collection[str]) -> list[int]:
    """End what carries a value with this ending that is none of the known ones; returns the pids."""
    return _kill_all(variable, lambda value: value.endswith(ending) and value not in known)


def _carriers(variable: str) -> Iterator[tuple[int, str]]:
    """Every process but ourselves that carries the variable, with its value."""
    own = os.getpid()
    for name in os.listdir("/proc"):  # noqa: PTH208 - a hundred names, and no Path is needed of any
        if name.isdigit() and int(name) != own and (value := _carried(name, variable)) is not None:
            yield int(name), value


def _carried(pid: int | str, variable: str) -> str | None:
    try:
        # Not Path.read_bytes, which takes twice as long: this is asked of every process of the machine.
        descriptor = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        environment = b"\0"
        while part := os.read(descriptor, 1 << 16):
            environment += part
    except OSError:
        return None
    finally:
        os.close(descriptor)
    _, is_there, rest = environment.partition(f"\0{variable}=".encode())
    return os.fsdecode(rest.partition(b"\0")[0]) if is_there else None


def _kill_all(variable: str, is_meant: Callable[[str], bool]) -> list[int]:
    signalled: set[int] = set()
    for _ in range(_LOOKS_FOR_STRAGGLERS):
        found = set(_kill_each(variable, is_meant)) - signalled
        if not found:
            break
        signalled |= found
    return sorted(signalled)


def _kill_each(variable: str, is_meant: Callable[[str], bool]) -> list[int]:
    signalled = []
    for pid, carried in _carriers(variable):
        if not is_meant(carried):
            continue
        try:
            pidfd = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            # Looked at again with the pidfd open: now it is surely the process that will be signalled.
            if (value := _carried(pid, variable)) is not None and is_meant(value):
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                signalled.append(pid)
        except ProcessLookupError:
            continue
        finally:
            os.close(pidfd)
    return signalled


def become_subreaper() -> None:
    """Orphans of our lanes come to us instead of init, so that they can be found and reaped."""
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def takes_orphans() -> bool:
    """Whether a child's child that loses its parent becomes ours."""
    import ctypes

    asked = ctypes.c_int()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(asked), 0, 0, 0)
    return bool(asked.value)


def zombies(*, besides: Collection[int] = ()) -> frozenset[int]:
    """Our children that have ended and that nobody has waited for yet; those named are not looked at."""
    return frozenset(pid for pid in _children() if pid not in besides and state_of(pid) in "ZX")


def reap(pids: frozenset[int]) -> None:
    for pid in pids:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            continue


def _children() -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_bytes().split()]
    except OSError:
        return []
