"""A unit of work of a campaign: one phase for one asset (and mode), done exactly once however many runs it takes."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.record import Record
from swarmd.state.units import Millis


class Phase(StrEnum):
    PREFLIGHT = "preflight"
    PRESCREEN = "prescreen"
    REFINE = "refine"
    SCREEN = "screen"
    REOPTIMIZE = "reoptimize"
    GUARDS = "guards"
    SURROGATES = "surrogates"
    VALIDATE = "validate"
    CROWN = "crown"


class JobStatus(StrEnum):
    QUEUED = "queued"
    DONE = "done"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"


JOB_MOVES = Lifecycle(
    {
        JobStatus.QUEUED: frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.QUARANTINED, JobStatus.SKIPPED}),
        JobStatus.DONE: frozenset(),
        # Back only where a person asks for a fresh start.
        JobStatus.FAILED: frozenset({JobStatus.QUEUED}),
        JobStatus.QUARANTINED: frozenset({JobStatus.QUEUED}),
        JobStatus.SKIPPED: frozenset({JobStatus.QUEUED}),
    }
)


class Job(Record):
    """``id`` is ``<campaign>.<SYMBOL>[.<mode>].<phase>[-<trials>|-<branch>|-<first>]``; a job is *running* while one of
    its runs lives.

    ``attempt`` is the fencing token of the newest run ordered for it: a result that carries an older one is refused.
    ``after`` names the jobs that must be done first, ``not_before`` the instant until which it waits, ``reason`` why.
    ``trials`` is set on a rung, a refine job that ends after so many trials of its search; the last has all of them.
    ``branch`` is set on what is tried once more after the guards said no; the chain keeps its mode's name there.
    ``surrogates`` is set on a share of the surrogate markets: the number of its first, and how many there are.
    ``fresh_from`` is the token that a fresh start took for itself, asked for by a person: of attempts up to it neither
    losses nor results count any more.
    """

    KIND: ClassVar[str] = "job"

    campaign: str
    symbol: str
    mode: str
    phase: Phase
    priority: int
    after: tuple[str, ...] = ()
    status: JobStatus = JobStatus.QUEUED
    attempt: int = 0
    not_before: Millis = 0
    reason: str = ""
    trials: Annotated[int, Field(ge=1)] | None = None
    branch: str | None = None
    surrogates: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]] | None = None
    fresh_from: int = 0


def job_id(
    campaign: str,
    symbol: str,
    mode: str,
    phase: Phase,
    trials: int | None = None,
    branch: str | None = None,
    first: int | None = None,
) -> str:
    """``first`` is the number of the first surrogate market of those that the job searches."""
    last = "-".join(str(part) for part in (phase.value, trials, branch, first) if part is not None)
    return ".".join(part for part in (campaign, symbol, mode, last) if part)
