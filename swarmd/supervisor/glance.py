"""A glance at the journal from outside: what a verb must know of campaign, runs and requests, without building a View.

Reads the raw tables, so that it costs milliseconds and works whether the daemon lives or not.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.state.store.raw import read_journal
from swarmd.state.store.tables import Tables


@dataclass(frozen=True, slots=True)
class Glance:
    """``campaign`` is the last one started, or empty; ``open_runs`` are ids of runs not ended.

    ``stopped_by`` says who asked for the last stop: ``cli`` is a person's wish, a signal may be a machine going down.
    ``refused`` are the requests whose answer is a no; ``lanes``, ``runs``, ``jobs`` (of the campaign) and ``symbols``
    are the names that a verb may be given. ``has_monitors`` and ``has_dashboard`` are what the last start
    chose.
    """

    campaign: str
    status: str
    open_runs: tuple[str, ...]
    answers: dict[str, str]
    stopped_by: str
    reason: str = ""
    refused: frozenset[str] = frozenset()
    lanes: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    has_monitors: bool = True
    has_dashboard: bool = True


def glance(home: Home) -> Glance:
    tables = read_journal(home.journal).folded()
    campaigns = _data(tables, "campaign")
    last = max(campaigns, key=lambda name: campaigns[name]["started_at"], default="")
    return Glance(
        campaign=last,
        status=str(campaigns[last]["status"]) if last else "",
        reason=str(campaigns[last]["reason"]) if last else "",
        open_runs=tuple(
            run for run, said in _data(tables, "run").items() if said["status"] in ("starting", "running", "stopping")
        ),
        stopped_by=next(
            (
                str(said["asked_by"])
                for said in reversed(list(_data(tables, "request").values()))
                if said["verb"] in ("stop", "stop_now")
            ),
            "",
        ),
        answers={
            request: str(said["answer"])
            for request, said in _data(tables, "request").items()
            if said["status"] == "answered"
        },
        lanes=tuple(tables.table("lane")),
        runs=tuple(tables.table("run")),
        jobs=tuple(job for job, said in _data(tables, "job").items() if said["campaign"] == last),
        symbols=_symbols(campaigns[last]) if last else (),
        refused=frozenset(request for request, said in _data(tables, "request").items() if said.get("is_refused")),
        has_monitors=_has_chosen(tables, "monitors"),
        has_dashboard=_has_chosen(tables, "dashboard"),
    )


def _symbols(campaign: dict[str, Any]) -> tuple[str, ...]:
    return tuple(symbol for tier in campaign["settings"]["assets"]["tiers"].values() for symbol in tier)


def _has_chosen(tables: Tables[Any], what: str) -> bool:
    """True too where the journal is of before it was noted."""
    return all(said.get(what, True) for said in _data(tables, "policy").values())


def _data(tables: Tables[Any], kind: str) -> dict[str, dict[str, Any]]:
    return {name: line.said["data"] for name, line in tables.table(kind).items()}


def newest_handoff(home: Home, since: float = 0.0) -> Path | None:
    """The newest handoff page, if one was written at or after this wall-clock time in seconds."""
    pages = [(path.stat().st_mtime, path) for path in home.docs.glob("HANDOFF_SWARM_RUN_*.md")]
    when, page = max(pages, default=(0.0, None))
    return page if when >= since else None


def require_campaign(home: Home) -> Glance:
    """Refuse to resume where nothing was ever begun, before anything is made there."""
    seen = glance(home)
    if not seen.campaign:
        raise OperatorError(
            f"there is no campaign to resume in {home.root}; start one with `swarmd start CAMPAIGN.yaml`, "
            "or see it work with `swarmd start --demo`"
        )
    return seen
