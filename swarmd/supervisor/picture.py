"""How things stand as read from the disk: the View folded from the journal, and who runs.

For those who look from outside the daemon: ``status`` and the progress monitor.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from swarmd.agents.rules.nodes import resting_nodes
from swarmd.state.projection import Projection
from swarmd.state.records.node import Node
from swarmd.state.records.run import RunAlive
from swarmd.state.store.files import Home
from swarmd.state.units import Millis, iso, spoken
from swarmd.state.view import View
from swarmd.supervisor.clock import anchored
from swarmd.supervisor.presence import Presence, daemon_of
from swarmd.supervisor.standing import eta_of, job_counts

if TYPE_CHECKING:  # a daemon without a screen loads nothing that draws
    from rich.console import RenderableType


@dataclass(frozen=True, slots=True)
class Picture:
    """``now`` is steady time; ``said_at`` the instant of the journal's last record."""

    home: Home
    view: View
    now: Millis
    said_at: Millis
    daemon: Presence | None

    def told(self) -> str:
        """Who runs, and how fresh this is."""
        if self.daemon is not None:
            return f"running (pid {self.daemon.pid}, since {self.daemon.since[:19]}Z)"
        age = f", last record {spoken(max(0, self.now - self.said_at))} ago" if self.said_at else ""
        return f"not running{age}"

    def drawn(self) -> "RenderableType":
        from swarmd.supervisor.screen import screen

        return screen(self.view, self.now, daemon=self.told(), home=str(self.home.root))


def picture(home: Home) -> Picture:
    projection = Projection.from_journal(home.journal)
    view = projection.view()
    last_session = next(reversed(list(view.sessions.values())), None)
    now = anchored(last_session, projection.last_at).now()
    return Picture(home, view, now, projection.last_at, daemon_of(home))


def standing_document(seen: Picture) -> dict[str, Any]:
    """The screen's figures for scripts."""
    view, campaign = seen.view, seen.view.campaign
    counts = job_counts(view)
    return {
        "as_of": iso(seen.now),
        "home": str(seen.home.root),
        "daemon": {"alive": seen.daemon is not None, "pid": seen.daemon.pid if seen.daemon else None},
        "campaign": None if campaign is None else {"name": campaign.id, "status": campaign.status.value},
        "jobs": counts,
        "lanes": [_lane(view, lane, seen.now) for lane in view.lanes],
        "nodes": [_node(view, node) for node in view.nodes.values()],
        "devices": {name: gauge.value for name, gauge in view.gauges.items()},
        "incidents_open": [
            {"id": each.id, "signature": each.signature.value, "cause": each.cause, "remedy": each.remedy}
            for each in view.open_incidents()
        ],
        "champions": [champion.model_dump(mode="json") for champion in view.champions.values()],
        "last_actions": [
            {"id": each.id, "at": iso(each.at), "agent": each.agent, **each.action.model_dump(mode="json")}
            for each in list(view.actions.values())[-5:]
        ],
    }


def _node(view: View, node: Node) -> dict[str, Any]:
    resting = resting_nodes(view).get(node.id)
    return {
        "id": node.id,
        "is_alive": node.is_alive,
        "is_resting": resting is not None,
        "lanes": view.open_lanes_on.get(node.id, 0),
        "runs": view.n_runs_on.get(node.id, 0),
        "cpu_util": node.cpu_util,
        "trouble": node.trouble or ("" if resting is None else resting.cause),
    }


def _lane(view: View, lane: str, now: Millis) -> dict[str, Any]:
    run = view.run_in(lane)
    beat = view.beats.get(run.id) if run is not None else None
    eta = eta_of(beat.done, beat.total, beat.rate) if beat is not None else None
    return {
        "id": lane,
        "status": view.lanes[lane].status.value,
        "run": run.id if run is not None else None,
        "pid": run.pid if isinstance(run, RunAlive) else None,
        "done": beat.done if beat is not None else None,
        "total": beat.total if beat is not None else None,
        "rate": beat.rate if beat is not None else None,
        "eta_s": eta / 1000 if eta is not None else None,
        "heartbeat_age_s": (now - beat.heartbeat_at) / 1000 if beat is not None and beat.heartbeat_at else None,
    }
