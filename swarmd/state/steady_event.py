"""An event between threads whose wait goes by the steady clock.

``threading.Event`` waits by the wall clock where Python was built against a C library older than glibc 2.30, as the
widespread portable builds are: there a wall clock set back by an hour makes every wait an hour longer. A lane would
fall silent so, or a lease run out. The wait of ``poll`` knows no wall clock.
"""

import math
import os
import select
import weakref


class SteadyEvent:
    """Set once, and for good. Wherever threads wait for it, they do so on one descriptor."""

    def __init__(self) -> None:
        self._descriptor = os.eventfd(0, os.EFD_CLOEXEC)
        # Not at the interpreter's end, where threads may still wait on it.
        weakref.finalize(self, os.close, self._descriptor).atexit = False

    def set(self) -> None:
        os.eventfd_write(self._descriptor, 1)

    def is_set(self) -> bool:
        return self.wait(0.0)

    def wait(self, seconds: float) -> bool:
        """Whether it is set, at the latest after so long."""
        looker = select.poll()
        looker.register(self._descriptor, select.POLLIN)
        return bool(looker.poll(math.ceil(seconds * 1000)))
