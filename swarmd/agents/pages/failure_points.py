"""The failure memory as a document: what went wrong, how often, and what helped, for people and for the next home.

View in, JSON-ready dictionary out; `supervisor.failure_memory` writes it to
``docs/reference/FAILURE_POINTS_BACKTEST_OPTIMIZE.json`` and reads it back where a journal begins anew.
"""

from typing import Any

from swarmd.agents.rules.remedies import success
from swarmd.state.records.failure import Failure
from swarmd.state.units import iso
from swarmd.state.view import View

SCHEMA = "swarmd.failure_points/1"


def failure_points(view: View) -> dict[str, Any]:
    """The worst first: by count, then by how lately it was seen."""
    worst_first = sorted(view.failures.values(), key=lambda each: (-each.count, -each.last_seen, each.id))
    return {"schema": SCHEMA, "failure_points": [_point(failure) for failure in worst_first]}


def _point(failure: Failure) -> dict[str, Any]:
    best_first = sorted(failure.remedies.items(), key=lambda pair: (-success(pair[1]), pair[0]))
    return {
        "id": failure.id,
        "signature": failure.signature.value,
        "phase": failure.phase,
        "count": failure.count,
        "first_seen": iso(failure.first_seen),
        "last_seen": iso(failure.last_seen),
        "last_cause": failure.last_cause,
        "remedies": [
            {"remedy": name, "tried": tally.tried, "verified": tally.verified, "success": round(success(tally), 3)}
            for name, tally in best_first
        ],
        "incidents": list(failure.last_incidents),
    }
