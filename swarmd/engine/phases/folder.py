"""Alone in a result folder: whoever writes there holds its lock, so two writers are impossible.

Taken by a lane's run and by the commands alike; vanishes with its holder, so there is no stale one.
"""

import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from swarmd.engine.phases.desk import Yielded
from swarmd.state.errors import OutsideError
from swarmd.state.store.files import lock_file, lock_holder

LOCK = ".lock"
# As `atomic_write` names a file that is not in its place yet: `.config.json.` and something of its own.
_TEMPORARY = re.compile(r"\..+\.\w+\.[\w-]+")
_LOOK_AGAIN_SECONDS = 0.1


@contextmanager
def alone_in(
    folder: Path, holder: Mapping[str, Any], *, wait_seconds: float = 0.0, should_yield: Callable[[], bool]
) -> Iterator[None]:
    """Hold the folder for the time of the context.

    Raises
    ------
    OutsideError
        If another still holds it after the wait; names that one.
    Yielded
        If asked to stop while waiting.
    """
    lock = folder / LOCK
    looks = 0
    while (descriptor := lock_file(lock, dict(holder))) is None:
        if should_yield():
            raise Yielded
        if looks * _LOOK_AGAIN_SECONDS >= wait_seconds:
            who = lock_holder(lock)
            raise OutsideError(
                f"{folder} is held by {who.get('run', 'somebody')} (pid {who.get('pid', 'unknown')}); "
                "two must not write there: wait for it to end, or stop it"
            )
        time.sleep(_LOOK_AGAIN_SECONDS)
        looks += 1
    try:
        clear_debris(folder)
        yield
    finally:
        os.close(descriptor)


def clear_debris(folder: Path) -> None:
    """Remove what a kill left of files that were about to be replaced. The caller holds the folder.

    A folder below that has a lock of its own (a mode's, below its symbol's) is somebody else's and left alone.
    """
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            if not (entry / LOCK).exists():
                clear_debris(entry)
        elif _TEMPORARY.fullmatch(entry.name):
            entry.unlink(missing_ok=True)
