"""The running account for people and scripts that follow along: plain lines, appended as things come about.

``logs/workflow_events.log`` tells every change in words, ``state/session_state_<RUN_ID>.jsonl`` is the session's
heartbeat, ``state/session_state_manager_events.jsonl`` what the continuity authority did. All of it could be written
again from the journal; nobody decides from it. Each rotates by size, as the daemon's log does.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home, write_whole
from swarmd.state.units import SECOND, Millis, iso
from swarmd.state.view import View
from swarmd.supervisor.changes import changes
from swarmd.supervisor.logs import SEGMENT_BYTES, rotate

_HEARTBEAT_EVERY: Millis = 5 * SECOND
_AUTHORITY = "session_state_manager"


@dataclass(slots=True)
class Chronicle:
    """Appends what is new since the View before."""

    home: Home
    session: str
    _before: View | None = None
    _heartbeat_at: Millis = 0

    def tell(self, view: View, now: Millis, *, cycle: int) -> None:
        """Raises OutsideError when a line could not be written."""
        lines = list(changes(self._before, view, now))
        if lines:
            _append(self.home.logs / "workflow_events.log", "".join(f"{line}\n" for line in lines).encode())
        done = [
            {"at": iso(taken.at), "id": taken.id, **taken.action.model_dump(mode="json")}
            for taken in view.actions_of_cycle(cycle)
            if taken.agent == _AUTHORITY
        ]
        if done:
            _append(self.home.state / f"{_AUTHORITY}_events.jsonl", _lines(done))
        if now - self._heartbeat_at >= _HEARTBEAT_EVERY:
            heartbeat = _lines([self._heartbeat(view, now, cycle)])
            _append(self.home.state / f"session_state_{self.session}.jsonl", heartbeat)
            self._heartbeat_at = now
        self._before = view

    def _heartbeat(self, view: View, now: Millis, cycle: int) -> dict[str, Any]:
        campaign = view.campaign
        jobs = view.n_jobs(campaign.id) if campaign else 0
        return {
            "at": iso(now),
            "cycle": cycle,
            "campaign": campaign.id if campaign else "",
            "status": campaign.status.value if campaign else "idle",
            "jobs_settled": jobs - view.n_queued_jobs,
            "jobs": jobs,
            "runs_open": [run.id for run in view.open_runs()],
            "incidents_open": len(view.open_incidents()),
        }


def _lines(documents: list[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(document) + b"\n" for document in documents)


def _append(path: Path, data: bytes) -> None:
    try:
        with open(path, "ab", buffering=0, opener=_private) as file:
            before = file.tell()
            try:
                write_whole(file.fileno(), data)
            except OSError:
                file.truncate(before)  # half a line would spoil the next one too
                raise
        if before + len(data) >= SEGMENT_BYTES:
            rotate(path)
    except OSError as cause:
        raise OutsideError(f"cannot append to {path}: {cause.strerror}") from cause


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)
