"""What daemon, courier and node agree on where lanes live on a cluster: names, places, and which phases go away.

A phase goes to a node where it searches and writes into its own folder alone. What looks into the vault, judges by the
ledgers or crowns stays beside the files that it is about, on the machine that owns the home.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from swarmd.state.errors import OperatorError
from swarmd.state.records.job import Phase
from swarmd.state.records.record import Shape
from swarmd.state.store.files import Home

AWAY = frozenset({Phase.PRESCREEN, Phase.REFINE, Phase.SURROGATES, Phase.REOPTIMIZE})

# Where the head is, for whoever the daemon starts; a node's own folder, for what it keeps of other homes.
ADDRESS_VARIABLE = "SWARMD_CLUSTER"
NODE_DIR_VARIABLE = "SWARMD_NODE_DIR"
NAMESPACE = "swarmd"
# A driver or a node gives its head up after so long; the library's own minute is a long time to wait for a refusal.
_GIVE_UP_S = 20


class ClusterProcess(Shape):
    """A process that ``swarmd cluster`` started: the number alone is soon another's."""

    pid: int
    start_ticks: int
    role: Literal["head", "node"]
    name: str


class ClusterFile(Shape):
    """``state/run/cluster.json``: the cluster that this home was told of, and what of it was started here."""

    schema_: Literal["swarmd.cluster/1"] = "swarmd.cluster/1"
    address: str
    processes: tuple[ClusterProcess, ...] = ()


def cluster_path(home: Home) -> Path:
    return home.run_dir / "cluster.json"


def token_path(home: Home) -> Path:
    """The secret that whoever joins or uses the cluster must have, 0600."""
    return home.state / "cluster.token"


def cluster_of(home: Home) -> ClusterFile | None:
    """What ``swarmd cluster`` has written down; None where it never ran here."""
    path = cluster_path(home)
    try:
        return ClusterFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as cause:
        raise OperatorError(f"{path} cannot be read ({cause}); remove it and run `swarmd cluster up` again") from cause


def address_of(home: Home, asked: str) -> str:
    """The head's address: the one asked for, or for ``auto`` (or none) that of the home's own cluster.

    Raises
    ------
    OperatorError
        If there is none.
    """
    if asked not in ("", "auto"):
        return asked
    known = cluster_of(home)
    address = known.address if known is not None else os.environ.get("RAY_ADDRESS", "")
    if not address:
        raise OperatorError(
            "backend ray: no cluster is known here; start one with `swarmd cluster up`, join one with `swarmd cluster "
            "join ADDRESS`, or name its head in the campaign file (backend: {kind: ray, address: HOST:PORT})"
        )
    return address


def ray_environment(token: Path) -> dict[str, str]:
    """What each process of the cluster or beside it needs in its environment before the library is imported."""
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_gcs_rpc_server_reconnect_timeout_s": str(_GIVE_UP_S),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_DEDUP_LOGS": "0",
        # Read by the node's own process; the library's choice for workers is 15, and lanes would get what all leave.
        "RAY_worker_niceness": "0",
    }
