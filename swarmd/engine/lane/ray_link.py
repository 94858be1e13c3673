"""The one place where a lane meets Ray: connect to the cluster, put an outpost on a node, ask it, in bounded time.

Every trouble of the cluster comes out as one exception with a plain sentence and the exit code that fits it.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from swarmd.engine.lane.outpost import Outpost
from swarmd.state.cluster import NAMESPACE
from swarmd.state.errors import OutsideError
from swarmd.state.work_order import ExitCode, WorkOrder

log = logging.getLogger(__name__)

VRAM = "vram_gb"
_LOOK_S = 0.25
# A node has so long to start a worker once there is room; a worker imports a second or two of Python.
_PLACED_WITHIN_S = 120.0
_MISSED_FOR_S = 15.0
# What waits on a node and says nothing for so long is not waited for.
_KNOCK_WITHIN_S = 5.0
# By which the cluster tells its nodes apart itself.
_NODE_LABEL = "ray.io/node-id"
_WORDS_MAX = 300


class LinkLost(OutsideError):  # noqa: N818  (it says what happened)
    """The cluster, the node or the outpost there cannot go on with this run. ``code`` is how the run ends by it: unless
    something better is known, its node is lost to it.
    """

    def __init__(self, text: str, code: int = ExitCode.NODE_LOST) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True)
class Share:
    """What a lane asks of a node: processors, a part of a graphics processor, and gigabytes of its memory."""

    cpus: float
    gpus: float = 0.0
    vram_gb: float = 0.0

    @property
    def resources(self) -> dict[str, float]:
        return {VRAM: self.vram_gb} if self.vram_gb else {}


class Link:
    """A driver of the cluster, with one actor that is this run's. Both end with this process."""

    def __init__(self, address: str) -> None:
        """Connect; the caller bounds the time. Raises LinkLost where nobody answers or the token is refused."""
        import ray

        self._ray: Any = ray
        self._actor: Any = None
        self._room: Any = None
        self.node = ""
        # The node on which an outpost waits that nobody has an order for yet.
        self.ahead_on = ""
        try:
            ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
        except Exception as cause:  # of many kinds: RuntimeError, ConnectionError, ValueError, the library's own
            text = f"the cluster at {address} does not take us: {_first_words(cause)}"
            raise LinkLost(text, ExitCode.CLUSTER_LOST) from cause

    def place(self, order: WorkOrder, share: Share, *, meanwhile: Callable[[], None]) -> dict[str, str | int]:
        """Put an outpost on a node, that of the order if it names one; what it says about itself.

        ``meanwhile`` is called several times a second, and may raise.
        """
        self.node = order.node
        strategy = self._strategy(order.node, meanwhile)
        made = self._ray.remote(Outpost).options(
            num_cpus=share.cpus,
            num_gpus=share.gpus,
            resources=share.resources,
            # A worker that dies is a lost run: only the supervisor tries again, with another token.
            max_restarts=0,
            max_task_retries=0,
            scheduling_strategy=strategy,
            name=f"{order.run}@{order.session}",
        )
        waiting_for = f"a node with {share.cpus:g} free processors" if not order.node else f"room on node {order.node}"
        return self._made(made, waiting_for, meanwhile)

    def place_ahead(self, node: str, *, meanwhile: Callable[[], None]) -> dict[str, str | int]:
        """Put an outpost on a node that takes none of its room until there is an order; what it says about itself."""
        self.node = node
        made = self._ray.remote(Outpost).options(
            num_cpus=0, max_restarts=0, max_task_retries=0, scheduling_strategy=self._strategy(node, meanwhile)
        )
        about = self._made(made, f"node {node}", meanwhile)
        self.ahead_on = node
        return about

    def take_up(self, order: WorkOrder, share: Share, *, meanwhile: Callable[[], None]) -> dict[str, str | int] | None:
        """The outpost that waits becomes the order's, with its share of the node, as ``place`` would have given it;
        None where none waits that suits and answers. Raises LinkLost where there is no room.
        """
        if not self.ahead_on or self.ahead_on != order.node or share.gpus:
            return None
        about: dict[str, str | int]
        try:
            about = self._asked("about", within_s=_KNOCK_WITHIN_S, meanwhile=meanwhile, late="no answer")
        except LinkLost as lost:
            log.info("what waited on node %s is not used: %s", self.ahead_on, lost)
            return None
        self._reserve(str(about["node"]), order, share, meanwhile)
        return about

    def _reserve(self, where: str, order: WorkOrder, share: Share, meanwhile: Callable[[], None]) -> None:
        """The share of that node and no other, held until this driver ends."""
        bundle = {"CPU": share.cpus, **share.resources}
        if not any(bundle.values()):
            return
        from ray.util.placement_group import placement_group

        try:
            self._room = placement_group(
                [bundle], name=f"{order.run}@{order.session}", bundle_label_selector=[{_NODE_LABEL: where}]
            )
            until = time.monotonic() + _PLACED_WITHIN_S
            while not self._room.wait(_LOOK_S):
                meanwhile()
                if time.monotonic() > until:
                    raise LinkLost(f"no answer from room on node {order.node} for {_PLACED_WITHIN_S:g} s")
        except (ValueError, self._ray.exceptions.RayError) as cause:
            raise LinkLost(f"node {order.node} gives no room: {_first_words(cause)}") from cause

    def _made(self, made: Any, waiting_for: str, meanwhile: Callable[[], None]) -> dict[str, str | int]:
        try:
            self._actor = made.remote()
        except ValueError as cause:
            raise LinkLost(f"the outpost could not be made: {_first_words(cause)}") from cause
        about: dict[str, str | int] = self._asked(
            "about", within_s=_PLACED_WITHIN_S, meanwhile=meanwhile, late=f"no answer from {waiting_for}"
        )
        self.node = self._name_of(str(about["node"])) or str(about["host"])
        return about

    def ask(self, method: str, *arguments: Any, within_s: float, meanwhile: Callable[[], None] | None = None) -> Any:
        """What the outpost answers. Raises LinkLost after so many seconds of silence, and where it is gone."""
        late = f"node {self.node} has not answered"
        return self._asked(method, *arguments, within_s=within_s, meanwhile=meanwhile, late=late)

    def _asked(
        self, method: str, *arguments: Any, within_s: float, meanwhile: Callable[[], None] | None, late: str
    ) -> Any:
        errors = self._ray.exceptions
        asked = getattr(self._actor, method).remote(*arguments)
        until = time.monotonic() + within_s
        while True:
            try:
                return self._ray.get(asked, timeout=_LOOK_S)
            except errors.GetTimeoutError:
                if meanwhile is not None:
                    meanwhile()
                if time.monotonic() > until:
                    raise LinkLost(f"{late} for {within_s:g} s") from None
            except errors.RayTaskError as cause:
                raise LinkLost(f"node {self.node}: {_first_words(cause.cause)}", 1) from cause
            except errors.OutOfMemoryError as cause:
                text = f"node {self.node} ran out of memory, and its cluster ended the lane there"
                raise LinkLost(text, ExitCode.OUT_OF_MEMORY) from cause
            except errors.RayError as cause:
                raise self._gone(cause) from cause

    def _gone(self, cause: Exception) -> LinkLost:
        """Which of the two died: the node with all its lanes, or the lane's worker alone."""
        told = str(cause)
        if "memory" in told.lower() and "out" in told.lower() and "kill" in told.lower():
            text = f"the lane's worker on node {self.node} was ended for want of memory there"
            return LinkLost(text, ExitCode.OUT_OF_MEMORY)
        if "node" in told.lower() and ("died" in told.lower() or "dead" in told.lower()):
            return LinkLost(f"node {self.node} is gone, and the lane on it: {_node_words(told)}")
        if "unavailable" in told.lower():
            return LinkLost(f"node {self.node} does not answer any more")
        return LinkLost(f"the lane's worker on node {self.node} is gone: {_first_words(cause)}")

    def _strategy(self, node: str, meanwhile: Callable[[], None]) -> Any:
        """One that is away may be on its way back; and attempts are not used up on it until everybody knows."""
        if not node:
            return "SPREAD"
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        until = time.monotonic() + _MISSED_FOR_S
        while time.monotonic() < until:
            for known in self._nodes():
                if known["Alive"] and known["NodeName"] == node:
                    return NodeAffinitySchedulingStrategy(known["NodeID"], soft=False)
            meanwhile()
            time.sleep(_LOOK_S)
        raise LinkLost(f"node {node} is not there")

    def _name_of(self, where: str) -> str:
        return next((str(node["NodeName"]) for node in self._nodes() if node["NodeID"] == where), "")

    def _nodes(self) -> list[dict[str, Any]]:
        try:
            return list(self._ray.nodes())
        except Exception as cause:  # its own kinds, as at the connection
            text = f"the cluster does not tell of its nodes: {_first_words(cause)}"
            raise LinkLost(text, ExitCode.CLUSTER_LOST) from cause

    def close(self) -> None:
        """Let the actor go, its worker with it, and its room on the node."""
        self.ahead_on = ""
        with contextlib.suppress(Exception):  # it goes with this process in any case
            self._ray.kill(self._actor)
        if self._room is not None:
            from ray.util.placement_group import remove_placement_group

            with contextlib.suppress(Exception):  # likewise
                remove_placement_group(self._room)


def _first_words(cause: BaseException | None) -> str:
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return (lines[0] if lines else type(cause).__name__)[:_WORDS_MAX]


def _node_words(told: str) -> str:
    """The sentence about the node, without the log that the library puts behind it."""
    for line in told.splitlines():
        if "node" in line.lower() and ("died" in line.lower() or "dead" in line.lower()):
            return line.strip()[:_WORDS_MAX]
    return "the cluster says no more"
