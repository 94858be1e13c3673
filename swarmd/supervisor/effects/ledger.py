"""A claim into the ledger of hypotheses, and its verdict: the records of those two actions.

Pure, and part of ``records.consequences``: nothing here touches the world.
"""

from typing import assert_never

from swarmd.state.actions import JudgeHypothesis, StateHypothesis
from swarmd.state.errors import InvariantError
from swarmd.state.records.hypothesis import Hypothesis, HypothesisStatus
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
            }
            return Hypothesis.model_validate({**dict(stated), **verdict})
        case _:
            assert_never(action)
