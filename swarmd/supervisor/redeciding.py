"""One cycle decided again, and how that differs from what was decided then.

Pure: a View, an instant and a roster in, differences out. ``replaying`` finds the cycles and rebuilds their Views;
nothing here reads a journal. An agent that fails loses its own turn, as it did then, and the failure is told.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from swarmd.agents.contract import Agent
from swarmd.agents.orchestration_consensus import Verdict, arbitrate
from swarmd.state.actions import Action, ActionTaken, Refusal
from swarmd.state.errors import InvariantError
from swarmd.state.records.gauge import Cycle, Scores
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.effects.records import consequences
from swarmd.supervisor.verdict_records import moved_scores, new_refusals, target_of

How = Literal["changed", "words", "order", "only then", "only now"]


class Wished(NamedTuple):
    """A wish that stood (``because`` is empty) or was refused."""

    agent: str
    action: Action
    because: str = ""

    @property
    def told(self) -> str:
        """The wish with all that it says, but for its reason."""
        fields = self.action.model_dump(mode="json", exclude={"kind", "reason", "caused_by"}, exclude_defaults=True)
        words = [self.action.kind, *(f"{name}={value}" for name, value in fields.items())]
        return ("refused: " if self.because else "") + " ".join(words)

    @property
    def reason(self) -> str:
        return f"{self.because} (wished because {self.action.reason})" if self.because else self.action.reason


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing decided otherwise: ``then`` and ``now`` are the wish in words, empty where there was none.

    ``fields`` are the names of what the two wishes say differently.
    """

    agent: str
    what: Literal["action", "refusal", "scores", "failure", "count"]
    how: How
    then: str = ""
    now: str = ""
    reason_then: str = ""
    reason_now: str = ""
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Decided:
    """What the journal holds of one cycle's deciding; ``actions`` by their number in it.

    ``failed`` are the agents whose failure this cycle wrote down, ``failing`` all whose failure was on record after it:
    a failure that goes on is not written again.
    """

    actions: dict[int, Wished] = field(default_factory=dict)
    refusals: list[Wished] = field(default_factory=list)
    scores: Scores | None = None
    failed: frozenset[str] = frozenset()
    failing: frozenset[str] = frozenset()
    cycle: Cycle | None = None

    @property
    def n_decisions(self) -> int:
        return len(self.actions) + len(self.refusals)


@dataclass(frozen=True, slots=True)
class Redecided:
    """The same cycle by the roster of today. ``failed`` maps an agent to what it raised."""

    verdict: Verdict
    refusals: list[Refusal]
    scores: list[Scores]
    failed: dict[str, str]


def redecide(view: View, roster: Iterable[Agent], now: Millis) -> Redecided:
    wishes: list[tuple[str, Action]] = []
    failed: dict[str, str] = {}
    for agent in roster:
        try:
            wishes += [(agent.NAME, wish) for wish in agent.decide(view, now)]
        except Exception as error:  # as in the cycle: a fault of an agent costs its turn and is told
            failed[agent.NAME] = f"{type(error).__name__}: {error}"
    verdict = arbitrate(view, wishes, now)
    return Redecided(verdict, new_refusals(view, verdict, now), moved_scores(view, verdict), failed)


def cannot_be_recorded(view: View, redecided: Redecided, index: int, now: Millis) -> bool:
    """Whether the action of that number means nothing for the records: it was then dropped, and told as an incident."""
    agent, action = redecided.verdict.taken[index]
    try:
        consequences(view, ActionTaken(id=f"a0-{index}", at=now, agent=agent, action=action), now)
    except (InvariantError, LookupError, ValueError):
        return True
    return False


def differences(then: Decided, now: Redecided, dropped: frozenset[int]) -> list[Difference]:
    """A whole cycle, or a quiet one (nothing decided then)."""
    taken = [Wished(*wish) for index, wish in enumerate(now.verdict.taken) if index not in dropped]
    refused = [Wished(refusal.agent, refusal.action, refusal.because) for refusal in now.refusals]
    found = [
        *_compared("action", [then.actions[index] for index in sorted(then.actions)], taken),
        *_compared("refusal", then.refusals, refused),
        *_failures(then, now),
    ]
    if not found:
        # What is on record already is not written again: only the count tells of a refusal that stands no more.
        found += _counts(then, now)
    if not found:
        found += _scores(then, now)
    return found


def differences_of_part(then: Decided, now: Redecided) -> list[Difference]:
    """A cycle that was cut off while it was written: what is there must be what is decided now, in the same place."""
    taken = dict(enumerate(Wished(*wish) for wish in now.verdict.taken))
    found = []
    for index, was in then.actions.items():
        found += _compared("action", [was], [taken[index]] if index in taken else [])
    return found


# -- wishes -----------------------------------------------------------------------------------------------------------


def _whole(wish: Wished) -> Hashable:
    return wish.agent, wish.action.model_dump_json(), wish.because


def _in_effect(wish: Wished) -> Hashable:
    return wish.agent, wish.action.model_dump_json(exclude={"reason", "caused_by"})


def _about(wish: Wished) -> Hashable:
    return wish.agent, wish.action.kind, target_of(wish.action)


# From the nearest kin to the farthest: what a wish then and a wish now have in common, and what their difference is.
_KIN: tuple[tuple[Callable[[Wished], Hashable], How], ...] = (
    (_whole, "order"),
    (_in_effect, "words"),
    (_about, "changed"),
)


def _compared(what: Literal["action", "refusal"], then: Sequence[Wished], now: Sequence[Wished]) -> list[Difference]:
    was, are = [_whole(wish) for wish in then], [_whole(wish) for wish in now]
    if was == are:
        return []
    gone: list[Wished] = []
    come: list[Wished] = []
    for word, a, b, c, d in SequenceMatcher(a=was, b=are, autojunk=False).get_opcodes():
        if word != "equal":
            gone += then[a:b]
            come += now[c:d]
    found = []
    for kin, how in _KIN:
        for wish in list(gone):
            match = next((other for other in come if kin(other) == kin(wish)), None)
            if match is not None:
                found.append(_difference(what, how, wish, match))
                gone.remove(wish)
                come.remove(match)
    return [
        *found,
        *(_difference(what, "only then", wish, None) for wish in gone),
        *(_difference(what, "only now", None, wish) for wish in come),
    ]


def _difference(what: Literal["action", "refusal"], how: How, then: Wished | None, now: Wished | None) -> Difference:
    either = then or now
    assert either is not None
    return Difference(
        agent=either.agent,
        what=what,
        how=how,
        then=then.told if then else "",
        now=now.told if now else "",
        reason_then=then.reason if then else "",
        reason_now=now.reason if now else "",
        fields=_differing(then, now) if then and now else (),
    )


def _differing(then: Wished, now: Wished) -> tuple[str, ...]:
    was, are = then.action.model_dump(), now.action.model_dump()
    names = [name for name in {**was, **are} if was.get(name) != are.get(name)]
    return (*names, *(["because"] if then.because != now.because else []))


# -- the rest ---------------------------------------------------------------------------------------------------------


def _failures(then: Decided, now: Redecided) -> list[Difference]:
    come = [
        Difference(agent=agent, what="failure", how="only now", now="it fails", reason_now=error)
        for agent, error in now.failed.items()
        if agent not in then.failing
    ]
    gone = [
        Difference(agent=agent, what="failure", how="only then", then="it failed", reason_then="see logs/swarmd.log")
        for agent in sorted(then.failed - now.failed.keys())
    ]
    return come + gone


def _counts(then: Decided, now: Redecided) -> list[Difference]:
    if then.cycle is None:
        return []
    was = (then.cycle.wishes, then.cycle.refusals)
    are = (len(now.verdict.taken) + len(now.verdict.refused), len(now.verdict.refused))
    if was == are:
        return []
    told = [f"{wishes} wishes, {refused} of them refused" for wishes, refused in (was, are)]
    return [Difference(agent="all agents", what="count", how="changed", then=told[0], now=told[1])]


def _scores(then: Decided, now: Redecided) -> list[Difference]:
    is_now = now.scores[0] if now.scores else None
    if then.scores == is_now:
        return []
    return [
        Difference(
            agent="orchestration_consensus",
            what="scores",
            how="changed",
            then=_figures(then.scores),
            now=_figures(is_now),
        )
    ]


def _figures(scores: Scores | None) -> str:
    if scores is None:
        return ""
    return " ".join(f"{name}={value}" for name, value in scores.model_dump(exclude={"id", "at", "caused_by"}).items())
