"""How the stages of a campaign stand: what was answered no is told apart from what failed."""

from pathlib import Path

from builders import a_campaign, a_job, a_result, a_session
from swarm_builders import a_home

from swarmd.state.query import Picture
from swarmd.state.store.journal import Journal
from swarmd.state.store.raw import read_journal
from swarmd.supervisor.dashboard.now import stages


def test_a_no_is_an_answer_and_only_a_preflight_or_a_run_without_one_has_failed(tmp_path: Path) -> None:
    refused = a_job("ETHUSDT", "preflight", mode="", status="failed", attempt=1)
    judged = a_job(phase="validate", status="failed", attempt=1)
    crashed = a_job("ETHUSDT", "validate", status="failed", attempt=2)
    noes = [a_result(f"{job.id}-a1", job=job.id, phase=job.phase, verdict="fail") for job in (refused, judged, crashed)]
    home = a_home(tmp_path)
    with Journal.open(home.journal)[0] as journal:
        journal.append([a_session(), a_campaign(), refused, judged, crashed, *noes])
        journal.commit()
    picture = Picture(read_journal(home.journal).folded())
    told = {row["phase"]: (row["said_no"], row["failed"]) for row in stages(picture.jobs(), picture)}
    assert told == {"preflight": (0, 1), "validate": (1, 1)}
