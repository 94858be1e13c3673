"""Was a prescreen far slower than this machine's own record, and what may have slowed it? One measured run in.

Two figures, two questions. Slower per processor second: the work itself cost more (compiling, a throttled clock,
shared caches, other code). Slower by the clock alone: it was kept from the processors (other load, steal, a quota).
Each candidate says how much of the slowness it may explain, and with which figures; where none does, that is said too.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from swarmd.state.records.policy import Policy
from swarmd.state.records.throughput import Mark, Throughput
from swarmd.state.units import MINUTE, Millis
from swarmd.state.view import View

# How long lanes rest after a run that was kept from the processors; long enough for another prescreen to be measured.
REST: Millis = 15 * MINUTE
# What explains less than this of the slowness is told, and not taken for the cause.
_ENOUGH = 0.3
# Figures below these are the ordinary noise of a machine.
_LEAST_SHARE, _LEAST_FAULTS = 0.02, 100


class Cause(StrEnum):
    COLD_CACHE = "cold cache"
    THERMAL = "thermal"
    STEAL = "steal"
    QUOTA = "quota"
    OTHER_LOAD = "other load"
    PAGING = "paging"
    OTHER_LIBRARY = "another library"
    OTHER_CODE = "other code"
    UNKNOWN = "no visible cause"


# Fewer lanes help against these: somebody else wants the processors, or they are too hot, or memory is short.
RESTFUL = frozenset({Cause.THERMAL, Cause.STEAL, Cause.QUOTA, Cause.OTHER_LOAD, Cause.PAGING})


@dataclass(frozen=True, slots=True)
class Candidate:
    """``explains`` is the share of the slowness it may account for, in [0, 1]."""

    cause: Cause
    explains: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Slowdown:
    """A run below its limit; ``is_dear`` where it cost more processor time, not only more of the clock's."""

    of: Throughput
    mark: Mark
    is_dear: bool
    share: float
    limit: float
    candidates: tuple[Candidate, ...]

    @property
    def cause(self) -> Cause:
        return self.candidates[0].cause


def slowdown(run: Throughput, policy: Policy) -> Slowdown | None:
    """How the run fell short of the record it was held to; None within bounds, for a first, and for too short a run."""
    mark, speed = run.mark, run.speed
    if mark is None or not speed.is_enough(policy.throughput_judged_from):
        return None
    # A GPU's work costs the processor next to nothing, and the clock is all there is to go by.
    has_cpu = speed.engine == "cpu"
    by_cpu = speed.per_cpu / mark.per_cpu if has_cpu and mark.per_cpu > 0 else 1.0
    if by_cpu < policy.throughput_cpu_min:
        return Slowdown(run, mark, True, by_cpu, policy.throughput_cpu_min, _dear(run, mark, by_cpu))
    by_wall = speed.per_thread / mark.per_thread if mark.per_thread > 0 else 1.0
    limit = policy.throughput_wall_min if has_cpu else policy.throughput_cpu_min
    if by_wall < limit:
        return Slowdown(run, mark, False, by_wall, limit, _kept_waiting(run))
    return None


def newest_judged(view: View) -> dict[str, Throughput]:
    """Of each kind of work the last run that computed long enough to be judged."""
    least = view.policy.throughput_judged_from
    return {run.speed.work: run for run in view.throughputs.values() if run.speed.is_enough(least)}


def resting(view: View, now: Millis) -> bool:
    """Whether a run was kept from the processors so lately that no lane should be opened."""
    return any(
        now - run.at < REST and (slow := slowdown(run, view.policy)) is not None and slow.cause in RESTFUL
        for run in newest_judged(view).values()
    )


def told(slow: Slowdown) -> str:
    """What was seen, in figures, and what may have been the cause, the likeliest first."""
    speed, mark = slow.of.speed, slow.mark
    own, best = (speed.per_cpu, mark.per_cpu) if slow.is_dear else (speed.per_thread, mark.per_thread)
    unit = "processor second" if slow.is_dear else "second and thread"
    factor = "immeasurably" if slow.share <= 0 else f"{1 / slow.share:.1f}x"
    causes = "; ".join(f"{each.cause.value}: {each.evidence}" for each in slow.candidates)
    return (
        f"same kernel {speed.kernel}, same machine {speed.machine}, {factor} slower per combo-bar: {speed.symbol} made "
        f"{own:.3g} combo-bars per {unit}, {slow.share:.0%} of the record {best:.3g} of {mark.run} (limit "
        f"{slow.limit:.0%}), with {speed.combos} combinations x {speed.bars} bars in {speed.wall_seconds:.2f} s on "
        f"{speed.threads} threads, {speed.cpu_seconds:.2f} s of processor time. Causes, the likeliest first: {causes}"
    )


# -- candidates -------------------------------------------------------------------------------------------------------


def _dear(run: Throughput, mark: Mark, share: float) -> tuple[Candidate, ...]:
    """Each with the factor by which it may make work dearer, as a share of the factor that is to be explained."""
    seen, speed = run.speed.conditions, run.speed
    found: list[tuple[Cause, float, str]] = []
    if seen.compiled_meanwhile > 0:
        # A kernel takes seconds to compile: more than most evaluations.
        found.append(
            (Cause.COLD_CACHE, math.inf, f"{seen.compiled_meanwhile} kernels were compiled while it evaluated")
        )
    if (slowed := _clock(seen.frequency, seen.throttles)) is not None:
        found.append((Cause.THERMAL, *slowed))
    if seen.steal is not None and seen.steal > _LEAST_SHARE:
        found.append((Cause.STEAL, 1 / max(1 - seen.steal, 1e-3), f"the hypervisor kept {seen.steal:.0%} for others"))
    if seen.others is not None and seen.others > 10 * _LEAST_SHARE:
        # Neighbours on the same core and its caches: twice the cost at the very worst.
        found.append((Cause.OTHER_LOAD, 1 + seen.others, _load(run)))
    if seen.major_faults >= _LEAST_FAULTS:
        found.append((Cause.PAGING, 1.3, f"{seen.major_faults} pages were fetched from disk"))
    if speed.library != mark.library:
        found.append((Cause.OTHER_LIBRARY, 1.3, f"{speed.library} now, {mark.library} then"))
    if speed.code != mark.code:
        found.append((Cause.OTHER_CODE, 1.2, f"code {speed.code} now, {mark.code} then"))
    whole = math.log(1 / share) if share > 0 else math.inf
    return _ranked([Candidate(cause, _part(factor, whole), words) for cause, factor, words in found], run)


def _kept_waiting(run: Throughput) -> tuple[Candidate, ...]:
    """Each with the share of the thread-seconds lost that it accounts for."""
    seen, speed = run.speed.conditions, run.speed
    asked = speed.wall_seconds * speed.threads
    lost = max(asked - speed.cpu_seconds, 1e-9)
    found: list[Candidate] = []
    if seen.steal is not None and seen.steal > _LEAST_SHARE:
        words = f"the hypervisor kept {seen.steal:.0%} for others"
        found.append(Candidate(Cause.STEAL, min(1.0, seen.steal * asked / lost), words))
    if seen.quota_wait is not None and seen.quota_wait / 1000 > _LEAST_SHARE * asked:
        words = f"its control group was held back for {seen.quota_wait} ms by its quota"
        found.append(Candidate(Cause.QUOTA, min(1.0, seen.quota_wait / 1000 / lost), words))
    if seen.runqueue_wait is not None and seen.runqueue_wait / 1000 > _LEAST_SHARE * asked:
        found.append(Candidate(Cause.OTHER_LOAD, min(1.0, seen.runqueue_wait / 1000 / lost), _load(run)))
    if (slowed := _clock(seen.frequency, seen.throttles)) is not None:
        found.append(Candidate(Cause.THERMAL, 0.2, slowed[1]))
    if seen.major_faults >= _LEAST_FAULTS:
        found.append(Candidate(Cause.PAGING, 0.5, f"{seen.major_faults} pages were fetched from disk"))
    return _ranked(found, run)


def _ranked(found: list[Candidate], run: Throughput) -> tuple[Candidate, ...]:
    """The likeliest first; in front of them that nothing visible is enough, where that is so."""
    ranked = sorted(found, key=lambda each: -each.explains)
    if ranked and ranked[0].explains >= _ENOUGH:
        return tuple(ranked)
    best = f"{ranked[0].explains:.0%} at most" if ranked else "0 %"
    words = f"what was measured explains {best} of it ({_seen(run)})"
    return (Candidate(Cause.UNKNOWN, 0.0, words), *ranked)


def _part(factor: float, whole: float) -> float:
    if math.isinf(factor):
        return 1.0
    return min(1.0, math.log(factor) / whole) if whole > 0 and not math.isinf(whole) else 0.0


def _clock(frequency: float | None, throttles: int | None) -> tuple[float, str] | None:
    """Throttled: counted by the processor, or seen in its clock at a time when it had work."""
    is_low = frequency is not None and 0 < frequency < 0.8
    if not throttles and not is_low:
        return None
    rate = "an unknown clock" if frequency is None else f"the clock at {frequency:.0%} of its highest rate"
    counted = "throttling is not counted here" if throttles is None else f"throttled {throttles} times"
    return (1 / frequency if is_low and frequency else 1.3), f"{counted}, {rate}"


def _load(run: Throughput) -> str:
    seen, speed = run.speed.conditions, run.speed
    others = "an unknown share" if seen.others is None else f"{seen.others:.0%}"
    waited = "" if seen.runqueue_wait is None else f", its threads waited {seen.runqueue_wait} ms for one"
    asked = f" of {1000 * speed.wall_seconds * speed.threads:.0f} thread-ms" if waited else ""
    load = "" if seen.load is None else f", load {seen.load:.1f}"
    return f"other processes used {others} of the processors{waited}{asked}{load}"


def _seen(run: Throughput) -> str:
    """All conditions in short, for a person who is to find what nobody here can see."""
    seen = run.speed.conditions
    figures = {
        "steal": _percent(seen.steal),
        "others": _percent(seen.others),
        "waited": None if seen.runqueue_wait is None else f"{seen.runqueue_wait} ms",
        "load": None if seen.load is None else f"{seen.load:.1f}",
        "throttled": None if seen.throttles is None else f"{seen.throttles} times",
        "clock": _percent(seen.frequency),
        "compiled meanwhile": str(seen.compiled_meanwhile),
    }
    return ", ".join(f"{name} {'unknown' if figure is None else figure}" for name, figure in figures.items())


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%}"
