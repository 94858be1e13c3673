"""Homes to look at: one in which everything that the pages show has happened, and one in which the real agents turn.

The first is a journal and files of results, written as the daemon and the runs write them; nobody runs on it. In the
second a thread turns real cycles over a campaign whose jobs wait: requests are answered by who answers them.
"""

import asyncio
import csv
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet
from builders import (
    CAMPAIGN,
    JOB,
    RUN,
    a_beat,
    a_campaign,
    a_champion,
    a_cycle,
    a_device,
    a_finding,
    a_gauge,
    a_job,
    a_lane,
    a_policy,
    a_refusal,
    a_request,
    a_result,
    a_run,
    a_session,
    a_step,
    an_action,
    an_action_wished,
    an_incident,
    the_settings,
)  # fmt: skip
from swarm_builders import a_home, a_swarm, a_vigil

from swarmd.state.records.record import Record
from swarmd.state.store.files import Home, lock_file
from swarmd.state.store.journal import Journal
from swarmd.state.store.trial_ledger import Batch, Vintage, append_batch
from swarmd.state.units import MINUTE, iso
from swarmd.supervisor.cycle import turn
from swarmd.supervisor.dashboard.guard import Keys
from swarmd.supervisor.roster import ROSTER
from swarmd.supervisor.swarm import Swarm

TOKEN = "t" * 43
KEYS = Keys(TOKEN, 8787)
Client = Callable[..., httpx.AsyncClient]

REFINE = f"{CAMPAIGN}.ETHUSDT.balanced.refine"
BEGAN = 1_769_851_800_000  # 2026-01-31T09:30:00Z
N_TRIALS = 60
_DAY = 86_400_000
_TRADE = (
    "trade",
    "entry_time",
    "exit_time",
    "side",
    "entry_price",
    "exit_price",
    "qty",
    "pnl",
    "return",
    "exit_reason",
)


def told_home(folder: Path, *, n_lanes: int = 3, more: tuple[Record, ...] = ()) -> Home:
    """A campaign of two assets in its middle: a run at work, one that was lost and replaced, a champion, a trouble."""
    home = a_home(folder)
    bars = folder / "bars"
    bars.mkdir()
    write_bars(bars / "BTCUSDT.parquet")
    with Journal.open(home.journal)[0] as journal:
        for records in _story(bars, n_lanes):
            journal.append(records)
        journal.append(more)
        journal.commit()
    write_champion(home)
    write_trials(home, f"{REFINE}-a1", range(N_TRIALS))
    batch = Batch(
        symbol="ETHUSDT", family="mtf_ema", vintage=Vintage("2021-01-01", "2022-05-01"), interval="5m", phase="refine",
        count=N_TRIALS, run=f"{REFINE}-a1", code="0.1.0", data="d1",
    )  # fmt: skip
    append_batch(home, batch, BEGAN)
    return home


def _story(bars: Path, n_lanes: int) -> Iterator[list[Record]]:
    settings = the_settings(data={"root": str(bars)})
    at = BEGAN
    yield [
        a_policy(at=at), a_session(at=at, boot_id="another"), a_campaign(at=at, settings=settings, started_at=at),
        *(a_lane(f"cpu{slot}", at=at) for slot in range(n_lanes)), a_lane("fill0", at=at, status="held", reason="kept"),
        *(a_gauge(name, value, at=at) for name, value in (
            ("host.cpu_util", 0.7), ("host.load1", 2.0), ("host.mem_used", 0.4), ("host.mem_available_bytes", 8e9),
            ("host.mem_total_bytes", 16e9), ("host.disk_free_bytes", 5e10), ("host.psi_cpu", 0.2))),
        a_device("gpu0", at=at),
        a_job("BTCUSDT", "preflight", at=at, status="done", attempt=1, reason="fit"),
        a_job("BTCUSDT", "prescreen", at=at),
        a_job("ETHUSDT", "refine", at=at, id=REFINE),
        a_job("ETHUSDT", "screen", at=at, after=(REFINE,)),
        a_job("ETHUSDT", "preflight", at=at, status="quarantined", attempt=5, reason="five losses in a row"),
    ]  # fmt: skip
    at += MINUTE
    run = {"at": at, "ordered_at": at}
    yield [
        an_action("a1-0", at=at), a_run(status="starting", caused_by=("a1-0",), **run),
        a_run(launched_at=at, pid=4711, caused_by=("a1-0",), **run),
        a_beat(at=at, done=30, total=100, rate=5.0, heartbeat_at=at),
        a_run(REFINE, lane="cpu1", slot=1, launched_at=at, pid=4712, **run),
        a_beat(f"{REFINE}-a1", at=at, done=12, total=60, rate=0.5, heartbeat_at=at),
        a_cycle(1, at=at),
    ]  # fmt: skip
    at += MINUTE
    closing = {"opened_at": at, "at": at, "evidence": ("logs/lanes/x.log",), "rung": "relaunch", "phase": "prescreen"}
    yield [
        a_run(at=at, status="lost", ordered_at=at, ended_at=at, signal=9, reason="killed by SIGKILL"),
        an_action("a2-0", at=at, agent="worker_sentry", action=an_action_wished("open_incident", **_wished(at)),
                  caused_by=(RUN,)),
        an_incident(caused_by=("a2-0",), due=at + MINUTE, **closing),
        an_action("a2-1", at=at, action=an_action_wished(attempt=2)),
        a_run(attempt=2, at=at, ordered_at=at, launched_at=at, pid=4713),
        a_beat(f"{JOB}-a2", at=at, done=40, total=100, rate=5.0, heartbeat_at=at),
    ]  # fmt: skip
    at += MINUTE
    done = closing | {"at": at, "status": "closed", "outcome": "attempt 2 has done 40 of 100", "is_verified": True}
    yield [
        an_incident(due=at + MINUTE, **done),
        an_incident(f"{REFINE}-a1", "stuck_with_cpu", at=at, opened_at=at, cause="no progress for 50 s"),
        a_champion(at=at, since=at, promise=0.9),
        a_finding(at=at, agent="util_controller", text="no GPU here: all work runs on the processor"),
        a_step(at=at), a_refusal(at=at), a_result(at=at, verdict="pass"),
        a_request("retry", id="0002-retry", at=at, status="answered", answer="no such job", is_refused=True),
        a_cycle(2, at=at),
    ]  # fmt: skip


def _wished(at: int) -> dict[str, Any]:
    return {
        "incident": f"{RUN}/crash", "signature": "crash", "subject": RUN, "remedy": "a new run",
        "expected": "the job progresses under attempt 2", "due": at + MINUTE, "reason": "it exited with code 1",
    }  # fmt: skip


def write_bars(path: Path, n_bars: int = 4_000) -> None:
    """Five-minute bars of a quiet sine."""
    times = 1_609_459_200_000 + 300_000 * np.arange(n_bars)
    close = 100 + 10 * np.sin(np.arange(n_bars) / 200)
    table = pa.table(
        {
            "timestamp": pa.array(times, pa.timestamp("ms", tz="UTC")),
            "open": np.roll(close, 1), "high": close + 1, "low": close - 1, "close": close,
            "volume": np.ones(n_bars),
        }
    )  # fmt: skip
    pyarrow.parquet.write_table(table, path)


def write_champion(
    home: Home, symbol: str = "BTCUSDT", *, first_day: int = 0, parameters: dict[str, float] | None = None
) -> None:
    """Its file, its certificate with forty days of equity from ``first_day`` on, and its trades."""
    folder = home.results_of(CAMPAIGN, symbol, "balanced")
    best = folder / "best_sharpe"
    best.mkdir(parents=True)
    days = [iso(1_609_459_200_000 + _DAY * (first_day + day))[:10] for day in range(40)]
    gate = {"name": "p", "meaning": "p-value of the whole search", "figure": 0.004, "comparison": "<=",
            "threshold": 0.01, "pass": True}  # fmt: skip
    certificate = {
        "schema": "swarmd.certificate/1", "verdict": "champion", "crown_on": "evidence", "symbol": symbol,
        "interval": "5m", "tried": 250_200, "costs": {"fee_bps": 5, "slippage_bps": 2},
        "evidence": {"gates": [gate], "p": {"combined": 0.004},
                     "forecast": {"shrunken_annual_sharpe": 0.9, "se_annual": 0.3}},
        "strict": {"gates": [gate | {"pass": False}], "guards": "6/7"},
        "surrogates": {"searched": 199, "as_good": 0},
        "curves": {"development": {"days": days[:30], "equity": [1 + day / 50 for day in range(30)]},
                   "vault": {"days": days[30:], "equity": [1 + day / 60 for day in range(10)]}},
    }  # fmt: skip
    (folder / "certificate.json").write_text(json.dumps(certificate))
    (best / "config.json").write_text(json.dumps({"trial": 7}))
    with (best / "trades.csv").open("w", newline="") as page:
        table = csv.writer(page)
        table.writerow(_TRADE)
        for number in range(20):
            entry = 1_609_459_200_000 + 300_000 * (number * 150 + 10)
            row = (number, iso(entry), iso(entry + 18_000_000), "long", 100, 101, 1, 1, 0.01, "signal")
            table.writerow(row)
    champion = {
        "schema": "swarmd.champion/1", "symbol": symbol, "timeframe": "5m", "trial_id": 7, "tried": 250_200,
        "parameters": parameters or {"L_fast": 7, "sl": 0.02},
        "certificate": home.relative(folder / "certificate.json"),
        "metrics": {"development": {"annual_sharpe": 1.6, "total_trades": 20}, "vault": {"annual_sharpe": 1.1}},
    }  # fmt: skip
    (home.champions / f"{symbol}_5m.json").write_text(json.dumps(champion))


def write_trials(home: Home, run: str, numbers: range, *, score: float = 0.0, is_torn: bool = False) -> Path:
    """Lines as a run writes them: the score is the number plus ``score``, every tenth one is not valid."""
    path = home.outbox_of(run) / "trials.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as page:
        for number in numbers:
            said = {
                "token": 1, "schema": "swarmd.trial/1", "number": number, "origin": "tpe", "state": "complete",
                "valid": number % 10 != 9, "params": {"L_fast": 5 + number % 40, "kind": "ab"[number % 2]},
                "score": number + score, "metrics": {"annual_sharpe": 1.0, "total_trades": 50},
            }  # fmt: skip
            page.write(json.dumps(said) + "\n")
        if is_torn:
            page.write('{"token": 1, "schema": "swarmd.tr')
    return path


@dataclass
class LivingHome:
    """Real cycles in a thread, and the lock by which the world sees a daemon; begun and ended as often as liked."""

    home: Home
    swarm: Swarm
    _lock: int | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        self._lock = lock_file(self.home.daemon_lock, {"pid": os.getpid(), "since": "2026-01-31T09:30:00.000Z"})
        assert self._lock is not None
        self._stop.clear()
        self._thread = threading.Thread(target=self._turn)
        self._thread.start()

    def _turn(self) -> None:
        while not self._stop.wait(0.05):
            asyncio.run(turn(self.swarm, ROSTER, a_vigil(self.swarm)))

    def end(self) -> None:
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


@contextmanager
def a_living_home(folder: Path) -> Iterator[LivingHome]:
    """One lane, jobs in a back-off of years, one that was given up; the daemon has begun."""
    home = a_home(folder)
    later = {"not_before": 10**12, "reason": "waits for the test"}
    waiting = [a_job(symbol, "preflight", **later) for symbol in ("BTCUSDT", "ETHUSDT")]
    given_up = a_job("ETHUSDT", "prescreen", status="quarantined", attempt=5, reason="five losses in a row")
    with a_swarm(home, *waiting, given_up) as swarm:
        living = LivingHome(home, swarm)
        living.begin()
        try:
            yield living
        finally:
            living.end()
