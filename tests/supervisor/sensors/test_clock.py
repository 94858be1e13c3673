"""The clocks themselves cannot be stepped in a test of a process: what is read is told apart from what was read."""

from swarmd.supervisor.clock import boot_millis, wall_millis
from swarmd.supervisor.sensors.clock import STEPPED, SUSPENDED, ClockWatch


def test_quiet_clocks_say_nothing() -> None:
    watch = ClockWatch()
    assert watch.observe(1) == []
    assert watch.observe(2) == []


def test_what_the_wall_clock_jumped_is_told_once() -> None:
    watch = ClockWatch(_wall_ahead=wall_millis() - boot_millis() + 86_400_000)
    (step,) = watch.observe(7)
    assert (step.id, step.at) == (STEPPED, 7)
    assert abs(step.value + 86_400_000) < 1_000
    assert watch.observe(8) == []


def test_time_that_only_the_boot_clock_counted_is_a_sleep() -> None:
    watch = ClockWatch()
    watch.observe(1)
    assert watch._asleep is not None
    watch._asleep -= 60_000
    (slept,) = watch.observe(2)
    assert (slept.id, slept.value > 59_000) == (SUSPENDED, True)
