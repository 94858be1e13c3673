"""The systemd user unit of one home, as text. Pure: paths, the manager's version and the options in, a unit out.

``commands/service`` prints and installs it. What it promises: the daemon is back within seconds whatever ended it,
lanes outlive it, and nothing secret stands in a file that others may read.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from swarmd.state.errors import OperatorError
from swarmd.supervisor.backends.groups import DAEMON_LEAF

# The first with RestartSteps= and DelegateSubgroup=; an older one would warn of words it does not know.
STEPS_SINCE = 254
# What may be carried over from the installer's environment: places, and nothing that could be a secret.
PLACES = ("RESULTS_ROOT", "STATE_ROOT", "LOGS_ROOT", "NUMBA_CACHE_DIR")

# Seconds. The loop turns every few seconds, but a handoff may hold a turn for 20, the stack of a run that hangs for 16,
# and runs may hang by the dozen; lanes go on meanwhile, so patience costs little and a false alarm a restart.
_WATCHDOG_S = 180
# A journal of a million lines without a snapshot is folded in half a minute on a slow disk.
_START_WITHIN_S = 300
# A lane asked to leave has some seconds (policy term_grace), then the handoff is written; a slow disk doubles it.
_STOP_WITHIN_S = 240


@dataclass(frozen=True, slots=True)
class Service:
    """What a unit is made for. ``campaign`` is begun where the home has not yet begun it, and resumed ever after."""

    python: str
    home: Path
    campaign: Path | None = None
    monitors: bool = True
    dashboard: bool = True
    places: Mapping[str, str] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """Its file name: one home, one unit; the digest tells two homes of the same name apart."""
        name = re.sub(r"[^A-Za-z0-9_.-]", "-", self.home.name).strip(".-") or "home"
        return f"swarmd-{name[:40]}-{hashlib.sha256(str(self.home).encode()).hexdigest()[:6]}.service"


def unit_text(service: Service, *, systemd: int) -> str:
    """The unit for a manager of this version. Raises OperatorError for a path that cannot be written into a unit."""
    # A stack of every thread when the watchdog ends it (faulthandler writes it upon SIGABRT): evidence before the kill.
    # --home stands before the verb: there it reaches every process the daemon starts.
    command = [service.python, "-X", "faulthandler", "-P", "-m", "swarmd", "--home", str(service.home), "service"]
    command += ["run", *(["--campaign", str(service.campaign)] if service.campaign is not None else [])]
    command += [] if service.monitors else ["--no-monitors"]
    command += [] if service.dashboard else ["--no-dashboard"]
    program, *words = command
    lines = [
        "# Written by `swarmd service install`, which writes it anew; `swarmd service uninstall` takes it away.",
        "[Unit]",
        f"Description=swarmd on {_specified(str(service.home))}",
        "# Bounded by RestartSec and never given up: a disk that stays full for a week must not end it for good.",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        f"ExecStart={' '.join([_quoted(program, is_command=False), *map(_quoted, words)])}",
        f"WorkingDirectory=-{_specified(str(service.home))}",
        *(f"Environment={_quoted(f'{name}={value}', is_command=False)}" for name, value in service.places.items()),
        "UMask=0077",
        "",
        "# Lanes outlive the daemon: only the daemon itself is signalled, and its successor adopts them.",
        "KillMode=process",
        "# One lane that ran out of memory is a lane's incident, not the end of the service.",
        "OOMPolicy=continue",
        "",
        "Restart=always",
        "# Left in good order (0, after `swarmd stop`), or a person must mend something first (2): not started again.",
        "RestartPreventExitStatus=0 2",
        *_patience(systemd),
        "",
        f"TimeoutStartSec={_START_WITHIN_S}",
        f"TimeoutStopSec={_STOP_WITHIN_S}",
        "# The beat is sent by the turning cycle. A loop that hangs gets SIGABRT, and leaves its stack in the log.",
        f"WatchdogSec={_WATCHDOG_S}",
        "TimeoutAbortSec=10",
        "LimitCORE=0",
        *_delegation(systemd),
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines) + "\n"


def _patience(systemd: int) -> list[str]:
    """How long to wait before the next start: quick at first and then ever slower, where systemd can count so far."""
    if systemd >= STEPS_SINCE:
        return ["RestartSec=200ms", "RestartSteps=8", "RestartMaxDelaySec=30"]
    return ["RestartSec=2"]


def _delegation(systemd: int) -> list[str]:
    """Control groups of our own, in which each lane's memory is counted.

    Only with a subgroup for the daemon: without one the next daemon could not be put beside lanes that still run in
    groups below the unit's (no processes in inner groups), and the service would fail to start for as long as they do.
    """
    if systemd >= STEPS_SINCE:
        return ["", "# Each lane's memory is counted in a group of its own.", "Delegate=memory pids",
                f"DelegateSubgroup={DAEMON_LEAF}"]  # fmt: skip
    return []


def _specified(text: str) -> str:
    """A path where systemd expands %-specifiers; lines are what a unit is made of, so one with a break is refused."""
    if re.search(r"[\x00-\x1f\x7f]", text):
        raise OperatorError(f"{text!r} holds a line break or control character, and cannot be written into a unit")
    return text.replace("%", "%%")


def _quoted(word: str, *, is_command: bool = True) -> str:
    """One word as systemd reads it back: specifiers, and after a command's first word variables, taken literally."""
    said = _specified(word).replace("\\", "\\\\").replace('"', '\\"')
    said = said.replace("$", "$$") if is_command else said
    return said if re.fullmatch(r"[A-Za-z0-9_./:=@%+,-]+", said) else f'"{said}"'
