"""Days that are played in the suite: a handful of ordinary ones, and every seed that ever broke a law.

``scripts/simulate`` plays thousands more. A day that breaks a law is added below with what it found, and stays.
"""

import pytest

from simulation import daemon
from simulation.laws import LawBroken
from simulation.play import Day, play
from swarmd.state.branches import CONSERVATIVE, DISPLACEMENT, GRID
from swarmd.state.records.champion import ChampionStatus
from swarmd.state.records.errand import HANDOFF, KNOWLEDGE, ErrandStatus
from swarmd.state.records.monitoring import CHAMPIONS

# What each found, in a word: the day stays even where the mistake was the simulation's own.
ONCE_FAILED = {
    # a person's kill, and the run begun anew at once, is no back-off broken
    "stop_now_is_no_crash": Day(24, lanes=8, hours=4, climbs=False, judges=False, prices=False, asks=False),
    # losses in a time when the same befell everybody are forgiven their jobs
    "fleet_wide_losses": Day(16, lanes=6, hours=4, climbs=False, judges=False, prices=False, asks=False),
    # a run that waits for a processor before it is ready is given that time, though its beats are far apart
    "starved_before_ready": Day(2, lanes=12, hours=6, climbs=False, judges=False, prices=False, asks=False),
    # a machine that slept before the first look at a run wakes up and lets it live
    "slept_before_the_first_look": Day(162, lanes=41, hours=10, climbs=False, judges=False, prices=False, asks=False),
    # the daemon of a suspended machine sleeps as long as the machine, whatever else befalls it
    "suspended_and_asleep": Day(27, lanes=6, hours=12, rate=3.0, asks=False),
    # who is left behind by a cohort is settled as queued, not as the rungs before ended
    "left_behind_in_the_order_of_ends": Day(2, lanes=10, hours=4),
    # a run that a guard had killed, and that somebody asks to kill once more, counts as the guard's
    "killed_by_a_guard_and_asked_again": Day(95, lanes=6, hours=12, rate=3.0),
    # nor does one count that a person killed, and that went only by the next daemon's kill
    "killed_for_a_person_by_the_next_daemon": Day(161, lanes=6, hours=12, rate=3.0),
    # an answer given in the cycle in which the daemon died may be overtaken before anybody looks
    "overtaken_before_it_is_looked_at": Day(239, lanes=6, hours=12, rate=3.0),
    # a loss that no daemon saw is not counted
    "loss_unseen": Day(37, lanes=6, hours=4, climbs=False, judges=False, prices=False, asks=False),
}
ORDINARY = [Day(seed, lanes=6, hours=3, rate=3.0, keeps_history=True) for seed in range(1, 7)]


@pytest.mark.parametrize("day", ORDINARY, ids=lambda day: f"seed {day.seed}")
def test_a_day_of_faults_breaks_no_law_and_is_decided_the_same_again(day: Day) -> None:
    report, it = play(day)
    assert report.runs > 10
    cycles, differences = it.replayed()
    assert cycles > 0
    assert differences == 0


def test_a_day_on_which_the_guards_refuse_plays_every_branch_and_breaks_no_law() -> None:
    report, it = play(Day(218, lanes=10, hours=6, prices=False, asks=False, keeps_history=True))
    begun = {job.branch for job in it.ledger.opened().view().jobs.values() if job.attempt}
    assert begun >= {*GRID, DISPLACEMENT, CONSERVATIVE}
    assert report.jobs["queued"] == 0
    assert it.replayed()[1] == 0


def test_a_day_on_which_champions_are_held_to_their_promises_and_fall_is_decided_the_same_again() -> None:
    report, it = play(Day(4, lanes=6, hours=12, rate=1.0, asks=False, keeps_history=True))
    view = it.ledger.opened().view()
    assert len(it.champions.ends) > 10
    # Meanwhile pages were written and what was learned was kept, by processes of their own that may fail or hang.
    assert {*it.errands.names.values()} == {HANDOFF, KNOWLEDGE}
    assert any(not answers for _, answers in it.errands.ends.values())
    # Each came to its end on record, but for one that was under way as the session ended, and ended with it.
    last = max(ended_at for ended_at, _ in it.errands.ends.values())
    running = [errand.order for errand in view.errands.values() if errand.status is ErrandStatus.RUNNING]
    assert all(it.errands.ends[order] == (last, False) for order in running)
    assert ChampionStatus.DETHRONED in {champion.status for champion in view.champions.values()}
    assert report.opened["champion_damaged"] == 1
    monitoring = view.monitorings[CHAMPIONS]
    assert any(answers for _, answers in it.champions.ends.values())
    assert monitoring.outcome or it.champions.ends[monitoring.order] == (last, False)
    assert it.replayed()[1] == 0


@pytest.mark.parametrize("day", ONCE_FAILED.values(), ids=ONCE_FAILED)
def test_a_day_that_once_broke_a_law_breaks_none(day: Day) -> None:
    report, _ = play(day)
    assert report.campaigns >= 1


def test_the_same_seed_plays_the_same_day_to_the_last_line() -> None:
    day = Day(9, lanes=4, hours=1, rate=6.0, keeps_history=True)
    (_, one), (_, other) = play(day), play(day)
    assert one.ledger.history == other.ledger.history


@pytest.mark.parametrize("missing", ["worker_sentry", "operation_hang_guard", "main_orchestrator"])
def test_a_swarm_without_one_of_its_agents_breaks_a_law(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The laws have teeth: whoever is left out is missed."""
    rest = tuple(agent for agent in daemon.ROSTER if missing != agent.NAME)
    monkeypatch.setattr(daemon, "ROSTER", rest)
    with pytest.raises(LawBroken):
        play(Day(7, lanes=6, hours=3, rate=3.0, judges=False, prices=False, asks=False))
