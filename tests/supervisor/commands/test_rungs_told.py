"""What waits between two rungs says for whom: in the jobs, the tracker, the explanation and on the screen alike."""

from pathlib import Path
from typing import Any

import orjson
from builders import a_campaign, a_job, a_lane, a_result, a_run, a_session, a_view
from click.testing import CliRunner
from swarm_builders import a_home

from swarmd.agents.pages.handoff import handoff
from swarmd.agents.pages.tracker import rows_of
from swarmd.agents.rules.plan import planned_jobs
from swarmd.state.query import TOPICS, Facts, Picture
from swarmd.state.records.job import Job, JobStatus
from swarmd.state.records.record import Record
from swarmd.state.records.run import run_id
from swarmd.state.store.journal import Journal
from swarmd.state.store.raw import read_journal
from swarmd.supervisor.commands.explain import explain
from swarmd.supervisor.standing import idle_because, outcome

CAMPAIGN = a_campaign()
HELD = "held: waits for rung 50 of ETHUSDT"
NEXT = "majors.BTCUSDT.balanced.refine-100"
STOPPED = (
    "stopped after 50 of 200 trials: score 0.31, number 2 of 2 in its cohort (1 goes on), best annual Sharpe 0.35 "
    "below 0.8"
)


def jobs_up_to_a_rung(eth: str) -> list[Job]:
    """BTCUSDT is done with its first rung; ``eth`` is how that of ETHUSDT stands."""
    jobs = []
    for job in planned_jobs(CAMPAIGN):
        status = "done" if job.phase in ("preflight", "prescreen") else "queued"
        if job.trials == 50:
            status = "done" if job.symbol == "BTCUSDT" else eth
        chain = {"id": job.id, "mode": job.mode, "after": job.after, "trials": job.trials}
        jobs.append(a_job(job.symbol, job.phase, status=status, reason="ok", attempt=int(status == "done"), **chain))
    return jobs


def told_by(folder: Path, *records: Record) -> tuple[Any, Picture]:
    home = a_home(folder)
    journal, _ = Journal.open(home.journal)
    with journal:
        journal.append([a_session(), CAMPAIGN, *records])
        journal.commit()
    return home, Picture(read_journal(home.journal).folded())


def test_a_held_job_says_whom_it_waits_for_wherever_one_asks(tmp_path: Path) -> None:
    jobs = jobs_up_to_a_rung("queued")
    home, picture = told_by(tmp_path, *jobs)
    rows = {row["id"]: row for row in TOPICS["jobs"](picture, Facts(now=0))}
    assert (rows[NEXT]["trials"], rows[NEXT]["held"]) == (100, HELD)
    assert {row["held"] for id, row in rows.items() if id != NEXT} == {""}
    (btc, _) = TOPICS["tracker"](picture, Facts(now=0))
    assert (btc["Screen Status"], btc["Reason"]) == ("refine-100 held", HELD)
    view = a_view(campaigns=[CAMPAIGN], jobs=jobs, lanes=[a_lane()])
    assert rows_of(view) == TOPICS["tracker"](picture, Facts(now=0))
    assert "refine-100 is held: waits for rung 50 of ETHUSDT" in handoff(view, 0, evidence=())
    told = CliRunner().invoke(explain, ["--home", str(home.root), NEXT], catch_exceptions=False)
    assert told.stdout.startswith(f"{HELD}\n\n")
    document = orjson.loads(CliRunner().invoke(explain, ["--home", str(home.root), NEXT, "--json"]).stdout)
    assert document["held"] == HELD
    of_rung = CliRunner().invoke(explain, ["--home", str(home.root), f"{NEXT[:-3]}50"], catch_exceptions=False)
    assert "held" not in of_rung.stdout


def test_a_lane_idle_at_the_barrier_says_so() -> None:
    jobs = [job for job in jobs_up_to_a_rung("queued") if job.symbol == "BTCUSDT"]
    assert idle_because(a_view(campaigns=[CAMPAIGN], jobs=jobs), 0) == f"1 job between two rungs, the first {HELD}"


def test_a_search_stopped_at_a_rung_has_a_verdict_of_its_own_and_the_page_counts_what_it_saved(tmp_path: Path) -> None:
    ends = {"BTCUSDT": ("done", "crown: the niche was empty"), "ETHUSDT": ("skipped", "refine stopped early")}
    jobs, results = [], []
    for job in jobs_up_to_a_rung("done"):
        if job.status == "queued":
            status, reason = ends[job.symbol]
            reason = STOPPED if job.trials and job.symbol == "ETHUSDT" else reason
            changed = {"status": JobStatus(status), "reason": reason, "attempt": int(status == "done")}
            job = job.model_copy(update=changed)
        jobs.append(job)
        if job.phase == "refine" and job.attempt:
            tried = {50: 50, 100: 50, None: 100}[job.trials]
            summary = {"verdict": "pass", "headline": "9 valid", "tried": tried, "figures": {"score": 1.0}}
            results.append(a_result(run_id(job.id, 1), job=job.id, phase="refine", summary=summary))
    runs = [a_run(job.id, status="done", exit_code=0) for job in jobs if job.attempt]
    view = a_view(campaigns=[a_campaign(status="done")], jobs=jobs, results=results, runs=runs)
    assert [outcome(view, job) for job in jobs if job.symbol == "ETHUSDT"][3:] == ["stopped early", *["skipped"] * 3]
    eth = rows_of(view)[1]
    assert (eth["Screen Status"], eth["Reason"], eth["Prod Ready"]) == ("STOPPED", STOPPED, "NO")
    _, picture = told_by(tmp_path, *jobs, *results)
    assert TOPICS["tracker"](picture, Facts(now=0)) == rows_of(view)
    page = handoff(view, 0, evidence=())
    assert f"- **ETHUSDT balanced.** S{STOPPED[1:]}." in page
    assert "| ETHUSDT | balanced | pass | pass | stopped | · | · |" in page
    assert "250 of 400 trials spent in 2 searches; 38% saved by rungs, which stopped 1." in page
    assert "in cohorts of 6 with rungs after 50, 100" in page
