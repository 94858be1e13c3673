"""What can go wrong, in plain words."""

from swarmd.state.records.incident import Signature

_WORDS = {
    Signature.CRASH: "a run crashed",
    Signature.BAD_ORDER: "a run could not carry out its order",
    Signature.BAD_DATA: "a run refused its data",
    Signature.OUT_OF_MEMORY: "a run ran out of memory",
    Signature.NEVER_STARTED: "a run never got ready",
    Signature.SILENT: "a run fell silent",
    Signature.STUCK_WITH_CPU: "a run was stuck while computing",
    Signature.STUCK_WITHOUT_CPU: "a run was stuck while waiting",
    Signature.STOPPED: "a run was stopped by a signal",
    Signature.OVERTIME: "a run took too long",
    Signature.NO_FIRST_RESULT: "a run came to no first result",
    Signature.THROUGHPUT_REGRESSION: "a prescreen was far slower than this machine's record",
    Signature.POISON_JOB: "a job lost run after run",
    Signature.LATE_RESULT: "a result came too late",
    Signature.STATE_MISSING: "a published file was missing",
    Signature.JOURNAL_DAMAGED: "the journal was damaged",
    Signature.DAEMON_LOST: "the daemon died",
    Signature.CLOCK_STEPPED: "the clock was stepped",
    Signature.MONITOR_LOST: "a monitor window was gone",
    Signature.NO_WORKER: "work waited and nobody worked",
    Signature.DISK_FULL: "the disk was full",
    Signature.DEVICE_FAILED: "a device failed",
    Signature.GPU_LEAK: "work of the processor held a GPU",
    Signature.UNKILLABLE: "a process survived SIGKILL",
    Signature.FLEET_WIDE: "the same trouble was everywhere",
    Signature.AGENT_FAILED: "an agent failed",
    Signature.AGENT_SILENT: "an agent was quiet or slow",
    Signature.STALE_SOURCE: "a source stayed stale",
    Signature.BUDGET_SPENT: "the budget was spent",
    Signature.CHAMPION_DAMAGED: "a champion's file does not hold",
    Signature.NODE_LOST: "a run went with its node",
    Signature.NODE_RESTS: "a node lost run after run",
    Signature.LEASE_LOST: "another supervisor may own the campaign",
}


def in_words(signature: Signature) -> str:
    return _WORDS[signature]
