"""The picture a question is answered from: what is known now, or what was known at an instant of the past.

Reads the journal and the published views for ``swarmd query``; changes nothing. Starts fast: no pydantic here.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from swarmd.state.errors import OperatorError
from swarmd.state.query import Facts, Picture
from swarmd.state.store.files import Home, is_locked, lock_holder
from swarmd.state.store.lines import Damage, Line, put
from swarmd.state.store.publishers import AGENTS, CONTROL_FILE, state_file
from swarmd.state.store.raw import history, reaches_back_to, read_journal, walk
from swarmd.state.store.tables import Tables
from swarmd.state.units import Millis, iso, millis_of_iso

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recalled:
    """What an answer is made from; ``lines`` only where events are asked for. ``note`` is for the person who asked."""

    picture: Picture
    facts: Facts
    lines: list[Line]
    damages: list[Damage]
    note: str = ""


def present(home: Home, *, with_lines: bool) -> Recalled:
    lines: list[Line] = []
    if with_lines:
        lines, damages = history(home.journal)
        tables = _folded(lines)
    else:
        reading = read_journal(home.journal)
        tables, damages = reading.folded(), reading.damages
    picture = Picture(tables)
    last = max((line.at for line in tables), default="1970-01-01T00:00:00.000Z")
    return Recalled(picture, facts_now(home, picture, last), lines, damages)


def facts_now(home: Home, picture: Picture, last: str) -> Facts:
    """Who runs, what it published, and the steady time: that of the ``last`` line where nobody runs any more."""
    is_alive = is_locked(home.daemon_lock)
    published = {name: document for name in _files() if (document := _document(home.state / name))}
    session = picture.session
    now = millis_of_iso(last)
    if is_alive and session is not None and session["boot_id"] == _boot_id():
        now = _steady(session)
    pid = lock_holder(home.daemon_lock).get("pid") if is_alive else None
    return Facts(now=now, is_alive=is_alive, pid=pid, published=published)


def past(home: Home, at: Millis, *, with_lines: bool) -> Recalled:
    """Folded from the first line up to what was known then, in the order of the journal; none is held but asked for.

    A line counts from when it was written: an old date in it (a request of before the start) makes it no older.
    """
    until = iso(at)
    if until < (begin := reaches_back_to(home.journal)):
        raise OperatorError(f"--at {until}: what was before {begin} was removed by `swarmd clean`; name a later time")
    if until > (now := _latest(home)):
        raise OperatorError(f"--at {until} is still to come: it is {now}; leave --at out for the present")
    damages: list[Damage] = []
    lines = walk(home.journal, damages)
    known: list[Line] = []
    tables: Tables[Line] = Tables()
    following: Line | None = None
    n_known = 0
    for line in lines:
        if line.at > until:
            following = line
            break
        n_known += 1
        put(tables, line)
        if with_lines:
            known.append(line)
    note = f"it begins at {following.at}; nothing was known at {until}" if following is not None and not n_known else ""
    picture = Picture(tables)
    session = picture.session
    is_alive = session is not None and session["status"] == "open" and _goes_on(session["id"], following)
    pid = session["pid"] if session is not None and is_alive else None
    return Recalled(picture, Facts(now=at, is_alive=is_alive, pid=pid, is_past=True), known, damages, note)


def _goes_on(session: str, following: Line | None) -> bool:
    """Whether a daemon that had written the journal so far was still there to write what comes next."""
    if following is None or following.kind != "session":
        return following is not None
    return following.id == session and following.status == "closed"


def _folded(lines: Iterable[Line]) -> Tables[Line]:
    tables: Tables[Line] = Tables()
    for line in lines:
        put(tables, line)
    return tables


def _latest(home: Home) -> str:
    """Now, or what is on record if that is later: the past ends there.

    By the clock of the last session where that still counts, else by the wall clock.
    """
    tables = read_journal(home.journal).folded()
    newest = max(tables, key=lambda line: line.seq, default=None)
    session = [None, *tables.table("session").values()][-1]
    now = time.time_ns() // 1_000_000
    if session is not None and is_locked(home.daemon_lock) and session.said["data"]["boot_id"] == _boot_id():
        now = _steady(session.said["data"])
    return max(iso(now), newest.at if newest is not None else "")


def _steady(session: Row) -> Millis:
    anchor: Millis = session["anchor"]
    return anchor + time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def _files() -> list[str]:
    return [CONTROL_FILE, *(state_file(agent) for agent in AGENTS)]


def _document(path: Path) -> Row | None:
    try:
        document = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) and "updated_at" in document else None


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def trials(home: Home, picture: Picture, at: Millis | None) -> list[Row]:
    """The trials of every run, as the runs wrote them; a torn last line is left out.

    A run dates its trials by the wall clock; the session tells how far that was from the steady one. A trial without a
    date counts from its run's result on.
    """
    session = picture.session
    until = 0 if session is None or at is None else at + session["wall"] - millis_of_iso(session["at"])
    rows: list[Row] = []
    for path in sorted(home.outbox.glob("*/trials.jsonl")):
        run = path.parent.name
        has_result = picture.get("result", run) is not None
        for line in path.read_bytes().split(b"\n")[:-1]:
            try:
                said = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(said, dict) and (at is None or (said["wall"] <= until if "wall" in said else has_result)):
                rows.append({"run": run, **said})
    return rows
