"""What a session says first: limits as numbers, a lane per slot, and never two questions under one name."""

import pytest
from builders import a_campaign, a_cycle, a_job, a_lane, a_result, a_session, a_view, an_action, the_settings

from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.job import Job, Phase
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.record import Record
from swarmd.state.records.request import Request, Verb
from swarmd.state.records.session import Session, SessionStatus
from swarmd.state.view import View
from swarmd.supervisor.daemon import exit_code, last_number
from swarmd.supervisor.opening import check_campaign_unchanged, opening_records, policy_of
from swarmd.supervisor.question import digest

NOW = 1_000


def opened(before: View, campaign: CampaignSettings | None, **limits: int) -> list[Record]:
    policy = policy_of(campaign or the_settings(), 2, monitors=False, now=NOW).model_copy(update=limits)
    return opening_records(before, a_session(id="new", at=NOW), policy, campaign, "c.yaml", NOW)


def test_auto_means_a_lane_per_core_and_a_number_means_that_number() -> None:
    assert policy_of(the_settings(), 6, monitors=True, now=NOW).max_lanes == 6
    assert policy_of(the_settings(limits={"max_lanes": 3}), 6, monitors=True, now=NOW).max_lanes == 3


def test_the_campaigns_limits_are_the_policys() -> None:
    limits = {"run_timeout": "30m", "max_attempts": 3, "backoff": ["2s", "20s"], "disk_free_min": "2GiB"}
    policy = policy_of(the_settings(limits=limits), 2, monitors=True, now=NOW)
    told = (policy.run_timeout, policy.max_attempts, policy.backoff_first, policy.backoff_cap, policy.disk_free_min)
    assert told == (1_800_000, 3, 2_000, 20_000, 2 << 30)


def test_a_session_that_never_closed_is_lost() -> None:
    before = a_view(sessions=[a_session(id="old", status="open")])
    lost = [record for record in opened(before, None) if isinstance(record, Session) and record.id == "old"]
    assert [record.status for record in lost] == [SessionStatus.LOST]


def test_lanes_are_made_once_and_those_beyond_the_limit_are_held() -> None:
    before = a_view(lanes=[a_lane("cpu0", slot=0), a_lane("cpu1", slot=1), a_lane("cpu2", slot=2)])
    lanes = [record for record in opened(before, None, max_lanes=4) if isinstance(record, Lane) and not record.is_fill]
    assert [lane.id for lane in lanes] == ["cpu3"]
    held = [record for record in opened(before, None, max_lanes=2) if isinstance(record, Lane) and not record.is_fill]
    assert [(lane.id, lane.status) for lane in held] == [("cpu2", LaneStatus.HELD)]
    of_a_gpu = a_view(lanes=[a_lane("cpu0"), a_lane("gpu0c", device="gpu0", slot=2)])
    assert not [
        record for record in opened(of_a_gpu, None, max_lanes=1) if isinstance(record, Lane) and record.slot == 2
    ]


@pytest.mark.parametrize(("status", "asks"), [("stopped", [Verb.RESUME]), ("paused", []), ("active", []), ("done", [])])
def test_starting_again_resumes_what_was_stopped_and_leaves_a_pause_alone(status: str, asks: list[Verb]) -> None:
    before = a_view(campaigns=[a_campaign(status=status)])
    requests = [record for record in opened(before, None) if isinstance(record, Request)]
    assert [request.verb for request in requests] == asks


def test_the_same_question_may_be_started_again_and_a_changed_one_may_not_keep_its_name() -> None:
    settings = the_settings()
    before = a_view(campaigns=[a_campaign(settings=settings, digest=digest(settings))])
    check_campaign_unchanged(before, settings)
    with pytest.raises(OperatorError, match=r"was started with other settings .* give the changed file another `name`"):
        check_campaign_unchanged(before, the_settings(search={"prescreen": {"combos": 7}}))


def test_resuming_without_any_campaign_says_how_to_begin() -> None:
    with pytest.raises(OperatorError, match=r"swarmd start CAMPAIGN\.yaml"):
        check_campaign_unchanged(a_view(campaigns=[]), None)


def test_cycles_are_numbered_on_from_the_last_that_acted_though_its_own_record_was_lost() -> None:
    assert last_number(a_view(cycle=a_cycle(7), actions=[an_action("a7-0"), an_action("a8-3")])) == 8
    assert last_number(a_view()) == 0


@pytest.mark.parametrize(
    ("jobs", "code"),
    [
        ([a_job(phase="preflight", mode="", status="done"), a_job(phase="screen", status="failed", attempt=1)], 0),
        ([a_job("BTC", "preflight", mode="", status="failed"), a_job("ETH", "preflight", mode="", status="done")], 0),
        ([a_job("BTC", "preflight", mode="", status="failed"), a_job("ETH", "preflight", mode="", status="failed")], 1),
        ([a_job(phase="prescreen", status="quarantined")], 1),
        ([a_job(phase="prescreen", status="failed")], 1),
    ],
)
def test_a_campaign_that_was_given_up_or_could_not_begin_ends_with_1_and_an_honest_no_with_0(
    jobs: list[Job], code: int
) -> None:
    screened = [job for job in jobs if job.phase is Phase.SCREEN]
    refused = {"verdict": "fail", "headline": "2 of 4 gates failed"}
    results = [a_result(f"{job.id}-a{job.attempt}", job=job.id, phase="screen", summary=refused) for job in screened]
    assert exit_code(a_view(jobs=jobs, results=results)) == code
