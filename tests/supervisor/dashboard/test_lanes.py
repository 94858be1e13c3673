"""Why a free lane has nothing to do, beside a GPU and without one."""

from pathlib import Path

import pytest
from builders import a_campaign, a_job, a_lane, a_session
from swarm_builders import a_home

from swarmd.state.query import Facts, Picture
from swarmd.state.records.record import Record
from swarmd.state.store.journal import Journal
from swarmd.state.store.raw import read_journal
from swarmd.supervisor.dashboard.lanes import lane_table

CPU, GPU = a_lane("cpu0"), a_lane("gpu0a", device="gpu0", slot=0)
HELD = a_lane("gpu0a", device="gpu0", slot=0, status="held", reason="gpu0 rests")
SOON = "a run is about to be ordered"


@pytest.mark.parametrize(
    ("lanes", "phase", "waits"),
    [
        ([CPU, GPU], "refine", {"cpu0": SOON, "gpu0a": "no prescreen is queued"}),
        ([CPU, GPU], "prescreen", {"cpu0": "only prescreens are queued, for a lane of a GPU", "gpu0a": SOON}),
        ([CPU, HELD], "prescreen", {"cpu0": SOON, "gpu0a": "gpu0 rests"}),
        ([CPU], "prescreen", {"cpu0": SOON}),
    ],
)
def test_a_free_lane_says_what_it_waits_for(
    lanes: list[Record], phase: str, waits: dict[str, str], tmp_path: Path
) -> None:
    home = a_home(tmp_path)
    with Journal.open(home.journal)[0] as journal:
        journal.append([a_session(), a_campaign(), *lanes, a_job(phase=phase)])
        journal.commit()
    picture = Picture(read_journal(home.journal).folded())
    jobs = [job | {"held": ""} for job in picture.jobs()]
    rows = lane_table(picture, Facts(now=1_000, is_alive=True), jobs)
    assert {row["id"]: row["waits"] for row in rows} == waits
