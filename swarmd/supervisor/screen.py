"""The live view: one screen of the View, and one line for each change where there is no terminal.

Pure: a View and an instant in, something rich can draw out. ``start``, ``status`` and the progress monitor show it;
nothing here looks at the world.
"""

from collections import Counter
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from swarmd.agents.pages.analysis import other_findings
from swarmd.agents.rules.words import said_no, several
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.incident import Incident, IncidentStatus
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.run import RunAlive, RunStatus
from swarmd.state.units import Millis, iso, spoken
from swarmd.state.view import View

_STATUS_STYLE = {"active": "green", "paused": "yellow", "stopped": "yellow", "done": "bold green"}
_LAST = 5


def screen(view: View, now: Millis, *, daemon: str, home: str) -> RenderableType:
    """Goal, lanes, devices, incidents, champions and the last actions. ``daemon`` says who runs, if anybody."""
    parts: list[RenderableType] = [
        Text(f"swarmd  {daemon}  home {home}", style="dim"),
        goal(view, now),
        lanes(view, now),
    ]
    parts += [devices(view), *failures(view), *incidents(view, now), *champions(view), *findings(view)]
    parts += last_actions(view, now)
    return Group(*parts)


# -- its parts --------------------------------------------------------------------------------------------------


def goal(view: View, now: Millis) -> RenderableType:
    campaign = view.campaign
    if campaign is None:
        return Panel("no campaign yet: swarmd start CAMPAIGN.yaml", title="goal", title_align="left")
    jobs = view.jobs_of_campaign()
    counts = job_counts(view)
    settled = len(jobs) - counts["queued"] - counts["running"]
    style = _STATUS_STYLE[campaign.status]
    head = Text.assemble(
        (campaign.id, "bold"), "  ", (campaign.status.value, style), f"  {campaign.settings.strategy.name} on ",
        f"{len(campaign.settings.symbols())} assets, {settled} of {len(jobs)} jobs settled",
        f", {remaining(view, now)}" if campaign.status is CampaignStatus.ACTIVE else f"  {campaign.reason}",
    )  # fmt: skip
    bar = Table.grid(expand=True)  # a bar of its own has no end of line
    bar.add_row(ProgressBar(total=max(1, len(jobs)), completed=settled))
    words = Counter(outcome(view, job) for job in jobs)
    tally = Text(", ".join(f"{number} {name}" for name, number in words.items()), style="dim")
    return Panel(Group(head, bar, tally, phases(view)), title="goal", title_align="left")


def phases(view: View) -> RenderableType:
    """How many jobs of each phase stand where."""
    table = Table.grid(padding=(0, 2))
    by_phase: dict[Phase, Counter[str]] = {phase: Counter() for phase in Phase}
    for job in view.jobs_of_campaign():
        by_phase[job.phase][outcome(view, job)] += 1
    for phase, counts in by_phase.items():
        if counts:
            table.add_row(phase.value, ", ".join(f"{number} {name}" for name, number in sorted(counts.items())))
    return table


def lanes(view: View, now: Millis) -> RenderableType:
    table = Table(title="lanes", title_justify="left", expand=True, box=None, header_style="dim")
    for name, ratio in (("lane", None), ("job", 5), ("progress", 3), ("done", None), ("rate", None), ("eta", None)):
        table.add_column(name, ratio=ratio, no_wrap=True)
    table.add_column("beat", no_wrap=True)
    for lane in view.lanes.values():
        table.add_row(*_lane_row(view, lane, now))
    if not view.lanes:
        table.add_row("none", "", "", "", "", "", "")
    return table


def _lane_row(view: View, lane: Lane, now: Millis) -> tuple[RenderableType, ...]:
    run = view.run_in(lane.id)
    if run is None:
        why = lane.reason if lane.status is LaneStatus.HELD else idle_because(view, now)
        return (lane.id, Text(f"{lane.status.value}: {why}" if why else lane.status.value, style="dim"), *[""] * 5)
    job = Text(
        f"{short_job(run.job)} #{run.attempt}" + ("" if run.status is RunStatus.RUNNING else f" ({run.status.value})")
    )
    beat = view.beats.get(run.id)
    if beat is None or not isinstance(run, RunAlive):
        return (lane.id, job, Text(f"since {spoken(max(0, now - run.ordered_at))}", style="dim"), "", "", "", "")
    eta = eta_of(beat.done, beat.total, beat.rate)
    return (
        lane.id,
        job,
        ProgressBar(total=beat.total or None, completed=beat.done, pulse=False) if beat.total else Text("starting"),
        f"{beat.done:,}/{beat.total:,}" if beat.total else f"{beat.done:,}",
        f"{beat.rate:,.1f}/s" if beat.rate else "",
        spoken(eta) if eta is not None else "",
        spoken(max(0, now - beat.heartbeat_at)) + " ago" if beat.heartbeat_at else "",
    )


def devices(view: View) -> RenderableType:
    """What the sensors last measured of this machine."""
    if "host.cpu_util" not in view.gauges:
        return Text("devices: not measured yet", style="dim")
    said = [f"cpu {view.gauge('host.cpu_util'):.0%}", f"load {view.gauge('host.load1'):.1f}"]
    said.append(f"memory free {size(view.gauge('host.mem_available_bytes'))}")
    said.append(f"disk free {size(view.gauge('host.disk_free_bytes'))}")
    count = round(view.gauge("host.gpu_count"))
    said.append(f"{count} GPU{'s' if count > 1 else ''}" if count else "no GPU")
    return Text("devices  " + "   ".join(said))


def incidents(view: View, now: Millis) -> list[RenderableType]:
    opened = view.open_incidents()
    closed = [each for each in view.incidents.values() if each.status is IncidentStatus.CLOSED]
    if not opened and not closed:
        return [Text("incidents  none", style="dim")]
    table = Table(title=f"incidents: {len(opened)} open, {len(closed)} closed", title_justify="left", box=None,
                  show_header=False, expand=True)  # fmt: skip
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for each in [*opened, *closed[-max(0, _LAST - len(opened)) :]][:_LAST]:
        style = "red" if each.status is not IncidentStatus.CLOSED else "dim"
        table.add_row(
            Text(f"{each.signature.value} {spoken(max(0, now - each.opened_at))} ago", style=style),
            Text(incident_line(each), style=style),
        )
    return [table]


def failures(view: View) -> list[RenderableType]:
    """Jobs that came to a bad end, with the reason on the job itself; those skipped because of them say nothing new.

    An honest no is an answer: it stands apart, without the colour of trouble.
    """
    ended = [job for job in view.jobs_of_campaign() if job.status in (JobStatus.FAILED, JobStatus.QUARANTINED)]
    refused = [job for job in ended if said_no(view, job)]
    bad = [job for job in ended if not said_no(view, job)]
    return [
        *_job_table(view, "failed jobs", bad, style="yellow"),
        *_job_table(view, "answered no", refused, style="dim"),
    ]


def _job_table(view: View, title: str, jobs: list[Job], *, style: str) -> list[RenderableType]:
    if not jobs:
        return []
    table = Table(title=f"{title}: {len(jobs)}", title_justify="left", box=None, show_header=False, expand=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for job in jobs[-_LAST:]:
        table.add_row(Text(f"{short_job(job.id)} {outcome(view, job)}", style=style), Text(job.reason))
    if len(jobs) > _LAST:
        table.add_row(Text(f"… {len(jobs) - _LAST} more", style=style), Text("swarmd query jobs"))
    return [table]


def champions(view: View) -> list[RenderableType]:
    if not view.champions:
        return []
    table = Table(title="champions", title_justify="left", box=None, header_style="dim")
    for name in ("niche", "strategy", "mode", "Sharpe in-sample", "Sharpe out-of-sample", "tried"):
        table.add_column(name)
    for each in view.champions.values():
        table.add_row(
            each.id, each.strategy, each.mode, f"{each.annual_sharpe:.2f}", f"{each.oos_annual_sharpe:.2f}",
            f"{each.tried:,}",
        )  # fmt: skip
    return [table]


def findings(view: View) -> list[RenderableType]:
    said = other_findings(view)
    return [Text(f"{each.agent}: {each.text}", style="yellow") for each in said[-_LAST:]]


def last_actions(view: View, now: Millis) -> list[RenderableType]:
    taken = list(view.actions.values())[-_LAST:]
    return [
        Text(
            f"{spoken(max(0, now - each.at)):>10} ago  {each.agent}: {each.action.kind}: {each.action.reason}",
            style="dim",
            no_wrap=True,
            overflow="ellipsis",
        )
        for each in reversed(taken)
    ]


# -- figures and words ------------------------------------------------------------------------------------------


def job_counts(view: View) -> dict[str, int]:
    """Jobs of the campaign by where they stand; a queued job with a run counts as running."""
    counts = Counter(standing(view, job) for job in view.jobs_of_campaign())
    return {name: counts[name] for name in ("running", *(status.value for status in JobStatus))}


def standing(view: View, job: Job) -> str:
    return "running" if job.status is JobStatus.QUEUED and view.open_run_of(job.id) else job.status.value


def outcome(view: View, job: Job) -> str:
    """Its standing in a person's words: a phase that did its work and said no has not failed."""
    return "said no" if said_no(view, job) else standing(view, job)


def eta_of(done: int, total: int, rate: float) -> Millis | None:
    """Milliseconds left at this rate, or None when nobody can tell."""
    return round(max(0, total - done) / rate * 1000) if total and rate > 0 else None


def remaining(view: View, now: Millis) -> str:
    """How long the campaign still takes if its jobs go on settling as they have; a rough guess, said as one."""
    campaign = view.campaign
    jobs = view.jobs_of_campaign()
    settled = [job for job in jobs if job.status is not JobStatus.QUEUED]
    if campaign is None or not settled or len(settled) == len(jobs) or now <= campaign.started_at:
        return f"{len(jobs) - len(settled)} to go"
    return f"about {spoken(round((now - campaign.started_at) / len(settled) * (len(jobs) - len(settled))))} to go"


def idle_because(view: View, now: Millis) -> str:
    """Why a free lane has nothing to do."""
    queued = [job for job in view.queued_jobs() if view.open_run_of(job.id) is None]
    if not view.is_working or not queued:
        return "nothing queued" if view.is_working else ""
    ready = [job for job in queued if not view.waits_for(job)]
    held = [job for job in ready if job.not_before > now]
    if not ready:
        return f"{several(len(queued), 'job')} to wait for others"
    if len(held) == len(ready):
        first = min(job.not_before for job in held) - now
        return f"{several(len(held), 'job')} in back-off, the first for another {spoken(first)}"
    return ""


def incident_line(incident: Incident) -> str:
    return f"{incident.subject}: {incident.cause} -> {incident.outcome or incident.remedy}"


def short_job(job: str) -> str:
    """The job without its campaign's name."""
    return job.partition(".")[2] or job


def size(n_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.1f} TiB"


# -- without a terminal -----------------------------------------------------------------------------------------


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
    for job in view.jobs_of_campaign():
        known = before.jobs.get(job.id)
        if job.status is not JobStatus.QUEUED and (known is None or known.status is JobStatus.QUEUED):
            yield f"job {job.id}: {outcome(view, job)}" + (f": {job.reason}" if job.reason else "")
    for incident in view.incidents.values():
        seen = before.incidents.get(incident.id)
        if seen is None and incident.status is not IncidentStatus.CLOSED:
            yield f"incident {incident.id}: {incident.cause}; {incident.remedy}"
        elif incident.status is IncidentStatus.CLOSED and (seen is None or seen.status is not IncidentStatus.CLOSED):
            yield f"incident {incident.id} closed: {incident.outcome}"
    for champion in view.champions.values():
        held = before.champions.get(champion.id)
        if held is None or held.checksum != champion.checksum:
            yield f"champion {champion.id}: annual_sharpe {champion.annual_sharpe:.2f} in sample, " + (
                f"{champion.oos_annual_sharpe:.2f} out of sample, score {champion.score:.2f}, tried {champion.tried:,}"
            )


def _status(campaign: Campaign | None) -> tuple[str, str]:
    return ("", "") if campaign is None else (campaign.id, campaign.status.value)
