"""What a session says first: that the former one was lost, the limits in force, the lanes, and the question.

Pure but for the names of this machine and process; ``daemon`` journals it before the first cycle.
"""

import os
import socket
from dataclasses import replace
from datetime import UTC, datetime

from swarmd import __version__
from swarmd.agents.rules.budget import refusal_to_start, settled
from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign import Campaign, CampaignStatus
from swarmd.state.records.campaign_settings import CampaignSettings, LimitSettings
from swarmd.state.records.lane import Lane, LaneStatus
from swarmd.state.records.policy import Policy
from swarmd.state.records.record import Record
from swarmd.state.records.request import Request, RequestStatus, Verb
from swarmd.state.records.session import Session, SessionStatus
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.clock import boot_id, wall_millis
from swarmd.supervisor.question import digest
from swarmd.supervisor.rules_digest import rules_digest


def check_campaign_unchanged(before: View, campaign: CampaignSettings | None) -> None:
    """Refuse what cannot be begun: no campaign at all, another question under a known name, one that was cancelled, a
    budget that is spent.

    The budget is no part of the question: the same file with another ``limits.budget`` goes on where it stood.
    """
    if campaign is None and before.campaign is None:
        raise OperatorError("there is no campaign to resume in this home; start one with `swarmd start CAMPAIGN.yaml`")
    known = before.campaign if campaign is None else before.campaigns.get(campaign.name)
    if known is None:
        return
    if campaign is not None and known.digest != digest(campaign):
        raise OperatorError(
            f"campaign {campaign.name!r} was started with other settings (digest {known.digest[:12]}, now "
            f"{digest(campaign)[:12]}); give the changed file another `name`, so results of two questions never mix"
        )
    if known.status is CampaignStatus.CANCELLED and not before.open_runs():
        raise OperatorError(
            f"campaign {known.id!r} is over for good ({known.reason}); what it found stays. Start another file, or "
            "this one under another `name`"
        )
    if refusal := refusal_to_start(before, _taken_up(before, known, campaign), known.file or "its campaign file"):
        raise OperatorError(refusal)


def policy_of(
    settings: CampaignSettings | None, lanes: int, *, monitors: bool, dashboard: bool = True, now: Millis
) -> Policy:
    """The limits in force: the campaign's, with ``auto`` made into the lanes this machine carries."""
    if settings is None:
        gpu_lanes = LimitSettings().gpu_lanes
        return Policy(
            at=now,
            max_lanes=lanes,
            fill_lanes=max(1, lanes // 2),
            gpu_lanes=gpu_lanes,
            monitors=monitors,
            dashboard=dashboard,
        )
    limits = settings.limits
    max_lanes = lanes if limits.max_lanes == "auto" else limits.max_lanes
    return Policy(
        at=now,
        run_timeout=limits.run_timeout,
        max_attempts=limits.max_attempts,
        backoff_first=limits.backoff[0],
        backoff_cap=limits.backoff[1],
        disk_free_min=limits.disk_free_min,
        handoff_every=limits.handoff_every,
        cpu_util_target=settings.targets.cpu_util,
        gpu_lanes=limits.gpu_lanes,
        gpu_util_target=settings.targets.gpu_util,
        max_lanes=max_lanes,
        fill_lanes=max(1, max_lanes // 8) if settings.backend.kind != "local" else max(1, max_lanes // 2),
        on_nodes=settings.backend.kind != "local",
        lane_cpus=settings.backend.lane_cpus,
        lane_gpus=settings.backend.lane_gpus,
        lane_vram_gb=settings.backend.lane_vram_gb,
        spares=limits.spares,
        monitors=monitors,
        dashboard=dashboard,
    )


def opening_records(
    before: View, session: Session, policy: Policy, campaign: CampaignSettings | None, file: str, now: Millis
) -> list[Record]:
    """What a session says first: that the former was lost if it never closed, the limits, the lanes, the question."""
    lost = [
        old.model_copy(
            update={"status": SessionStatus.LOST, "at": now, "reason": "its daemon vanished without closing it"}
        )
        for old in before.sessions.values()
        if old.status is SessionStatus.OPEN
    ]
    lanes = [lane_for(slot, policy, now) for slot in range(policy.max_lanes) if f"cpu{slot}" not in before.lanes]
    lanes += [
        Lane(
            id=f"fill{n}",
            at=now,
            device="cpu",
            slot=policy.max_lanes + n,
            status=LaneStatus.HELD,
            reason="kept for idle processors",
            is_fill=True,
        )
        for n in range(policy.fill_lanes)
        if f"fill{n}" not in before.lanes
    ]
    surplus = [
        lane.model_copy(update={"status": LaneStatus.HELD, "at": now, "reason": f"beyond max_lanes {policy.max_lanes}"})
        for lane in before.lanes.values()
        if lane.slot >= policy.max_lanes and lane.status is LaneStatus.OPEN and not lane.is_on_gpu
    ]
    again = lanes_home_again(before, policy, now)
    return [*lost, session, policy, *lanes, *surplus, *again, *_asked(before, campaign, file, session, now)]


def lanes_home_again(view: View, policy: Policy, now: Millis) -> list[Lane]:
    """Of a cluster that was left: its lanes are this machine's again, as soon as nothing is under way in them. Those of
    the nodes' own devices stay with them.
    """
    if policy.on_nodes:
        return []
    return [
        lane.model_copy(update={"node": "", "at": now, "reason": _told_home(lane)})
        for lane in view.lanes.values()
        if lane.node and (lane.slot < policy.max_lanes or lane.is_fill) and not lane.is_on_gpu
        if view.run_in(lane.id) is None
    ]


def _told_home(lane: Lane) -> str:
    """One that is held goes on saying why."""
    return "a lane of this machine again" if lane.status is LaneStatus.OPEN else lane.reason


def lane_for(slot: int, policy: Policy, now: Millis) -> Lane:
    """Open on this machine; in a cluster held until a node has room for it."""
    name = f"cpu{slot}"
    if policy.on_nodes:
        held = LaneStatus.HELD
        return Lane(id=name, at=now, device="cpu", slot=slot, status=held, reason="waits for a node with room")
    return Lane(id=name, at=now, device="cpu", slot=slot, status=LaneStatus.OPEN, reason="a lane per core")


def _asked(before: View, campaign: CampaignSettings | None, file: str, session: Session, now: Millis) -> list[Record]:
    known = before.campaigns.get(campaign.name) if campaign is not None else before.campaign
    # What another campaign used up in the session before is written down now, while its end is known.
    other = settled(before)
    is_another = other is not None and (known is None or other.id != known.id)
    accounts: list[Record] = [other.model_copy(update={"at": now})] if other is not None and is_another else []
    if known is None:
        assert campaign is not None
        return [
            *accounts,
            Campaign(
                id=campaign.name,
                at=now,
                caused_by=(session.id,),
                settings=campaign,
                digest=digest(campaign),
                file=file,
                status=CampaignStatus.ACTIVE,
                started_at=now,
                reason="started",
            ),
        ]
    taken_up = _taken_up(before, known, campaign)
    renewed = taken_up.model_copy(
        update={"at": now, "started_at": now, "caused_by": (session.id,), "file": file or known.file}
    )
    # One that is out of budget is opened only to see its last runs to their end.
    is_spent = bool(refusal_to_start(replace(before, runs={}), taken_up, file))
    if known.status is CampaignStatus.STOPPED and not is_spent:
        ask = Request(
            id=f"{session.id}-resume",
            at=now,
            caused_by=(session.id,),
            verb=Verb.RESUME,
            asked_by="swarmd start",
            status=RequestStatus.PENDING,
        )
        return [*accounts, renewed, ask]
    return [*accounts, renewed]


def _taken_up(before: View, known: Campaign, campaign: CampaignSettings | None) -> Campaign:
    """The known campaign with all it has spent, under the budget that is asked for now."""
    other = settled(before)
    account = other if other is not None and other.id == known.id else known
    return account if campaign is None else account.model_copy(update={"settings": campaign})


def session_record(before: View, anchor: Millis, until_done: bool, now: Millis) -> Session:
    stamp = datetime.now(UTC)
    name = f"bt-{stamp:%Y%m%d_%H%M%SZ}"
    taken = sum(1 for known in before.sessions if known.startswith(name))
    return Session(
        id=f"{name}-{taken + 1}" if taken else name,
        at=now,
        status=SessionStatus.OPEN,
        pid=os.getpid(),
        boot_id=boot_id(),
        anchor=anchor,
        wall=wall_millis(),
        host=socket.gethostname(),
        code_version=__version__,
        until_done=until_done,
        reason="started",
        rules=rules_digest(),
    )
