"""A claim into the ledger of hypotheses, its verdict, and a lesson: the records of those three actions.

Pure, and part of ``records.consequences``: nothing here touches the world.
"""

from typing import Any, assert_never

from swarmd.state.actions import JudgeHypothesis, StateHypothesis, TellLesson
from swarmd.state.errors import InvariantError
from swarmd.state.records.hypothesis import Hypothesis, HypothesisStatus
from swarmd.state.records.lesson import Lesson
from swarmd.state.units import Millis
from swarmd.state.view import View


def ledger_entry(
    view: View, action: StateHypothesis | JudgeHypothesis, at: Millis, cause: tuple[str, ...]
) -> Hypothesis:
    """Raises InvariantError for a verdict on what was never stated."""
    match action:
        case StateHypothesis():
            return Hypothesis(
                id=action.hypothesis,
                at=at,
                caused_by=cause,
                campaign=action.campaign,
                symbol=action.symbol,
                mode=action.mode,
                status=HypothesisStatus.STATED,
                claim=action.claim,
                threshold=action.threshold,
                stated_at=at,
                origin=action.origin,
                **_of_author(action),
            )
        case JudgeHypothesis():
            stated = view.hypotheses.get(action.hypothesis)
            if stated is None:
                raise InvariantError(f"judge_hypothesis names {action.hypothesis!r}, which was never stated")
            verdict = {
                "at": at,
                "caused_by": cause,
                "status": action.status,
                "measured": action.measured,
                "tried": action.tried,
                "verdict": action.reason,
                "held": action.held,
                "n": action.n,
                "evidence": action.evidence,
            }
            return Hypothesis.model_validate({**dict(stated), **verdict})
        case _:
            assert_never(action)


def _of_author(action: StateHypothesis) -> dict[str, Any]:
    """What somebody claims in figures of their own; a standard claim has the record's defaults."""
    stated = action.stated
    if stated is None:
        return {}
    return {name: getattr(stated, name) for name in ("metric", "comparison", "among", "scope", "rationale")}


def lesson_of(action: TellLesson, at: Millis, cause: tuple[str, ...]) -> Lesson:
    told = action.model_dump(exclude={"kind", "reason", "caused_by", "lesson"})
    return Lesson.model_validate({"id": action.lesson, "at": at, "caused_by": cause, "claim": action.reason, **told})
