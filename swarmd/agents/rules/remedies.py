"""Which remedy comes next after a loss: a ladder per signature, begun at the rung with the best verified record.

Used by the sentry, which tells it, and by the scheduler, which orders it: both ask `prescribed`, so that what is said
is what is done. The record is the failure memory's (`Failure.remedies`), kept across campaigns; a rung nobody has tried
counts as a coin toss. What has been lowered for a job (its scale) stays lowered.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from swarmd.agents.rules.losses import asked_to_stop, losses_of
from swarmd.agents.rules.signatures import signature_of_loss
from swarmd.state.records.failure import Tally, failure_id
from swarmd.state.records.incident import Signature
from swarmd.state.records.job import Job
from swarmd.state.records.remedy import Remedy
from swarmd.state.records.run import AnyRun, RunAlive, RunEnded, RunOrdered
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.state.work_order import AskedEngine

# A smaller run takes on a quarter at a time, and never less than a hundredth of the usual.
SMALLER_BY, LEAST_SCALE = 0.25, 0.01

_MILD = (Remedy.RELAUNCH, Remedy.RELAUNCH, Remedy.SMALLER, Remedy.OTHER_DEVICE, Remedy.QUARANTINE)
_HEAVY = (Remedy.SMALLER, Remedy.SMALLER, Remedy.OTHER_DEVICE, Remedy.RELAUNCH, Remedy.QUARANTINE)
_DEVICE = (Remedy.OTHER_DEVICE, Remedy.RELAUNCH, Remedy.SMALLER, Remedy.QUARANTINE)
_HOPELESS = (Remedy.FAIL,)

LADDERS: Mapping[Signature, tuple[Remedy, ...]] = {
    Signature.OUT_OF_MEMORY: _HEAVY,
    Signature.OVERTIME: _HEAVY,
    Signature.DEVICE_FAILED: _DEVICE,
    Signature.BAD_ORDER: _HOPELESS,
    Signature.BAD_DATA: _HOPELESS,
}


@dataclass(frozen=True, slots=True)
class Prescription:
    """What the next run of a job is to be like, and why in figures."""

    remedy: Remedy
    scale: float
    engine: AskedEngine
    why: str


def ladder_of(signature: Signature) -> tuple[Remedy, ...]:
    return LADDERS.get(signature, _MILD)


def prescribed(view: View, job: Job, now: Millis) -> Prescription | None:
    """The remedy for the job's last loss; None where it has lost nothing that counts."""
    losses = losses_of(view, job, asked_to_stop(view), now) if job.attempt else []
    return prescription(view, job, losses) if losses else None


def prescription(view: View, job: Job, losses: list[RunEnded]) -> Prescription:
    """For losses as `losses_of` gives them, at least one."""
    last = losses[-1]
    signature = signature_of_loss(view, last)
    return _chosen(view, job, last, signature, _alike_at_end(view, losses, signature), len(losses))


def foretold(view: View, job: Job, run: RunAlive | RunOrdered, signature: Signature, now: Millis) -> Prescription:
    """The remedy that will follow once this run is ended for what it is found to be."""
    losses = losses_of(view, job, asked_to_stop(view), now)
    return _chosen(view, job, run, signature, _alike_at_end(view, losses, signature) + 1, len(losses) + 1)


def _chosen(view: View, job: Job, last: AnyRun, signature: Signature, n_alike: int, n_losses: int) -> Prescription:
    memory = view.failures.get(failure_id(signature, job.phase.value))
    tallies = memory.remedies if memory is not None else {}
    rungs = [rung for rung in ladder_of(signature) if rung is not Remedy.OTHER_DEVICE or last.engine != "cpu"]
    rung = rungs[min(_best_start(rungs, tallies) + n_alike - 1, len(rungs) - 1)]
    if rung is not Remedy.FAIL and n_losses >= view.policy.max_attempts:
        rung = Remedy.QUARANTINE
    elif rung is Remedy.QUARANTINE:
        # The bound on attempts is what ends a job: until then the last thing that can be tried is tried again.
        rung = next(each for each in reversed(rungs) if each is not Remedy.QUARANTINE)
    scale = max(LEAST_SCALE, last.scale * SMALLER_BY) if rung is Remedy.SMALLER else last.scale
    engine: AskedEngine = "cpu" if rung is Remedy.OTHER_DEVICE else last.engine
    return Prescription(rung, scale, engine, _why(signature, n_alike, rungs, tallies))


def _alike_at_end(view: View, losses: list[RunEnded], signature: Signature) -> int:
    n = 0
    for run in reversed(losses):
        if signature_of_loss(view, run) is not signature:
            break
        n += 1
    return n


def _best_start(rungs: list[Remedy], tallies: Mapping[str, Tally]) -> int:
    """The rung most likely to help by its record (rule of succession); of equals the mildest."""
    open_to_us = [at for at, rung in enumerate(rungs) if rung not in (Remedy.QUARANTINE, Remedy.FAIL)]
    if not open_to_us:
        return 0
    return max(open_to_us, key=lambda at: (success(tallies.get(rungs[at].value)), -at))


def success(tally: Tally | None) -> float:
    """How likely a remedy is to help: (verified + 1) / (tried + 2), Laplace's rule; one half where nothing is known."""
    return 0.5 if tally is None else (tally.verified + 1) / (tally.tried + 2)


def _why(signature: Signature, n_alike: int, rungs: list[Remedy], tallies: Mapping[str, Tally]) -> str:
    known = {rung: tallies[rung.value] for rung in rungs if rung.value in tallies}
    record = ", ".join(f"{rung.value} helped {tally.verified} of {tally.tried}" for rung, tally in known.items())
    return f"{signature.value} number {n_alike} in a row; {record or 'no remedy has a record yet'}"
