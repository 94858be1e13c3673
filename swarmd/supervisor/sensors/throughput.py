"""How fast a prescreen was, beside what this machine has done before: two records from one line of an outbox.

Called by the sensor of outboxes together with the run's result. It compares and keeps the best; whether a run was too
slow is an agent's question, asked of the record as it stood when the run came in.
"""

from collections.abc import Mapping

from swarmd.state.records.record import Record
from swarmd.state.records.run import RunAlive, RunEnded
from swarmd.state.records.throughput import Fastest, Mark, Speed, Throughput, fastest_id
from swarmd.state.units import DAY, Millis

# Machines are rebuilt and moved: what none has reached for so long is no longer expected.
RECORD_STANDS: Millis = 30 * DAY


def throughput_records(
    fastest: Mapping[str, Fastest], run: RunAlive | RunEnded, speed: Speed, *, judged_from: Millis, now: Millis
) -> list[Record]:
    """The run's throughput against the best so far, and the new best where it is one."""
    against = best_of(fastest, speed, now)
    throughput = Throughput(
        id=run.id,
        at=now,
        caused_by=(run.id,) if against is None else (run.id, against.id),
        job=run.job,
        attempt=run.attempt,
        speed=speed,
        against="" if against is None else against.id,
        mark=None if against is None else against.mark,
    )
    own = fastest.get(fastest_id(speed))
    if own is not None and now - own.at > RECORD_STANDS:
        own = None
    if not speed.is_enough(judged_from) or not _improves(own, speed):
        return [throughput]
    return [throughput, Fastest(id=fastest_id(speed), at=now, caused_by=(run.id,), work=speed.work, size=speed.size,
                                mark=_mark(own, speed, run.id))]  # fmt: skip


def best_of(fastest: Mapping[str, Fastest], speed: Speed, now: Millis) -> Fastest | None:
    """The record this much work is held to: the highest of the same work in its own size or a smaller one."""
    known = [
        best
        for best in fastest.values()
        if best.work == speed.work and best.size <= speed.size and now - best.at <= RECORD_STANDS
    ]
    return max(known, key=lambda best: best.mark.per_cpu, default=None)


def _improves(own: Fastest | None, speed: Speed) -> bool:
    return own is None or speed.per_cpu > own.mark.per_cpu or speed.per_thread > own.mark.per_thread


def _mark(own: Fastest | None, speed: Speed, run: str) -> Mark:
    """Each figure is the best of its own; the run named is that of the processor time."""
    if own is not None and own.mark.per_cpu >= speed.per_cpu:
        return own.mark.model_copy(update={"per_thread": max(own.mark.per_thread, speed.per_thread)})
    per_thread = speed.per_thread if own is None else max(own.mark.per_thread, speed.per_thread)
    return Mark(
        per_cpu=speed.per_cpu,
        per_thread=per_thread,
        run=run,
        symbol=speed.symbol,
        library=speed.library,
        code=speed.code,
    )
