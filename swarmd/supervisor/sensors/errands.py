"""The end of an errand: what its process answered, as records. Asked once a cycle while one is on record as running."""

from collections.abc import Mapping
from typing import Any

import orjson

from swarmd.state.records.errand import HANDOFF, Errand, ErrandStatus
from swarmd.state.records.gauge import Document
from swarmd.state.records.policy import Policy
from swarmd.state.records.record import Record
from swarmd.state.units import Millis, spoken
from swarmd.state.view import View
from swarmd.supervisor.backends.errands import Answer, ErrandProcess

_WHY_MAX = 300


def observe_errands(view: View, processes: Mapping[str, ErrandProcess], *, now: Millis) -> list[Record]:
    """Nothing of one that works within its time; one that is over it is ended, and its end is seen at a later look."""
    records: list[Record] = []
    for name, process in processes.items():
        running = view.errands.get(name)
        if running is None or not running.is_running:
            continue
        if process.is_alive():
            if now - running.began_at > limit_of(name, view.policy):
                process.kill(running.pid, running.start_ticks)
            continue
        records += errand_ended(view, running, process.collect(running.order), now=now)
    return records


def limit_of(name: str, policy: Policy) -> Millis:
    return policy.handoff_within if name == HANDOFF else policy.knowledge_within


def errand_ended(view: View, running: Errand, answer: Answer, *, now: Millis) -> list[Record]:
    """The errand with its outcome; of a handoff the page too, which tells of the instant at which it was ordered."""
    told = _answered(answer)
    ended = {"at": now, "ended_at": now}
    if told is None:
        failed = {"status": ErrandStatus.FAILED, "failures": running.failures + 1}
        why = _why(answer, now - running.began_at, limit_of(running.id, view.policy))
        return [running.model_copy(update={**ended, **failed, "outcome": why})]
    done = {"status": ErrandStatus.DONE, "failures": 0, "outcome": str(told.get("outcome", ""))[:_WHY_MAX]}
    records: list[Record] = [running.model_copy(update={**ended, **done})]
    if running.id == HANDOFF:
        ordered = view.actions.get(running.order)
        why = ordered.action.reason if ordered is not None else "asked for by an action that is not on record any more"
        page = str(told["path"])
        records.append(Document(id=page, at=running.began_at, caused_by=(running.order,), title="Handoff", reason=why))
    return records


def _answered(answer: Answer) -> dict[str, Any] | None:
    """The document it printed; None where that is none. A page whose commands found fault is a page all the same."""
    if answer.exit_code not in (0, 1, None):
        return None
    try:
        document = orjson.loads(answer.printed)
    except ValueError:
        return None
    is_whole = isinstance(document, dict) and isinstance(document.get("outcome"), str) and "path" in document
    return document if is_whole else None


def _why(answer: Answer, took: Millis, limit: Millis) -> str:
    code = "unknown" if answer.exit_code is None else answer.exit_code
    why = f"no answer within {spoken(limit)}, so it was ended" if took > limit else f"no answer, exit code {code}"
    return f"{why}: {answer.last_words[:_WHY_MAX]}" if answer.last_words else why
