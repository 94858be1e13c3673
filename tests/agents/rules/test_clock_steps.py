from builders import a_gauge, a_run, a_view, an_incident

from swarmd.agents.rules.clock_steps import about_clock_steps
from swarmd.state.actions import CloseIncident, OpenIncident
from swarmd.state.records.incident import Signature

DAY = 86_400_000


def test_a_step_is_told_once_with_its_size_and_way() -> None:
    gauge = a_gauge("host.clock_step_ms", -DAY, at=5_000)
    (told,) = about_clock_steps(a_view(gauges=[gauge]), 6_000)
    assert isinstance(told, OpenIncident)
    assert told.signature is Signature.CLOCK_STEPPED
    assert told.reason.startswith("the wall clock was stepped back by 1")
    known = an_incident("host", "clock_stepped", status="closed", id=told.incident)
    assert about_clock_steps(a_view(gauges=[gauge], incidents=[known]), 7_000) == []


def test_a_second_step_is_an_incident_of_its_own() -> None:
    told = [
        about_clock_steps(a_view(gauges=[a_gauge("host.clock_step_ms", DAY, at=at)]), at)[0] for at in (5_000, 9_000)
    ]
    assert told[0] != told[1]


def test_a_sleep_is_told_as_a_sleep() -> None:
    (told,) = about_clock_steps(a_view(gauges=[a_gauge("host.suspended_ms", 60_000, at=1)]), 2)
    assert told.reason.startswith("the machine slept by 1")


def test_it_is_closed_at_once_with_the_runs_that_went_on() -> None:
    known = an_incident("host", "clock_stepped", agent="session_state_manager", opened_at=5_000)
    (closed,) = about_clock_steps(a_view(incidents=[known], runs=[a_run()]), 6_000)
    assert isinstance(closed, CloseIncident)
    assert closed.reason == "1000 ms later 1 runs are open and none was judged by it"


def test_an_old_jump_is_not_told_again_after_its_incident_is_forgotten() -> None:
    gauge = a_gauge("host.clock_step_ms", DAY, at=5_000)
    assert about_clock_steps(a_view(gauges=[gauge]), 5_000 + 600_001) == []
