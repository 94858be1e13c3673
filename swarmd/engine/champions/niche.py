"""Alone with a niche: the lock under which its champion is read, compared and replaced.

Held by the crown phase and by every command that changes a champion, so that none of them replaces what another has
just put there. It is released with the process, however that ends.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import lock_file

# A change takes milliseconds; whoever holds the niche longer is not making one.
_TRIES, _PAUSE = 200, 0.05


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Wait for the niche of this champion's file and hold it for the block; OutsideError when it never comes free."""
    lock = path.with_name(f".{path.stem}.lock")
    for _ in range(_TRIES):
        descriptor = lock_file(lock, {"pid": os.getpid()})
        if descriptor is not None:
            break
        time.sleep(_PAUSE)
    else:
        raise OutsideError(
            f"{lock} has been held for {_TRIES * _PAUSE:.0f} s; somebody else is changing the champion of {path.stem}"
        )
    try:
        yield
    finally:
        os.close(descriptor)
