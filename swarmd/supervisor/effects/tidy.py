"""What a long life would let grow without end: work orders and locks of runs that ended, and the logs of the living.

Orders and locks are removed a while after the end; outboxes stay, and logs, until ``swarmd clean`` is asked. A log that
outgrows its bound is cut to its last part while its run writes on: a run's output is a file opened to append, so that
nobody ever waits for a reader, and cutting it is safe at any moment. Nobody decides from what is removed here.
"""

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from swarmd.state.records.run import RunEnded
from swarmd.state.store.files import Home, is_locked, write_whole
from swarmd.state.units import HOUR, Millis, iso
from swarmd.state.view import View
from swarmd.supervisor.logs import log

LOG_BYTES = 16 << 20
_LOG_KEPT_BYTES = 1 << 20
_KEPT_FOR: Millis = HOUR
_ENDINGS = (".order.json", ".lock")
_DAEMONS_OWN = "daemon.lock"
# A turn must stay short: what is left over is removed in the turns that follow.
AT_ONCE = 500
_OF_A_RUN = re.compile(r".+-a\d+")


def tidy(view: View, home: Home, now: Millis) -> int:
    """Remove them and give back how many: there may be more of them where that is ``AT_ONCE``.

    A lock that is held stays, whatever the records say of its run; a run that no record speaks of any more ended long
    ago, for those are kept of thousands.
    """
    cut_logs(home, (path.stem for path in home.lane_logs.glob("*.log")), now)
    removed = 0
    for path in home.run_dir.iterdir() if home.run_dir.is_dir() else ():
        ending = next((ending for ending in _ENDINGS if path.name.endswith(ending)), "")
        if not ending or path.name == _DAEMONS_OWN or removed >= AT_ONCE:
            continue
        name = path.name.removesuffix(ending)
        if not _is_over(view, name, now):
            continue
        with contextlib.suppress(OSError):
            if not is_locked(home.lock_path(name)):
                path.unlink()
                removed += 1
    return removed


def _is_over(view: View, name: str, now: Millis) -> bool:
    run = view.runs.get(name)
    if run is None:
        return _OF_A_RUN.fullmatch(name) is not None
    return isinstance(run, RunEnded) and now - run.ended_at >= _KEPT_FOR


def cut_living_logs(view: View, home: Home, now: Millis) -> int:
    """The same for the runs that live, at the price of one ``stat`` each: a run may write a gigabyte a minute."""
    return cut_logs(home, (run.id for run in view.live_runs()), now)


def cut_logs(home: Home, runs: Iterable[str], now: Millis) -> int:
    """Cut each log that is over its bound to its last part, and say so in it. Gives back how many."""
    cut = 0
    folder = f"{home.lane_logs}/"
    for run in runs:
        path = f"{folder}{run}.log"
        try:
            size = os.stat(path).st_size  # noqa: PTH116 - asked of every lane, and a Path would cost as much again
            if size > LOG_BYTES:
                _cut(Path(path), size, now)
                log.warning("%s.log had grown to %d MiB; its last MiB is kept", run, size >> 20)
                cut += 1
        except FileNotFoundError:
            continue
        except OSError as error:
            log.error("%s cannot be cut: %s", path, error.strerror)
    return cut


def _cut(path: Path, size: int, now: Millis) -> None:
    """Truncate first, then write the tail back: on a full disk there is room for it only then.

    What the run writes between reading the tail and cutting is lost with the rest; the note says lines are missing.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        tail = os.pread(descriptor, _LOG_KEPT_BYTES, size - _LOG_KEPT_BYTES).partition(b"\n")[2]
        os.ftruncate(descriptor, 0)
        note = f"[swarmd {iso(now)}] this log had {size} bytes (limit {LOG_BYTES}); all but the last part was cut\n"
        write_whole(descriptor, note.encode() + tail)
    finally:
        os.close(descriptor)
