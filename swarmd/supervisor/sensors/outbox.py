"""What runs have said: the result lines of their outboxes, how fast they were, and what people asked through the inbox.

Tolerates a torn last line (its writer may have died in the middle of it) and counts each result once, by its token.
"""

import errno
import os
from pathlib import Path
from typing import TypeVar

import orjson
from pydantic import ValidationError

from swarmd.state.records.record import Record
from swarmd.state.records.request import Request, RequestStatus, Verb
from swarmd.state.records.result import Result
from swarmd.state.records.run import RunAlive, RunEnded, RunOrdered
from swarmd.state.records.throughput import Fastest
from swarmd.state.store.files import Home, lock_holder
from swarmd.state.units import MINUTE, Millis
from swarmd.state.view import View
from swarmd.state.work_order import ResultLine, SaidLine, SpeedLine
from swarmd.supervisor.logs import log
from swarmd.supervisor.sensors.throughput import throughput_records

L = TypeVar("L", ResultLine, SaidLine, SpeedLine)

# A run we took for dead may still have a word to say, which its token then refuses. Without an end to listening,
# thousands of runs that ended without a result would be read every cycle.
_LISTENED_TO_FOR: Millis = 10 * MINUTE
_EVENTS = "events.jsonl"
# What fails for want of descriptors or memory succeeds when there are some.
_FOR_WANT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})


def result_line(outbox: Path, token: int) -> ResultLine | None:
    """The result a run reported under its own fencing token, if it got that far.

    Raises OSError, as the two below do, where there is an outbox and it cannot be read.
    """
    return _last(outbox, token, b'"result"', ResultLine)


def last_word(outbox: Path, token: int) -> str:
    """What a run last said under its own token; empty where it said nothing."""
    told = _last(outbox, token, b'"said"', SaidLine)
    return "" if told is None else told.text


def speed_line(outbox: Path, token: int) -> SpeedLine | None:
    """How fast a run says it was, if it measured that."""
    return _last(outbox, token, b'"speed"', SpeedLine)


def _last(outbox: Path, token: int, word: bytes, shape: type[L]) -> L | None:
    """The last whole line of that shape under the token; ``word`` spares the parsing of most others."""
    try:
        lines = (outbox / _EVENTS).read_bytes().split(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return None
    for line in reversed(lines[:-1]):  # what follows the last newline is torn
        if word not in line:
            continue
        try:
            told = shape.model_validate_json(line)
        except ValidationError:
            continue
        if told.token == token:
            return told
    return None


def observe_results(
    view: View, home: Home, *, now: Millis, resultless: dict[str, int], is_hasty: bool = False
) -> list[Record]:
    """Results not yet in the View, of every run that was launched; of one that has ended, for a while only.

    With a result comes how fast it was made, where the run measured that. ``resultless`` remembers between looks how
    many bytes of an outbox held no result, by run: thousands of trials are not read again until there is more. In haste
    the last words of runs that ended before this very look are left to the next one: there may be hundreds of them, and
    a lane waits.
    """
    seen: list[Record] = []
    for forgotten in resultless.keys() - view.runs.keys():
        del resultless[forgotten]
    fastest = dict(view.fastest)
    outboxes, judged_from = os.fspath(home.outbox), view.policy.throughput_judged_from
    for run in view.runs.values():
        if isinstance(run, RunOrdered) or run.id in view.results:
            continue
        if isinstance(run, RunEnded) and now - run.ended_at > (0 if is_hasty else _LISTENED_TO_FOR):
            continue
        if (size := _size_of(f"{outboxes}/{run.id}/{_EVENTS}")) == resultless.get(run.id, 0):
            continue
        outbox = home.outbox_of(run.id)
        try:
            told = result_line(outbox, run.attempt)
            measured = [] if told is None else _measured(run, outbox, fastest, judged_from=judged_from, now=now)
        except OSError as error:  # without a descriptor left, from a failing disk: it is asked again in the next look
            log.warning("the outbox of run %s cannot be read: %s", run.id, error.strerror)
            continue
        if told is None:
            resultless[run.id] = size
        elif run.job in view.jobs:
            seen += measured
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


def _size_of(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - asked of every lane at every look, and a Path costs five times that
    except OSError:
        return 0


def _measured(
    run: RunAlive | RunEnded, outbox: Path, fastest: dict[str, Fastest], *, judged_from: Millis, now: Millis
) -> list[Record]:
    """What the run measured; a new best is put into ``fastest``, for the next run of the same look to be held to."""
    told = speed_line(outbox, run.attempt)
    if told is None:
        return []
    records = throughput_records(fastest, run, told.speed, judged_from=judged_from, now=now)
    fastest |= {record.id: record for record in records if isinstance(record, Fastest)}
    return records


def observe_inbox(view: View, home: Home, *, now: Millis) -> tuple[list[Record], list[Path]]:
    """New requests, and the files to remove once those are in the journal (damaged ones included: they are logged).

    A request that was meant for a daemon that died before it could read it must not end this one, so it is dated
    before the session. It names its daemon as that one named itself in the lock; where it names none (a tool that wrote
    the file by itself), one older than the hold on the home is taken for such.
    """
    session = view.session
    seen: list[Record] = []
    done_with: list[Path] = []
    waiting = sorted(home.inbox.glob("*.json"))
    holder = lock_holder(home.daemon_lock) if waiting else {}
    for path in waiting:
        done_with.append(path)
        if path.stem in view.requests:
            continue
        try:
            asked = orjson.loads(path.read_bytes())
            is_for_another = _is_for_another(asked.get("to"), holder, path, home.daemon_lock)
            request = Request(
                id=path.stem,
                at=session.at - 1 if is_for_another and session is not None else now,
                verb=Verb(asked["verb"]),
                asked_by=str(asked["asked_by"]),
                status=RequestStatus.PENDING,
                subject=asked.get("subject", ""),
                place=asked.get("place", "first"),
                claim=asked.get("claim"),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as flaw:
            if isinstance(flaw, OSError) and flaw.errno in _FOR_WANT:
                log.warning("the request %s cannot be read yet: %s", path.name, flaw.strerror)
                done_with.pop()
                continue
            log.warning("the request %s cannot be read, and is put away: %s", path.name, flaw)
            continue
        seen.append(request)
    return seen, done_with


def _is_for_another(named: object, holder: dict[str, object], request: Path, lock: Path) -> bool:
    """Names are compared and not times: a clock set back after our start would make every request an old one."""
    if isinstance(named, dict):
        return any(named.get(word) != holder.get(word) for word in ("pid", "since"))
    return _written_at(request) < _written_at(lock)


def _written_at(path: Path) -> int:
    """By the clock of the file system, which both files share; 0 where there is none."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
