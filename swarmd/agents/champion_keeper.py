"""Watches the champions: has them held to their promises every hour, and tells what became of each.

A monitoring is wished when the last began so long ago (``champions_every``), and a minute after the last sooner where
another champion has come into force or the last came to nothing with the session before; only where somebody in force
has a promise, and never two at once. Dethroning is an answer and no fault: it is said, and stays said until somebody
else is in force there. A file that does not hold is an incident for a person: nobody trades on it meanwhile, the loader
gives the baseline.
"""

from collections.abc import Iterator

from swarmd.agents.rules.signatures import incident_id, open_incident_about
from swarmd.agents.rules.words import several
from swarmd.state.actions import Action, CloseIncident, MonitorChampions, OpenIncident, Say
from swarmd.state.champion_words import standing_in_words
from swarmd.state.records.champion import Champion, ChampionStatus
from swarmd.state.records.incident import Signature
from swarmd.state.records.monitoring import CHAMPIONS, Monitoring, MonitoringStatus
from swarmd.state.units import MINUTE, Millis
from swarmd.state.view import View

NAME = "champion_keeper"
# A night of crownings must not be a night of monitorings.
LEAST_BETWEEN: Millis = MINUTE


def decide(view: View, now: Millis) -> list[Action]:
    if view.session is None:
        return []
    # Hundreds are in force, and for hours nothing is heard of any.
    of = view.champions, view.monitorings, view.findings, view.session
    news = view.while_same(f"{NAME}/news", of, lambda: tuple(_news(view)))
    return [*_damages(view, now), *_monitoring(view, now), *news]


# -- holding them to their promises -----------------------------------------------------------------------------------


def _monitoring(view: View, now: Millis) -> Iterator[Action]:
    champions = view.champions
    promised = view.while_same(
        f"{NAME}/promised", (champions,), lambda: [each for each in champions.values() if each.has_promise]
    )
    last = view.monitorings.get(CHAMPIONS)
    if not promised or (last is not None and last.status is MonitoringStatus.RUNNING):
        return
    why = _why_now(view, promised, last, now)
    if why:
        niches = tuple(sorted(champion.id for champion in promised))
        # Not from the last one as well: after a week the story of a champion would be one of 168 monitorings.
        yield MonitorChampions(niches=niches, reason=why, caused_by=niches[:1])


def _why_now(view: View, promised: list[Champion], last: Monitoring | None, now: Millis) -> str:
    """Empty while it is not due."""
    told = f"{several(len(promised), 'champion')} in force with a promise"
    if last is None:
        return f"{told}, never held to it"
    every = view.policy.champions_every
    if now - last.began_at >= every:
        return f"{told}, last held to it {now - last.began_at} ms ago (every {every} ms)"
    if now - last.ended_at < min(LEAST_BETWEEN, every):
        return ""
    new = [champion for champion in promised if champion.since > last.began_at]
    if new:
        return f"{new[0].id} came into force {now - new[0].since} ms ago, after the last monitoring began"
    if last.status is MonitoringStatus.FAILED and is_of_another_session(view, last):
        return f"the last came to nothing with the session before: {last.outcome}"
    return ""


def is_of_another_session(view: View, last: Monitoring) -> bool:
    return view.session is not None and last.began_at < view.session.at


# -- what became of them ----------------------------------------------------------------------------------------------


def _news(view: View) -> Iterator[Action]:
    for champion in view.champions.values():
        yield from _said(view, champion.id, _story(champion), (champion.id,))
    last = view.monitorings.get(CHAMPIONS)
    if last is not None and last.status is not MonitoringStatus.RUNNING:
        yield from _said(view, "monitoring", _trouble(view, last), (last.id,))


def _story(champion: Champion) -> str:
    """Nothing of one that was crowned and is in force, and nothing of what is an incident; no figure that moves."""
    if champion.status is ChampionStatus.DAMAGED or (champion.is_in_force and champion.origin == "crowned"):
        return ""
    stands = standing_in_words(champion.status.value, origin=champion.origin, note=champion.note)
    if champion.is_in_force:
        return f"{champion.id}: {champion.strategy} {champion.mode} is {stands}"
    follows = "the niche is empty, the loader gives the baseline"
    return f"{champion.id}: {champion.strategy} {champion.mode} is {stands}; {follows}"


def _trouble(view: View, last: Monitoring) -> str:
    if last.status is MonitoringStatus.FAILED and not is_of_another_session(view, last):
        return f"champions could not be held to their promises: {last.outcome}; see `swarmd champion monitor --once`"
    if last.unseen:
        return f"{several(len(last.unseen), 'champion')} could not be weighed: {'; '.join(last.unseen)}"
    return ""


def _said(view: View, topic: str, text: str, causes: tuple[str, ...]) -> Iterator[Action]:
    finding = view.findings.get(f"{NAME}/{topic}")
    if text != (finding.text if finding is not None else ""):
        yield Say(topic=topic, reason=text, caused_by=causes)


# -- files that do not hold -------------------------------------------------------------------------------------------


def _damages(view: View, now: Millis) -> Iterator[Action]:
    champions = view.champions
    if not view.while_same(f"{NAME}/damaged", (champions,), lambda: any(map(_is_damaged, champions.values()))) and not (
        any(each.signature is Signature.CHAMPION_DAMAGED for each in view.open_incidents())
    ):
        return
    for champion in champions.values():
        known = open_incident_about(view, champion.id, Signature.CHAMPION_DAMAGED)
        if _is_damaged(champion):
            incident = incident_id(champion.id, Signature.CHAMPION_DAMAGED, champion.since)
            if known is None and incident not in view.incidents:
                yield _opened(view, champion, incident, now)
        elif known is not None:
            took = now - known.opened_at
            outcome = f"{champion.id} is {champion.status.value.replace('_', ' ')} {took} ms later"
            yield CloseIncident(
                incident=known.id,
                reason=outcome,
                is_verified=champion.is_in_force,
                caused_by=(known.id, champion.id),
            )


def _is_damaged(champion: Champion) -> bool:
    return champion.status is ChampionStatus.DAMAGED


def _opened(view: View, champion: Champion, incident: str, now: Millis) -> OpenIncident:
    where = f"{champion.symbol} {champion.timeframe}"
    return OpenIncident(
        incident=incident,
        signature=Signature.CHAMPION_DAMAGED,
        subject=champion.id,
        remedy=f"`swarmd champion rollback {where} --reason WHY`, or `champion set` where there is no backup; "
        "until then the loader gives the baseline",
        expected=f"{champion.id} is in force, its checksum as its content",
        due=now + view.policy.champions_every,
        evidence=(champion.path,),
        reason=f"{champion.path} does not hold: {champion.note}",
        caused_by=(champion.id,),
    )
