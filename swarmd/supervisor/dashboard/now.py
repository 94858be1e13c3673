"""How it stands, in one small document: the first page, and what every open page is told each second.

Pure, over plain rows. Small on purpose: with a thousand lanes it is as long as with two, for those are a table of their
own that is asked for by the page.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from swarmd.state.query import Facts, Picture, agent_rows, head, job_counts
from swarmd.state.store.publishers import CONTROL_FILE
from swarmd.state.tracker import PHASES
from swarmd.state.units import millis_of_iso

Row = dict[str, Any]

_STANDINGS = ("done", "running", "queued", "said_no", "failed", "quarantined", "skipped")
_OPEN_SHOWN = 20
_OVER = ("done", "cancelled")
_STEPS_SHOWN = 8
_SCORES = ("adherence", "efficacy", "deviation", "performance", "efficiency")


def now_document(picture: Picture, facts: Facts, jobs: Sequence[Row], lanes: Sequence[Row]) -> Row:
    """Goal, stages, lanes and devices in figures, and the incidents that are open."""
    opened = [row for row in picture.rows("incident") if row["status"] != "closed"]
    champions = [row for row in picture.rows("champion") if row.get("status", "in_force") == "in_force"]
    return head(picture, facts) | {
        "daemon": _daemon(picture, facts),
        "campaign": _campaign(picture, facts, jobs),
        "stages": stages(jobs, picture),
        "jobs": job_counts(picture),
        "lanes": _lanes(lanes),
        "rates": rates(lanes),
        "host": host(picture),
        "devices": devices(picture),
        "incidents": {
            "open": len(opened),
            "closed": len(picture.rows("incident")) - len(opened),
            "newest": [_incident(row) for row in opened[-_OPEN_SHOWN:]],
        },
        "champions": len(champions),
        "scores": {name: (picture.get("scores", "scores") or {}).get(name) for name in _SCORES},
        "next_steps": [
            {name: row[name] for name in ("id", "agent", "what", "expected_outcome")}
            for row in picture.rows("step")
            if row["status"] == "pending"
        ][:_STEPS_SHOWN],
        "agents_not_fresh": [row["name"] for row in agent_rows(picture, facts) if not row["fresh"]],
    }


def _daemon(picture: Picture, facts: Facts) -> Row:
    said = facts.published.get(CONTROL_FILE, {}).get("daemon", {}) if facts.is_alive else {}
    times = said.get("cycle_ms", {})
    session = picture.session
    cycle = next(iter(picture.rows("cycle")), None)
    return {
        "alive": facts.is_alive,
        "pid": facts.pid if facts.is_alive else None,
        "cycle": said.get("cycle", cycle["number"] if cycle else 0),
        "cycle_ms": {"p50": times.get("p50"), "p99": times.get("p99")},
        "uptime_s": said.get("uptime_s"),
        "ended": "" if facts.is_alive or session is None else session.get("reason", ""),
    }


def _campaign(picture: Picture, facts: Facts, jobs: Sequence[Row]) -> Row | None:
    campaign = picture.campaign
    if campaign is None:
        return None
    settings = campaign["settings"]
    ours = [job for job in jobs if job["campaign"] == campaign["id"]]
    settled = sum(job["status"] not in ("queued", "running") for job in ours)
    passed = facts.now - campaign["started_at"]
    is_guessed = campaign["status"] == "active" and facts.is_alive and 0 < settled < len(ours) and passed > 0
    tiers = settings["assets"]["tiers"]
    return {
        "name": campaign["id"],
        "label": settings.get("label", ""),
        "status": campaign["status"],
        "reason": campaign["reason"],
        "strategy": settings["strategy"]["name"],
        "modes": settings["strategy"]["modes"],
        "interval": settings["data"]["interval"],
        "assets": sum(len(symbols) for symbols in tiers.values()),
        "started_at": campaign["started_at"],
        "ended_at": millis_of_iso(campaign["at"]) if campaign["status"] in _OVER else None,
        "now": facts.now,
        "settled": settled,
        "total": len(ours),
        # A rough guess, as on the terminal: it goes on settling jobs as it has.
        "eta_s": round(passed / settled * (len(ours) - settled) / 1000) if is_guessed else None,
    }


def stages(jobs: Sequence[Row], picture: Picture) -> list[Row]:
    """Each phase of the chain with how many of its jobs stand where; phases that this campaign lacks are left out."""
    campaign = picture.campaign
    noes = {(row["job"], row["attempt"]) for row in picture.rows("result") if row["summary"]["verdict"] == "fail"}
    by_phase: dict[str, Counter[str]] = {}
    for job in jobs:
        if campaign is not None and job["campaign"] == campaign["id"]:
            # A judge that did its work and said no has not failed; a preflight that did found something to mend.
            is_no = job["status"] == "failed" and job["phase"] != "preflight" and (job["id"], job["attempt"]) in noes
            by_phase.setdefault(job["phase"], Counter())["said_no" if is_no else job["status"]] += 1
    return [
        {"phase": phase, "total": by_phase[phase].total(), **{name: by_phase[phase][name] for name in _STANDINGS}}
        for phase in PHASES
        if phase in by_phase
    ]


def _lanes(lanes: Sequence[Row]) -> Row:
    standing = Counter("busy" if row["run"] else row["standing"] for row in lanes)
    waits = Counter(row["waits"] for row in lanes if row["waits"])
    return {
        "total": len(lanes),
        "busy": standing["busy"],
        "free": standing["free"],
        "held": standing["held"],
        "why_idle": [{"reason": reason, "lanes": count} for reason, count in waits.most_common(3)],
    }


def rates(lanes: Sequence[Row]) -> Row:
    """What all lanes together do a second, by unit."""
    found: Counter[str] = Counter()
    for row in lanes:
        if row["run"] and row["unit"] and row["rate"]:
            found[row["unit"]] += row["rate"]
    return {unit: round(rate, 3) for unit, rate in found.items()}


def host(picture: Picture) -> Row:
    """What was last measured of the machine, beside what is aimed at."""
    gauges = {row["id"].removeprefix("host."): row["value"] for row in picture.rows("gauge")}
    policy = picture.get("policy", "policy") or {}
    return {
        "cpu_util": gauges.get("cpu_util"),
        "cpu_target": policy.get("cpu_util_target"),
        "load": gauges.get("load1"),
        "mem_used": gauges.get("mem_used"),
        "mem_available_bytes": gauges.get("mem_available_bytes"),
        "mem_total_bytes": gauges.get("mem_total_bytes"),
        "disk_free_bytes": gauges.get("disk_free_bytes"),
        "disk_free_min": policy.get("disk_free_min"),
        "psi": {name: gauges.get(f"psi_{name}") for name in ("cpu", "memory", "io")},
    }


def devices(picture: Picture) -> list[Row]:
    """The graphics processors of today, beside what is aimed at; one that was gone before this session is left out."""
    session, policy = picture.session, picture.get("policy", "policy") or {}
    began = millis_of_iso(session["at"]) if session else 0
    target = policy.get("gpu_util_target")
    shown = ("id", "name", "is_there", "trouble", "util", "mem_used", "mem_total", "temp_c")
    return [
        {name: row.get(name) for name in shown} | {"target": target}
        for row in picture.rows("device")
        if row["is_there"] or row["since"] >= began
    ]


def _incident(row: Row) -> Row:
    return {
        name: row[name] for name in ("id", "status", "signature", "subject", "agent", "opened_at", "cause", "remedy")
    }
