"""One line for each thing that came about between two pictures: jobs, incidents, champions, the campaign.

Printed where there is no terminal to draw on, and kept by ``chronicle``; nothing here looks at the world.
"""

from collections.abc import Iterator

from swarmd.state.champion_words import standing_in_words
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.champion import Champion
from swarmd.state.records.incident import IncidentStatus
from swarmd.state.records.job import JobStatus
from swarmd.state.units import Millis, iso
from swarmd.state.view import View
from swarmd.supervisor.standing import job_counts, outcome


def changes(before: View | None, view: View, now: Millis) -> Iterator[str]:
    """One line for each thing that came about between two pictures: jobs, incidents, champions, the campaign."""
    at = iso(now)[:19] + "Z"
    yield from (f"{at} {line}" for line in _changes(before, view))


def _changes(before: View | None, view: View) -> Iterator[str]:
    campaign = view.campaign
    if campaign is not None and (before is None or _status(before.campaign) != _status(campaign)):
        yield f"campaign {campaign.id}: {campaign.status.value}" + (f" ({campaign.reason})" if campaign.reason else "")
    if before is None:
        jobs = job_counts(view)
        yield "jobs: " + (", ".join(f"{number} {name}" for name, number in jobs.items() if number) or "none yet")
        return
    # Two pictures of one projection share a table into which nothing was put in between.
    if view.jobs is not before.jobs:
        yield from _of_jobs(before, view)
    if view.incidents is not before.incidents:
        yield from _of_incidents(before, view)
    if view.champions is not before.champions:
        yield from _of_champions(before, view)


def _of_jobs(before: View, view: View) -> Iterator[str]:
    for job in view.jobs_of_campaign():
        known = before.jobs.get(job.id)
        if job.status is not JobStatus.QUEUED and (known is None or known.status is JobStatus.QUEUED):
            yield f"job {job.id}: {outcome(view, job)}" + (f": {job.reason}" if job.reason else "")


def _of_incidents(before: View, view: View) -> Iterator[str]:
    for incident in view.incidents.values():
        seen = before.incidents.get(incident.id)
        if seen is None and incident.status is not IncidentStatus.CLOSED:
            yield f"incident {incident.id}: {incident.cause}; {incident.remedy}"
        elif incident.status is IncidentStatus.CLOSED and (seen is None or seen.status is not IncidentStatus.CLOSED):
            yield f"incident {incident.id} closed: {incident.outcome}"


def _of_champions(before: View, view: View) -> Iterator[str]:
    for champion in view.champions.values():
        held = before.champions.get(champion.id)
        is_new = held is None or held.checksum != champion.checksum
        if champion.is_in_force and is_new:
            yield f"champion {champion.id}: annual_sharpe {champion.annual_sharpe:.2f} in sample, " + (
                f"{champion.oos_annual_sharpe:.2f} out of sample, score {champion.score:.2f}, tried {champion.tried:,}"
            )
        stands, stood = _stands(champion), _PLAIN if held is None else _stands(held)
        if stands != stood or (is_new and stands != _PLAIN):
            words = standing_in_words(champion.status.value, origin=champion.origin, note=champion.note)
            yield f"champion {champion.id}: {champion.strategy} {champion.mode} is {words}"


# How a champion stands that needs no further word.
_PLAIN = ("in_force", "crowned")


def _stands(champion: Champion) -> tuple[str, str]:
    return champion.status.value, champion.origin


def _status(campaign: Campaign | None) -> tuple[str, str]:
    return ("", "") if campaign is None else (campaign.id, campaign.status.value)
