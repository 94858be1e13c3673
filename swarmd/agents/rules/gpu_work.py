"""Which jobs belong in a lane of a graphics processor: prescreens, while such a lane is open.

Used by `auto_scheduler`, and by whoever counts the work that waits for a processor. The wide screening is the one
phase that computes on a device; a GPU does it some hundred times as fast as a core, so that a prescreen waits for its
turn there. It goes to a CPU lane where no lane of a GPU is open, and after a loss that the device may have caused.
"""

from swarmd.agents.rules.readiness import ready_jobs
from swarmd.agents.rules.remedies import prescribed
from swarmd.state.records.job import Job, Phase
from swarmd.state.records.lane import LaneStatus
from swarmd.state.units import Millis
from swarmd.state.view import View

ON_GPU = frozenset({Phase.PRESCREEN})


def belongs_on_gpu(view: View, job: Job, now: Millis) -> bool:
    """Whether it takes a lane of a GPU and no other."""
    if job.phase not in ON_GPU or not _has_open(view):
        return False
    after = prescribed(view, job, now)
    return after is None or after.engine != "cpu"


def ready_for_cpu(view: View, now: Millis) -> list[Job]:
    """The ready jobs that wait for a processor: all of them where there is no GPU."""
    ready = ready_jobs(view, now)
    return ready if not view.gpu_lanes else [job for job in ready if not belongs_on_gpu(view, job, now)]


def ready_for_gpu(view: View, now: Millis) -> list[Job]:
    """The ready jobs that wait for a lane of a GPU."""
    return [] if not view.gpu_lanes else [job for job in ready_jobs(view, now) if belongs_on_gpu(view, job, now)]


def ready_with_a_lane(view: View, now: Millis, *, n_cpu: int, n_gpu: int) -> list[Job]:
    """The ready jobs of a kind for which a lane is free, given how many are of each kind."""
    if not n_cpu:
        return ready_for_gpu(view, now) if n_gpu else []
    return ready_jobs(view, now) if n_gpu else ready_for_cpu(view, now)


def why_here(view: View, job: Job) -> str:
    """Why a prescreen runs on a processor though there are lanes of a GPU; empty where there are none."""
    lanes = view.gpu_lanes
    if job.phase not in ON_GPU or not lanes:
        return ""
    if _has_open(view):
        return "; it was lost before, and stays on the processor"
    return f"; no lane of a GPU is open ({lanes[0].id}: {lanes[0].reason})"


def _has_open(view: View) -> bool:
    is_open = LaneStatus.OPEN
    return view.once("gpu_lane_is_open", lambda: any(lane.status is is_open for lane in view.gpu_lanes))
