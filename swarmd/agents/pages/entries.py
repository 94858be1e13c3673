"""What the records teach, as entries of the knowledge base: View in, entries out, the same for the same records.

Failure points with what helped, lessons and claims with their scope and evidence, champions with what speaks for them.
An entry's id says what it is about, so that the next time it is put it takes the place of what it said before; its
instant is that of the records behind it, so that what has not changed is written once.
"""

from collections.abc import Iterator

from swarmd.agents.pages.learned import in_figures, interval
from swarmd.agents.pages.troubles import in_words
from swarmd.agents.rules.remedies import success
from swarmd.agents.rules.words import several
from swarmd.state.knowledge.entry import Entry
from swarmd.state.records.champion import Champion
from swarmd.state.records.failure import Failure
from swarmd.state.records.hypothesis import Hypothesis, HypothesisStatus
from swarmd.state.records.incident import Signature
from swarmd.state.records.lesson import Lesson
from swarmd.state.units import iso
from swarmd.state.view import View

_DOMAINS = {
    Signature.DEVICE_FAILED: "gpu",
    Signature.GPU_LEAK: "gpu",
    Signature.BAD_DATA: "data",
    Signature.THROUGHPUT_REGRESSION: "engine",
    Signature.CHAMPION_DAMAGED: "validation",
}
# Lessons about judging are of the validation, those about what was searched of the strategy.
_OF_STRATEGY = ("verdicts", "mode/", "tier/")
_STRENGTHS = {
    HypothesisStatus.SUPPORTED: 0.8,
    HypothesisStatus.NOT_SUPPORTED: 0.8,
    HypothesisStatus.NOT_JUDGED: 0.2,
    HypothesisStatus.STATED: 0.1,
}
# A count rests on so many cases before half of what can be said of it is sure.
_HALF_SURE_AT = 8


def entries(view: View) -> list[Entry]:
    """All that is worth keeping, in the order of their ids."""
    found = [
        *(_failure(each) for each in view.failures.values()),
        *(_lesson(each) for each in view.lessons.values()),
        *(_hypothesis(view, each) for each in view.hypotheses.values()),
        *(_champion(each) for each in view.champions.values()),
    ]
    return sorted(found, key=lambda each: each.id)


def _failure(failure: Failure) -> Entry:
    befell = f" in {failure.phase}" if failure.phase else ""
    return Entry(
        id=f"failure:{failure.id}",
        domain=_DOMAINS.get(failure.signature, "ops"),
        kind="failure",
        title=f"{in_words(failure.signature)[:1].upper()}{in_words(failure.signature)[1:]}{befell}",
        text="\n".join(_failure_lines(failure)),
        source=f"swarmd explain {failure.id}",
        evidence=failure.last_incidents,
        at=failure.last_seen,
        strength=_best(failure),
    )


def _failure_lines(failure: Failure) -> Iterator[str]:
    name = failure.signature.value
    yield f"Signature: {name} ({name.replace('_', ' ')}), phase {failure.phase or 'none'}."
    first, last = (iso(at)[:16].replace("T", " ") for at in (failure.first_seen, failure.last_seen))
    yield f"Seen {several(failure.count, 'time')}, first {first} UTC, last {last} UTC."
    yield f"Last cause: {failure.last_cause}."
    if not failure.remedies:
        yield "No remedy of it has a record yet."
        return
    best_first = sorted(failure.remedies.items(), key=lambda pair: (-success(pair[1]), pair[0]))
    told = (
        f"{remedy.replace('_', ' ')} helped {tally.verified} of {tally.tried} times (likely to help: "
        f"{success(tally):.0%})"
        for remedy, tally in best_first
    )
    yield f"Remedies by verified success: {'; '.join(told)}."


def _best(failure: Failure) -> float:
    """How likely its best remedy is to help; a coin toss where none has a record."""
    return round(max((success(tally) for tally in failure.remedies.values()), default=0.5), 3)


def _lesson(lesson: Lesson) -> Entry:
    scope = lesson.scope
    where = [f"strategy {scope.strategy}", f"interval {scope.interval}"]
    where += [f"mode {scope.mode}"] if scope.mode else []
    where += [f"group {scope.group}"] if scope.group else []
    where += [f"assets {', '.join(scope.assets)}"] if scope.assets else []
    return Entry(
        id=f"lesson:{lesson.id}",
        domain="strategy" if lesson.topic.startswith(_OF_STRATEGY) else "validation",
        kind="lesson",
        title=f"{lesson.campaign}: {lesson.topic.replace('/', ' ').replace('_', ' ')}",
        text=f"{lesson.claim}.\nCounted in {several(lesson.n, 'case')}; 95% interval {interval(lesson)}.\n"
        f"Scope: {'; '.join(where)}.",
        source=f"swarmd explain {lesson.id}",
        evidence=lesson.evidence,
        at=lesson.at,
        strength=round(lesson.n / (lesson.n + _HALF_SURE_AT), 3),
    )


def _hypothesis(view: View, claim: Hypothesis) -> Entry:
    campaign = view.campaigns.get(claim.campaign)
    asked = campaign.settings if campaign is not None else None
    strategy = f"{asked.strategy.name} on {asked.data.interval} bars" if asked is not None else claim.campaign
    word = claim.status.value.replace("_", " ")
    lines = [
        f"Claim: {claim.claim}.",
        f"In figures: {in_figures(claim)}. Stated {iso(claim.stated_at)[:16].replace('T', ' ')} UTC, before the "
        "search.",
        *([f"Why it should be so: {claim.rationale}"] if claim.rationale else []),
        f"Verdict: {word}{f'; {claim.verdict}' if claim.verdict else ''}.",
        f"Campaign {claim.campaign}, {strategy}.",
    ]
    return Entry(
        id=f"hypothesis:{claim.id}",
        domain="validation",
        kind="hypothesis",
        title=f"{word}: {claim.claim[:120]}",
        text="\n".join(lines),
        source=f"swarmd explain {claim.id}",
        evidence=claim.evidence,
        at=claim.at,
        strength=_STRENGTHS[claim.status],
    )


def _champion(champion: Champion) -> Entry:
    promise = f"; forecast {champion.promise:.2f}" if champion.promise is not None else ""
    stands = champion.status.value.replace("_", " ")
    return Entry(
        id=f"lesson:champion/{champion.id}",
        domain="strategy",
        kind="lesson",
        title=f"{champion.strategy} {champion.mode} on {champion.symbol} {champion.timeframe}: {stands}",
        text=(
            f"{champion.symbol} {champion.timeframe} has a champion of {champion.strategy}, mode "
            f"{champion.mode}: annual "
            f"Sharpe {champion.annual_sharpe:.2f} in sample, {champion.oos_annual_sharpe:.2f} out of sample{promise}; "
            f"{champion.tried:,} vectors tried, campaign {champion.campaign}.\nIt is {stands}"
            f"{f': {champion.note}' if champion.note else ''}."
        ),
        source=champion.path,
        evidence=(champion.id,),
        at=champion.since or champion.at,
        strength=0.8 if champion.is_in_force else 0.4,
    )
