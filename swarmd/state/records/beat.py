"""What was last seen of a living run: its counters, its pulse, its process."""

from typing import ClassVar

from swarmd.state.records.record import Record
from swarmd.state.units import Millis


class Beat(Record):
    """``id`` is the run's. Recorded when something moved, so the instants say when it last did.

    Of the ``done`` units ``skipped`` are those that needed no work of this run, as where an earlier one did them.
    ``progress`` is the work loop's own counter and ``progress_at`` when it last advanced; ``heartbeat_at`` is the
    pulse of the process. ``excused`` is the time since the last progress that was not the run's own: the supervisor
    overslept, or the run waited for a processor; ``heartbeat_excused`` is the same since its last pulse, ``overslept``
    the supervisor's part of it since the launch. ``ready_at`` is when the run was seen ready, 0 before;
    ``ready_excused`` what was not its own of the time between that and its first result: it waited for a server, too.
    ``stalled_cpu`` is the processor time used since the last progress. ``process_state`` is the letter of
    ``/proc/PID/stat``.
    """

    KIND: ClassVar[str] = "beat"

    is_ready: bool
    progress: int
    done: int
    total: int
    skipped: int = 0
    rate: float
    progress_at: Millis
    heartbeat_at: Millis
    excused: Millis
    heartbeat_excused: Millis = 0
    overslept: Millis = 0
    ready_at: Millis = 0
    ready_excused: Millis = 0
    process_state: str
    state_since: Millis
    cpu_time: Millis
    runqueue_wait: Millis
    stalled_cpu: Millis
    rss_bytes: int

    @property
    def has_worked(self) -> bool:
        """Whether it has done a unit itself: what an earlier run left, read again, says nothing of this one."""
        return self.done > self.skipped
