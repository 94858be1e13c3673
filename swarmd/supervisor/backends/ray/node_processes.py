"""Processes of a cluster on this machine: started in the background, found again, and ended by what they carry.

``ray stop`` ends every Ray on the machine, so it is never called: each of ours carries a mark in its environment, which
all its descendants inherit, and the number of the first is on record with its start.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from swarmd.state.cluster import ClusterFile, ClusterProcess, cluster_of, cluster_path, ray_environment, token_path
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home, atomic_write
from swarmd.supervisor.processes import kill_stragglers, processes_with, read_stat

MARK_VARIABLE = "SWARMD_NODE"
# What the cluster counts besides its own words: gigabytes of graphics memory. Lanes ask for it by this name.
VRAM = "vram_gb"
# The library's workers take their ports there; a head on one of them ends at once.
_WORKER_PORTS = range(10_002, 20_000)
_LOOKS = 200
# Objects are files on their way to a node and parcels on their way back, not data sets.
_OBJECT_STORE_BYTES = 78_643_200
_STOPS_WITHIN_S = 10.0
_WORKS_WITHIN_S = 90.0
_STARTED = b"Ray runtime started"


@dataclass(frozen=True, slots=True)
class NodeOffer:
    """What a node lends: processors, graphics processors (None: all that are found), gigabytes of their memory, and
    what an hour of it costs. ``host`` is the address under which others reach it."""

    name: str
    host: str
    cpus: int
    gpus: int | None = None
    vram_gb: float = 0.0
    price_per_hour: float | None = None


def free_port(host: str) -> int:
    """One that nobody listens on, outside the workers' range."""
    for _ in range(_LOOKS):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as look:
            look.bind((host, 0))
            port = int(look.getsockname()[1])
        if port not in _WORKER_PORTS:
            return port
    raise OutsideError(f"no free port on {host}; name one with --port")


def make_token(home: Home) -> Path:
    """The secret of this home's cluster, made if there is none."""
    path = token_path(home)
    if not path.exists():
        atomic_write(path, secrets.token_hex(32).encode(), sync=True)
    return path


def start_head(home: Home, offer: NodeOffer, *, port: int) -> str:
    """The head's address, once it answers.

    Raises
    ------
    OperatorError
        If one runs here already, or the port is one of those that workers take.
    OutsideError
        If it does not come up; nothing of it is left then.
    """
    if port in _WORKER_PORTS:
        raise OperatorError(f"--port {port}: 10002 to 19999 are taken by the cluster's workers; name another, as 6379")
    if any(process.role == "head" for process in living(home)):
        raise OperatorError("a head of this home's cluster runs here already; look with `swarmd cluster status`")
    make_token(home)
    address = f"{offer.host}:{port or free_port(offer.host)}"
    words = ["--head", f"--port={address.rpartition(':')[2]}", "--include-dashboard=false"]
    _start(home, offer, address, "head", words)
    return address


def start_node(home: Home, offer: NodeOffer, address: str, *, within_s: float = _WORKS_WITHIN_S) -> None:
    """Join; bounded in time, for the library would wait for a dead head for ever. Raises as ``start_head`` does."""
    if any(process.name == offer.name for process in living(home)):
        raise OperatorError(f"a node named {offer.name} runs here already; name another with --name")
    _start(home, offer, address, "node", [f"--address={address}"], within_s=within_s)


def _start(
    home: Home, offer: NodeOffer, address: str, role: str, words: list[str], *, within_s: float = _WORKS_WITHIN_S
) -> None:
    log = home.logs / f"cluster-{offer.name}.log"
    resources = f'{{"{VRAM}": {offer.vram_gb:g}}}' if offer.vram_gb else "{}"
    command = [
        sys.executable, "-P", "-m", "ray.scripts.scripts", "start", *words, f"--node-ip-address={offer.host}",
        f"--node-name={offer.name}", f"--num-cpus={offer.cpus}", f"--resources={resources}",
        f"--object-store-memory={_OBJECT_STORE_BYTES}", f"--temp-dir={_temporary(home, offer.name)}",
        "--disable-usage-stats", "--include-log-monitor=false", "--log-color=false", "--block",
    ]  # fmt: skip
    command += [] if offer.gpus is None else [f"--num-gpus={offer.gpus}"]
    command += [] if offer.price_per_hour is None else [f"--labels=swarmd.price-per-hour={offer.price_per_hour:g}"]
    environment = os.environ | ray_environment(token_path(home)) | {MARK_VARIABLE: mark(home, offer.name)}
    home.prepare()
    # Nothing of that name runs here by our own word; what its killed first process has left behind holds its port.
    _end(home, offer.name, 0)
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd="/",
            umask=0o077,
            start_new_session=True,
        )
    until = time.monotonic() + within_s
    while _STARTED not in log.read_bytes():
        if child.poll() is not None or time.monotonic() > until:
            why = "ended at once" if child.poll() is not None else f"did not answer within {within_s:g} s"
            _end(home, offer.name, child.pid)
            raise OutsideError(f"the {role} of the cluster at {address} {why}: {_last_line(log)}; see {log}")
        time.sleep(0.05)
    stat = read_stat(child.pid)
    process = ClusterProcess.model_validate(
        {"pid": child.pid, "start_ticks": stat.start_ticks if stat else 0, "role": role, "name": offer.name}
    )
    _write(home, ClusterFile(address=address, processes=(*living(home), process)))


def living(home: Home) -> tuple[ClusterProcess, ...]:
    """Those started from this home that still run."""
    known = cluster_of(home)
    return () if known is None else tuple(process for process in known.processes if _lives(process))


def _lives(process: ClusterProcess) -> bool:
    stat = read_stat(process.pid)
    return stat is not None and stat.start_ticks == process.start_ticks


def stop(home: Home, name: str | None = None) -> tuple[ClusterProcess, ...]:
    """End what was started from this home, or the one of that name; nodes before the head. What was ended."""
    known = cluster_of(home)
    if known is None:
        return ()
    meant = [process for process in known.processes if name is None or process.name == name]
    for process in sorted(meant, key=lambda process: process.role == "head"):
        _end(home, process.name, process.pid if _lives(process) else 0)
    left = tuple(process for process in known.processes if process not in meant)
    if left:
        _write(home, ClusterFile(address=known.address, processes=left))
    else:
        cluster_path(home).unlink(missing_ok=True)
    return tuple(meant)


def _end(home: Home, name: str, pid: int) -> None:
    """Ask the first of them, and end whatever carries its mark."""
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + _STOPS_WITHIN_S
        while read_stat(pid) is not None and time.monotonic() < until:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            time.sleep(0.02)
    # The killed take their time on a busy machine, and may have been about to start others.
    until = time.monotonic() + _STOPS_WITHIN_S
    while processes_with(MARK_VARIABLE, mark(home, name)) and time.monotonic() < until:
        kill_stragglers(MARK_VARIABLE, {mark(home, name)})
        time.sleep(0.05)
    shutil.rmtree(_temporary(home, name), ignore_errors=True)


def mark(home: Home, name: str) -> str:
    return f"{name}@{home.run_dir}"


def _temporary(home: Home, name: str) -> Path:
    """Short, for sockets lie there: their paths may have some hundred characters."""
    owner = blake2b(os.fsencode(mark(home, name)), digest_size=4).hexdigest()
    folder = Path(tempfile.gettempdir()) / f"swarmd-ray-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.getuid() or folder.is_symlink():
        raise OutsideError(f"{folder} is somebody else's; remove it")
    return folder / owner


def _write(home: Home, file: ClusterFile) -> None:
    atomic_write(cluster_path(home), file.model_dump_json(indent=1).encode() + b"\n")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"
