"""One home with its real daemon, as the tests of faults drive it: by commands, signals and damaged files."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from swarmd.state.store.files import Home, is_locked, lock_holder
from swarmd.state.store.raw import read_journal

T = TypeVar("T")
Row = dict[str, Any]

HERE = Path(__file__).resolve().parent
SWARMD = (sys.executable, "-P", "-m", "swarmd")
WITHIN_S = 180.0
SYMBOL, MODE = "EDGE", "aggressive"

_CAMPAIGN = """\
name: faults
data: {{root: {bars}, interval: 5m}}
assets: {{tiers: {{A: [{symbols}]}}}}
strategy: {{name: "{strategy}:Obedient", modes: [aggressive]}}
search: {{prescreen: {{combos: 40, seed: 42}}, refine: {{trials: 12, seed: 42}}}}
space:
  tf_fast: [15]
  tf_slow: [60]
  L_fast: {{low: 8, high: 16, type: int}}
  L_slow: {{low: 15, high: 28, type: int}}
  sl: {{low: 0.03, high: 0.05}}
  tp: {{low: 0.05, high: 0.15}}
constraints: {{min_trades: 30, max_drawdown: 0.6}}
validation: {{crown_on: screen}}
limits: {{disk_free_min: 1MiB, backoff: [100ms, 1s], max_lanes: {lanes}}}
"""


# One search in one lane, as short as a search is.
ONE_PRESCREEN = """\
name: faults
data: {{root: {bars}, interval: 5m}}
assets: {{tiers: {{A: [{symbol}]}}}}
strategy: {{name: mtf_ema, modes: [{mode}]}}
search: {{prescreen: {{combos: 40, seed: 42}}, refine: {{trials: 2, seed: 42}}}}
validation: {{crown_on: screen}}
limits: {{disk_free_min: 1MiB, max_lanes: 1, spares: 0}}
"""
_PRICED = """\
name: faults
data: {{root: {bars}, interval: 5m}}
assets: {{tiers: {{A: [{symbol}]}}}}
strategy: {{name: mtf_ema, modes: [aggressive]}}
search: {{prescreen: {{combos: 400, seed: 42}}, refine: {{trials: 12, seed: 42}}, reoptimize: {{window_trials: 2}}}}
constraints: {{min_trades: 30, max_drawdown: 0.6}}
validation: {{crown_on: evidence, surrogates: 19}}
limits: {{disk_free_min: 1MiB, backoff: [100ms, 1s], max_lanes: {lanes}}}
"""


def priced_campaign(bars: Path, lanes: int) -> str:
    """One asset that is judged by evidence, its search by nineteen surrogates."""
    return _PRICED.format(bars=bars, symbol=SYMBOL, lanes=lanes)


def campaign_text(bars: Path, *symbols: str, lanes: int = 1) -> str:
    return _CAMPAIGN.format(
        bars=bars,
        symbols=", ".join(symbols or (SYMBOL,)),
        strategy=HERE / "obedient.py",
        lanes=lanes,
    )


def wait(what: str, holds: Callable[[], T | None], within_s: float = WITHIN_S, every_s: float = 0.02) -> T:
    """The first truthy answer; other processes are polled, for the kernel tells nobody about them."""
    until = time.monotonic() + within_s
    while not (found := holds()):
        if time.monotonic() > until:
            raise AssertionError(f"waited {within_s:g} s in vain for {what}")
        time.sleep(every_s)
    return found


class Swarm:
    def __init__(self, folder: Path, campaign: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.home = Home(folder / "swarm")
        self.campaign = folder / "campaign.yaml"
        self.campaign.write_text(campaign)
        self.orders = folder / "orders"
        self.orders.mkdir(exist_ok=True)
        parts = ("STATE_ROOT", "LOGS_ROOT", "RESULTS_ROOT")
        self.environment = {name: value for name, value in os.environ.items() if name not in parts}
        self.environment |= {"SWARMD_HOME": str(self.home.root), "SWARMD_TEST_ORDERS": str(self.orders)}
        self.daemon: subprocess.Popen[bytes] | None = None

    # -- commands -------------------------------------------------------------------------------------------------

    def start(self, *words: str, limits: Row | None = None) -> None:
        """A daemon in the foreground of a process of its own, holding the home when this returns."""
        program = SWARMD if limits is None else (sys.executable, "-P", str(HERE / "limited.py"), json.dumps(limits))
        monitors = () if "--monitors" in words else ("--no-monitors",)
        words = tuple(word for word in words if word != "--monitors")
        begun = [] if self.home.journal.exists() else [str(self.campaign), "--checked"]
        with (self.folder / "daemon.out").open("ab") as out:
            command = [*program, "start", *begun, "--until-done", "--no-screen", *monitors, *words]
            daemon = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.daemon = daemon
        wait("the daemon to take the home", lambda: self.holder() == daemon.pid or daemon.poll() is not None)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SWARMD, *words], env=self.environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
        )

    def finish(self) -> int:
        assert self.daemon is not None
        return self.daemon.wait(timeout=WITHIN_S)

    def kill_daemon(self) -> None:
        assert self.daemon is not None
        self.daemon.kill()
        self.daemon.wait()

    def holder(self) -> int:
        """Pid of the daemon that holds the home, 0 without one."""
        lock = self.home.daemon_lock
        return int(lock_holder(lock).get("pid", 0)) if is_locked(lock) else 0

    # -- what the journal tells -------------------------------------------------------------------------------------

    def records(self, kind: str) -> dict[str, Row]:
        table = read_journal(self.home.journal).folded().table(kind)
        return {name: {**line.said["data"], "caused_by": line.said["caused_by"]} for name, line in table.items()}

    def run_of(self, suffix: str) -> Row:
        """The run whose id ends so; an empty row before it is ordered."""
        return next((row for name, row in self.records("run").items() if name.endswith(suffix)), {})

    def incidents(self, signature: str) -> dict[str, Row]:
        return {name: row for name, row in self.records("incident").items() if row["signature"] == signature}

    def trouble(self) -> list[str]:
        """The signature of every incident, but for the machine's own clock: on a virtual one it may be stepped by
        minutes at any time, and the swarm is right to tell."""
        told = [row["signature"] for row in self.records("incident").values()]
        return [signature for signature in told if signature != "clock_stepped"]

    def incident(self, signature: str) -> Row:
        """One of this signature, waited for."""
        return wait(f"an incident {signature}", lambda: next(iter(self.incidents(signature).values()), None))

    def closed(self, signature: str) -> Row:
        def ended() -> Row | None:
            return next((row for row in self.incidents(signature).values() if row["status"] == "closed"), None)

        return wait(f"the closing of {signature}", ended)

    # -- orders for the strategy --------------------------------------------------------------------------------------

    def order(self, name: str) -> Path:
        (path := self.orders / name).touch()
        return path

    def reached(self, name: str) -> list[int]:
        """Pids of the run that stands at this order, first its own."""
        path = (self.orders / name).with_suffix(".reached")
        wait(f"{name} to be reached", path.exists)
        return [int(pid) for pid in path.read_text().split()]

    # -- the end ------------------------------------------------------------------------------------------------------

    def clear(self) -> None:
        """End whatever is left, by pid."""
        for pid in leftovers(self.folder):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if self.daemon is not None:
            self.daemon.wait()


def state_of(pid: int) -> str:
    """Its state letter; empty when it is gone or only a zombie.

    A first thread that has ended is a zombie while others of its threads still hold the files and the locks: such a
    process is not gone yet.
    """
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        ended = state in "ZX" and len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    except OSError:
        return ""
    return "" if ended else state


def zombies_of(parent: int) -> list[int]:
    """Its children that have ended and that it has not waited for."""
    children = [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    return [pid for pid in children if not state_of(pid)]


def leftovers(folder: Path) -> list[int]:
    """Living processes with this folder in their words or their environment; ourselves and our parents excepted."""
    ours, pid = set(), os.getpid()
    while pid > 1:
        ours.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in ours:
            continue
        try:
            words = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in words and state_of(int(entry.name)):
            found.append(int(entry.name))
    return found


_VOLATILE = {"created_at", "run_id", "checksum"}
_KEPT = (
    "champions/*.json",
    "results/*/*/*/phase0_top500.json",
    "results/*/*/*/all_trials.json",
    "results/*/*/*/trials/*.json",
    "results/*/*/*/screen.json",
    "results/*/*/*/best_*/*.json",
)


def outcome(swarm: Swarm) -> dict[str, Any]:
    """What came of a campaign, file by file, without when and by which session it was made."""
    paths = [path for pattern in _KEPT for path in sorted(swarm.home.root.glob(pattern))]
    return {str(path.relative_to(swarm.home.root)): _lasting(json.loads(path.read_text())) for path in paths}


def _lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _lasting(inner) for key, inner in value.items() if key not in _VOLATILE}
    return [_lasting(inner) for inner in value] if isinstance(value, list) else value
