"""Which backend a session has, and how many lanes that makes: said by the command, the campaign file, or neither."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from swarmd.state.beats import BeatsPage
from swarmd.state.cluster import address_of
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.store.files import Home
from swarmd.state.view import View
from swarmd.supervisor.backends.groups import find_groups
from swarmd.supervisor.backends.local import LocalBackend
from swarmd.supervisor.backends.ray.backend import RayBackend, require_ray, require_token
from swarmd.supervisor.backends.ray.reach import require_reach
from swarmd.supervisor.backends.ray.watch import NodeWatch
from swarmd.supervisor.sensors.nodes import lanes_of

Kind = Literal["local", "ray"]


@dataclass(frozen=True, slots=True)
class Ground:
    """Where lanes live: the address of the cluster's head, empty on one machine; how many lanes the cluster carries
    as far as that is known, 0 on one machine; and who watches its nodes, who may have begun already."""

    address: str = ""
    lanes: int = 0
    watch: NodeWatch | None = None

    def close(self) -> None:
        if self.watch is not None:
            self.watch.end()


def grounded(
    home: Home, before: View, campaign: CampaignSettings | None, kind: Kind | None
) -> tuple[CampaignSettings | None, Ground]:
    """The campaign as it is begun, with the backend that is asked for, and its ground; None is gone on with as it was.

    A cluster is asked how much it carries, within a bounded time. A daemon that comes back to living runs does not
    wait for that: they are to be adopted at once, and the cluster may be what is amiss.

    Raises
    ------
    OperatorError
        If a cluster is asked for, and Ray, its address or its secret is not there, or nodes of it cannot reach what
        their lanes would share.
    OutsideError
        If the cluster does not answer.
    """
    known = before.campaign.settings if before.campaign is not None else None
    asked = _with_backend(campaign or known, kind)
    begun = asked if campaign is not None or asked != known else None
    if asked is None or asked.backend.kind != "ray":
        return begun, Ground()
    require_ray()
    address = address_of(home, asked.backend.address)
    require_token(home)
    watch = NodeWatch(home, address)
    if before.nodes and before.open_runs():
        return begun, Ground(address, before.policy.max_lanes, watch)
    look = watch.first()
    try:
        require_reach(home, address, asked, look)
    except BaseException:
        watch.end()
        raise
    return begun, Ground(address, max(1, lanes_of(look, asked.backend.lane_cpus)), watch)


def _with_backend(settings: CampaignSettings | None, kind: Kind | None) -> CampaignSettings | None:
    """The settings with the backend that the command asks for; the campaign's own where it asks for none."""
    if settings is None or kind is None or settings.backend.kind == kind:
        return settings
    return settings.model_copy(update={"backend": settings.backend.model_copy(update={"kind": kind})})


def backend_for(
    home: Home,
    page: BeatsPage,
    watch: Callable[[int], None],
    unwatch: Callable[[int], None],
    *,
    notify_socket: str,
    program: tuple[str, ...],
    ground: Ground,
) -> LocalBackend:
    groups = find_groups(home.run_dir)
    if not ground.address:
        return LocalBackend(home, page, watch, unwatch, notify_socket, program, groups)
    return RayBackend(home, page, watch, unwatch, notify_socket, program, groups, address=ground.address)
