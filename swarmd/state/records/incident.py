"""Something a person should be able to trace: what was seen, what was done, what came of it."""

from enum import StrEnum
from typing import ClassVar

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.record import Record
from swarmd.state.records.remedy import Remedy
from swarmd.state.units import Millis


class IncidentStatus(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


INCIDENT_MOVES = Lifecycle(
    {
        IncidentStatus.OPEN: frozenset({IncidentStatus.ACKNOWLEDGED, IncidentStatus.CLOSED}),
        IncidentStatus.ACKNOWLEDGED: frozenset({IncidentStatus.CLOSED}),
        IncidentStatus.CLOSED: frozenset(),
    }
)


class Signature(StrEnum):
    """The closed set of what can go wrong, as it is recognised."""

    CRASH = "crash"
    BAD_ORDER = "bad_order"
    BAD_DATA = "bad_data"
    OUT_OF_MEMORY = "out_of_memory"
    NEVER_STARTED = "never_started"
    SILENT = "silent"
    STUCK_WITH_CPU = "stuck_with_cpu"
    STUCK_WITHOUT_CPU = "stuck_without_cpu"
    STOPPED = "stopped"
    OVERTIME = "overtime"
    NO_FIRST_RESULT = "no_first_result"
    THROUGHPUT_REGRESSION = "throughput_regression"
    POISON_JOB = "poison_job"
    LATE_RESULT = "late_result"
    STATE_MISSING = "state_missing"
    JOURNAL_DAMAGED = "journal_damaged"
    DAEMON_LOST = "daemon_lost"
    CLOCK_STEPPED = "clock_stepped"
    MONITOR_LOST = "monitor_lost"
    NO_WORKER = "no_worker"
    DISK_FULL = "disk_full"
    AGENT_FAILED = "agent_failed"
    AGENT_SILENT = "agent_silent"
    DEVICE_FAILED = "device_failed"
    GPU_LEAK = "gpu_leak"
    STALE_SOURCE = "stale_source"
    UNKILLABLE = "unkillable"
    FLEET_WIDE = "fleet_wide"
    BUDGET_SPENT = "budget_spent"
    CHAMPION_DAMAGED = "champion_damaged"
    NODE_LOST = "node_lost"
    NODE_RESTS = "node_rests"
    LEASE_LOST = "lease_lost"


# A run that lives and does not work: it is killed by us, with evidence, and is its job's loss.
HANGS = frozenset(
    {
        Signature.NEVER_STARTED,
        Signature.NO_FIRST_RESULT,
        Signature.SILENT,
        Signature.STUCK_WITH_CPU,
        Signature.STUCK_WITHOUT_CPU,
        Signature.STOPPED,
        Signature.OVERTIME,
    }
)


class Incident(Record):
    """``subject`` is the id of what it befell; ``outcome`` is empty until it is closed.

    ``expected`` says what the remedy should bring about, ``due`` by when; ``outcome`` is what it did bring about and
    ``is_verified`` whether that was it. ``rung`` is the remedy as the failure memory counts it, where it has a name;
    ``phase`` is that of the run it befell. ``since`` is when the trouble began, where that was before anybody could
    tell it for one; else 0.
    """

    KIND: ClassVar[str] = "incident"

    status: IncidentStatus
    signature: Signature
    subject: str
    agent: str
    opened_at: Millis
    cause: str
    remedy: str
    expected: str
    due: Millis
    since: Millis = 0
    evidence: tuple[str, ...] = ()
    outcome: str = ""
    rung: Remedy | None = None
    phase: str = ""
    is_verified: bool = False
