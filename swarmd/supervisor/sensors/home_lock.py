"""The daemon's hold on its home, compared with the file by which others see it, and made anew where that is gone.

A lock belongs to the file that was opened and not to its path: remove ``state/run/daemon.lock`` under a daemon and it
still holds the home (the journal has a lock of its own, which keeps a second daemon out), but ``swarmd stop`` and
``status`` find nobody. Each whole cycle looks here, at the price of two ``stat`` calls, and tells what it found as a
source, so that the loss is an incident like that of any other file. Decides nothing.
"""

import os

from swarmd.state.errors import OutsideError
from swarmd.state.records.record import Record
from swarmd.state.records.source import SourceStatus
from swarmd.state.store.files import Home, lock_file, lock_holder
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.sensors.sources import moved_source

HOME_LOCK = "state/run/daemon.lock"


class HomeLock:
    """The lock a daemon lives under. ``holder`` is what it said about itself when it took it, and says again."""

    def __init__(self, home: Home, descriptor: int) -> None:
        self._path = home.daemon_lock
        self._descriptor = descriptor
        self._holder = lock_holder(self._path)

    def is_seen(self) -> bool:
        """Whether the path still leads to the file that is held."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except OSError:
            return False

    def take_again(self) -> str:
        """Hold the path once more, as of the same instant. Gives back why it could not be, or nothing.

        The old file is let go only when the new one is held: at no instant is the home free. Another that holds the
        path meanwhile is mostly a second daemon, which the lock of the journal sends away a moment later.
        """
        try:
            taken = lock_file(self._path, self._holder)
        except OutsideError as error:
            return str(error)
        if taken is None:
            return f"pid {lock_holder(self._path).get('pid', '?')} holds the file that is there now"
        # Requests that name nobody are older or younger than the hold on the home, which has not changed hands.
        since = os.fstat(self._descriptor).st_mtime_ns
        os.utime(taken, ns=(since, since))
        os.close(self._descriptor)
        self._descriptor = taken
        return ""

    def close(self) -> None:
        os.close(self._descriptor)


def observe_home_lock(view: View, lock: HomeLock, *, now: Millis) -> list[Record]:
    """Missing in the look that makes it anew, damaged while that fails, fresh in the look after: said once each."""
    if lock.is_seen():
        status, note = SourceStatus.FRESH, "the lock of the daemon is where everybody looks for it"
    elif refusal := lock.take_again():
        status, note = (
            SourceStatus.DAMAGED,
            f"the lock of the daemon was removed under it, and not made anew: {refusal}",
        )
    else:
        status, note = SourceStatus.MISSING, "the lock of the daemon was removed under it; it was made anew at once"
    return moved_source(view, HOME_LOCK, status, note, now=now)
