"""Lanes and jobs as the pages show them: with what they do, or the reason why they wait.

Pure, over the plain rows of ``query``: what a person asks first of a machine that stands still is why, so the reason
stands on the item itself.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from swarmd.state.query import Facts, Picture, lane_rows
from swarmd.state.records.job import Phase
from swarmd.state.units import SECOND, millis_of_iso, spoken

Row = dict[str, Any]

_SAID_LAST = 3


def lane_table(picture: Picture, facts: Facts, jobs: Sequence[Row]) -> list[Row]:
    """Every lane with its run in figures, or why it has none."""
    by_id = {job["id"]: job for job in jobs}
    rows = lane_rows(picture, facts)
    has_gpu = any(lane["status"] == "open" and lane["device"] != "cpu" for lane in rows)
    idle = [idle_because(picture, facts, jobs, on_gpu=kind if has_gpu else None) for kind in (False, True)]
    return [_lane(picture, lane, by_id, idle[lane["device"] != "cpu"]) for lane in rows]


def _lane(picture: Picture, lane: Row, jobs: Mapping[str, Row], idle: str) -> Row:
    progress = lane.pop("progress") or {}
    job = jobs.get(lane["job"] or "", {})
    run = picture.get("run", lane["run"]) if lane["run"] else None
    beat = (picture.get("beat", lane["run"]) if lane["run"] else None) or {}
    record = picture.get("lane", lane["id"]) or {}
    is_held = lane["status"] == "held"
    done, total = progress.get("done"), progress.get("total")
    return lane | {
        "standing": run["status"] if run else lane["status"] if is_held else "free",
        "phase": job.get("phase"),
        "symbol": job.get("symbol"),
        "mode": job.get("mode"),
        "attempt": run and run["attempt"],
        "done": done,
        "total": total,
        "share": round(done / total, 4) if done is not None and total else None,
        "unit": progress.get("unit"),
        "rate": progress.get("rate"),
        "eta_s": progress.get("eta_s"),
        "rss_bytes": beat.get("rss_bytes"),
        "is_fill": record.get("is_fill", False),
        "waits": "" if run else record.get("reason", "") if is_held else idle,
    }


def job_table(jobs: Sequence[Row], facts: Facts) -> list[Row]:
    """Every job with why it does not run yet."""
    status = {job["id"]: job["status"] for job in jobs}
    return [job | {"waits": waits_for(job, status, facts)} for job in jobs]


def waits_for(job: Row, status: Mapping[str, str], facts: Facts) -> str:
    """Why a queued job does not run: those before it, its back-off, its cohort; empty where only a lane is missing."""
    if job["status"] != "queued":
        return ""
    before = [id for id in job["after"] if status.get(id) not in ("done", None)]
    if before:
        names = ", ".join(short(id) for id in before[:_SAID_LAST])
        return f"after {names}" + (f" and {len(before) - _SAID_LAST} more" if len(before) > _SAID_LAST else "")
    if job["held"]:
        return str(job["held"])
    if job["not_before"] and (left := millis_of_iso(job["not_before"]) - facts.now) > 0:
        return f"back-off, another {spoken(left)}" + (f": {job['reason']}" if job["reason"] else "")
    return "a free lane"


def idle_because(picture: Picture, facts: Facts, jobs: Sequence[Row], *, on_gpu: bool | None = None) -> str:
    """Why a free lane has nothing to do. ``on_gpu``: one that takes prescreens and nothing else, or all but these; None
    where no lane of a GPU is open.
    """
    campaign = picture.campaign
    if not facts.is_alive:
        return "no daemon runs"
    if campaign is None:
        return "no campaign yet"
    if campaign["status"] != "active":
        # What came of one that is done stands beside its name.
        is_told = campaign["reason"] and campaign["status"] != "done"
        return f"the campaign is {campaign['status']}" + (f": {campaign['reason']}" if is_told else "")
    queued = [job for job in jobs if job["status"] == "queued" and job["campaign"] == campaign["id"]]
    if not queued:
        return "nothing queued"
    if on_gpu is not None:
        queued = [job for job in queued if (job["phase"] == Phase.PRESCREEN) is on_gpu]
        if not queued:
            return "no prescreen is queued" if on_gpu else "only prescreens are queued, for a lane of a GPU"
    status = {job["id"]: job["status"] for job in jobs}
    reasons = [waits_for(job, status, facts) for job in queued]
    if "a free lane" in reasons:
        return _last_refusal(picture, facts) or "a run is about to be ordered"
    held = [job["held"] for job in queued if job["held"] and not reasons[queued.index(job)].startswith("after ")]
    if held:
        return f"{_jobs(len(held))} held, the first: {held[0].removeprefix('held: ')}"
    late = [job for job in queued if job["not_before"]]
    if late:
        first = min(millis_of_iso(job["not_before"]) for job in late) - facts.now
        return f"{_jobs(len(late))} in back-off, the first for another {spoken(max(0, first))}"
    return f"{_jobs(len(queued))} to wait for others"


def _last_refusal(picture: Picture, facts: Facts) -> str:
    """What the arbiter said of the last run that it did not let begin, while that is fresh."""
    refused = [row for row in picture.rows("refusal") if row["action"]["kind"] == "start_run"]
    if not refused or facts.now - millis_of_iso(refused[-1]["at"]) > 60 * SECOND:
        return ""
    return str(refused[-1]["because"])


def _jobs(count: int) -> str:
    return f"{count} job" if count == 1 else f"{count} jobs"


def short(job: str) -> str:
    """Without the campaign's name."""
    return job.partition(".")[2] or job
