"""What is looked over after a cycle: who holds what, how often it was lost, what is open, what is decided and read.

Each law is seen to fail on a planted state, and to hold on the nearest lawful one.
"""

from typing import Any

import pytest
from builders import (
    JOB,
    RUN,
    a_campaign,
    a_job,
    a_lane,
    a_policy,
    a_run,
    a_session,
    a_view,
    an_action,
    an_incident,
)

from simulation.laws import LawBroken, Laws
from simulation.laws import told as text
from simulation.ledger import Ledger
from simulation.world import World
from swarmd.state.projection import Projection
from swarmd.state.units import MINUTE
from swarmd.state.view import View
from swarmd.supervisor.roster import ROSTER

LOOKED_OVER = 5 * MINUTE


def looked(laws: Laws, now: int, *, world: World | None = None, taken: Any = (), **tables: Any) -> None:
    laws.looked(a_view(**tables), taken, now, world or World(1))


# -- one each ---------------------------------------------------------------------------------------------------------

OTHER: Any = {"job": "another", "lane": "cpu1", "slot": 1}


@pytest.mark.parametrize(("shared", "told"), [("job", JOB), ("lane", "cpu0"), ("slot", 0)])
def test_two_open_runs_that_share_what_only_one_may_have_are_found_out(shared: str, told: object) -> None:
    apart = {name: value for name, value in OTHER.items() if name != shared}
    runs = [a_run(), a_run(id="other", **apart), a_run(id="third", job="third", lane="cpu2", slot=2)]
    with pytest.raises(LawBroken, match=rf"two open runs share a {shared}: \[{told!r}\]"):
        looked(Laws(), 0, runs=runs, taken=[an_action()])
    looked(Laws(), 0, runs=[a_run(), a_run(id="other", **OTHER)], taken=[an_action()])
    looked(Laws(), 0, runs=[a_run(), a_run(id="other", status="failed", **apart)], taken=[an_action()])


def test_what_two_runs_share_is_looked_for_as_often_as_there_are_others() -> None:
    laws, of = Laws(), [a_run(), a_run(id="other", **OTHER)]
    looked(laws, 0, runs=of, taken=[an_action()])
    with pytest.raises(LawBroken, match="share a lane"):
        looked(laws, 0, runs=[*of, a_run(id="third", job="third", slot=2)], taken=[an_action()])


# -- bounds -----------------------------------------------------------------------------------------------------------


def lost(attempt: int, ended_at: int = MINUTE, **fields: Any) -> Any:
    return a_run(attempt=attempt, **{"status": "failed", "exit_code": 1, "ended_at": ended_at, **fields})


def bounded(*runs: Any, now: int = LOOKED_OVER, forgotten: int = 0, laws: Laws | None = None, **tables: Any) -> None:
    """Of a job that may be lost twice, whose runs are these and some that nobody remembers."""
    world = World(1, losses={JOB: [*(run.id for run in runs), *["forgotten"] * forgotten]})
    known = {"jobs": [a_job(attempt=9)], "runs": runs, "policy": a_policy(max_attempts=2, fleet_window=MINUTE)}
    looked(laws or Laws(), now, world=world, **known | tables)


@pytest.mark.parametrize(
    "third",
    [lost(3), lost(3, exit_code=-1, signal=9, status="lost"), lost(3, exit_code=0), lost(3, exit_code=-1, signal=0)],
)
def test_a_job_that_is_lost_more_often_than_allowed_is_found_out_within_five_minutes(third: Any) -> None:
    told = rf"{JOB} was lost 3 times \(limit 2\): \[60000, 60000, 60000\]"
    with pytest.raises(LawBroken, match=told):
        bounded(lost(1), lost(2), third)
    bounded(lost(1), lost(2))
    bounded(lost(1), lost(2), third, now=LOOKED_OVER - 1)  # not looked over yet
    bounded(lost(1), lost(2), third, jobs=[a_job(attempt=9, fresh_from=1)])
    with pytest.raises(LawBroken, match=told):
        bounded(lost(1), lost(2), third, jobs=[a_job("ETHUSDT", id=f"{JOB}2", fresh_from=9)])


@pytest.mark.parametrize("third", [a_run(attempt=3), lost(3, exit_code=-1, status="lost")])
def test_a_loss_that_no_daemon_saw_is_not_counted(third: Any) -> None:
    bounded(lost(1), lost(2), third)
    bounded(lost(1), lost(2), forgotten=3)


def test_whom_people_had_stopped_is_not_counted_though_it_went_by_a_later_kill() -> None:
    def knowing() -> Laws:
        laws = Laws()
        laws.asked.stopped.add(RUN)
        return laws

    bounded(lost(1), lost(2), lost(3), laws=knowing())
    with pytest.raises(LawBroken, match="was lost 3 times"):
        bounded(lost(1), lost(2), lost(3), lost(4), laws=knowing())


def test_losses_while_the_same_befell_everybody_are_not_counted() -> None:
    rest = an_incident("fleet", "fleet_wide", opened_at=3 * MINUTE)
    for instant in (2 * MINUTE, LOOKED_OVER):  # from a window before it was told of
        bounded(lost(1), lost(2), lost(3, instant), incidents=[rest])
    closed = an_incident("fleet", "fleet_wide", opened_at=3 * MINUTE, status="closed", at=4 * MINUTE)
    bounded(lost(1), lost(2), lost(3, 4 * MINUTE), incidents=[closed])
    for instant, told in ((2 * MINUTE - 1, rest), (LOOKED_OVER + 1, rest), (4 * MINUTE + 1, closed)):
        with pytest.raises(LawBroken, match="was lost 3 times"):
            bounded(lost(1), lost(2), lost(3, instant), incidents=[told])
    with pytest.raises(LawBroken, match="was lost 3 times"):
        bounded(lost(1), lost(2), lost(3, 2 * MINUTE), incidents=[an_incident(opened_at=3 * MINUTE, due=1 << 40)])


def test_a_rest_is_remembered_when_it_is_forgotten_on_record() -> None:
    laws, world = Laws(), World(1, losses={JOB: [RUN, f"{JOB}-a2", f"{JOB}-a3"]})
    known: Any = {"jobs": [a_job()], "policy": a_policy(max_attempts=2), "runs": [lost(1), lost(2), lost(3)]}
    looked(laws, LOOKED_OVER, world=world, **known, incidents=[an_incident("fleet", "fleet_wide", opened_at=MINUTE)])
    looked(laws, 2 * LOOKED_OVER, world=world, **known)


def test_an_agent_that_fails_is_found_out() -> None:
    failed = an_incident("curator", "agent_failed", cause="division by zero")
    with pytest.raises(LawBroken, match="curator failed: division by zero"):
        looked(Laws(), LOOKED_OVER, incidents=[failed])
    looked(Laws(), LOOKED_OVER, incidents=[an_incident("curator", "agent_silent")])
    laws = Laws()
    looked(laws, LOOKED_OVER)
    looked(laws, 2 * LOOKED_OVER - 1, incidents=[failed])  # each five minutes all is looked over
    with pytest.raises(LawBroken, match="curator failed"):
        looked(laws, 2 * LOOKED_OVER, incidents=[failed])


# -- open without need ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subject", [RUN, JOB])
def test_an_incident_of_what_has_long_ended_is_found_out(subject: str) -> None:
    open_: Any = {"runs": [a_run(status="failed")], "incidents": [an_incident(subject)]}
    over, goes_on = [a_job(status="done", at=7)], [a_job()]
    laws = Laws()
    looked(laws, LOOKED_OVER, jobs=over, **open_)
    looked(laws, 2 * LOOKED_OVER, jobs=over, **open_)
    with pytest.raises(LawBroken, match=f"{subject}/crash is open though {JOB} is done since 7"):
        looked(laws, 3 * LOOKED_OVER, jobs=over, **open_)
    for others in (
        {**open_, "jobs": goes_on},
        {**open_, "jobs": over, "incidents": [an_incident(subject, status="closed")]},
        {**open_, "jobs": over, "incidents": [an_incident("cpu0")]},
    ):
        laws = Laws()
        for look in (1, 2, 3):
            looked(laws, look * LOOKED_OVER, **others)


def test_from_when_an_incident_is_open_without_need_is_counted_anew_where_its_job_was_tried_again() -> None:
    laws, told = Laws(), [an_incident(JOB)]
    for look, status in enumerate(("failed", "queued", "failed", "failed"), 1):
        looked(laws, look * LOOKED_OVER, jobs=[a_job(status=status)], incidents=told)
    with pytest.raises(LawBroken, match="is open though"):
        looked(laws, 5 * LOOKED_OVER, jobs=[a_job(status="failed")], incidents=told)


# -- what is decided and read -----------------------------------------------------------------------------------------


def test_only_every_so_many_decisions_are_made_again_and_are_kept_where_a_trace_is_asked_for() -> None:
    view, laws = a_view(jobs=[a_job(phase="preflight")]), Laws(decides_again_every=2, keeps_trace=True)
    wishes = [(agent.NAME, wish) for agent in ROSTER for wish in agent.decide(view, 1_000)]
    laws.decided(view, wishes[1:], 1_000, 1)
    with pytest.raises(LawBroken) as missing:
        laws.decided(view, wishes[1:], 1_000, 2)
    assert str(missing.value).endswith(f"something else is decided: {text(wishes[:1])} / {text(wishes[1:2])}")
    laws.decided(view, [], 1_000, 3)
    with pytest.raises(LawBroken) as moved:
        laws.decided(view, [wishes[0], *wishes[:0:-1]], 1_000, 4)  # the order counts
    assert str(moved.value).endswith(f"something else is decided: {text(wishes[1:2])} / {text(wishes[-1:])}")
    assert [seq for _, seq, _ in laws.trace] == [1, 2, 4]
    laws.keeps_trace = False
    laws.decided(view, wishes, 1_000, 5)
    assert len(laws.trace) == 3
    with pytest.raises(LawBroken) as short:
        laws.decided(view, wishes[:-1], 1_000, 6)
    assert str(short.value).endswith(f"something else is decided: {text(wishes[-1:])} / ()")
    laws.decided(view, wishes, 1_000, 7)
    with pytest.raises(LawBroken) as long:
        laws.decided(view, [*wishes, wishes[0]], 1_000, 8)
    assert str(long.value).endswith(f"something else is decided: () / {text(wishes[:1])}")


def told(*records: Any) -> tuple[Projection, Ledger]:
    """A running picture, and the journal of the same."""
    running, ledger = Projection(), Ledger()
    ledger.append(records)
    ledger.commit()
    for record in records:
        running.apply(record)
    return running, ledger


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        ([a_job()], [a_job(priority=1)], f"jobs than the daemon: {JOB}: .*priority=1.* / .*priority=0"),
        ([a_job(), a_job("ETHUSDT")], [a_job()], "jobs than the daemon: majors.ETHUSDT.*: None / "),
        ([a_job()], [a_job(), a_job("ETHUSDT")], "jobs than the daemon: majors.ETHUSDT.* / None"),
        ([a_job(), a_job("ETHUSDT")], [a_job("ETHUSDT"), a_job()], "jobs than the daemon: the order of first appear"),
        ([a_policy()], [a_policy(max_lanes=2)], "policy than the daemon: .* / "),
    ],
)
def test_a_picture_that_differs_from_its_journal_is_found_out(one: Any, other: Any, name: str) -> None:
    running, ledger = told(a_session(), a_campaign(), *one)
    Laws().reads_the_same(running, ledger, 0)
    with pytest.raises(LawBroken, match=f"the journal tells another story of {name}"):
        Laws().reads_the_same(told(a_session(), a_campaign(), *other)[0], ledger, 0)


def lent(**facts: Any) -> View:
    """A picture that was given those answers beside its tables: a job that waits, one that ran, a free lane."""
    view = a_view(jobs=[a_job(), a_job("ETHUSDT", attempt=1, status="done")], lanes=[a_lane()])
    vars(view).update(facts)
    return view


@pytest.mark.parametrize(
    ("facts", "lawful"),
    [
        ({"taken_slots": {0: RUN}}, {"taken_slots": {}}),
        ({"_unsettled_by_id": {}}, {"_unsettled_by_id": {JOB: a_job()}}),
        ({"open_lanes_on": {"": 2}}, {"open_lanes_on": {"": 1, "n1": 0}}),  # a count of nothing says nothing
        ({"begun_assets": {}}, {"begun_assets": {("majors", "ETHUSDT"): "any job of it"}}),
        ({"begun_assets": {("majors", "BTCUSDT"): JOB}}, {"no_such_answer": 1, "open_lanes": ()}),
    ],
)
def test_a_picture_that_was_given_other_answers_than_its_tables_hold_is_found_out(facts: Any, lawful: Any) -> None:
    Laws().knows_its_answers(lent(**lawful), 0)
    with pytest.raises(LawBroken, match=f"the picture was given another {next(iter(facts))} than its tables hold"):
        Laws().knows_its_answers(lent(**facts), 0)
    running, ledger = told(a_job())
    running.view = lambda: lent(**facts)  # type: ignore[method-assign]
    with pytest.raises(LawBroken, match="was given another"):
        Laws().reads_the_same(running, ledger, 0)
