"""The end of a monitoring: what its process answered, as records. Asked once a cycle while one is on record as running.

What it changed is seen by ``sensors/champions`` in the champions' files; here it is told how each of them does.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from swarmd.state.champion_words import evidence_in_words
from swarmd.state.records.champion import Champion
from swarmd.state.records.monitoring import CHAMPIONS, Monitoring, MonitoringStatus
from swarmd.state.records.record import Record
from swarmd.state.units import Millis, spoken
from swarmd.state.view import View
from swarmd.supervisor.backends.monitoring import Answer, MonitoringProcess

_SCHEMA = "swarmd.champion_monitor/1"
# As exit codes have it: all was looked at, or something could not be.
_ANSWERS = (0, 1, None)
_WHY_MAX = 300


def observe_monitoring(view: View, process: MonitoringProcess, *, now: Millis) -> list[Record]:
    """Nothing while it works within its time; one that is over it is ended, and its end is seen at a later look."""
    running = view.monitorings.get(CHAMPIONS)
    if running is None or running.status is not MonitoringStatus.RUNNING:
        return []
    if process.is_alive():
        if now - running.began_at > view.policy.champions_within:
            process.kill(running.pid, running.start_ticks)
        return []
    return monitoring_ended(view, running, process.collect(running.order), now=now)


def monitoring_ended(view: View, running: Monitoring, answer: Answer, *, now: Millis) -> list[Record]:
    """The monitoring with its outcome, and each champion it weighed with what was said of it."""
    rows = _rows_of(answer)
    took = now - running.began_at
    ending: dict[str, Any] = {"at": now, "ended_at": now, "status": MonitoringStatus.DONE}
    if rows is None:
        code = "unknown" if answer.exit_code is None else answer.exit_code
        limit = view.policy.champions_within
        why = f"no answer within {spoken(limit)}, so it was ended" if took > limit else f"no answer, exit code {code}"
        told = f"{why}: {answer.last_words[:_WHY_MAX]}" if answer.last_words else why
        return [running.model_copy(update={**ending, "status": MonitoringStatus.FAILED, "outcome": told})]
    unseen = tuple(f"{row['niche']}: {row.get('error', '')}"[:_WHY_MAX] for row in rows if row["action"] == "unseen")
    ending |= {"outcome": _outcome(rows, took), "unseen": unseen}
    return [running.model_copy(update=ending), *_weighed(view, rows, now)]


def _rows_of(answer: Answer) -> list[dict[str, Any]] | None:
    """One row a champion, as the command printed them; None where that is no answer."""
    if answer.exit_code not in _ANSWERS:
        return None
    try:
        document = orjson.loads(answer.printed)
        rows = document["champions"] if document["schema"] == _SCHEMA else None
    except (ValueError, TypeError, KeyError):
        return None
    is_whole = isinstance(rows, list) and all(isinstance(row, dict) and {"niche", "action"} <= set(row) for row in rows)
    return rows if is_whole else None


def _outcome(rows: Sequence[dict[str, Any]], took: Millis) -> str:
    """``3 looked at in 2.1 s: BTCUSDT_5m dethroned; ETHUSDT_5m stands, e 0.41 after 92 days; …``."""
    told = "; ".join(_in_words(row) for row in rows)
    return f"{len(rows)} looked at in {spoken(took)}" + (f": {told}" if told else "")


def _in_words(row: dict[str, Any]) -> str:
    action = row["action"]
    if action == "unseen":
        return f"{row['niche']} not seen"
    word = str(row.get("state", "")) if action == "kept" else f"{action}, follows: {row.get('heir') or 'nobody'}"
    evidence = evidence_in_words(*_evidence(row)) if _evidence(row)[0] is not None else ""
    return ", ".join(part for part in (f"{row['niche']} {word}".rstrip(), evidence) if part)


def _weighed(view: View, rows: Sequence[dict[str, Any]], now: Millis) -> Iterator[Champion]:
    for row in rows:
        champion = view.champions.get(row["niche"])
        e_value, days = _evidence(row)
        # Somebody else may be in force by now, of whom it said nothing.
        if champion is None or e_value is None or row.get("checksum") != champion.checksum:
            continue
        # It follows from what put it there; which monitoring weighed it the instant tells.
        yield champion.model_copy(update={"at": now, "e_value": e_value, "days": days, "told_at": now})


def _evidence(row: dict[str, Any]) -> tuple[float | None, int]:
    e_value, days = row.get("e"), row.get("n_days")
    return (float(e_value) if isinstance(e_value, int | float) else None, days if isinstance(days, int) else 0)
