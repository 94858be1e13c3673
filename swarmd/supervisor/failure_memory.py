"""Carries the failure memory from one journal to the next: the document out, and back in where nothing is known yet.

Written when something in it changed; read by `opening` for a home whose journal has no failure on record (a new journal
after the old was put away, or a file brought from another machine). A file that cannot be read costs the memory and
nothing else.
"""

from pathlib import Path
from typing import Any

import orjson
from pydantic import ValidationError

from swarmd.agents.pages.failure_points import SCHEMA, failure_points
from swarmd.state.records.failure import Failure, Tally
from swarmd.state.store.files import Home, atomic_write
from swarmd.state.units import Millis, millis_of_iso
from swarmd.state.view import View
from swarmd.supervisor.logs import log

FILE = "FAILURE_POINTS_BACKTEST_OPTIMIZE.json"


def memory_path(home: Home) -> Path:
    return home.docs / FILE


def write_failure_memory(view: View, home: Home) -> bool:
    """Write the document where it says something else than before; whether it did. Raises OutsideError."""
    content = orjson.dumps(failure_points(view), option=orjson.OPT_INDENT_2) + b"\n"
    path = memory_path(home)
    try:
        if path.read_bytes() == content:
            return False
    except OSError:
        if not view.failures:
            return False
    atomic_write(path, content)
    return True


def remembered(home: Home, now: Millis) -> list[Failure]:
    """What an earlier journal left; empty where there is nothing, or nothing that can be read (which is logged)."""
    path = memory_path(home)
    try:
        document = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as flaw:
        log.warning("the failure memory %s cannot be read, and begins anew: %s", path, flaw)
        return []
    try:
        if document["schema"] != SCHEMA:
            log.warning("the failure memory %s is of schema %r, not %r: left alone", path, document["schema"], SCHEMA)
            return []
        return [_failure(point, now) for point in document["failure_points"]]
    except (ValidationError, KeyError, TypeError, ValueError) as flaw:
        log.warning("the failure memory %s is not as it was written, and begins anew: %s", path, flaw)
        return []


def _failure(point: dict[str, Any], now: Millis) -> Failure:
    told = point["remedies"]
    return Failure.model_validate(
        {
            "id": point["id"],
            "at": now,
            "signature": point["signature"],
            "phase": point["phase"],
            "count": point["count"],
            "first_seen": min(now, millis_of_iso(str(point["first_seen"]))),
            "last_seen": min(now, millis_of_iso(str(point["last_seen"]))),
            "last_cause": point["last_cause"],
            "remedies": {each["remedy"]: Tally(tried=each["tried"], verified=each["verified"]) for each in told},
            "last_incidents": point["incidents"],
        }
    )
