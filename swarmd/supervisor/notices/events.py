"""What of the records is worth a message: one notice for each thing that came about, under an id that stays.

Pure. The id is the promise that nothing is told twice: it is made of what the notice is about, never of when it was
looked at.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from swarmd.state.champion_words import standing_in_words
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.campaign_settings import NoticeEvent, NoticeLevel
from swarmd.state.records.champion import Champion
from swarmd.state.records.incident import Incident, Signature
from swarmd.state.records.job import JobStatus, Phase
from swarmd.state.units import Millis
from swarmd.state.view import View

# What a person must act on, or the work stands still.
_GRAVE = frozenset(
    {
        Signature.AGENT_FAILED,
        Signature.BUDGET_SPENT,
        Signature.CHAMPION_DAMAGED,
        Signature.DISK_FULL,
        Signature.FLEET_WIDE,
        Signature.JOURNAL_DAMAGED,
        Signature.NO_WORKER,
        Signature.UNKILLABLE,
    }
)
_ENDED = (CampaignStatus.DONE, CampaignStatus.STOPPED, CampaignStatus.CANCELLED)


@dataclass(frozen=True, slots=True)
class Notice:
    """``at`` is when it came about; ``title`` and ``text`` are for people."""

    id: str
    at: Millis
    level: NoticeLevel
    event: NoticeEvent
    title: str
    text: str


def notices(view: View) -> list[Notice]:
    """Of all that the picture remembers, the oldest first."""
    found = [*_campaigns(view), *_champions(view), *_incidents(view), *_jobs(view)]
    return sorted(found, key=lambda each: (each.at, each.id))


def _campaigns(view: View) -> Iterator[Notice]:
    for campaign in view.campaigns.values():
        if campaign.status in _ENDED:
            yield _ended(campaign)


def _ended(campaign: Campaign) -> Notice:
    level: NoticeLevel = "warning" if campaign.status is CampaignStatus.STOPPED else "info"
    # Each session renews the record with instants of its own; what it came to is the same until it comes to more.
    why = hashlib.sha256(campaign.reason.encode()).hexdigest()[:8]
    id = f"campaign/{campaign.id}/{campaign.status.value}/{why}"
    title = f"campaign {campaign.id} is {campaign.status.value}"
    return Notice(id, campaign.at, level, "campaign", title, campaign.reason)


def _champions(view: View) -> Iterator[Notice]:
    for champion in view.champions.values():
        yield _standing(champion)


def _standing(champion: Champion) -> Notice:
    id = f"champion/{champion.id}/{champion.status.value}/{champion.checksum[:12]}"
    title = f"champion {champion.id}: {standing_in_words(champion.status.value, origin=champion.origin)}"
    figures = f"{champion.strategy} {champion.mode}, annual Sharpe out of sample {champion.oos_annual_sharpe:.2f}"
    text = f"{figures}, {champion.tried:,} tried in {champion.campaign}. {champion.note}".strip()
    return Notice(id, champion.since, "info" if champion.is_in_force else "warning", "champion", title, text)


def _incidents(view: View) -> Iterator[Notice]:
    for incident in view.incidents.values():
        if incident.signature is not Signature.POISON_JOB:  # the job's own notice tells it
            yield _befell(incident)


def _befell(incident: Incident) -> Notice:
    title = f"{incident.signature.value.replace('_', ' ')}: {incident.subject}"
    level: NoticeLevel = "error" if incident.signature in _GRAVE else "warning"
    text = f"{incident.cause}. Remedy: {incident.remedy}"
    return Notice(f"incident/{incident.id}", incident.opened_at, level, "incident", title, text)


def _jobs(view: View) -> Iterator[Notice]:
    for job in view.jobs_of_campaign():
        if job.status is JobStatus.QUARANTINED:
            text = f"{job.reason}. `swarmd retry {job.id}` once its cause is mended"
            id = f"job/{job.id}/quarantined/{job.attempt}"
            yield Notice(id, job.at, "error", "job", f"given up: {job.id}", text)
        elif job.status is JobStatus.FAILED and job.phase is Phase.PREFLIGHT:
            text = f"{job.reason}. `swarmd retry {job.id}` once the data is mended"
            id = f"job/{job.id}/failed/{job.attempt}"
            yield Notice(id, job.at, "error", "job", f"data refused: {job.id}", text)
