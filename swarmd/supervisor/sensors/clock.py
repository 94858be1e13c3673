"""Was the wall clock stepped, and were we suspended? Read against the boot-time clock, which neither can fool.

A step is news once, as a gauge of its size at its instant; drift (a clock being slewed) is not. A suspend shows as time
that the boot clock counted and the monotonic clock did not.
"""

import time
from dataclasses import dataclass

from swarmd.state.records.gauge import Gauge
from swarmd.state.units import SECOND, Millis
from swarmd.supervisor.clock import boot_millis, wall_millis

# Less than this is the work of a time service, or of our own two readings being apart.
_STEP: Millis = 2 * SECOND
STEPPED, SUSPENDED = "host.clock_step_ms", "host.suspended_ms"


@dataclass(slots=True)
class ClockWatch:
    """What the clocks said at the last look; the first look says nothing."""

    _wall_ahead: Millis | None = None
    _asleep: Millis | None = None

    def observe(self, now: Millis) -> list[Gauge]:
        """A gauge for each jump since the last look: in ms, ahead is positive."""
        boot = boot_millis()
        wall_ahead = wall_millis() - boot
        asleep = boot - time.monotonic_ns() // 1_000_000
        seen = [
            Gauge(id=name, at=now, value=float(new - old))
            for name, new, old in ((STEPPED, wall_ahead, self._wall_ahead), (SUSPENDED, asleep, self._asleep))
            if old is not None and abs(new - old) > _STEP
        ]
        self._wall_ahead, self._asleep = wall_ahead, asleep
        return seen
