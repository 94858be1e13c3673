"""Real servers for studies: our gRPC proxy as a process of its own, and Postgres, each on a place of its own."""

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
from postgres_server import postgres


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class AProxy:
    """`swarmd storage serve` over a journal; may be killed, started again, held and let go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"grpc://127.0.0.1:{self.port}"
        self.journal = folder / "studies.journal"
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "swarmd", "--home", str(self.folder / "home"), "storage", "serve", "--json"]
        command += ["--url", self.url, "--journal", str(self.journal)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        assert json.loads(said)["url"] == self.url

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def hold(self) -> None:
        """Until every thread stands still: one that has not heard of it yet would answer once more."""
        self.process.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{self.process.pid}/task")
        while any(_state(task) != "T" for task in tasks.iterdir()):
            time.sleep(0.005)

    def let_go(self) -> None:
        self.process.send_signal(signal.SIGCONT)


def _state(task: Path) -> str:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # a thread that ended as it was asked stands still for good
        return "T"


@contextlib.contextmanager
def held(processes: Sequence[psutil.Process]) -> Iterator[None]:
    """They stand still meanwhile; one that ends by itself before or after (a server's do) is nobody's fault."""
    for each in processes:
        suspend(each)
    try:
        yield
    finally:
        for each in processes:
            resume(each)


def suspend(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.suspend()


def resume(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.resume()


@contextlib.contextmanager
def a_proxy(folder: Path) -> Iterator[AProxy]:
    proxy = AProxy(folder)
    try:
        yield proxy
    finally:
        proxy.kill()


@contextlib.contextmanager
def a_postgres(*, connections: int = 20) -> Iterator[str]:
    """The address as a campaign writes it."""
    with postgres(connections=connections) as url:
        yield url.replace("postgresql://", "postgresql+psycopg://", 1)
