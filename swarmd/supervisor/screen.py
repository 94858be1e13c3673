"""The live view: one screen of the View.

Pure: a View and an instant in, something rich can draw out. ``start``, ``status`` and the progress monitor show it;
nothing here looks at the world.
"""

from collections import Counter

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from swarmd.agents.pages.analysis import other_findings
from swarmd.agents.rules.words import said_no
from swarmd.state.champion_words import evidence_in_words
from swarmd.state.records.campaign import CampaignStatus
from swarmd.state.records.champion import Champion
from swarmd.state.records.incident import IncidentStatus
from swarmd.state.records.job import Job, JobStatus, Phase
from swarmd.state.records.lane import Lane
from swarmd.state.records.run import RunAlive, RunStatus
from swarmd.state.units import Millis, spoken
from swarmd.state.view import View
from swarmd.supervisor.screen_nodes import nodes
from swarmd.supervisor.standing import (
    eta_of,
    incident_line,
    job_counts,
    outcome,
    remaining,
    short_job,
    size,
    waits_because,
)

_STATUS_STYLE = {"active": "green", "paused": "yellow", "stopped": "yellow", "done": "bold green"}
_LAST = 5
_LANES_SHOWN = 64


def screen(view: View, now: Millis, *, daemon: str, home: str) -> RenderableType:
    """Goal, lanes, devices, incidents, champions and the last actions. ``daemon`` says who runs, if anybody."""
    parts: list[RenderableType] = [
        Text(f"swarmd  {daemon}  home {home}", style="dim"),
        goal(view, now),
        *nodes(view, now),
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
        f", {remaining(view, now)}" if campaign.status is CampaignStatus.ACTIVE else f"  {_outcome(campaign.reason)}",
    )  # fmt: skip
    bar = Table.grid(expand=True)  # a bar of its own has no end of line
    bar.add_row(ProgressBar(total=max(1, len(jobs)), completed=settled))
    words = Counter(outcome(view, job) for job in jobs)
    tally = Text(", ".join(f"{number} {name}" for name, number in words.items()), style="dim")
    return Panel(Group(head, bar, tally, phases(view)), title="goal", title_align="left")


def _outcome(reason: str) -> str:
    """Without how many jobs are settled: that stands before it."""
    return reason.partition(" settled, 0 to do: ")[2] or reason


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
    shown = [*view.lanes.values()]
    if len(shown) > _LANES_SHOWN:
        # Of a cluster's thousands those that work: the others say what the nodes' table says.
        shown = [lane for lane in shown if view.run_in(lane.id) is not None][:_LANES_SHOWN]
    for lane in shown:
        table.add_row(*_lane_row(view, lane, now))
    if len(view.lanes) > len(shown):
        table.add_row(f"{len(view.lanes) - len(shown)} more", "swarmd query lanes", *[""] * 5)
    if not view.lanes:
        table.add_row("none", "", "", "", "", "", "")
    return table


def _lane_row(view: View, lane: Lane, now: Millis) -> tuple[RenderableType, ...]:
    run = view.run_in(lane.id)
    if run is None:
        why = waits_because(view, lane, now)
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
    for name in ("niche", "strategy", "mode", "Sharpe in-sample", "Sharpe out-of-sample", "tried", "stands", "monitor"):
        table.add_column(name)
    for each in view.champions.values():
        table.add_row(
            each.id, each.strategy, each.mode, f"{each.annual_sharpe:.2f}", f"{each.oos_annual_sharpe:.2f}",
            f"{each.tried:,}", Text(stands(each), style="" if each.is_in_force else "yellow"),
            evidence_in_words(each.e_value, each.days),
        )  # fmt: skip
    return [table]


def stands(champion: Champion) -> str:
    """A word or two; the whole story is a finding or an incident."""
    word = champion.status.value.replace("_", " ")
    return word if champion.origin == "crowned" or not champion.is_in_force else f"{word} ({champion.origin})"


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
