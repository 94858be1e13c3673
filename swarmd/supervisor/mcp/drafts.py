"""Draft, run, poll: a campaign as text becomes a file in HOME/drafts, the file a daemon, the daemon's work an answer.

A draft's id is its campaign's name and the beginning of its digest, so that sending the same text twice keeps one file.
What an agent writes is less trusted than what a person does: its bars must lie where the operator allows, and it may
name no strategy file, which would be run.
"""

import hashlib
import re
import tempfile
from pathlib import Path

from swarmd.agents.pages.verdicts import verdicts
from swarmd.agents.rules.plan import plan_size
from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.job import JobStatus
from swarmd.state.store.files import Home, atomic_write
from swarmd.state.units import HOUR, iso
from swarmd.supervisor.asking import known_name
from swarmd.supervisor.campaign_checks import check_campaign
from swarmd.supervisor.campaign_file import CampaignFile, CampaignFileError, read_campaign
from swarmd.supervisor.detached import start_detached
from swarmd.supervisor.mcp.answers import Draft, DraftProblem, LaneNow, Standing, Started, Verdict
from swarmd.supervisor.mcp.bounds import ROWS_MAX, text
from swarmd.supervisor.picture import Picture, picture
from swarmd.supervisor.presence import daemon_of
from swarmd.supervisor.question import digest
from swarmd.supervisor.standing import eta_of, idle_because, job_counts

YAML_MAX = 64 * 1024
_DRAFTS_MAX = 200
_ID = re.compile(r"([A-Za-z0-9][A-Za-z0-9_-]{0,63})-([0-9a-f]{10})")
_OVER = (CampaignStatus.DONE, CampaignStatus.CANCELLED, CampaignStatus.STOPPED)


def folder(home: Home) -> Path:
    return home.root / "drafts"


def drafted(home: Home, yaml: str, allowed: tuple[Path, ...], *, is_kept: bool) -> Draft:
    """Check a campaign, and keep it where it is sound; otherwise all that is wrong with it, by line and column."""
    if len(yaml.encode()) > YAML_MAX:
        raise OperatorError(f"a campaign has at most {YAML_MAX:,} bytes, this one {len(yaml.encode()):,}")
    if is_kept:
        home.prepare()
    place = folder(home)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=place, prefix=".draft-", suffix=".yaml", delete=True) as trial:
        trial.write(yaml)
        trial.flush()
        try:
            file = read_campaign(Path(trial.name))
            _allowed(file, allowed)
            check_campaign(file)
        except CampaignFileError as flaw:
            problems = [_problem(each.place.line, each.place.column, each.field, each.text) for each in flaw.problems]
            return Draft(id=None, is_valid=False, problems=problems)
    settings = file.settings
    id = f"{settings.name}-{hashlib.sha256(yaml.encode()).hexdigest()[:10]}"
    if is_kept:
        kept = [*place.glob("*.yaml")]
        if len(kept) >= _DRAFTS_MAX and not (place / f"{id}.yaml").exists():
            raise OperatorError(f"{place} holds {len(kept)} drafts (limit {_DRAFTS_MAX}); a person may remove old ones")
        atomic_write(place / f"{id}.yaml", yaml.encode())
    return Draft(
        id=id if is_kept else None,
        is_valid=True,
        problems=[],
        campaign=settings.name,
        jobs_planned=_planned(settings),
        data_root=settings.data.root,
    )


def _problem(line: int, column: int, field: str, said: str) -> DraftProblem:
    return DraftProblem(line=line, column=column, field=field, text=text(said))


def _planned(settings: CampaignSettings) -> int:
    unborn = Campaign(
        id=settings.name, at=0, settings=settings, digest="", file="", status=CampaignStatus.ACTIVE, started_at=0
    )
    return plan_size(unborn)


def _allowed(file: CampaignFile, folders: tuple[Path, ...]) -> None:
    root, strategy = Path(file.settings.data.root), file.settings.strategy.name
    problems = []
    if not any(root.resolve().is_relative_to(each) for each in folders):
        where = ", ".join(str(each) for each in folders)
        problems.append(file.problem(("data", "root"), f"{root} is not below {where}; `swarmd mcp --data` allows more"))
    if ".py:" in strategy or "/" in strategy:
        what = "a strategy file would be run, and only a person may start one; name one of `swarmd strategies`"
        problems.append(file.problem(("strategy", "name"), what))
    if problems:
        raise CampaignFileError(str(file.path), problems)


def draft_path(home: Home, id: str) -> Path:
    """The file of a draft. The id can leave the folder in no way: it is matched whole."""
    place = folder(home) / f"{id}.yaml"
    if not _ID.fullmatch(id) or not place.is_file():
        known_name(id, [path.stem for path in folder(home).glob("*.yaml")], "draft", "campaign_draft")
    return home.inside(place)


def run(home: Home, id: str, allowed: tuple[Path, ...], *, until_done: bool) -> Started:
    """As ``swarmd start CAMPAIGN --detach``: back when the daemon works, which outlives this server."""
    place = draft_path(home, id)
    running = daemon_of(home)
    if running is not None:
        raise OperatorError(f"a daemon runs here already ({running.told(home)}): poll its campaign, or stop it first")
    file = read_campaign(place)
    _allowed(file, allowed)
    check_campaign(file)
    pid = start_detached(home, place, until_done=until_done, monitors=False)
    return Started(id=id, campaign=file.settings.name, pid=pid, home=str(home.root))


def standing(home: Home, id: str) -> Standing:
    """Of a draft by its id, or of a campaign by its name."""
    seen = picture(home) if home.journal.is_dir() else None
    campaigns = {} if seen is None else seen.view.campaigns
    is_draft = (folder(home) / f"{id}.yaml").is_file() if _ID.fullmatch(id) else False
    name = id.rpartition("-")[0] if is_draft else id
    campaign = campaigns.get(name)
    if is_draft and campaign is not None and campaign.digest != digest(read_campaign(draft_path(home, id)).settings):
        raise OperatorError(
            f"campaign {name!r} on record asks something else than draft {id}; give the draft a new name"
        )
    if campaign is None or seen is None:
        if not is_draft:
            known_name(id, [*campaigns, *(path.stem for path in folder(home).glob("*.yaml"))], "campaign", "query")
        return Standing(
            id=id, campaign=name, status="not_started", reason="campaign_run starts it", is_over=False,
            daemon_alive=daemon_of(home) is not None, as_of="", jobs={}, settled=0, total=0,
        )  # fmt: skip
    return _standing(seen, campaign, id)


def _standing(seen: Picture, campaign: Campaign, id: str) -> Standing:
    view, now = seen.view, seen.now
    is_current = view.campaign is not None and view.campaign.id == campaign.id
    jobs = [job for job in view.jobs.values() if job.campaign == campaign.id]
    settled = sum(1 for job in jobs if job.status is not JobStatus.QUEUED)
    is_over = campaign.status in _OVER
    took = max(1, now - campaign.started_at)
    rate = None if is_over or not settled else settled / took
    return Standing(
        id=id,
        campaign=campaign.id,
        status=campaign.status.value,
        reason=text(campaign.reason),
        is_over=is_over,
        daemon_alive=seen.daemon is not None,
        as_of=iso(now),
        jobs=job_counts(view) if is_current else {},
        settled=settled,
        total=max(len(jobs), plan_size(campaign)),
        jobs_per_hour=None if rate is None else round(rate * HOUR, 2),
        eta_s=None if rate is None else round((len(jobs) - settled) / rate / 1000, 1),
        waits_because=idle_because(view, now) if is_current and not is_over else "",
        lanes=_lanes(seen) if is_current else [],
        verdicts=[
            Verdict(
                symbol=each.symbol,
                mode=each.mode,
                sentence=text(each.sentence),
                is_champion=each.sentence.startswith("Champion"),
                marks=list(each.marks),
            )
            for each in verdicts(view, campaign)[:ROWS_MAX]
        ],
        champions=[each.id for each in view.champions.values() if each.campaign == campaign.id],
        incidents_open=[each.id for each in view.open_incidents()][:ROWS_MAX],
    )


def _lanes(seen: Picture) -> list[LaneNow]:
    lanes: list[LaneNow] = []
    for run in seen.view.open_runs()[:ROWS_MAX]:
        beat = seen.view.beats.get(run.id)
        if beat is None:
            lanes.append(LaneNow(lane=run.lane, job=run.job))
            continue
        eta = eta_of(beat.done, beat.total, beat.rate)
        left = None if eta is None else eta / 1000
        lanes.append(LaneNow(lane=run.lane, job=run.job, done=beat.done, total=beat.total, rate=beat.rate, eta_s=left))
    return lanes
