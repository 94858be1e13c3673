from typing import Any

import pytest
from builders import JOB, RUN, a_failure, a_job, a_policy, a_run, a_view, an_incident

from swarmd.agents.rules.remedies import LEAST_SCALE, foretold, prescribed, success
from swarmd.state.records.failure import Tally
from swarmd.state.records.incident import Signature
from swarmd.state.records.remedy import Remedy


def lost(attempt: int = 1, **fields: Any) -> Any:
    return a_run(attempt=attempt, **{"status": "failed", "ended_at": 1_000 * attempt, "exit_code": 1, **fields})


def after(*runs: Any, **tables: Any) -> Any:
    view = a_view(**{"jobs": [a_job(attempt=len(runs))], "runs": list(runs), **tables})
    return prescribed(view, view.jobs[JOB], 60_000)


def test_a_job_that_has_lost_nothing_needs_no_remedy() -> None:
    assert after() is None
    assert after(a_run()) is None


def test_a_crash_is_met_with_the_same_again_and_then_with_less_at_a_time() -> None:
    told = [after(*(lost(attempt) for attempt in range(1, n + 1))) for n in (1, 2, 3, 4)]
    assert [(one.remedy, one.scale) for one in told] == [
        (Remedy.RELAUNCH, 1.0), (Remedy.RELAUNCH, 1.0), (Remedy.SMALLER, 0.25), (Remedy.SMALLER, 0.25),
    ]  # fmt: skip
    assert told[2].why == "crash number 3 in a row; no remedy has a record yet"


def test_what_was_lowered_stays_lowered_and_goes_on_from_there() -> None:
    assert after(lost(scale=0.25)).scale == 0.25
    memory = [lost(exit_code=5, scale=0.25)]
    assert after(*memory).scale == 0.0625
    assert after(lost(exit_code=5, scale=LEAST_SCALE)).scale == LEAST_SCALE


def test_running_out_of_memory_asks_for_less_at_once() -> None:
    assert after(lost(exit_code=5)).remedy is Remedy.SMALLER


def test_a_failed_device_sends_the_work_to_the_processor_and_a_cpu_run_has_no_other_device() -> None:
    on_gpu = after(lost(exit_code=4, engine="gpu"))
    assert (on_gpu.remedy, on_gpu.engine) == (Remedy.OTHER_DEVICE, "cpu")
    assert after(lost(exit_code=4)).remedy is Remedy.RELAUNCH


def test_another_signature_begins_its_own_ladder() -> None:
    stuck = an_incident(f"{JOB}-a2", "stuck_without_cpu", id="x")
    told = after(lost(1), lost(2), incidents=[stuck])
    assert (told.remedy, told.why.split(";")[0]) == (Remedy.RELAUNCH, "stuck_without_cpu number 1 in a row")


@pytest.mark.parametrize(
    ("remedies", "first"),
    [
        ({}, Remedy.RELAUNCH),
        ({"relaunch": (2, 0)}, Remedy.SMALLER),
        ({"relaunch": (2, 1)}, Remedy.RELAUNCH),
        ({"relaunch": (9, 8), "smaller": (1, 1)}, Remedy.RELAUNCH),
        ({"relaunch": (9, 2), "smaller": (9, 7)}, Remedy.SMALLER),
    ],
)
def test_the_ladder_begins_at_the_rung_with_the_best_verified_record(
    remedies: dict[str, tuple[int, int]], first: Remedy
) -> None:
    told = after(lost(), failures=[a_failure(remedies=remedies)])
    assert told.remedy is first
    if remedies:
        assert "helped" in told.why


def test_the_record_of_another_phase_or_signature_does_not_count() -> None:
    elsewhere = [
        a_failure(phase="refine", remedies={"relaunch": (9, 0)}),
        a_failure("silent", remedies={"relaunch": (9, 0)}),
    ]
    assert after(lost(), failures=elsewhere).remedy is Remedy.RELAUNCH


def test_an_order_that_cannot_work_is_not_tried_again() -> None:
    assert after(lost(exit_code=2)).remedy is Remedy.FAIL


def test_the_bound_on_attempts_ends_the_ladder() -> None:
    runs = [lost(attempt) for attempt in (1, 2)]
    assert after(*runs, policy=a_policy(max_attempts=2)).remedy is Remedy.QUARANTINE


def test_a_hang_foretells_what_will_follow_its_kill() -> None:
    run = a_run(attempt=2)
    view = a_view(jobs=[a_job(attempt=2)], runs=[lost(1), run])
    told = foretold(view, view.jobs[JOB], run, Signature.SILENT, 60_000)
    assert (told.remedy, told.why.split(";")[0]) == (Remedy.RELAUNCH, "silent number 1 in a row")


def test_losses_that_are_forgiven_call_for_nothing() -> None:
    assert after(lost(was_launched=False)) is None
    rest = an_incident("fleet.crash", "fleet_wide", status="open", opened_at=900)
    told = an_incident(RUN, "crash", id="y")
    assert after(lost(), incidents=[rest, told]) is None


def test_success_is_laplaces_rule() -> None:
    assert success(None) == 0.5
    assert success(Tally(tried=8, verified=7)) == 0.8
