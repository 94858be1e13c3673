"""The next look is due when a wait ends or a limit is crossed, sooner where much moves and later where nothing does."""

import pytest
from builders import a_beat, a_job, a_policy, a_request, a_run, a_view, an_errand

from swarmd.agents.rules.pulse import hang_of
from swarmd.state.records.run import RunAlive
from swarmd.supervisor.pace import STILL_EVERY, limit_of, overslept, rest_for

NOW = 100_000


def test_while_something_moves_the_next_look_is_a_cycle_away_and_when_all_is_still_it_may_wait() -> None:
    view = a_view(policy=a_policy(cycle_every=1_000), runs=[], jobs=[])
    assert rest_for(view, NOW, began=NOW, is_still=False) == 1_000
    assert rest_for(view, NOW, began=NOW, is_still=True) == STILL_EVERY


def test_a_wait_that_ends_sooner_is_looked_at_as_soon_as_it_is_over() -> None:
    view = a_view(policy=a_policy(cycle_every=1_000), runs=[], jobs=[a_job(not_before=NOW + 40)])
    assert rest_for(view, NOW, began=NOW, is_still=True) == 41


def test_what_came_due_while_the_last_look_was_under_way_is_looked_at_at_once_and_not_again_and_again() -> None:
    policy = a_policy(cycle_every=1_000, stuck_after=6_000)
    beat = a_beat(progress_at=NOW - 6_000, heartbeat_at=NOW, is_ready=True, done=1, process_state="S")
    stuck = a_view(policy=policy, runs=[a_run(launched_at=NOW - 9_000)], beats=[beat], jobs=[])
    queued = a_view(policy=policy, runs=[], jobs=[a_job(not_before=NOW)])
    for view in (stuck, queued):
        # Judged in the millisecond in which the limit is reached and not crossed yet, and done five later.
        assert rest_for(view, NOW + 5, began=NOW, is_still=True) == 0
        assert rest_for(view, NOW + 8, began=NOW + 5, is_still=False) == 1_000


def test_nobody_who_asked_waits_longer_than_a_cycle_however_still_it_is() -> None:
    view = a_view(policy=a_policy(cycle_every=1_000), runs=[], jobs=[], requests=[a_request()])
    assert rest_for(view, NOW, began=NOW, is_still=True) == 1_000
    # The end of a session waits for its page.
    awaited = a_view(policy=a_policy(cycle_every=1_000), runs=[], jobs=[], errands=[an_errand(status="running")])
    assert rest_for(awaited, NOW, began=NOW, is_still=True) == 1_000


@pytest.mark.parametrize("status", ["starting", "stopping"])
def test_a_run_on_its_way_in_or_out_keeps_the_pace(status: str) -> None:
    view = a_view(policy=a_policy(cycle_every=1_000), runs=[a_run(status=status)], beats=[a_beat(progress_at=NOW)])
    assert rest_for(view, NOW, began=NOW, is_still=True) <= 1_000


@pytest.mark.parametrize(
    "told",
    [
        {"is_ready": False},
        {"is_ready": False, "excused": 700},
        {"progress_at": NOW, "heartbeat_at": NOW},
        {"progress_at": NOW, "heartbeat_at": NOW, "excused": 300},
        {"progress_at": NOW, "heartbeat_at": NOW - 4_000, "heartbeat_excused": 300},
        {"progress_at": NOW, "heartbeat_at": NOW, "process_state": "T", "state_since": NOW},
        {"progress_at": NOW, "heartbeat_at": NOW, "done": 0, "ready_at": NOW - 1_000, "ready_excused": 5},
    ],
)
def test_the_look_comes_in_the_very_millisecond_in_which_a_limit_is_crossed(told: dict[str, object]) -> None:
    policy = a_policy(
        start_within=9_000, silent_after=5_000, stuck_after=6_000, first_result_within=4_000, run_timeout=50_000
    )
    run = a_run(launched_at=NOW)
    assert isinstance(run, RunAlive)
    beat = a_beat(**{"done": 1, "process_state": "S", "is_ready": True, **told})
    limit = limit_of(run, beat, policy)
    judged = [hang_of(run, beat, policy=policy, watched_since=0, now=at) for at in (limit, limit + 1)]
    assert judged[0] is None
    assert judged[1] is not None


@pytest.mark.parametrize(
    ("now", "late"), [(9_000, 0), (10_020, 0), (11_000, 0), (11_250, 0), (11_251, 251), (611_000, 600_000)]
)
def test_what_goes_beyond_a_cycle_and_its_jitter_is_overslept(now: int, late: int) -> None:
    assert overslept(10_000, now, every=1_000) == late
