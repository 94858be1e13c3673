"""The tmux session with the monitors: made, looked at, and closed again.

One tmux server for each home, so that two homes on a machine never meet; the session in it is always named ``swarmd``.
tmux may be missing or hang: every call is bounded, and nothing depends on one.
"""

import hashlib
import logging
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home

if TYPE_CHECKING:
    import libtmux

SESSION = "swarmd"
MONITORS = ("gpu", "cpu", "progress", "log-index")

_ANSWER_WITHIN_S = 2.0
# What a swarm run hands down to its own children must not reach a server that lives longer.
_NOT_HANDED_DOWN = ("TMUX", "TMUX_PANE", "NOTIFY_SOCKET", "SWARMD_LOCK_FD", "SWARMD_BEATS", "SWARMD_RUN")

_log = logging.getLogger("swarmd")
_said: set[str] = set()


def has_tmux() -> bool:
    return shutil.which("tmux") is not None


def socket_name(home: Home) -> str:
    """Of the home's tmux server: short, and the same however the home's path is written."""
    return f"swarmd-{hashlib.sha256(str(home.root.resolve()).encode()).hexdigest()[:10]}"


def monitor_states(home: Home) -> dict[str, bool]:
    """Whether each monitor's window is there; empty without tmux, or when tmux does not answer."""
    if not has_tmux():
        _say_once("there is no tmux here: the monitors are left out, everything else works (`swarmd monitor gpu`)")
        return {}
    try:
        told = _ask(home, "list-windows", "-t", f"={SESSION}", "-F", "#{window_name}")
    except subprocess.TimeoutExpired:
        _say_once(f"tmux does not answer within {_ANSWER_WITHIN_S:g} s; the monitors are left alone")
        return {}
    there = set(told.stdout.split()) if told.returncode == 0 else set()
    return {name: name in there for name in MONITORS}


def ensure_monitors(home: Home) -> tuple[str, ...]:
    """Make the windows that are not there, and give back their names. Nothing without tmux."""
    states = monitor_states(home)  # bounded, and it comes first: libtmux itself would wait for ever
    missing = tuple(name for name, is_there in states.items() if not is_there)
    if not missing:
        return ()
    # Only where windows are to be made: it takes longer to import than the rest of a look does, and a daemon imports
    # this file on its way up.
    import libtmux
    from libtmux.exc import LibTmuxException

    try:
        server = libtmux.Server(socket_name=socket_name(home))
        for name in missing:
            _make_window(server, home, name)
    except (LibTmuxException, OSError) as cause:
        raise OutsideError(f"tmux could not make the monitors {', '.join(missing)}: {cause}") from cause
    return missing


def close_monitors(home: Home) -> None:
    """End the session, and with it its server. No error when there is none."""
    if not has_tmux():
        return
    try:
        _ask(home, "kill-session", "-t", f"={SESSION}")
    except subprocess.TimeoutExpired:
        _say_once(f"tmux does not answer within {_ANSWER_WITHIN_S:g} s; its session is left behind")


def attach_command(home: Home, window: str) -> list[str]:
    """What to execute to see a monitor's window."""
    target = f"={SESSION}:={window}" if window else f"={SESSION}"
    return ["tmux", "-L", socket_name(home), "attach-session", "-t", target]


def detach_command(home: Home, tmux: str) -> list[str]:
    """What lets who looks leave this home's session; empty elsewhere. ``tmux`` is $TMUX: socket, pid, session."""
    if Path(tmux.partition(",")[0]).name != socket_name(home):
        return []
    return ["tmux", "-L", socket_name(home), "detach-client", "-s", f"={SESSION}"]


def plain_environment() -> dict[str, str]:
    """For tmux: without what belongs to this process alone; inside another tmux, attaching would be refused."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_HANDED_DOWN}


def _make_window(server: "libtmux.Server", home: Home, name: str) -> None:
    command = f"exec {monitor_command(home, name)}"
    session = next((each for each in server.sessions if each.session_name == SESSION), None)
    if session is None:
        server.new_session(
            session_name=SESSION, window_name=name, window_command=command, start_directory=str(home.root), x=160, y=48
        )
    else:
        session.new_window(window_name=name, window_shell=command, start_directory=str(home.root), attach=False)


def monitor_command(home: Home, name: str) -> str:
    """With the home's parts spelled out: the server may be older than this environment."""
    parts = {"STATE_ROOT": home.state_root, "LOGS_ROOT": home.logs_root, "RESULTS_ROOT": home.results_root}
    moved = [f"{variable}={shlex.quote(str(path))}" for variable, path in parts.items() if path is not None]
    words = [sys.executable, "-P", "-m", "swarmd", "monitor", name, "--home", str(home.root)]
    return " ".join([*(["env", *moved] if moved else []), shlex.join(words)])


def _ask(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["tmux", "-L", socket_name(home), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_ANSWER_WITHIN_S,
        env=plain_environment(),
        check=False,
    )


def _say_once(text: str) -> None:
    if text not in _said:
        _said.add(text)
        _log.info(text)
