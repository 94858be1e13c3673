"""A real Postgres for the tests: initialised in a folder, listening on a Unix socket there, gone afterwards.

It refuses to run as root, so there it runs as `postgres` or `nobody`, in a folder of its own that they may enter.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ADVICE = "there is no Postgres; install it (`apt-get install postgresql`) to run these tests"


def programs() -> Path | None:
    """The folder with initdb and postgres, the newest of Debian's if none is on the PATH."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    places = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3].partition(".")[0])
    )
    return places[-1].parent if places else None


@contextlib.contextmanager
def postgres(*, connections: int = 20) -> Iterator[str]:
    """The address of a database `postgres` on a server of its own, for a user `swarm` with the password `s3cret`."""
    bin_folder = programs()
    assert bin_folder is not None, ADVICE
    folder = Path(tempfile.mkdtemp(prefix="swarmd-pg-", dir="/tmp"))
    try:
        user = _stranger()
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        secret = folder / "password"
        secret.write_text("s3cret")
        secret.chmod(0o644)
        data = folder / "data"
        subprocess.run(
            [bin_folder / "initdb", "-D", data, "-U", "swarm", "--pwfile", secret, "-A", "scram-sha-256", "-E", "UTF8",
             "--locale", "C.UTF-8", "--no-sync"],
            check=True, capture_output=True, **_as(user, folder),
        )  # fmt: skip
        server = subprocess.Popen(
            [bin_folder / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off",
             "-c", "shared_buffers=64MB", "-c", f"max_connections={connections}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **_as(user, folder),
        )  # fmt: skip
        try:
            url = f"postgresql://swarm:s3cret@/postgres?host={folder}"
            _wait(url, server)
            yield url
        finally:
            # Fast: it would else wait for whoever still has a connection.
            server.send_signal(signal.SIGINT)
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stranger() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise AssertionError("root cannot run Postgres, and there is neither a user postgres nor nobody")


def _as(user: pwd.struct_passwd | None, folder: Path) -> dict[str, object]:
    if user is None:
        return {"cwd": folder}
    return {"cwd": folder, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    import psycopg

    for _ in range(600):
        assert server.poll() is None, "Postgres ended while starting"
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("Postgres did not answer within 30 s")
