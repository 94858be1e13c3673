"""Steady time: the boot-time clock, anchored so that it reads like UTC and never runs backwards.

Only the daemon asks the clock; everything else is given ``now``. A step of the wall clock changes nothing here, a
suspend counts (the boot-time clock goes on), and after a reboot the axis continues from the journal's last instant.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from swarmd.state.records.session import Session
from swarmd.state.units import Millis


def boot_millis() -> Millis:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def wall_millis() -> Millis:
    return time.time_ns() // 1_000_000


def boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


@dataclass(frozen=True, slots=True)
class SteadyClock:
    """``anchor`` + boot-time = steady time."""

    anchor: Millis

    def now(self) -> Millis:
        return self.anchor + boot_millis()

    def of_boot(self, boot: Millis) -> Millis:
        """The steady instant of a boot-time reading made by a run."""
        return self.anchor + boot


def anchored(previous: Session | None, last_at: Millis) -> SteadyClock:
    """The clock that continues the journal's axis.

    In the same boot the old anchor stands, so instants of both daemons' lives compare exactly. After a reboot the wall
    clock is believed, unless it lies behind the last record: then time goes on from there.
    """
    if previous is not None and previous.boot_id == boot_id():
        return SteadyClock(previous.anchor)
    return SteadyClock(max(wall_millis(), last_at + 1) - boot_millis())
