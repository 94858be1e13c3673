"""How long nobody looked: reckoned from look to look without a gap, and owed until a turn has it on record.

Kept by the daemon's loop. Time that fell between two reckonings would be held against the lanes: one that was suspended
together with the daemon, and woke up after it, would be ended for its silence.
"""

from swarmd.state.units import Millis
from swarmd.supervisor.pace import overslept


class Vigil:
    """``looked_at`` is when somebody last looked, ``late`` what was overslept and is not excused yet."""

    def __init__(self, now: Millis, *, every: Millis) -> None:
        self.every = every
        self.looked_at = now
        self.late: Millis = 0

    def look(self, now: Millis) -> bool:
        """Look at this instant. Whether that is late."""
        slept = overslept(self.looked_at, now, every=self.every)
        self.looked_at = now
        self.late += slept
        return slept > 0

    def excused(self) -> None:
        """``late`` is on record, with every run."""
        self.late = 0
