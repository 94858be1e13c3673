"""What each control verb comes to: the wishes, and an answer in numbers."""

from typing import Any

import pytest
from builders import JOB, RUN, a_campaign, a_job, a_lane, a_request, a_result, a_run, a_view, the_settings

from swarmd.agents.rules.ranking import ranked
from swarmd.agents.rules.steering import Answer, answer_to
from swarmd.state.actions import Action, PlaceAsset, RetryJob, SetCampaign, StopRun
from swarmd.state.records.campaign import Campaign

TWO_TIERS = the_settings(assets={"tiers": {"A": ["BTCUSDT", "ETHUSDT"], "B": ["SOLUSDT"]}})
PHASES = ("preflight", "prescreen", "refine", "screen", "crown")


def campaign(**fields: Any) -> Campaign:
    return a_campaign(settings=TWO_TIERS, **fields)


def asked(verb: str, subject: str = "", now: int = 60_000, place: str = "first", **tables: Any) -> Answer:
    view = a_view(**{"campaigns": [campaign()], "jobs": [a_job(attempt=1)], "lanes": [a_lane("cpu0")], **tables})
    return answer_to(view, a_request(verb, subject=subject, place=place), now)


def chain(**statuses: str) -> list[Any]:
    """The five jobs of an asset, one behind the other; those not named are skipped."""
    jobs: list[Any] = []
    for phase in PHASES:
        status = statuses.get(phase, "skipped")
        mode = "" if phase == "preflight" else "balanced"
        after = (jobs[-1].id,) if jobs else ()
        tried = {"attempt": 3} if status in ("failed", "quarantined") else {}
        jobs.append(a_job(phase=phase, mode=mode, after=after, status=status, reason=f"{phase} told", **tried))
    return jobs


def kinds(wishes: tuple[Action, ...]) -> list[str]:
    return [wish.kind for wish in wishes]


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "kill", "retry", "prioritise"])
def test_without_a_campaign_every_verb_is_refused(verb: str) -> None:
    answer = asked(verb, "x", campaigns=[], jobs=[])
    assert answer == Answer(
        f"nothing to {verb}: 0 campaigns on record; `swarmd start CAMPAIGN.yaml` begins one", is_refused=True
    )


# -- cancel -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["active", "paused", "stopped"])
def test_a_campaign_is_cancelled_for_good_from_whatever_it_is(status: str) -> None:
    answer = asked("cancel", "majors", campaigns=[campaign(status=status)], runs=[a_run()])
    text = "cancelled for good: 1 run killed, 1 job left undone"
    assert answer == Answer(
        text,
        (SetCampaign(campaign="majors", status="cancelled", reason=f"asked by cli: {text}", caused_by=("0001-stop",)),),  # type: ignore[arg-type]
    )


def test_what_is_cancelled_already_is_a_yes_what_is_done_or_another_a_no() -> None:
    again = asked("cancel", campaigns=[campaign(status="cancelled")], runs=[a_run()])
    assert again == Answer("majors is cancelled already: 1 run open")
    done = asked("cancel", campaigns=[campaign(status="done", reason="5 jobs settled")])
    assert done == Answer("nothing to cancel: majors is done (5 jobs settled)", is_refused=True)
    assert asked("cancel", "minors").is_refused


# -- kill -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [RUN, "cpu0"])
def test_a_run_is_killed_by_its_own_name_or_its_lanes_and_its_job_goes_on(name: str) -> None:
    answer = asked("kill", name, runs=[a_run()])
    assert answer.text == (
        f"killed {RUN} in cpu0, pid 100: {JOB} stays queued, attempt 2 follows, and this one counts as no loss"
    )
    (kill,) = answer.wishes
    assert isinstance(kill, StopRun)
    assert (kill.run, kill.how, kill.caused_by) == (RUN, "kill", (RUN, "0001-stop"))


def test_a_killed_runs_next_attempt_waits_where_the_campaign_does() -> None:
    answer = asked("kill", RUN, runs=[a_run()], campaigns=[campaign(status="paused")])
    assert answer.text.endswith(f"{JOB} stays queued, attempt 2 waits while majors is paused")
    assert kinds(answer.wishes) == ["stop_run"]


def test_what_is_being_killed_already_is_a_yes() -> None:
    answer = asked("kill", RUN, runs=[a_run(status="stopping", killed_at=58_000)])
    assert answer == Answer(f"{RUN} was killed 2 s ago and has not gone yet")


@pytest.mark.parametrize(
    ("name", "runs", "told"),
    [
        ("cpu9", [a_run()], "nothing to kill: 'cpu9' is neither a run nor a lane on record (1 open run in 1 lane)"),
        ("cpu0", [], "nothing to kill: cpu0 has no open run (0 runs open)"),
        (RUN, [a_run(status="lost", ended_at=30_000)], f"nothing to kill: {RUN} ended 30 s ago as lost"),
        (RUN, [a_run(status="starting", ordered_at=59_500)], f"{RUN} was ordered 500 ms ago and has 0 processes yet"),
    ],
)
def test_a_kill_of_what_does_not_live_is_refused_in_numbers(name: str, runs: list[Any], told: str) -> None:
    answer = asked("kill", name, runs=runs)
    assert answer.is_refused
    assert answer.text.startswith(told)
    assert answer.wishes == ()


# -- retry ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["failed", "quarantined"])
def test_a_job_that_ended_badly_is_queued_again_with_all_that_was_skipped_behind_it(status: str) -> None:
    jobs = chain(preflight="done", prescreen="done", refine=status)
    answer = asked("retry", jobs[2].id, jobs=jobs)
    assert [(w.job, w.caused_by) for w in answer.wishes if isinstance(w, RetryJob)] == [
        (job.id, (job.id, "0001-stop")) for job in jobs[2:]
    ]
    assert answer.text == (f"{jobs[2].id} gets a fresh start (attempt 5 follows); 2 jobs behind it queued again")


def test_of_a_job_that_was_skipped_what_failed_before_it_is_tried_again() -> None:
    jobs = chain(preflight="done", prescreen="quarantined")
    answer = asked("retry", jobs[4].id, jobs=jobs)
    assert [w.job for w in answer.wishes if isinstance(w, RetryJob)] == [job.id for job in jobs[1:]]


def test_a_campaign_that_was_done_is_taken_up_again_for_it() -> None:
    jobs = chain(preflight="failed")
    answer = asked("retry", jobs[0].id, jobs=jobs, campaigns=[campaign(status="done")])
    assert kinds(answer.wishes) == ["set_campaign", *["retry_job"] * 5]
    paused = asked("retry", jobs[0].id, jobs=jobs, campaigns=[campaign(status="paused")])
    assert kinds(paused.wishes) == ["retry_job"] * 5
    assert paused.text.endswith("; it waits while majors is paused")


def test_an_honest_no_is_not_asked_for_again_but_bad_data_may_have_been_mended() -> None:
    jobs = chain(preflight="done", prescreen="done", refine="done", screen="failed")
    no = a_result(id=f"{jobs[3].id}-a3", job=jobs[3].id, phase="screen", attempt=3, verdict="fail")
    answer = asked("retry", jobs[3].id, jobs=jobs, results=[no])
    assert answer.is_refused
    assert answer.text == f"not retried: {jobs[3].id} did its work in attempt 3 and said no (screen told)"
    bad = chain(preflight="failed")
    said = a_result(id=f"{bad[0].id}-a3", job=bad[0].id, phase="preflight", attempt=3, verdict="fail")
    assert not asked("retry", bad[0].id, jobs=bad, results=[said]).is_refused


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (a_job(status="done", attempt=1, reason="412 valid"), f"{JOB} is done since attempt 1 (412 valid)"),
        (a_job(attempt=2), f"{JOB} is queued after attempt 2"),
        (a_job(status="skipped", reason="not needed"), "was skipped, and nothing failed before it (not needed)"),
    ],
)
def test_a_job_that_did_not_end_badly_is_not_retried(job: Any, told: str) -> None:
    answer = asked("retry", JOB, jobs=[job])
    assert answer.is_refused
    assert told in answer.text


def test_a_fresh_start_that_is_there_already_is_a_yes_and_a_cancelled_campaign_has_none() -> None:
    fresh = a_job(attempt=4, fresh_from=4)
    assert asked("retry", JOB, jobs=[fresh]) == Answer(f"{JOB} has its fresh start already: attempt 5 follows")
    lost = a_job(status="quarantined", attempt=3)
    assert asked("retry", JOB, jobs=[lost], campaigns=[campaign(status="cancelled")]).is_refused
    assert "none of the 1 jobs of majors" in asked("retry", "majors.X", jobs=[lost]).text


def test_a_spoilt_share_of_surrogates_takes_its_judgement_and_the_other_shares_along() -> None:
    refine = a_job(phase="refine", status="done", attempt=1)
    shares = [
        a_job(
            phase="surrogates", id=f"majors.BTCUSDT.balanced.surrogates-{first}", after=(refine.id,),
            surrogates=(first, 8), status=status, attempt=3, reason="told",
        )
        for first, status in ((0, "done"), (8, "quarantined"), (16, "skipped"))
    ]  # fmt: skip
    validate = a_job(phase="validate", after=(refine.id,), status="skipped")
    crown = a_job(phase="crown", after=(validate.id,), status="skipped")
    for name in (shares[1].id, validate.id, crown.id):
        answer = asked("retry", name, jobs=[refine, validate, crown, *shares])
        retried = {w.job for w in answer.wishes if isinstance(w, RetryJob)}
        assert retried == {shares[1].id, shares[2].id, validate.id, crown.id}, name


# -- prioritise -------------------------------------------------------------------------------------------------------


def test_an_asset_goes_before_all_others_or_behind_them() -> None:
    tiers = {"BTCUSDT": 1, "ETHUSDT": 1, "SOLUSDT": 2}
    jobs = [a_job(symbol, "preflight", priority=tier) for symbol, tier in tiers.items()]
    first = asked("prioritise", "SOLUSDT", jobs=jobs)
    last = asked("prioritise", "BTCUSDT", place="last", jobs=jobs)
    assert [(w.symbol, w.place) for w in first.wishes if isinstance(w, PlaceAsset)] == [("SOLUSDT", 0)]
    assert [(w.symbol, w.place) for w in last.wishes if isinstance(w, PlaceAsset)] == [("BTCUSDT", 3)]
    moved = a_view(campaigns=[campaign(places={"SOLUSDT": 0, "BTCUSDT": 3})], jobs=jobs)
    assert [job.symbol for job in ranked(moved, jobs)] == ["SOLUSDT", "ETHUSDT", "BTCUSDT"]
    again = asked("prioritise", "SOLUSDT", jobs=jobs, campaigns=[campaign(places={"SOLUSDT": 0})])
    assert again == Answer("SOLUSDT is first already, of 3 assets")


def test_an_asset_that_is_unknown_or_through_is_not_moved() -> None:
    unknown = asked("prioritise", "XRPUSDT")
    assert unknown == Answer("nothing to prioritise: 'XRPUSDT' is none of the 3 assets of majors", is_refused=True)
    through = asked("prioritise", "BTCUSDT", jobs=[a_job(status="done")])
    assert through == Answer("nothing to prioritise: BTCUSDT has 0 jobs to do in majors", is_refused=True)
    assert asked("prioritise", "BTCUSDT", campaigns=[campaign(status="done")]).is_refused
