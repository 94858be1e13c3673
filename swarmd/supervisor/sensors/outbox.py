"""What runs have said: the result lines of their outboxes, and what people asked through the inbox.

Tolerates a torn last line (its writer may have died in the middle of it) and counts each result once, by its token.
"""

from pathlib import Path

import orjson
from pydantic import ValidationError

from swarmd.state.records.record import Record
from swarmd.state.records.request import Request, RequestStatus, Verb
from swarmd.state.records.result import Result
from swarmd.state.records.run import RunOrdered
from swarmd.state.store.files import Home
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.state.work_order import ResultLine


def result_line(outbox: Path, token: int) -> ResultLine | None:
    """The result a run reported under its own fencing token, if it got that far."""
    try:
        lines = (outbox / "events.jsonl").read_bytes().split(b"\n")
    except OSError:
        return None
    for line in reversed(lines[:-1]):  # what follows the last newline is torn
        if b'"result"' not in line:
            continue
        try:
            told = ResultLine.model_validate_json(line)
        except ValidationError:
            continue
        if told.token == token:
            return told
    return None


def observe_results(view: View, home: Home, *, now: Millis) -> list[Record]:
    """Results not yet in the View, of every run that was launched."""
    seen: list[Record] = []
    for run in view.runs.values():
        if isinstance(run, RunOrdered) or run.id in view.results:
            continue
        told = result_line(home.outbox_of(run.id), run.attempt)
        if told is not None and run.job in view.jobs:
            seen.append(
                Result(
                    id=run.id,
                    at=now,
                    caused_by=(run.id,),
                    job=run.job,
                    phase=view.jobs[run.job].phase,
                    attempt=told.token,
                    summary=told.summary,
                )
            )
    return seen


def observe_inbox(view: View, home: Home, *, now: Millis) -> tuple[list[Record], list[Path]]:
    """New requests, and the files to remove once those are in the journal (damaged ones included: they are logged)."""
    seen: list[Record] = []
    done_with: list[Path] = []
    for path in sorted(home.inbox.glob("*.json")):
        done_with.append(path)
        if path.stem in view.requests:
            continue
        try:
            asked = orjson.loads(path.read_bytes())
            verb, asked_by = Verb(asked["verb"]), str(asked["asked_by"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        seen.append(Request(id=path.stem, at=now, verb=verb, asked_by=asked_by, status=RequestStatus.PENDING))
    return seen, done_with
