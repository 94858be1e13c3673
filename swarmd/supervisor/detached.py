"""A daemon left in the background: ``swarmd start`` once more, in a session of its own, watched until it works."""

import os
import subprocess
import sys
from pathlib import Path

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home
from swarmd.supervisor.dashboard.keeper import DashboardKeeper
from swarmd.supervisor.presence import daemon_of, looks

# A cluster is asked first what it carries, and may take its time.
_WORKS_WITHIN_S = 120.0
_ERROR_MAX = 64 * 1024


def start_detached(
    home: Home,
    campaign: Path | None,
    *,
    until_done: bool,
    monitors: bool,
    dashboard: DashboardKeeper | None = None,
    backend: str | None = None,
) -> int:
    """Gives back the daemon's pid once it holds the home and has published its first view.

    Where nothing is said of a dashboard, it has one as any daemon has.

    Raises OperatorError or OutsideError with the reason the child itself gave when it ends before that.
    """
    home.prepare()
    command = [sys.executable, "-P", "-m", "swarmd", "start", "--no-screen", "--checked", "--home", str(home.root)]
    command += [str(campaign.resolve())] if campaign is not None else []
    command += ["--until-done"] if until_done else []
    command += [] if monitors else ["--no-monitors"]
    command += [] if backend is None else ["--backend", backend]
    command += [] if dashboard is None else dashboard.options()
    # Its output has a file of its own: the daemon's log rotates, and a descriptor would follow the file moved away.
    log = home.logs / "start.log"
    published = home.state / "session_latest.json"
    before = _changed_at(published)
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    for _ in looks(_WORKS_WITHIN_S):
        code = child.poll()
        running = daemon_of(home)
        if code is None and running is not None and running.pid == child.pid and _changed_at(published) != before:
            return child.pid
        if code is not None:
            if code == 0:
                return child.pid  # it had nothing left to do, and has left
            raise _as_told(log, code)
    child.terminate()
    raise OutsideError(
        f"the daemon did not begin to work within {_WORKS_WITHIN_S:g} s; see {log} and swarmd.log beside it"
    )


def _as_told(log: Path, code: int) -> OperatorError | OutsideError:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _ERROR_MAX))
        lines = file.read().decode(errors="replace").splitlines()
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    reason = errors[-1] if errors else next((line for line in reversed(lines) if line.strip()), "it said nothing")
    if code == 2:
        return OperatorError(reason)
    return OutsideError(f"the daemon ended with code {code} before it worked: {reason}; see {log}")


def _changed_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
