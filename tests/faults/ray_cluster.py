"""A real Ray cluster on this machine for the tests: a head and nodes, killed and brought back by their marks."""

import os
import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from faults.swarm import Swarm, state_of, wait

from swarmd.state.cluster import token_path
from swarmd.state.store.files import Home
from swarmd.supervisor.backends.ray.node_processes import (
    MARK_VARIABLE,
    NodeOffer,
    mark,
    start_head,
    start_node,
    stop,
)
from swarmd.supervisor.processes import processes_with

NODES = ("n1", "n2", "n3")


class Cluster:
    """Each process of it has a home of its own, as it would have on a machine of its own."""

    def __init__(self, folder: Path, orders: Path) -> None:
        self.folder = folder
        self.orders = orders
        orders.mkdir()
        # Nodes pass their environment on to the lanes on them.
        os.environ["SWARMD_TEST_ORDERS"] = str(orders)
        self.address = ""

    def home(self, name: str) -> Home:
        return Home(self.folder / name)

    def start_head(self) -> None:
        home = self.home("head")
        home.prepare()
        port = int(self.address.rpartition(":")[2] or 0)
        self.address = start_head(home, NodeOffer("head", "127.0.0.1", 0), port=port)

    def join(self, *names: str, gpus: int = 0) -> None:
        """Several at once: each spends most of its start waiting. They lend so many graphics processors as they are
        told to, there or not, with eight gigabytes each, and none that are there unless told to."""

        def one(name: str) -> None:
            home = self.home(name)
            home.prepare()
            shutil.copy(token_path(self.home("head")), token_path(home))
            start_node(home, NodeOffer(name, "127.0.0.1", 1, gpus=gpus, vram_gb=8.0 * gpus), self.address)

        with ThreadPoolExecutor() as pool:
            list(pool.map(one, names))

    def pids(self, name: str) -> list[int]:
        return [pid for pid in processes_with(MARK_VARIABLE, mark(self.home(name), name)) if state_of(pid)]

    def kill(self, name: str) -> None:
        """SIGKILL what makes it a node, and leave what runs on it to notice."""
        for pid in self.pids(name):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if words[0].endswith((b"/raylet", b"/gcs_server")) or b"ray.scripts.scripts" in words:
                os.kill(pid, signal.SIGKILL)
        wait(f"all of {name} to end", lambda: not self.pids(name), 90)
        stop(self.home(name))

    def leave(self, name: str) -> None:
        stop(self.home(name))

    def end_nodes(self) -> None:
        """What is on record of those that ended by themselves."""
        for name in NODES:
            stop(self.home(name))

    def end(self) -> None:
        os.environ.pop("SWARMD_TEST_ORDERS", None)
        for name in (*NODES, "head"):
            stop(self.home(name))


def on_cluster(swarm: Swarm, cluster: Cluster) -> Swarm:
    """The swarm, told of the cluster by two lines of its campaign file and the secret in its home."""
    swarm.campaign.write_text(f"{swarm.campaign.read_text()}backend: {{kind: ray, address: '{cluster.address}'}}\n")
    swarm.home.state.mkdir(mode=0o700, parents=True)
    shutil.copy(token_path(cluster.home("head")), token_path(swarm.home))
    swarm.orders = cluster.orders
    swarm.environment["SWARMD_TEST_ORDERS"] = str(cluster.orders)
    return swarm
