"""What runs have said: the result lines of their outboxes, and what people asked through the inbox.

Tolerates a torn last line (its writer may have died in the middle of it) and counts each result once, by its token.
"""

from pathlib import Path

import orjson
from pydantic import ValidationError

from swarmd.state.records.record import Record
from swarmd.state.records.request import Request, RequestStatus, Verb
from swarmd.state.records.result import Result
from swarmd.state.records.run import RunEnded, RunOrdered
from swarmd.state.store.files import Home
from swarmd.state.units import MINUTE, Millis
from swarmd.state.view import View
from swarmd.state.work_order import ResultLine, SaidLine
from swarmd.supervisor.logs import log

# A run we took for dead may still have a word to say, which its token then refuses. Without an end to listening,
# thousands of runs that ended without a result would be read every cycle.
_LISTENED_TO_FOR: Millis = 10 * MINUTE


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


def last_word(outbox: Path, token: int) -> str:
    """What a run last said under its own token; empty where it said nothing."""
    try:
        lines = (outbox / "events.jsonl").read_bytes().split(b"\n")
    except OSError:
        return ""
    for line in reversed(lines[:-1]):
        if b'"said"' not in line:
            continue
        try:
            told = SaidLine.model_validate_json(line)
        except ValidationError:
            continue
        if told.token == token:
            return told.text
    return ""


def observe_results(view: View, home: Home, *, now: Millis) -> list[Record]:
    """Results not yet in the View, of every run that was launched; of one that has ended, for a while only."""
    seen: list[Record] = []
    for run in view.runs.values():
        if isinstance(run, RunOrdered) or run.id in view.results:
            continue
        if isinstance(run, RunEnded) and now - run.ended_at > _LISTENED_TO_FOR:
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
    """New requests, and the files to remove once those are in the journal (damaged ones included: they are logged).

    A file older than the daemon's hold on the home was meant for a daemon that died before it could read it: a stop of
    that one must not end this one, so its request is dated before the session.
    """
    session = view.session
    held_since = _written_at(home.daemon_lock)
    seen: list[Record] = []
    done_with: list[Path] = []
    for path in sorted(home.inbox.glob("*.json")):
        done_with.append(path)
        if path.stem in view.requests:
            continue
        try:
            asked = orjson.loads(path.read_bytes())
            verb, asked_by = Verb(asked["verb"]), str(asked["asked_by"])
            is_older = _written_at(path) < held_since
        except (OSError, ValueError, KeyError, TypeError) as flaw:
            log.warning("the request %s cannot be read, and is put away: %s", path.name, flaw)
            continue
        at = session.at - 1 if is_older and session is not None else now
        seen.append(Request(id=path.stem, at=at, verb=verb, asked_by=asked_by, status=RequestStatus.PENDING))
    return seen, done_with


def _written_at(path: Path) -> int:
    """By the clock of the file system, which both files share; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
