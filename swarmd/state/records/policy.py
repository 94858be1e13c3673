"""The limits in force, as one record: every agent reads its thresholds here and nowhere else."""

from typing import ClassVar

from swarmd.state.records.record import Ratio, Record
from swarmd.state.units import HOUR, MINUTE, SECOND, Millis


class Policy(Record):
    """Durations in ms, sizes in bytes, shares as fractions. The id is always ``policy``."""

    KIND: ClassVar[str] = "policy"

    id: str = "policy"
    cycle_every: Millis = SECOND
    # Judging a run. A start includes imports and, on a fresh machine, compiling the kernels (about 30 CPU-seconds).
    start_within: Millis = 4 * MINUTE
    silent_after: Millis = 20 * SECOND
    stuck_after: Millis = 45 * SECOND
    first_result_within: Millis = 2 * MINUTE
    stopped_after: Millis = 2 * SECOND
    run_timeout: Millis = 2 * HOUR
    term_grace: Millis = 5 * SECOND
    # Healing, bounded.
    max_attempts: int = 5
    backoff_first: Millis = SECOND
    backoff_cap: Millis = 60 * SECOND
    fleet_losses_max: int = 20
    fleet_window: Millis = MINUTE
    # The same trouble everywhere: so many runs lost in a row, of several jobs, all with one signature, and none that
    # worked between them. The swarm rests, tries one lane, and opens the others when that works.
    breaker_losses: int = 4
    breaker_first: Millis = 10 * SECOND
    breaker_cap: Millis = 5 * MINUTE
    # Lanes on the nodes of a cluster: what one asks of a node; so many runs lost on one node in the window, of several
    # jobs, and it rests, a while that doubles, never more than a third of the nodes at once. A node may be unheard for
    # so long before its runs are judged by their silence.
    on_nodes: bool = False
    lane_cpus: float = 1.0
    # What a lane asks of a node's graphics processors that computes on them: how many, and how many gigabytes.
    lane_gpus: float = 1.0
    lane_vram_gb: float = 0.0
    node_losses_max: int = 5
    node_window: Millis = 10 * MINUTE
    node_rest_first: Millis = MINUTE
    node_rest_cap: Millis = HOUR
    node_rests_max: Ratio = 1 / 3
    node_unheard_max: Millis = 2 * MINUTE
    # Using the machine.
    max_lanes: int = 1
    fill_lanes: int = 0
    fill_settle: Millis = 15 * SECOND
    cpu_util_target: Ratio = 0.90
    # Lanes of each graphics processor at most, the first and those that fill it.
    gpu_lanes: int = 0
    gpu_util_target: Ratio = 0.80
    mem_available_min: int = 1 << 30
    disk_free_min: int = 1 << 30
    memory_stall_max: Ratio = 0.20
    # Lanes that have imported and compiled everything and wait for an order: a crash then costs 0.1 s and not 2.
    spares: int = 1
    # Judging how fast a prescreen was: shares of this machine's own record, in processor time and by the clock.
    throughput_judged_from: Millis = 2 * SECOND
    throughput_cpu_min: Ratio = 0.50
    throughput_wall_min: Ratio = 0.33
    # Watching champions: how often their days are held against their promises, and how long that may take. An hour
    # is short against the days it weighs; a look replays every champion and takes seconds.
    champions_every: Millis = HOUR
    champions_within: Millis = 10 * MINUTE
    # What is kept for people: how often a working swarm writes its handoff page, and how long that may take with all
    # the commands it runs; how soon after the last what was learned goes into the knowledge base again.
    handoff_every: Millis = 6 * HOUR
    handoff_within: Millis = 5 * MINUTE
    knowledge_every: Millis = 10 * MINUTE
    knowledge_within: Millis = 2 * MINUTE
    # Noticing staleness.
    source_stale_after: Millis = 10 * SECOND
    no_worker_after: Millis = 30 * SECOND
    # What the last start chose to have beside the loop: `ensure` and `restart` choose the same.
    monitors: bool = True
    dashboard: bool = True
