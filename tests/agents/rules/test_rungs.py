"""Rungs: the better half of a cohort goes on, nobody sound is stopped, and the answer hangs on nobody's speed."""

from random import Random
from typing import Any

from builders import a_campaign, a_job, a_lane, a_result, a_run, a_view, the_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.agents import auto_scheduler, main_orchestrator
from swarmd.agents.rules.plan import chain_of, plan_size, planned_jobs
from swarmd.agents.rules.readiness import assets_in_flight, ready_jobs
from swarmd.agents.rules.rungs import Finisher, rungs, stopped, trials_saved
from swarmd.state.actions import QueueJob, SettleJob, StartRun
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.job import Job, JobStatus, Phase, job_id
from swarmd.state.records.run import run_id
from swarmd.state.tracker import SOUND_SHARPE
from swarmd.state.view import View

NOW = 100_000
SIX = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF")
figures = st.one_of(st.none(), st.floats(-3, 3).map(lambda value: round(value, 2)))
finishers = st.lists(st.tuples(figures, figures), max_size=12).map(
    lambda drawn: [Finisher(f"S{n}", score, sharpe) for n, (score, sharpe) in enumerate(drawn)]
)


def climbing(symbols: tuple[str, ...] = SIX, batch: int = 6, modes: tuple[str, ...] = ("balanced",)) -> Campaign:
    settings = the_settings(
        assets={"tiers": {"T": symbols}, "batch_size": batch}, strategy={"name": "mtf_ema", "modes": modes}
    )
    return a_campaign(settings=settings)


# -- who goes on ------------------------------------------------------------------------------------------------------


@given(finishers)
def test_nobody_sound_is_stopped_and_at_least_the_better_half_goes_on(found: list[Finisher]) -> None:
    ends = {each.symbol: each for each in stopped(found)}
    assert len(found) - len(ends) >= -(-len(found) // 2)
    by_symbol = {each.symbol: each for each in found}
    for end in ends.values():
        assert end.sharpe < SOUND_SHARPE
        assert end.going_on == len(found) - len(ends)
        goes_on = [each.score for each in found if each.symbol not in ends and not each.is_sound]
        assert all(score is not None and score >= end.score for score in goes_on), "nobody worse goes on for the score"
        assert by_symbol[end.last].score is not None
        assert sum(1 for each in found if each.score is not None and each.score > end.score) < end.place


@given(finishers, st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_asked_changes_ties_only(found: list[Finisher], chance: Random) -> None:
    shuffled = [*found]
    chance.shuffle(shuffled)
    distinct = len({each.score for each in found}) == len(found)
    ends = [{each.symbol for each in stopped(given)} for given in (found, shuffled)]
    assert ends[0] == ends[1] or not distinct


def test_of_equals_the_earlier_in_the_file_goes_on_and_one_alone_always_does() -> None:
    twins = [Finisher("ONE", 1.0, 0.1), Finisher("TWO", 1.0, 0.1)]
    assert [each.symbol for each in stopped(twins)] == ["TWO"]
    assert stopped(twins[:1]) == stopped([]) == []


# -- in a picture -----------------------------------------------------------------------------------------------------


def a_cohort(ends: dict[str, tuple[str, float, float]], campaign: Campaign, **tables: Any) -> View:
    """Each asset with the end of its first rung: status, score, best Sharpe."""
    jobs: list[Job] = []
    results = []
    for planned in planned_jobs(campaign):
        status, score, sharpe = ends.get(planned.symbol, ("queued", 0.0, 0.0))
        is_rung = planned.trials == 50
        before = planned.phase in (Phase.PREFLIGHT, Phase.PRESCREEN)
        job = a_job(
            planned.symbol, planned.phase, id=planned.id, mode=planned.mode, after=planned.after, trials=planned.trials,
            status="done" if before else status if is_rung else "queued",
            attempt=1 if before or (is_rung and status != "queued") else 0,
        )  # fmt: skip
        jobs.append(job)
        if is_rung and status == "done":
            said = {"score": score, "best_annual_sharpe": sharpe}
            summary = {"verdict": "pass", "headline": "9 of 50", "tried": 50, "figures": said}
            results.append(a_result(run_id(job.id, 1), job=job.id, phase="refine", summary=summary))
    return a_view(campaigns=[campaign], jobs=jobs, results=results, **tables)


def second(symbol: str) -> str:
    return job_id("majors", symbol, "balanced", Phase.REFINE, 100)


def test_a_campaign_with_rungs_is_planned_one_job_a_rung_and_the_whole_search_last() -> None:
    campaign = climbing(SIX[:2], modes=("balanced", "aggressive"))
    plan = planned_jobs(campaign)
    assert plan_size(campaign) == len(plan) == 2 * (1 + 2 * 6)
    chain = [job for job in plan if job.symbol == "AAA" and job.mode == "balanced"]
    assert [job.id for job in chain] == chain_of(campaign, "AAA", "balanced")
    told = [(job.id[len("majors.AAA.balanced.") :], job.trials) for job in chain]
    assert told == [("prescreen", None), ("refine-50", 50), ("refine-100", 100), ("refine", None), ("screen", None),
                    ("crown", None)]  # fmt: skip
    assert [job.after for job in chain[1:]] == [(job.id,) for job in chain[:-1]]
    found = main_orchestrator.decide(a_view(campaigns=[campaign], jobs=[]), NOW)
    queued = [(wish.job, wish.trials) for wish in found if isinstance(wish, QueueJob)]
    assert queued == [(job.id, job.trials) for job in plan]
    told_of = next(wish for wish in found if isinstance(wish, QueueJob) and wish.trials == 50)
    assert told_of.reason == "phase 3 of 5, rung 50 of 200 trials, tier 1"


def test_a_rung_is_held_until_the_last_of_the_cohort_has_ended_and_says_whom_it_waits_for() -> None:
    ends = dict.fromkeys(SIX[:4], ("done", 1.0, 1.0))
    view = a_cohort(ends, climbing(), lanes=[a_lane(f"cpu{n}") for n in range(6)])
    assert {job.symbol for job in ready_jobs(view, NOW)} == {"EEE", "FFF"}
    assert rungs(view).why(view.jobs[second("AAA")]) == "held: waits for rung 50 of EEE, FFF"
    assert assets_in_flight(view) == {"EEE", "FFF"}
    assert rungs(view).hopeless == {}


def test_while_a_cohort_waits_the_next_one_begins() -> None:
    campaign = climbing(SIX, batch=2)
    ends = {"AAA": ("done", 1.0, 1.0)}
    jobs = [
        job.model_copy(update={"status": JobStatus.QUEUED, "attempt": 0})
        if job.symbol in SIX[2:] and job.status is JobStatus.DONE
        else job
        for job in a_cohort(ends, campaign).jobs.values()
    ]
    view = a_view(campaigns=[campaign], jobs=jobs, lanes=[a_lane(f"cpu{n}") for n in range(4)])
    started = [view.jobs[wish.job].symbol for wish in auto_scheduler.decide(view, NOW) if isinstance(wish, StartRun)]
    assert started == ["CCC", "BBB"], "AAA, which waits for BBB, leaves its place to CCC"


def test_the_hopeless_are_settled_with_the_figures_that_say_so_and_the_others_go_on() -> None:
    ends = {
        "AAA": ("done", 0.9, 0.5), "BBB": ("done", 0.31, 0.35), "CCC": ("done", 0.2, 0.85), "DDD": ("failed", 0.0, 0.0),
        "EEE": ("done", 0.4, 0.3), "FFF": ("quarantined", 0.0, 0.0),
    }  # fmt: skip
    view = a_cohort(ends, climbing())
    (end,) = (
        wish
        for wish in main_orchestrator.decide(view, NOW)
        if isinstance(wish, SettleJob) and wish.job == second("BBB")
    )
    assert end == SettleJob(
        job=second("BBB"),
        status=JobStatus.SKIPPED,
        reason="stopped after 50 of 200 trials: score 0.31, number 3 of 4 in its cohort (3 go on), best annual Sharpe "
        "0.35 below 0.8",
        caused_by=("majors.BBB.balanced.refine-50-a1", "majors.EEE.balanced.refine-50-a1"),
    )
    assert {job.symbol for job in ready_jobs(view, NOW)} == {"AAA", "CCC", "EEE"}
    started = [wish for wish in auto_scheduler.decide(view, NOW) if isinstance(wish, StartRun)]
    assert "BBB" not in {view.jobs[wish.job].symbol for wish in started}


def test_a_fine_ratio_of_few_trades_is_not_sound_and_the_reason_says_so() -> None:
    campaign = climbing(SIX[:2])
    view = a_cohort(dict.fromkeys(SIX[:2], ("done", 4.0, 4.0)), campaign)
    results = []
    for result in view.results.values():
        paced = {"AAA": 3.5, "BBB": None}[result.job.split(".")[1]]
        figures = {**result.summary.figures, "paced_annual_sharpe": paced}
        results.append(result.model_copy(update={"summary": result.summary.model_copy(update={"figures": figures})}))
    again = a_view(campaigns=[campaign], jobs=[*view.jobs.values()], results=results)
    assert rungs(view).hopeless == {}
    assert [end.reason for end in rungs(again).hopeless.values()] == [
        "stopped after 50 of 200 trials: score 4.00, number 2 of 2 in its cohort (1 goes on), 0 of 50 trials valid and "
        "trading often enough for the screen"
    ]


def test_what_stands_behind_a_stopped_search_is_skipped_in_few_words() -> None:
    campaign = climbing(SIX[:2])
    view = a_cohort(dict.fromkeys(SIX[:2], ("done", 1.0, 0.1)), campaign)
    jobs = [
        job.model_copy(update={"status": JobStatus.SKIPPED, "reason": "stopped after 50"})
        if job.id == second("BBB")
        else job
        for job in view.jobs.values()
    ]
    found = main_orchestrator.decide(a_view(campaigns=[campaign], jobs=jobs, results=[*view.results.values()]), NOW)
    skipped = {wish.job: wish.reason for wish in found if isinstance(wish, SettleJob)}
    assert skipped == {f"majors.BBB.balanced.{step}": "refine stopped early" for step in ("refine", "screen", "crown")}


def test_whoever_has_begun_the_next_rung_is_not_judged_again_and_a_lost_figure_stops_nobody() -> None:
    campaign = climbing(SIX[:2])
    view = a_cohort(dict.fromkeys(SIX[:2], ("done", 1.0, 0.1)), campaign)
    assert set(rungs(view).hopeless) == {("BBB", "balanced")}
    begun = [job.model_copy(update={"attempt": 1}) if job.id == second("BBB") else job for job in view.jobs.values()]
    run = a_run(second("BBB"))
    assert rungs(a_view(campaigns=[campaign], jobs=begun, runs=[run], results=[*view.results.values()])).hopeless == {}
    assert rungs(a_view(campaigns=[campaign], jobs=[*view.jobs.values()], results=[])).hopeless == {}


@given(st.permutations(SIX), st.lists(st.tuples(st.floats(-1, 2), st.floats(-1, 2)), min_size=6, max_size=6))
def test_the_order_in_which_results_came_decides_nothing(came: list[str], found: list[tuple[float, float]]) -> None:
    ends = {symbol: ("done", *figures) for symbol, figures in zip(SIX, found, strict=True)}
    view = a_cohort(ends, climbing())
    late = {symbol: place for place, symbol in enumerate(came)}
    results = sorted(view.results.values(), key=lambda result: late[result.job.split(".")[1]])
    again = a_view(campaigns=[climbing()], jobs=[*view.jobs.values()], results=results)
    assert [*rungs(view).hopeless] == [*rungs(again).hopeless]
    assert {end.reason for end in rungs(view).hopeless.values()} == {
        end.reason for end in rungs(again).hopeless.values()
    }


def test_trials_saved_counts_the_searches_that_have_ended() -> None:
    campaign = climbing(SIX[:2])
    view = a_cohort(dict.fromkeys(SIX[:2], ("done", 1.0, 0.1)), campaign)
    assert trials_saved(view, campaign).searches == 0, "nothing has come to an end"
    ended = [job.model_copy(update={"status": JobStatus.SKIPPED}) if job.symbol == "BBB" and not job.attempt else job
             for job in view.jobs.values()]  # fmt: skip
    saved = trials_saved(a_view(campaigns=[campaign], jobs=ended, results=[*view.results.values()]), campaign)
    assert (saved.searches, saved.stopped, saved.spent, saved.asked, saved.share) == (1, 1, 50, 200, 0.75)


# -- no deadlock ------------------------------------------------------------------------------------------------------


@given(
    symbols=st.integers(1, 7),
    batch=st.integers(1, 8),
    lanes=st.integers(1, 3),
    modes=st.sampled_from((("a",), ("a", "b"))),
    climbs=st.sampled_from(("auto", (10,), (50, 100, 150))),
    chance=st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_whatever_the_batch_a_campaign_comes_to_its_end(
    symbols: int, batch: int, lanes: int, modes: tuple[str, ...], climbs: Any, chance: Random
) -> None:
    """A small swarm of two agents: jobs end in any order, some fail, some are quarantined, and none is left."""
    names = tuple(f"S{n}" for n in range(symbols))
    settings = the_settings(
        assets={"tiers": {"T": names}, "batch_size": batch},
        strategy={"name": "mtf_ema", "modes": modes},
        search={"refine": {"rungs": climbs}},
    )
    campaign = a_campaign(settings=settings)
    jobs: dict[str, Job] = {}
    for job in planned_jobs(campaign):
        jobs[job.id] = a_job(job.symbol, job.phase, id=job.id, mode=job.mode, after=job.after, trials=job.trials)
    results: list[Any] = []
    running: list[str] = []
    for _ in range(len(jobs) * 4):
        runs = [a_run(job, lane=f"cpu{n}", slot=n) for n, job in enumerate(running)]
        free = [a_lane(f"cpu{n}") for n in range(lanes)]
        view = a_view(campaigns=[campaign], jobs=[*jobs.values()], results=results, runs=runs, lanes=free)
        for wish in main_orchestrator.decide(view, NOW):
            if isinstance(wish, SettleJob) and wish.status is JobStatus.SKIPPED:
                assert wish.job not in running
                jobs[wish.job] = jobs[wish.job].model_copy(update={"status": wish.status, "reason": wish.reason})
        for wish in auto_scheduler.decide(view, NOW):
            if isinstance(wish, StartRun) and jobs[wish.job].status is JobStatus.QUEUED:
                jobs[wish.job] = jobs[wish.job].model_copy(update={"attempt": wish.attempt})
                running.append(wish.job)
        if running and chance.random() < 0.8:
            ended = running.pop(chance.randrange(len(running)))
            status = chance.choices((JobStatus.DONE, JobStatus.FAILED, JobStatus.QUARANTINED), (8, 1, 1))[0]
            jobs[ended] = jobs[ended].model_copy(update={"status": status})
            figures = {"score": chance.random(), "best_annual_sharpe": chance.random()}
            summary = {"verdict": "pass", "headline": "1 of 2", "figures": figures}
            results.append(a_result(run_id(ended, 1), job=ended, phase=jobs[ended].phase, summary=summary))
        if all(job.status is not JobStatus.QUEUED for job in jobs.values()):
            return
    left = [job.id for job in jobs.values() if job.status is JobStatus.QUEUED]
    raise AssertionError(f"still to do with batch {batch} and {lanes} lanes: {left[:5]}, running {running}")
