#!/usr/bin/env python3
"""The supervisors that `bench_supervisor` measures, ours among them: how each is set up, started and stopped.

All keep the same tiny program alive (bench_supervisor_child.py), which writes a line when it is born; that log is
measured. Whatever is started is a descendant of the measuring process and is ended by its pid.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_supervisor_child import SOURCE
from bench_supervisor_processes import ME, descendants, end_descendants, free_port, is_alive, wait_for

HERE = Path(__file__).resolve().parent
Figures = dict[str, Any]


@dataclass(frozen=True)
class Birth:
    lane: str
    pid: int
    at_ns: int


class Peer(ABC):
    """``setting`` is "fast", "default" or "watchdog"; ``mode`` what the child does."""

    name = ""
    fast = default = ""
    watchdog = ""

    def __init__(self, place: Path, tools: Path, *, lanes: int, mode: str, setting: str, limit_s: float) -> None:
        self.place, self.tools, self.mode, self.setting, self.limit_s = place, tools, mode, setting, limit_s
        self.lanes = [f"S{index}" for index in range(lanes)]
        self.log = place / "log"
        self.log.touch()
        self.child = tools / "child"
        # What is installed is compiled: a Python that may not keep what it compiled would do so at each start.
        left_out = ("NOTIFY_SOCKET", "PYTHONDONTWRITEBYTECODE")
        self.environment = {k: v for k, v in os.environ.items() if k not in left_out}
        self.main: subprocess.Popen[bytes] | None = None
        self.set_up()

    @classmethod
    def missing(cls, tools: Path) -> str:
        """Why it cannot be measured here; empty where it can."""
        return ""

    @classmethod
    def version(cls, tools: Path) -> str:
        return ""

    def set_up(self) -> None:  # noqa: B027 - most need nothing prepared, and may leave it so
        """Prepare its files before it is started."""

    @abstractmethod
    def command(self) -> list[object]:
        """The command line that starts it."""

    def start(self) -> int:
        """Start it and give back the instant, monotonic ns."""
        at = time.monotonic_ns()
        with (self.place / "out").open("ab") as out:
            self.main = subprocess.Popen(
                [str(word) for word in self.command()], env=self.environment, cwd=self.place,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        return at

    def words(self, lane: str) -> list[str]:
        return [str(self.child), str(self.log), lane, self.mode]

    def births(self, kind: str = "B") -> list[Birth]:
        lines = (line.split() for line in self.log.read_text().splitlines())
        return [Birth(each[1], int(each[2]), int(each[4])) for each in lines if len(each) == 5 and each[0] == kind]

    def last(self, lane: str = "") -> Birth:
        return [birth for birth in self.births() if not lane or self.lane_of(birth) == lane][-1]

    def lane_of(self, birth: Birth) -> str:
        return birth.lane

    def after(self, at_ns: int) -> Birth | None:
        return next((birth for birth in self.births() if birth.at_ns > at_ns), None)

    def lives(self, pid: int) -> bool:
        """Whether this is one of its children still: after thousands of births their pids are given out again."""
        with suppress(OSError):
            return str(self.log).encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") and is_alive(pid)
        return False

    def own_pids(self) -> list[int]:
        lanes = {birth.pid for kind in "BG" for birth in self.births(kind)}
        return [pid for pid in descendants() if pid not in lanes]

    def told(self) -> str:
        with suppress(OSError):
            return (self.place / "out").read_text()[-2000:]
        return ""

    def close(self) -> None:
        end_descendants()


class Ours(Peer):
    name = "swarmd"
    fast = "journal with fdatasync, all agents; back-off 0, bounds on attempts and losses lifted"
    default = "the policy's own defaults"
    watchdog = "stuck_after L, the page of counters"

    @classmethod
    def version(cls, tools: Path) -> str:
        import swarmd

        return swarmd.__version__

    def set_up(self) -> None:
        lanes = len(self.lanes)
        (self.place / "c.yaml").write_text(
            f"name: bench\ndata: {{root: {self.place}}}\n"
            f"assets: {{tiers: {{ALL: [{', '.join(self.lanes)}]}}, batch_size: {lanes}}}\n"
            f"strategy: {{name: mtf_ema, modes: [a]}}\nlimits: {{max_lanes: {lanes}, disk_free_min: 1MiB}}\n"
        )
        never = 10**9
        # The trivial child neither beats nor works, as with the others: what is judged by beats must not judge it.
        limits = {"mem_available_min": 1 << 20, "silent_after": never, "stuck_after": never, "start_within": never,
                  "first_result_within": never, "run_timeout": never}  # fmt: skip
        if self.setting != "default":
            limits |= {
                "backoff_first": 0,
                "backoff_cap": 0,
                "max_attempts": never,
                "fleet_losses_max": never,
                "breaker_losses": never,
            }
        if self.setting == "watchdog":
            limits |= {"stuck_after": round(self.limit_s * 1000), "stopped_after": round(self.limit_s * 1000)}
        (self.place / "limits.json").write_text(json.dumps(limits))

    def command(self) -> list[object]:
        home, campaign, limits = self.place / "home", self.place / "c.yaml", self.place / "limits.json"
        ours = HERE / "bench_supervisor_ours.py"
        return [sys.executable, "-P", ours, home, campaign, limits, self.child, self.log, "-", self.mode]

    def lane_of(self, birth: Birth) -> str:
        return birth.lane.split(".")[1]  # bench.S0.preflight


class Supervisord(Peer):
    name = "supervisord"
    fast, default = "startsecs=0, startretries=1000000", "startsecs=1, startretries=3"

    @classmethod
    def missing(cls, tools: Path) -> str:
        return "" if (tools / "venv/bin/supervisord").exists() else "pip had no `supervisor`"

    @classmethod
    def version(cls, tools: Path) -> str:
        return said(tools / "venv/bin/supervisord", "--version")

    def set_up(self) -> None:
        lines = ["[supervisord]", "nodaemon=true", "logfile=sd.log", "pidfile=sd.pid"]
        for lane in self.lanes:
            lines += [f"[program:{lane}]", "command=" + " ".join(self.words(lane)), "autorestart=true",
                      "stdout_logfile=NONE", "stderr_logfile=NONE"]  # fmt: skip
            lines += ["startsecs=0", "startretries=1000000"] if self.setting != "default" else []
        (self.place / "c").write_text("\n".join(lines) + "\n")

    def command(self) -> list[object]:
        return [self.tools / "venv/bin/supervisord", "-c", "c"]


class Circus(Peer):
    name = "circus"
    fast, default = "check_delay=0.05, warmup_delay=0, max_retry=-1", "check_delay=5, max_retry=5"
    watchdog = "WatchDog plugin, loop_rate=1, max_count=1, pings by UDP"

    @classmethod
    def missing(cls, tools: Path) -> str:
        return "" if (tools / "venv/bin/circusd").exists() else "pip had no `circus`"

    @classmethod
    def version(cls, tools: Path) -> str:
        return said(tools / "venv/bin/circusd", "--version")

    def set_up(self) -> None:
        ends = [f"{name} = tcp://127.0.0.1:{free_port()}" for name in ("endpoint", "pubsub_endpoint")]
        lines = ["[circus]", *ends, "statsd = 0"]
        lines += ["check_delay = 0.05", "warmup_delay = 0"] if self.setting != "default" else []
        for lane in self.lanes:
            words = self.words(lane)
            lines += [f"[watcher:{lane}]", f"cmd = {words[0]}", "args = " + " ".join(words[1:]), "copy_env = true"]
            lines += ["max_retry = -1", "warmup_delay = 0"] if self.setting != "default" else []
        if self.setting == "watchdog":
            port = free_port()
            self.environment["WD_PORT"] = str(port)
            # Without the regex it watches itself too, and kills itself for its silence each second.
            lines += ["[plugin:wd]", "use = circus.plugins.watchdog.WatchDog", "loop_rate = 1", "watchers_regex = [sS]",
                      "max_count = 1", f"port = {port}", "watchers_stop_signal = SIGKILL",
                      "watchers_graceful_timeout = 0.1"]  # fmt: skip
        (self.place / "c").write_text("\n".join(lines) + "\n")

    def command(self) -> list[object]:
        return [self.tools / "venv/bin/circusd", "c"]


class Runit(Peer):
    name = "runit"
    fast = default = "no settings"

    @classmethod
    def missing(cls, tools: Path) -> str:
        return "" if (tools / "root/usr/bin/runsvdir").exists() else "apt had no `runit`"

    @classmethod
    def version(cls, tools: Path) -> str:
        return next((deb.name.split("_")[1] for deb in (tools / "debs").glob("runit_*.deb")), "")

    def set_up(self) -> None:
        for lane in self.lanes:
            service = self.place / "sv" / lane
            service.mkdir(parents=True)
            (service / "run").write_text("#!/bin/sh\nexec " + " ".join(self.words(lane)) + "\n")
            (service / "run").chmod(0o755)
        self.environment["PATH"] = f"{self.tools / 'root/usr/bin'}:{self.environment['PATH']}"

    def command(self) -> list[object]:
        return [self.tools / "root/usr/bin/runsvdir", "sv"]


class Systemd(Peer):
    """A user manager in mount namespace and cgroups of its own; root makes those, an ordinary user cannot."""

    name = "systemd --user"
    fast, default = "Restart=always, RestartSec=0, StartLimitIntervalSec=0", "Restart=always: 100 ms, 5 starts in 10 s"
    watchdog = "WatchdogSec=L, WatchdogSignal=SIGKILL, the child sends WATCHDOG=1"
    _program = Path("/lib/systemd/systemd")
    _groups = tuple(Path("/sys/fs/cgroup") / part for part in ("unified", "systemd", ""))

    @classmethod
    def missing(cls, tools: Path) -> str:
        if not cls._program.exists():
            return "no /lib/systemd/systemd here"
        return "" if os.geteuid() == 0 else "needs root here, for a mount namespace and a cgroup of its own"

    @classmethod
    def version(cls, tools: Path) -> str:
        return said(cls._program, "--version").split()[1]

    def set_up(self) -> None:
        units = self.place / "home/.config/systemd/user"
        units.mkdir(parents=True)
        is_fast = self.setting != "default"
        unit = ["[Unit]", *(["StartLimitIntervalSec=0"] if is_fast else []), "[Service]",
                f"ExecStart={' '.join(self.words('%i'))}", "Restart=always",
                *(["RestartSec=0"] if is_fast else [])]  # fmt: skip
        if self.setting == "watchdog":
            unit += [f"WatchdogSec={self.limit_s:g}", "WatchdogSignal=SIGKILL", "NotifyAccess=all", "TimeoutAbortSec=1"]
        (units / "l@.service").write_text("\n".join(unit) + "\n")
        wants = "".join(f"Wants=l@{lane}.service\n" for lane in self.lanes)
        (units / "all.target").write_text(f"[Unit]\n{wants}")
        self.groups = [each / f"bench-{ME}" for each in self._groups if (each / "cgroup.procs").exists()]
        for group in self.groups:
            group.mkdir(exist_ok=True)
        # A private mount namespace, so that the folder that says "booted with systemd" is seen by this one alone.
        run = "/run/user/0"
        (self.place / "sd.sh").write_text("\n".join([
            "set -e", *(f"echo $$ > {group}/cgroup.procs" for group in self.groups),
            "mount --make-rprivate /", "mount -t tmpfs tmpfs /run", f"mkdir -p /run/systemd/system {run}",
            f"chmod 700 {run}", f"exec {self._program} --user --log-target=console --unit=all.target",
        ]) + "\n")  # fmt: skip
        self.environment |= {"XDG_RUNTIME_DIR": run, "HOME": str(self.place / "home"),
                             "SYSTEMD_UNIT_PATH": f"{units}:/lib/systemd/user"}  # fmt: skip
        self.environment.pop("DBUS_SESSION_BUS_ADDRESS", None)

    def command(self) -> list[object]:
        return ["unshare", "-m", "sh", "sd.sh"]

    def close(self) -> None:
        super().close()
        time.sleep(0.05)
        for group in self.groups:
            for folder in [*sorted(group.rglob("*"), key=lambda each: -len(str(each))), group]:
                with suppress(OSError):
                    if folder.is_dir():
                        folder.rmdir()


PEERS: dict[str, type[Peer]] = {
    "swarmd": Ours, "supervisord": Supervisord, "circus": Circus, "runit": Runit, "systemd": Systemd
}  # fmt: skip


def said(program: Path, *words: str) -> str:
    return subprocess.run([str(program), *words], capture_output=True, text=True, check=False).stdout.strip()


@contextmanager
def running(
    kind: type[Peer], tools: Path, *, lanes: int = 1, mode: str = "sleep", setting: str = "fast", limit_s: float = 1.0
) -> Iterator[tuple[Peer, int]]:
    """One supervisor with its children up, and the instant it was started; everything is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-supervisor-") as folder:
        peer = kind(Path(folder), tools, lanes=lanes, mode=mode, setting=setting, limit_s=limit_s)
        try:
            at = peer.start()
            wait_for(lambda: len({peer.lane_of(birth) for birth in peer.births()}) == lanes, 60)
            if len({peer.lane_of(birth) for birth in peer.births()}) != lanes:
                raise RuntimeError(f"{peer.name}: its {lanes} children did not come up: {peer.told()}")
            yield peer, at
        finally:
            peer.close()
            shutil.rmtree(folder, ignore_errors=True)


# -- tools ------------------------------------------------------------------------------------------------------------


def fetch(tools: Path) -> None:
    """The child, and the supervisors to be had: from pip into a venv beside it, from apt unpacked beside it."""
    for folder in (tools / "debs", tools / "root"):
        folder.mkdir(parents=True, exist_ok=True)
    (tools / "child.c").write_text(SOURCE)
    subprocess.run(["cc", "-O2", "-static", "-o", tools / "child", tools / "child.c"], check=True)
    if not (tools / "venv/bin/circusd").exists():
        _try(sys.executable, "-m", "venv", tools / "venv")
        _try(tools / "venv/bin/pip", "install", "-q", "supervisor", "circus", "setuptools")
    if not (tools / "root/usr/bin/runsvdir").exists() and shutil.which("apt-get"):
        _try("apt-get", "download", "runit", where=tools / "debs")
        for deb in (tools / "debs").glob("*.deb"):
            _try("dpkg", "-x", deb, tools / "root")


def _try(*words: Any, where: Path | None = None) -> None:
    with suppress(OSError):
        subprocess.run([str(word) for word in words], cwd=where, capture_output=True, check=False)
