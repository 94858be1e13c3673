"""How a play may end: with every job at its end and answered, no incident late, and nothing open of what was cancelled.

Each law is seen to fail on a planted state, and to hold on the nearest lawful one.
"""

from typing import Any

import pytest
from builders import a_campaign, a_job, a_policy, a_run, a_view, an_incident
from chain_builders import Chains, a_climb, ended

from simulation.laws import LawBroken, Laws
from swarmd.state.store.tables import RETENTION
from swarmd.state.units import MINUTE


def ends(chains: Chains, laws: Laws | None = None, **tables: Any) -> None:
    (laws or Laws()).at_the_end(chains.view(**tables), MINUTE)


@pytest.mark.parametrize("name", ["AUSDT.preflight", "BUSDT.refine-50", "EUSDT.crown"])
def test_a_planned_job_that_has_no_end_is_found_out(name: str) -> None:
    full = name.replace(".", ".balanced.") if "preflight" not in name else name
    ends(ended(a_climb()))
    with pytest.raises(LawBroken, match=f"majors.{full} was lost: queued"):
        ends(ended(a_climb()).job(name, status="queued"))
    with pytest.raises(LawBroken, match=f"majors.{full} was lost: None"):
        ends(ended(a_climb()).without(name))


def test_a_done_job_without_an_answer_of_its_newest_attempt_is_found_out() -> None:
    told = "majors.AUSDT.balanced.screen is done, and attempt {} has no result"
    with pytest.raises(LawBroken, match=told.format(1)):
        ends(ended(a_climb()).job("AUSDT.screen", answered=False))
    with pytest.raises(LawBroken, match=told.format(2)):
        ends(ended(a_climb()).job("AUSDT.screen", attempt=2))
    for status in ("failed", "quarantined"):
        ends(ended(a_climb()).job("AUSDT.screen", status=status, answered=False))


def test_of_more_answers_than_are_remembered_nothing_is_said() -> None:
    n_jobs = len(ended(a_climb()).jobs)
    chains = ended(a_climb()).job("AUSDT.screen", answered=False, attempt=RETENTION["result"].last - n_jobs + 1)
    with pytest.raises(LawBroken, match="has no result"):
        ends(chains)
    ends(chains.job("EUSDT.screen", attempt=2))


def test_a_campaign_that_has_not_come_to_its_end_is_found_out() -> None:
    left = ended(a_climb()).job("EUSDT.crown", status="queued")
    for campaigns in ([], *[[a_campaign(status=status)] for status in ("active", "paused", "stopped", "cancelled")]):
        with pytest.raises(LawBroken, match="the campaign has not come to its end"):
            ends(left, campaigns=campaigns)
    with pytest.raises(LawBroken, match=r"'done': 1, 'queued': 1}, first \['majors.ETHUSDT.balanced.prescreen'\]"):
        Laws().at_the_end(a_view(jobs=[a_job(status="done"), a_job("ETHUSDT")]), MINUTE)


def test_a_cancelled_campaign_that_goes_on_is_found_out() -> None:
    laws, cancelled = Laws(), a_campaign(status="cancelled")
    laws.asked.cancelled.add(cancelled.id)
    left = Chains(cancelled).add("AUSDT.crown", "crown")
    ends(left, laws)
    with pytest.raises(LawBroken, match="majors was cancelled, is active, 0 open"):
        ends(left, laws, campaigns=[a_campaign()])
    with pytest.raises(LawBroken, match="majors was cancelled, is cancelled, 1 open"):
        ends(left, laws, runs=[a_run()])
    ends(left, laws, runs=[a_run(status="failed")])
    policy = a_policy(term_grace=1_000)
    with pytest.raises(LawBroken, match="is cancelled, 1 open"):
        ends(left, laws, runs=[a_run(status="stopping", killed_at=MINUTE - 3_000)], policy=policy)
    ends(left, laws, runs=[a_run(status="stopping", killed_at=MINUTE - 3_001)], policy=policy)
    ends(ended(a_climb()), Laws())


@pytest.mark.parametrize("signature", ["crash", "silent", "poison_job", "fleet_wide", "no_worker", "unkillable"])
def test_an_incident_that_is_open_past_its_time_is_found_out(signature: str) -> None:
    late = an_incident("lane", signature, due=MINUTE - 1, cause="it hangs")
    with pytest.raises(LawBroken, match=f"lane/{signature} is still open at the end: it hangs"):
        ends(ended(a_climb()), incidents=[late])
    for status in ("acknowledged", "closed"):
        ends(ended(a_climb()), incidents=[an_incident("lane", signature, due=MINUTE - 1, status=status)])
    ends(ended(a_climb()), incidents=[an_incident("lane", signature, due=MINUTE)])


@pytest.mark.parametrize(
    "signature", ["disk_full", "monitor_lost", "state_missing", "journal_damaged", "champion_damaged"]
)
def test_an_incident_of_what_is_no_work_may_outlast_the_campaign(signature: str) -> None:
    ends(ended(a_climb()), incidents=[an_incident("it", signature, due=0)])
