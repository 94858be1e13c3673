"""Tables out of a journal, as plain documents: what ``swarmd query`` prints, with the daemon alive or dead.

Reads dictionaries, not records, so that the command starts fast (no pydantic here). Pure: the caller reads the files
and the clock and hands everything in as ``Facts``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from swarmd.state.branches import awaits_branches
from swarmd.state.cohorts import held_because
from swarmd.state.hypothesis_rows import hypothesis_rows
from swarmd.state.node_rows import node_rows
from swarmd.state.store.publishers import AGENTS, CONTROL_FILE, state_file
from swarmd.state.store.raw import Line
from swarmd.state.store.tables import Tables
from swarmd.state.surrogates import awaits_surrogates
from swarmd.state.telling import wish
from swarmd.state.throughput_rows import throughput_rows
from swarmd.state.tracker import PHASES
from swarmd.state.tracker_topic import tracker_topic
from swarmd.state.units import SECOND, Millis, iso, millis_of_iso

Row = dict[str, Any]

_UNITS = {
    "preflight": "checks",
    "prescreen": "combos",
    "refine": "trials",
    "screen": "candidates",
    "surrogates": "markets",
    "crown": "candidates",
}
_OPEN_RUN = frozenset({"starting", "running", "stopping"})
_CLOSED_SHOWN = 10
_STALE_AFTER: Millis = 10 * SECOND  # the policy's own number counts where the journal holds one
_SCORES = ("adherence", "efficacy", "deviation", "performance", "efficiency")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known besides the journal. ``now`` is steady time; ``published`` maps file names to their documents.

    With ``is_past`` the answer is as of then, and nothing published tells of it any more.
    """

    now: Millis
    is_alive: bool = False
    pid: int | None = None
    published: Mapping[str, Row] = field(default_factory=dict)
    is_past: bool = False


class Picture:
    """The newest of everything, as rows: ``{"id", "at", "caused_by", **data}``."""

    def __init__(self, tables: Tables[Line]) -> None:
        self._tables = {
            kind: {id: row_of(line) for id, line in table.items()} for kind, table in tables.by_kind.items()
        }

    @classmethod
    def of_rows(cls, tables: Tables[Row]) -> "Picture":
        """Of rows folded as they came, by who looks often: they stay the fold's own, and go on changing with it."""
        picture = cls(Tables())
        picture._tables = tables.by_kind
        return picture

    def rows(self, kind: str) -> list[Row]:
        return list(self._tables.get(kind, {}).values())

    def get(self, kind: str, id: str) -> Row | None:
        return self._tables.get(kind, {}).get(id)

    @property
    def campaign(self) -> Row | None:
        return max(self.rows("campaign"), key=lambda row: row["started_at"], default=None)

    @property
    def session(self) -> Row | None:
        """The open one, else the last there was."""
        sessions = self.rows("session")
        return next((row for row in reversed(sessions) if row["status"] == "open"), sessions[-1] if sessions else None)

    def jobs(self) -> list[Row]:
        campaign = self.campaign
        return [row for row in self.rows("job") if campaign is None or row["campaign"] == campaign["id"]]

    def open_runs(self) -> list[Row]:
        return [row for row in self.rows("run") if row["status"] in _OPEN_RUN]


def row_of(line: Line) -> Row:
    said = line.said
    return {"id": said["id"], "at": said["at"], "caused_by": said.get("caused_by", []), **said["data"]}


def head(picture: Picture, facts: Facts) -> Row:
    """What every document of this schema begins with."""
    session = picture.session
    return {
        "as_of": iso(facts.now),
        "source": "daemon" if facts.is_alive and not facts.is_past else "journal",
        "run_id": session["id"] if session else None,
    }


def query_document(picture: Picture, facts: Facts) -> Row:
    """The continuity state: one document from which the next session can go on without asking."""
    campaign = picture.campaign
    cycle = next(iter(picture.rows("cycle")), None)
    scores = picture.get("scores", "scores")
    incidents = incident_rows(picture, facts)
    closed = [row for row in incidents if row["status"] == "closed"]
    return head(picture, facts) | {
        "daemon": _daemon(facts, picture.session, cycle),
        "campaign": campaign
        and {"name": campaign["id"], "status": campaign["status"], "stage": _stage(picture.jobs(), campaign)},
        "goal": {
            "reached": campaign is not None and campaign["status"] == "done",
            "remaining": [job["id"] for job in picture.jobs() if job["status"] == "queued"],
        },
        "next_steps": [
            {
                "id": step["id"],
                "agent": step["agent"],
                "what": step["what"],
                "expected_outcome": step["expected_outcome"],
                "due": iso(step["due"]),
                "status": step["status"],
            }
            for step in picture.rows("step")
            if step["status"] == "pending"
        ],
        "lanes": lane_rows(picture, facts),
        "jobs": job_counts(picture),
        "hardware": _hardware(picture),
        "agents": {row.pop("name"): row for row in agent_rows(picture, facts)},
        "scores": {name: scores[name] if scores else None for name in _SCORES},
        "incidents": {
            "open": [row for row in incidents if row["status"] != "closed"],
            "closed_last": closed[-_CLOSED_SHOWN:],
        },
        "actions_last_cycle": [
            row for row in action_rows(picture, facts) if cycle and row["id"].startswith(f"a{cycle['number']}-")
        ],
        "champions": champion_rows(picture, facts),
    }


# -- the parts ------------------------------------------------------------------------------------------------------


def _daemon(facts: Facts, session: Row | None, cycle: Row | None) -> Row:
    said = facts.published.get(CONTROL_FILE, {}).get("daemon", {}) if facts.is_alive else {}
    times = said.get("cycle_ms", {})
    uptime = said.get("uptime_s")
    if facts.is_past and facts.is_alive and session is not None:
        uptime = _age_s(millis_of_iso(session["at"]), facts.now)
    return {
        "alive": facts.is_alive,
        "pid": facts.pid if facts.is_alive else None,
        "cycle": said.get("cycle", cycle["number"] if cycle else 0),
        "cycle_ms": {"p50": times.get("p50"), "p99": times.get("p99")},
        "uptime_s": uptime,
    }


def _stage(jobs: list[Row], campaign: Row) -> str:
    """The earliest phase with work left; the campaign's own end where none is."""
    waiting = {job["phase"] for job in jobs if job["status"] == "queued"}
    return next((phase for phase in PHASES if phase in waiting), "done" if campaign["status"] == "done" else "planning")


def job_counts(picture: Picture) -> dict[str, int]:
    counts = dict.fromkeys(("queued", "running", "done", "failed", "quarantined", "skipped"), 0)
    busy = {run["job"] for run in picture.open_runs()}
    for job in picture.jobs():
        is_running = job["status"] == "queued" and job["id"] in busy
        counts["running" if is_running else job["status"]] += 1
    return counts


def _hardware(picture: Picture) -> Row:
    gauges = {row["id"]: row["value"] for row in picture.rows("gauge")}
    return {
        "cpu_util": gauges.get("host.cpu_util"),
        "load": gauges.get("host.load1"),
        "mem_used": gauges.get("host.mem_used"),
        "psi": {name: gauges.get(f"host.psi_{name}") for name in ("cpu", "memory", "io")},
        "gpus": [_gpu(row) for row in picture.rows("device") if _is_of_today(picture, row)],
    }


def _is_of_today(picture: Picture, device: Row) -> bool:
    """One that was gone before this session began is another machine's story."""
    session = picture.session
    return device["is_there"] or (session is not None and device["since"] >= millis_of_iso(session["at"]))


def _gpu(device: Row) -> Row:
    shown = {name: device[name] for name in ("index", "name", "util", "mem_used", "mem_total", "temp_c")}
    return shown | {"xid": device["errors"][-1]["xid"] if device["errors"] else None}


# -- topics ---------------------------------------------------------------------------------------------------------


def lane_rows(picture: Picture, facts: Facts) -> list[Row]:
    runs = {run["lane"]: run for run in picture.open_runs()}
    return [_lane(picture, lane, runs.get(lane["id"]), facts.now) for lane in picture.rows("lane")]


def _lane(picture: Picture, lane: Row, run: Row | None, now: Millis) -> Row:
    beat = picture.get("beat", run["id"]) if run else None
    job = picture.get("job", run["job"]) if run else None
    return {
        "id": lane["id"],
        "device": lane["device"],
        "kind": lane["device"].rstrip("0123456789"),
        "node": lane.get("node", ""),
        "status": lane["status"],
        "run": run and run["id"],
        "job": run and run["job"],
        "pid": run and run.get("pid"),
        "progress": beat and _progress(beat, job),
        "heartbeat_age_s": beat and _age_s(beat["heartbeat_at"], now),
    }


def _progress(beat: Row, job: Row | None) -> Row:
    left = max(0, beat["total"] - beat["done"])
    return {
        "done": beat["done"],
        "total": beat["total"],
        "unit": _UNITS.get(job["phase"], "units") if job else "units",
        "rate": beat["rate"],
        "eta_s": round(left / beat["rate"], 1) if beat["total"] > 0 and beat["rate"] > 0 else None,
    }


def _age_s(since: Millis, now: Millis) -> float:
    return round(max(0, now - since) / 1000, 3)


def run_rows(picture: Picture, facts: Facts) -> list[Row]:
    beats = {row["id"]: row for row in picture.rows("beat")}
    rows = []
    for run in picture.rows("run"):
        beat = beats.get(run["id"])
        rows.append(
            {
                "id": run["id"],
                "lane": run["lane"],
                "job": run["job"],
                "attempt": run["attempt"],
                "status": run["status"],
                "pid": run.get("pid"),
                "ordered_at": iso(run["ordered_at"]),
                "ended_at": iso(run["ended_at"]) if "ended_at" in run else None,
                "exit_code": run.get("exit_code"),
                "signal": run.get("signal"),
                "done": beat and beat["done"],
                "total": beat and beat["total"],
                "reason": run.get("reason", ""),
            }
        )
    return rows


def job_rows(picture: Picture, facts: Facts) -> list[Row]:
    busy = {run["job"]: run["id"] for run in picture.open_runs()}
    settings = {campaign["id"]: campaign["settings"] for campaign in picture.rows("campaign")}
    by_id = {job["id"]: job for job in picture.rows("job")}
    results = {(row["job"], row["attempt"]): row["summary"]["figures"] for row in picture.rows("result")}
    moved = {campaign["id"]: campaign.get("places", {}) for campaign in picture.rows("campaign")}

    def figures_of(job: Mapping[str, Any]) -> Row | None:
        return results.get((job["id"], job["attempt"]))

    return [
        {
            "id": job["id"],
            "campaign": job["campaign"],
            "symbol": job["symbol"],
            "mode": job["mode"],
            "phase": job["phase"],
            "status": "running" if job["status"] == "queued" and job["id"] in busy else job["status"],
            "attempt": job["attempt"],
            "priority": moved.get(job["campaign"], {}).get(job["symbol"], job["priority"]),
            "run": busy.get(job["id"]),
            "after": job["after"],
            "not_before": iso(job["not_before"]) if job["not_before"] > facts.now else None,
            "reason": job["reason"],
            "trials": job.get("trials"),
            "branch": job.get("branch"),
            "surrogates": job.get("surrogates"),
            "held": _held(job, by_id, settings, figures_of),
        }
        for job in by_id.values()
    ]


def _held(
    job: Row, jobs: dict[str, Row], settings: dict[str, Row], figures_of: Callable[[Mapping[str, Any]], Row | None]
) -> str:
    """For whom or what it waits that is none of the jobs it stands behind."""
    asked = settings.get(job["campaign"])
    if asked is None:
        return awaits_branches(job, jobs)
    by_cohort = held_because(job, jobs, asked)
    return by_cohort or awaits_branches(job, jobs) or awaits_surrogates(job, jobs, asked, figures_of)


def champion_rows(picture: Picture, facts: Facts) -> list[Row]:
    """With how each stands; lines of before that was told are of champions in force."""
    return [
        {"status": "in_force", "origin": "crowned", "note": "", "promise": None, "e_value": None, "days": 0}
        | row
        | {name: iso(row[name]) if row.get(name) else None for name in ("since", "told_at")}
        for row in picture.rows("champion")
    ]


def incident_rows(picture: Picture, facts: Facts) -> list[Row]:
    return [row | {"opened_at": iso(row["opened_at"]), "due": iso(row["due"])} for row in picture.rows("incident")]


def action_rows(picture: Picture, facts: Facts) -> list[Row]:
    return [
        {
            "id": row["id"],
            "at": row["at"],
            "agent": row["agent"],
            "kind": row["action"]["kind"],
            "what": wish(row["action"]),
            "reason": row["action"]["reason"],
            "caused_by": row["caused_by"],
        }
        for row in picture.rows("action")
    ]


def agent_rows(picture: Picture, facts: Facts) -> list[Row]:
    """How fresh each agent's published view is, and what it has to say.

    Of the past the journal tells only whether the file was there: seen fresh, missing or damaged.
    """
    policy = picture.get("policy", "policy")
    limit = policy["source_stale_after"] if policy else _STALE_AFTER
    rows = []
    for name in AGENTS:
        document = facts.published.get(state_file(name))
        age = facts.now - millis_of_iso(document["updated_at"]) if document else None
        status = document.get("status", "unknown") if document else "missing"
        is_fresh = age is not None and age <= limit
        if facts.is_past:
            source = picture.get("source", f"state/{state_file(name)}")
            is_fresh = source is not None and source["status"] == "fresh"
            status = "unknown" if is_fresh or source is None else source["status"]
        rows.append(
            {
                "name": name,
                "fresh": facts.is_alive and is_fresh,
                "age_s": None if age is None else round(max(0, age) / 1000, 3),
                "status": status,
                "findings": [row["text"] for row in picture.rows("finding") if row["agent"] == name and row["text"]],
            }
        )
    return rows


# Topic to rows. ``events`` and ``trials`` come from other files: the segments and the outboxes.
TOPICS: Mapping[str, Callable[[Picture, Facts], list[Row]]] = {
    "lanes": lane_rows,
    "nodes": node_rows,
    "runs": run_rows,
    "jobs": job_rows,
    "champions": champion_rows,
    "incidents": incident_rows,
    "actions": action_rows,
    "agents": agent_rows,
    "throughput": throughput_rows,
    "hypotheses": hypothesis_rows,
    "tracker": tracker_topic,
}
