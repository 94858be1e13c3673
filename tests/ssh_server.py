"""A real sshd on loopback, for one test: its own host key, one user's key, a port of its own, gone with the test."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_WITHIN_S = 20.0


@dataclass(frozen=True)
class SshServer:
    port: int
    folder: Path

    @property
    def identity(self) -> Path:
        return self.folder / "user"

    def words(self) -> list[str]:
        """What ``scripts/deploy`` is told of it."""
        known = f"UserKnownHostsFile={self.folder / 'known_hosts'}"
        return ["127.0.0.1", "--port", str(self.port), "--identity", str(self.identity), "-o", known]


def sshd_program() -> str:
    """Skips the test, saying what to install, where there is none."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    program = shutil.which("sshd", path=path)
    for name, found, package in (
        ("sshd", program, "openssh-server"),
        ("ssh", shutil.which("ssh"), "openssh-client"),
        ("rsync", shutil.which("rsync"), "rsync"),
    ):
        if found is None:
            pytest.skip(f"no {name} here (Debian package {package}; scripts/setup test installs it where it may)")
    assert program is not None
    return program


@contextmanager
def an_ssh_server(folder: Path, *, config: str = "") -> Iterator[SshServer]:
    """``config`` are further lines of its configuration."""
    program = sshd_program()
    folder.mkdir(mode=0o700)
    for key in ("host", "user", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    if os.geteuid() == 0:
        # Where sshd puts itself before somebody has logged in; its package makes it when it is started as a service.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with socket.socket() as asking:
        asking.bind(("127.0.0.1", 0))
        port = asking.getsockname()[1]
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nPidFile none\n"
        f"AuthorizedKeysFile {folder / 'user.pub'}\n"
        # A test's folder lies below one that everybody may write to.
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n" + config
    )
    host_key = (folder / "host.pub").read_text()
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}")
    with (folder / "log").open("wb") as log:
        serving = subprocess.Popen([program, "-D", "-e", "-f", str(folder / "config")], stdout=log, stderr=log)
    try:
        until = time.monotonic() + _WITHIN_S
        while not _listens(port):
            assert serving.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until, (folder / "log").read_text()
            time.sleep(0.02)
        yield SshServer(port, folder)
    finally:
        serving.terminate()
        serving.wait()


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0
