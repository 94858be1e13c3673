"""The same campaign on a real cluster: nodes, head, courier and daemon are killed, and it comes to the same end."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from faults.ray_cluster import NODES, Cluster, on_cluster
from faults.swarm import Row, Swarm, campaign_text, outcome, state_of, wait
from faults.test_killed import trial_lines

pytest.importorskip("ray", reason="Ray is not installed; run: pip install 'swarmd[cluster]'")

from swarmd.state.cluster import token_path
from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home, atomic_write
from swarmd.state.work_order import ExitCode
from swarmd.supervisor.backends.ray.watch import look_once

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("cluster")
    made = Cluster(folder, folder / "orders")
    try:
        made.start_head()
        made.join(*NODES)
        yield made
    finally:
        made.end()


def lost(swarm: Swarm, suffix: str) -> Row:
    """The run once it has ended."""
    return wait(f"the end of {suffix}", lambda: row if (row := swarm.run_of(suffix)).get("ended_at") else None)


def anywhere(found: Any) -> Any:
    """Without the commit of the checkout that a lane was started from: each machine has one of its own."""
    if isinstance(found, dict):
        return {key: anywhere(inner) for key, inner in found.items() if key not in ("git_sha", "git_commit")}
    return [anywhere(inner) for inner in found] if isinstance(found, list) else found


def held(swarm: Swarm) -> tuple[str, int] | None:
    """The attempt that stands at its order now, with the pid of its lane on the node."""
    for path in swarm.orders.glob("refine-*.reached"):
        pid = int(path.read_text().split()[0])
        if state_of(pid):
            return path.name.partition("@")[0], pid
    return None


def test_node_daemon_courier_and_head_are_killed_and_nothing_is_lost_or_doubled(
    swarm_of: Callable[..., Swarm], bars: Path, undisturbed: dict[str, Any], cluster: Cluster
) -> None:
    swarm = on_cluster(swarm_of(campaign_text(bars)), cluster)
    first_order = swarm.order("refine-a1@4.wait")
    # Which attempt comes to a living node is a matter of who hears of the dead one first.
    later = [swarm.order(f"refine-a{attempt}@3.wait") for attempt in range(2, 20)]
    swarm.start()

    # The node with the lane on it goes down.
    (first,) = swarm.reached(first_order.name)
    node = swarm.run_of("refine-a1")["node"]
    assert node in NODES
    cluster.kill(node)
    wait("the lane to end with its node", lambda: not state_of(first))
    gone = lost(swarm, "refine-a1")
    assert gone["exit_code"] == ExitCode.NODE_LOST
    assert node in gone["reason"], "it says which node is gone"

    # Its successor lives on another; the daemon dies, and the next one takes the same courier over.
    name, second = wait("a lane on another node", lambda: held(swarm))
    courier = swarm.run_of(name)["pid"]
    assert swarm.run_of(name)["node"] in set(NODES) - {node}
    swarm.kill_daemon()
    assert state_of(second), "a lane on a node outlives the daemon"
    swarm.start()
    assert "1 run adopted" in swarm.closed("daemon_lost")["outcome"]
    assert (swarm.run_of(name)["pid"], swarm.run_of(name)["status"]) == (courier, "running")
    assert state_of(second)

    # The courier is killed, and what it had on the node ends with it.
    os.kill(courier, signal.SIGKILL)
    wait("the lane to end with its courier", lambda: not state_of(second))
    assert lost(swarm, name)["status"] == "lost"
    name, third = wait("its successor", lambda: held(swarm))

    # The head goes down, and all nodes with it; it comes back where it was, and they join again.
    cluster.kill("head")
    wait("the lane to end with its cluster", lambda: not state_of(third))
    assert lost(swarm, name)["reason"]
    for each in NODES:
        wait(f"{each} to leave", lambda each=each: not cluster.pids(each), 90)  # type: ignore[misc]
    cluster.end_nodes()
    for order in (first_order, *later):
        order.unlink()
    cluster.start_head()
    cluster.join(*NODES)

    assert swarm.finish() == 0
    assert anywhere(outcome(swarm)) == anywhere(undisturbed)
    assert trial_lines(swarm) == list(range(12)), "each trial was made and told once"
    runs = [row for name, row in swarm.records("run").items() if "refine" in name]
    spans = sorted((row["ordered_at"], row["ended_at"]) for row in runs)
    assert all(before[1] <= after[0] for before, after in pairwise(spans)), "no two at once"


def test_who_does_not_know_the_secret_is_not_let_in(cluster: Cluster, tmp_path: Path) -> None:
    stranger = Home(tmp_path / "stranger")
    stranger.prepare()
    atomic_write(token_path(stranger), b"0" * 64)
    with pytest.raises(OutsideError, match="does not"):
        look_once(stranger, cluster.address)
    friend = Home(tmp_path / "friend")
    friend.prepare()
    shutil.copy(token_path(cluster.home("head")), token_path(friend))
    assert {node.name for node in look_once(friend, cluster.address).nodes if node.is_alive} >= set(NODES)
