"""How well things go, five figures in [0, 1] from the View; each is 1 (deviation 0) where there is nothing to judge.

adherence    share of this cycle's wishes that stood
efficacy     share of judged incidents (the last 50 closed, and the open ones past due) closed within their due time
deviation    share of judged steps that missed their expected outcome: 0 is best
performance  share of the last 50 ended runs that did not end failed or lost
efficiency   share of open lanes that are busy while jobs are ready
"""

from swarmd.agents.rules.gpu_work import ready_for_gpu
from swarmd.agents.rules.readiness import ready_jobs
from swarmd.state.records.gauge import Scores
from swarmd.state.records.run import RunStatus
from swarmd.state.records.step import StepStatus
from swarmd.state.units import Millis
from swarmd.state.view import View

_LATEST = 50


def scores(view: View, *, taken: int, refused: int, now: Millis) -> Scores:
    return Scores(
        at=now,
        adherence=_share(taken, taken + refused),
        efficacy=_efficacy(view, now),
        deviation=_deviation(view),
        performance=_performance(view),
        efficiency=_efficiency(view, now),
    )


def _share(part: int, whole: int, nothing: float = 1.0) -> float:
    return round(part / whole, 3) if whole else nothing


def _efficacy(view: View, now: Millis) -> float:
    latest = view.last_closed(_LATEST)
    overdue = sum(1 for incident in view.open_incidents() if now > incident.due)
    return _share(sum(1 for incident in latest if incident.at <= incident.due), len(latest) + overdue)


def _deviation(view: View) -> float:
    judged = [step for step in view.steps.values() if step.status is not StepStatus.PENDING]
    return _share(sum(1 for step in judged if step.status is StepStatus.MISSED), len(judged), nothing=0.0)


def _performance(view: View) -> float:
    latest = view.last_ended(_LATEST)
    return _share(sum(1 for run in latest if run.status is RunStatus.DONE), len(latest))


def _efficiency(view: View, now: Millis) -> float:
    lanes, free = view.n_open_lanes, view.n_free_lanes
    if not lanes or not ready_jobs(view, now):
        return 1.0
    if free > view.n_free_cpu_lanes and not ready_for_gpu(view, now):
        # A lane of a GPU without a prescreen to do is none that stands idle.
        lanes, free = lanes - free + view.n_free_cpu_lanes, view.n_free_cpu_lanes
    return _share(lanes - free, lanes)
