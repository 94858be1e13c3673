"""What a node tells of itself, measured there by a small actor of the cluster: processors, memory, devices."""

import socket
from dataclasses import asdict
from typing import Any

import psutil

from swarmd.supervisor.sensors.gpu_watch import nvml

_OVER_S = 0.2
_CONNECTS_WITHIN_S = 5.0


def measured(reach: str = "") -> dict[str, Any]:
    """``cpu_util`` is a fraction of all processors over a moment; sizes in bytes; ``devices`` as NVML tells of them.
    With ``reach`` (HOST:PORT) only whether something takes connections there, as seen from the node.
    """
    if reach:
        return {"reaches": _takes_connections(reach)}
    memory = psutil.virtual_memory()
    return {
        "cpu_util": psutil.cpu_percent(interval=_OVER_S) / 100,
        "memory_bytes": memory.total,
        "mem_used_bytes": memory.total - memory.available,
        "devices": [
            {name: value for name, value in asdict(device).items() if name in _OF_DEVICE} for device in nvml()().devices
        ],
    }


class Gauge:
    """Lives on a node as long as who asks it. A task would have a worker of its own each time it is asked, for the
    cluster ends those that are idle for a second: half a second of processor time, every two seconds, on every node.
    """

    def measured(self, reach: str = "") -> dict[str, Any]:
        return measured(reach)


def _takes_connections(reach: str) -> bool:
    host, _, port = reach.rpartition(":")
    try:
        socket.create_connection((host, int(port)), _CONNECTS_WITHIN_S).close()
    except OSError:
        return False
    return True


_OF_DEVICE = ("index", "name", "util", "mem_used", "mem_total")
