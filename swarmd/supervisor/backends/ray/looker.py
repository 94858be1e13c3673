"""`python -m swarmd.supervisor.backends.ray.looker ADDRESS EVERY_S [HOST:PORT]`: the nodes, one JSON line a look.

A process of its own, for the library ends the process it lives in when the cluster is lost. With 0 it looks once. It
ends when nobody reads, and with the one that started it.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any

from swarmd.state.cluster import NAMESPACE
from swarmd.supervisor.backends.ray.gauge import Gauge
from swarmd.supervisor.backends.ray.node_processes import VRAM

PRICE_LABEL = "swarmd.price-per-hour"
_PR_SET_PDEATHSIG = 1
# A node answers in milliseconds once it has a worker for it, which takes it some seconds the first time.
_LISTENS_S = 2.0
_ANSWERS_WITHIN_S = 15.0
_CONNECTS_WITHIN_S = 45.0


class Looker:
    """A driver of the cluster that asks every node how it fares. One that has not answered is not asked again."""

    def __init__(self, address: str, reach: str = "") -> None:
        import ray

        self._ray: Any = ray
        ray.init(address=address, namespace=NAMESPACE, log_to_driver=False, logging_level="ERROR")  # type: ignore[arg-type]
        self._reach = reach
        self._make_gauge: Any = ray.remote(num_cpus=0, max_restarts=0)(Gauge)
        # By the node's life, as all that follows.
        self._gauges: dict[str, Any] = {}
        self._asked: dict[str, Any] = {}
        self._since: dict[str, float] = {}
        self._told: dict[str, dict[str, Any]] = {}

    def look(self, within_s: float = _LISTENS_S) -> list[dict[str, Any]]:
        nodes = self._ray.nodes()
        for node in nodes:
            life = node["NodeID"]
            # One that lends nothing is not measured: a process there would watch what nobody asks for.
            if node["Alive"] and life not in self._asked and (self._reach or _lends(node["Resources"])):
                if life not in self._gauges:
                    self._gauges[life] = self._make_gauge.options(scheduling_strategy=self._only_on(life)).remote()
                self._asked[life] = self._gauges[life].measured.remote(self._reach)
                self._since[life] = time.monotonic()
        waiting = list(self._asked.values())
        self._ray.wait(waiting, num_returns=len(waiting), timeout=within_s) if waiting else None
        return [self._told_of(node) for node in nodes]

    def _only_on(self, life: str) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        return NodeAffinitySchedulingStrategy(life, soft=False)

    def _told_of(self, node: dict[str, Any]) -> dict[str, Any]:
        life, resources = node["NodeID"], node["Resources"]
        trouble = "" if node["Alive"] else _first_line(node["DeathReasonMessage"])
        asked = self._asked.pop(life, None)
        if not node["Alive"]:
            self._gauges.pop(life, None)
        elif asked is not None:
            try:
                self._told[life] = self._ray.get(asked, timeout=0)
            except self._ray.exceptions.GetTimeoutError:
                self._asked[life] = asked
                if time.monotonic() - self._since[life] > _ANSWERS_WITHIN_S:
                    trouble = f"it has not answered within {_ANSWERS_WITHIN_S:g} s"
            except self._ray.exceptions.RayError as cause:
                self._gauges.pop(life, None)  # the next look makes another
                trouble = f"it could not be asked: {_first_line(str(cause))}"
        price = node.get("Labels", {}).get(PRICE_LABEL)
        return {
            "name": node["NodeName"],
            "address": node["NodeManagerAddress"],
            "life": life,
            "is_alive": node["Alive"],
            "cpus": resources.get("CPU", 0.0),
            "gpus": resources.get("GPU", 0.0),
            "vram_gb": resources.get(VRAM, 0.0),
            "price_per_hour": None if price is None else float(price),
            "trouble": trouble,
            **self._told.get(life, {}),
        }


def _lends(resources: Mapping[str, float]) -> bool:
    return bool(resources.get("CPU") or resources.get("GPU"))


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:200]


def main(arguments: list[str]) -> int:
    address, every_s = arguments[0], float(arguments[1])
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # A library that waits for a dead head in its own code is ended by the kernel.
    signal.setitimer(signal.ITIMER_REAL, _CONNECTS_WITHIN_S)
    try:
        looker = Looker(address, *arguments[2:])
    except Exception as cause:  # of many kinds; each is one line for who asked
        print(json.dumps({"trouble": f"the cluster at {address} does not take us: {_first_line(str(cause))}"}))
        return 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    # Who goes on looking tells at once who is there; how they fare comes with the next look.
    listens_s = 0.0 if every_s else _ANSWERS_WITHIN_S
    while True:
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps({"nodes": looker.look(listens_s)}), flush=True)
        if not every_s:
            sys.stdout.flush()
            os._exit(0)  # the library's farewell takes a second, and nobody waits for it
        listens_s = _LISTENS_S
        time.sleep(every_s)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
