"""What was learned: the lessons of the analyst and the claims that were stated before, each with its verdict.

Sections shared by the handoff and the knowledge base. Lessons are counts with their interval; claims of a file or a
person stand one by one, the standard ones of each asset and mode as a count.
"""

from collections import Counter
from collections.abc import Sequence

from swarmd.agents.pages.markdown import code, figure, p_value, plain, table
from swarmd.agents.rules.words import several
from swarmd.state.records.claim import WORDS, Metric, whom_of
from swarmd.state.records.hypothesis import Hypothesis, HypothesisStatus
from swarmd.state.records.lesson import Lesson
from swarmd.state.view import View

_VERDICTS = (HypothesisStatus.SUPPORTED, HypothesisStatus.NOT_SUPPORTED, HypothesisStatus.NOT_JUDGED)
_SMALL = frozenset({Metric.P, Metric.P_SURROGATES, Metric.P_VAULT, Metric.MC_P})
_EVIDENCE_TOLD = 3


def lessons_of_campaign(view: View, campaign: str) -> list[Lesson]:
    return [each for each in view.lessons.values() if each.campaign == campaign]


def lessons(view: View, campaign: str) -> str:
    """A table with how many cases each rests on; empty where nothing was learned."""
    rows = [
        (plain(each.claim), str(each.n), interval(each), evidence(each.evidence))
        for each in lessons_of_campaign(view, campaign)
    ]
    head = ("lesson", "cases", "95% interval", "evidence")
    return table(head, rows, numbers=("cases",)) if rows else ""


def interval(lesson: Lesson) -> str:
    """Of the share that was counted; of a shrinkage of what was lost, in Sharpe."""
    if lesson.topic == "shrinkage":
        return f"{lesson.low:.2f} to {lesson.high:.2f}"
    return f"{lesson.low:.0%} to {lesson.high:.0%}"


def evidence(ids: Sequence[str]) -> str:
    """The newest few; the record has the others."""
    told = ", ".join(code(id) for id in ids[-_EVIDENCE_TOLD:])
    return f"{told} and {len(ids) - _EVIDENCE_TOLD} more" if len(ids) > _EVIDENCE_TOLD else told


def claims(view: View, campaign: str) -> str:
    """Those of the file and of persons in a table, the standard ones in a sentence; empty where none was stated."""
    stated = [each for each in view.hypotheses.values() if each.campaign == campaign]
    standard = [each for each in stated if each.origin == "standard"]
    authored = [each for each in stated if each.origin != "standard"]
    parts = []
    if authored:
        head = ("claimed before it began", "by", "in figures", "verdict", "measured", "in words", "record")
        parts.append(table(head, [_authored(each) for each in authored], numbers=("measured",)))
    if standard:
        count = Counter(each.status for each in standard)
        told = ", ".join(f"{count[status]} {_word(status)}" for status in _VERDICTS if count[status])
        parts.append(
            "That there is an edge was claimed of "
            f"{several(len(standard), 'asset and mode', 'assets and modes')}, before "
            f"anything was tried: {told or 'none is judged yet'}."
        )
    return "\n\n".join(parts)


def _authored(each: Hypothesis) -> tuple[str, ...]:
    why = f". Because: {plain(each.rationale, 200)}" if each.rationale else ""
    return (
        plain(each.claim) + why,
        each.origin,
        in_figures(each),
        f"**{_word(each.status)}**" if each.status is not HypothesisStatus.STATED else "to be judged",
        p_value(each.measured) if each.metric in _SMALL else figure(each.measured),
        plain(each.verdict) or "–",
        code(each.id),
    )


def in_figures(each: Hypothesis) -> str:
    whom = "" if each.origin == "standard" else f", for {whom_of(each.among, each.scope)}"
    return f"{WORDS[each.metric]} {each.comparison.words} {each.threshold:g}{whom}"


def _word(status: HypothesisStatus) -> str:
    return status.value.replace("_", " ")
