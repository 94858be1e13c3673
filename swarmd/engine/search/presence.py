"""Who works on a study in a journal and lives: whoever holds the lock of its name, exactly and at once.

All of them are on one machine, and were started by the one who holds the results. Those on several machines show
themselves by heartbeats (``heartbeats``).
"""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from swarmd.engine.search.storage import lock_of_worker, turn_of
from swarmd.state.errors import OutsideError
from swarmd.state.store.files import is_locked, lock_file

_TURN = ".turn"
_LOOK_AGAIN_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class LockPresence:
    """Of the study in ``journal``."""

    journal: Path

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        with turn_of(self.journal.with_suffix(_TURN)):
            yield

    @contextlib.contextmanager
    def lead(self, safe_point: Callable[[], None]) -> Iterator[None]:
        """Whoever holds the results leads; but a dead leader's workers may live, and write, for an instant longer."""
        locks = lock_of_worker(self.journal, "").parent
        while any(is_locked(lock) for lock in locks.glob("*.lock")):
            safe_point()
            time.sleep(_LOOK_AGAIN_SECONDS)
        shutil.rmtree(locks, ignore_errors=True)
        yield

    @contextlib.contextmanager
    def at_work(self, worker: str) -> Iterator[None]:
        with held(lock_of_worker(self.journal, worker)):
            yield

    def look(self) -> None:
        return

    def lives(self, worker: str | None, trial: int) -> bool:
        """One without a name lost its worker between the two lines of a claim, which are one turn."""
        return worker is not None and is_locked(lock_of_worker(self.journal, worker))

    def check_leading(self) -> None:
        return

    def put_up(self) -> None:
        shutil.rmtree(lock_of_worker(self.journal, "").parent, ignore_errors=True)
        self.journal.with_suffix(_TURN).unlink(missing_ok=True)


@contextlib.contextmanager
def held(lock: Path) -> Iterator[None]:
    """Hold the lock. OutsideError where another does: two must not bear one name."""
    descriptor = lock_file(lock, {"pid": os.getpid()})
    if descriptor is None:
        raise OutsideError(f"{lock} is held by another; two workers must not bear one name")
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)
