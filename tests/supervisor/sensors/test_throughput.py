"""This machine's own record: it only rises, it is of the same work, and it does not stand for ever."""

from builders import RUN, a_fastest, a_mark, a_run, a_speed
from hypothesis import given
from hypothesis import strategies as st

from swarmd.state.records.run import RunAlive
from swarmd.state.records.throughput import Fastest, Speed, Throughput
from swarmd.supervisor.sensors.throughput import RECORD_STANDS, throughput_records

ENOUGH = 2_000


def seen(speed: Speed, *known: Fastest, now: int = 9) -> tuple[Throughput, Fastest | None]:
    run = a_run()
    assert isinstance(run, RunAlive)
    found = throughput_records({best.id: best for best in known}, run, speed, judged_from=ENOUGH, now=now)
    throughput, *best = found
    assert isinstance(throughput, Throughput)
    assert all(isinstance(record, Fastest) for record in best)
    return throughput, best[0] if best else None  # type: ignore[return-value]


def test_the_first_run_begins_the_record_and_is_held_to_none() -> None:
    throughput, best = seen(a_speed())
    assert (throughput.mark, throughput.against) == (None, "")
    assert best is not None
    assert best.mark == a_mark(run=RUN)
    assert best.id == a_fastest().id


def test_a_run_too_short_to_tell_sets_no_record() -> None:
    assert seen(a_speed(combos=10, cpu_seconds=0.001, wall_seconds=0.001))[1] is None


def test_each_figure_keeps_its_own_best() -> None:
    _, best = seen(a_speed(cpu_seconds=5.0, wall_seconds=5.0), a_fastest())
    assert best is not None
    assert (best.mark.per_cpu, best.mark.per_thread, best.mark.run) == (7e9, 5e9, RUN)
    _, best = seen(a_speed(cpu_seconds=9.0, wall_seconds=2.5), a_fastest())
    assert best is not None
    assert (best.mark.per_cpu, best.mark.per_thread, best.mark.run) == (5e9, 7e9, a_mark().run)


def test_a_slow_run_leaves_the_record_alone() -> None:
    throughput, best = seen(a_speed(cpu_seconds=70.0, wall_seconds=70.0), a_fastest())
    assert best is None
    assert throughput.mark == a_mark()


def test_a_run_is_held_to_smaller_ones_and_never_to_larger_ones() -> None:
    """Many combinations share more than few."""
    few, many = a_speed(combos=20_000), a_speed(combos=2_000_000)
    known = [a_fastest(few, mark=a_mark(per_cpu=4e9)), a_fastest(many, mark=a_mark(per_cpu=6e9))]
    throughput, best = seen(a_speed(cpu_seconds=10.0), *known)
    assert throughput.mark is not None
    assert throughput.mark.per_cpu == 4e9
    assert best is not None
    assert (best.size, best.mark.per_cpu) == (131_072, 3.5e9)


def test_other_work_is_no_measure() -> None:
    throughput, best = seen(a_speed(), a_fastest(a_speed(kernel="k0"), mark=a_mark(per_cpu=9e9)))
    assert throughput.mark is None
    assert best is not None


def test_a_record_nobody_reached_for_long_is_begun_anew() -> None:
    slow = a_speed(cpu_seconds=70.0, wall_seconds=70.0)
    throughput, best = seen(slow, a_fastest(at=0), now=RECORD_STANDS)
    assert throughput.mark is not None
    assert best is None
    throughput, best = seen(slow, a_fastest(at=0), now=RECORD_STANDS + 1)
    assert throughput.mark is None
    assert best is not None
    assert best.mark.per_cpu == slow.per_cpu


@given(st.lists(st.tuples(st.floats(2.5, 500), st.floats(2.5, 500)), min_size=1, max_size=20))
def test_whatever_comes_the_record_is_the_best_of_all_that_came(seconds: list[tuple[float, float]]) -> None:
    known: dict[str, Fastest] = {}
    speeds = [a_speed(cpu_seconds=cpu, wall_seconds=wall) for cpu, wall in seconds]
    for speed in speeds:
        throughput, best = seen(speed, *known.values())
        if known:
            assert throughput.mark == next(iter(known.values())).mark
        known |= {best.id: best} if best is not None else {}
    (best,) = known.values()
    assert best.mark.per_cpu == max(speed.per_cpu for speed in speeds)
    assert best.mark.per_thread == max(speed.per_thread for speed in speeds)
