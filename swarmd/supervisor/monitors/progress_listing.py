"""The progress monitor as rows: each lane, what is wrong, what the last runs found, and who is in force.

Pure: a picture in, a listing out. ``progress`` reads; ``app`` draws.
"""

from collections import Counter
from collections.abc import Iterator

from rich.text import Text

from swarmd.agents.rules.words import said_no
from swarmd.state.records.campaign import CampaignStatus
from swarmd.state.records.job import JobStatus, Phase
from swarmd.state.records.lane import Lane
from swarmd.state.records.run import RunAlive, RunStatus
from swarmd.state.units import SECOND, Millis, spoken
from swarmd.state.view import View
from swarmd.supervisor.monitors.listing import Column, Listing, Row, age, bar
from swarmd.supervisor.monitors.progress import latest
from swarmd.supervisor.picture import Picture
from swarmd.supervisor.screen import stands
from swarmd.supervisor.standing import eta_of, job_counts, outcome, remaining, short_job, waits_because

_FAILED_SHOWN = 20
_NOTHING = ("",) * 6
_COLUMNS = (
    Column("what", 9),
    Column("about", 0, at_least=38),
    Column("", 10, rank=5),
    Column("share", 5, rank=1, is_right=True),
    Column("done", 17, rank=6, is_right=True),
    Column("rate", 11, rank=4, is_right=True),
    Column("left", 10, rank=2, is_right=True),
    Column("age", 6, rank=3, is_right=True),
)


def listing(reading: Picture, _width: int) -> Listing:
    view, now = reading.view, reading.now
    rows = (
        *(_lane_row(view, lane, now) for lane in view.lanes.values()),
        *_incident_rows(view, now),
        *_failure_rows(view, now),
        *_result_rows(view, now),
        *_champion_rows(view, now),
    )
    told = Text(f"swarmd {reading.told()}", style="dim" if reading.daemon else "yellow")
    return Listing((told, *_goal_lines(view, now)), _COLUMNS, rows, "no lane yet")


def _goal_lines(view: View, now: Millis) -> Iterator[Text]:
    campaign = view.campaign
    if campaign is None:
        yield Text("no campaign yet: swarmd start CAMPAIGN.yaml")
        return
    jobs, counts = view.jobs_of_campaign(), job_counts(view)
    settled = len(jobs) - counts["queued"] - counts["running"]
    is_active = campaign.status is CampaignStatus.ACTIVE
    standing = f"{settled} of {len(jobs)} jobs settled, {remaining(view, now)}" if is_active else campaign.reason
    share = settled / len(jobs) if jobs else 0.0
    yield Text.assemble(
        (campaign.id, "bold"), f" {campaign.status.value}  {bar(share, 20)} {standing}",
    )  # fmt: skip
    words: dict[Phase, Counter[str]] = {phase: Counter() for phase in Phase}
    for job in jobs:
        words[job.phase][outcome(view, job)] += 1
    told = (
        f"{phase.value}: " + ", ".join(f"{count} {name}" for name, count in sorted(each.items()))
        for phase, each in words.items()
        if each
    )
    yield Text("   ".join(told), style="dim")


def _lane_row(view: View, lane: Lane, now: Millis) -> Row:
    run = view.run_in(lane.id)
    if run is None:
        why = waits_because(view, lane, now)
        text = f"{lane.status.value}: {why}" if why else lane.status.value
        return Row(lane.id, (lane.id, text, *_NOTHING), (), about=lane.id, style="dim")
    word = "" if run.status is RunStatus.RUNNING else f" ({run.status.value})"
    job = f"{short_job(run.job)} #{run.attempt}{word}"
    beat = view.beats.get(run.id)
    if beat is None or not isinstance(run, RunAlive):
        return Row(lane.id, (lane.id, job, *_NOTHING[1:], age(now - run.ordered_at)), (), about=run.id)
    eta = eta_of(beat.done, beat.total, beat.rate)
    share = beat.done / beat.total if beat.total else None
    cells = (
        lane.id,
        job,
        "starting" if share is None else bar(share, 10),
        "" if share is None else f"{share:.0%}",
        f"{beat.done:,}/{beat.total:,}" if beat.total else f"{beat.done:,}",
        f"{beat.rate:,.1f}/s" if beat.rate else "",
        spoken(eta // SECOND * SECOND) if eta is not None else "",
        age(now - beat.heartbeat_at) if beat.heartbeat_at else "",
    )
    figures = (lane.id, job, share, share, beat.done, beat.rate, eta, now - beat.heartbeat_at)
    return Row(lane.id, cells, figures, about=run.id)


def _incident_rows(view: View, now: Millis) -> Iterator[Row]:
    for each in view.open_incidents():
        # The cause first: of a narrow terminal only the beginning is seen, and Enter tells all.
        text = f"{each.signature.value}: {each.cause}; {short_job(each.subject)} -> {each.outcome or each.remedy}"
        yield _plain("incident", each.id, text, now, since=each.opened_at, style="red")


def _failure_rows(view: View, now: Millis) -> Iterator[Row]:
    bad = (JobStatus.FAILED, JobStatus.QUARANTINED)
    failed = [job for job in view.jobs_of_campaign() if job.status in bad]
    for job in failed[-_FAILED_SHOWN:]:
        said = said_no(view, job)
        text = f"{short_job(job.id)} {outcome(view, job)}: {job.reason}"
        word, style = ("no", "dim") if said else ("failed", "yellow")
        yield _plain(word, job.id, text, now, since=job.at, style=style)


def _result_rows(view: View, now: Millis) -> Iterator[Row]:
    for each in latest(view):
        text = f"{each.phase.value}: {each.summary.headline}"
        style = "green" if each.summary.verdict == "pass" else ""
        yield _plain("result", each.id, text, now, since=each.at, done=each.summary.tried, style=style)


def _champion_rows(view: View, now: Millis) -> Iterator[Row]:
    for each in view.champions.values():
        text = (
            f"{each.id} {each.strategy} {each.mode}, Sharpe {each.annual_sharpe:.2f} in-sample, "
            f"{each.oos_annual_sharpe:.2f} out-of-sample, {stands(each)}"
        )
        yield _plain(
            "champion",
            each.id,
            text,
            now,
            since=each.since,
            done=each.tried,
            style="" if each.is_in_force else "yellow",
        )


def _plain(what: str, id: str, text: str, now: Millis, *, since: Millis, done: int = 0, style: str = "") -> Row:
    """A row of something that is no lane."""
    waited = max(0, now - since)
    cells = (what, text, "", "", f"{done:,} tried" if done else "", "", "", age(waited))
    return Row(f"{what}/{id}", cells, (what, text, None, None, done or None, None, None, waited), about=id, style=style)
