"""``swarmd query tracker``: where each asset stands, as plain rows.

A topic of ``query``, in a file of its own; like all of that it reads dictionaries, so that the command starts fast.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from swarmd.state.cohorts import held_because
from swarmd.state.surrogates import awaits_surrogates
from swarmd.state.tracker import Seen, step_name, tracker_rows
from swarmd.state.tracker_champions import as_they_stand

if TYPE_CHECKING:
    from swarmd.state.query import Facts, Picture


def tracker_topic(picture: "Picture", facts: "Facts") -> list[dict[str, Any]]:
    """One row an asset and mode of the newest campaign, in the order of its tiers."""
    campaign = picture.campaign
    if campaign is None:
        return []
    busy = {run["job"] for run in picture.open_runs()}
    results = {(row["job"], row["attempt"]): row["summary"]["figures"] for row in picture.rows("result")}
    settings = campaign["settings"]
    by_id = {job["id"]: job for job in picture.jobs()}

    def figures_of(job: Mapping[str, Any]) -> dict[str, Any] | None:
        return results.get((job["id"], job["attempt"]))

    def step_of(job: Mapping[str, Any]) -> str:
        share = job.get("surrogates")
        return step_name(job["phase"], job.get("trials"), job.get("branch"), None if share is None else share[0])

    jobs = {
        (job["symbol"], job["mode"], step_of(job)): Seen(
            job["status"],
            job["reason"],
            job["id"] in busy,
            results.get((job["id"], job["attempt"]), {}),
            held_because(job, by_id, settings) or awaits_surrogates(job, by_id, settings, figures_of),
        )
        for job in by_id.values()
    }
    rows = tracker_rows(settings["assets"]["tiers"], settings["strategy"]["modes"], jobs)
    interval = settings["data"]["interval"]
    return as_they_stand(rows, picture.rows("champion"), campaign=campaign["id"], interval=interval)
