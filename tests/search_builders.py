"""Small questions for the search and the phases: a market in a file, an order about it, a desk that remembers.

Markets are a few thousand bars, searches a few dozen trials: enough that every phase has something to say.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from swarmd.engine.market.bars import Bars
from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import noise_market
from swarmd.engine.phases.desk import Desk, quiet_desk
from swarmd.engine.phases.table import PHASES
from swarmd.state.records.job import Phase, job_id
from swarmd.state.records.result import ResultSummary
from swarmd.state.store.files import Home
from swarmd.state.work_order import WorkOrder

SYMBOL = "NOISE"
MODE = "aggressive"
SPACE = {
    "L_fast": {"low": 2, "high": 12, "type": "int"},
    "L_slow": {"low": 4, "high": 30, "type": "int"},
    "sl": {"low": 0.005, "high": 0.05, "log": True},
    "tp": {"low": 0.005, "high": 0.1},
}


def a_market(folder: Path, *, days: int = 120, seed: int = 1, interval_minutes: int = 15, symbol: str = SYMBOL) -> Bars:
    """Noise in `<folder>/<symbol>.parquet`."""
    bars = noise_market(days, seed, interval_minutes, symbol=symbol)
    folder.mkdir(parents=True, exist_ok=True)
    write_bars(folder / f"{symbol}.parquet", bars)
    return bars


def an_order(
    home: Path,
    market: Path,
    phase: Phase | str,
    *,
    interval: str = "15m",
    symbol: str = SYMBOL,
    run: str | None = None,
    token: int = 1,
    **settings: Any,
) -> WorkOrder:
    """An order of campaign `c`; keywords replace whole sections of its settings."""
    phase = Phase(phase)
    mode = "" if phase is Phase.PREFLIGHT else MODE
    campaign: dict[str, Any] = {
        "name": "c",
        "data": {"root": str(market), "interval": interval},
        "assets": {"tiers": {"TIER1": [symbol]}},
        "strategy": {"name": "mtf_ema", "modes": [MODE]},
        "search": {"prescreen": {"combos": 300, "top": 50}, "refine": {"trials": 16, "warm_start": 4}},
        "space": SPACE,
        "constraints": {"min_trades": 30, "max_drawdown": 0.9},
        "validation": {"crown_on": "screen"},
    }
    return WorkOrder.model_validate(
        {
            "run": run or f"cpu0-{phase.value}-{token}",
            "job": job_id("c", symbol, mode, phase),
            "token": token,
            "lane": "cpu0",
            "phase": phase,
            "symbol": symbol,
            "mode": mode,
            "home": str(home),
            "session": "s",
            "threads": 1,
            "campaign": campaign | settings,
        }
    )


@dataclass
class Told:
    """What a phase told its desk."""

    total: int = 0
    done: int = 0
    skipped: int = 0
    trials: list[Mapping[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


def a_desk(home: Path, told: Told | None = None, *, should_yield: Callable[[], bool] = lambda: False) -> Desk:
    heard = told or Told()

    def expect(total: int) -> None:
        heard.total = total

    def advance(units: int) -> None:
        heard.done += units

    def skip(units: int) -> None:
        heard.skipped += units
        advance(units)

    quiet = quiet_desk(Home(home), lambda: 1_700_000_000_000)
    return replace(
        quiet,
        expect=expect,
        advance=advance,
        skip=skip,
        told_trial=heard.trials.append,
        say=heard.said.append,
        should_yield=should_yield,
    )


def run_phase(home: Path, market: Path, phase: Phase | str, **keywords: Any) -> ResultSummary:
    """One phase on a desk nobody listens to."""
    order = an_order(home, market, phase, **keywords)
    return PHASES[order.phase](order, a_desk(home))


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file's content by its name below the folder; what bears times (journal, seconds, ledger) is left out."""
    # Nor the commit: somebody may commit while the tests run, and no number depends on it.
    return {
        str(path.relative_to(folder)): re.sub(rb'"git_sha": .*', b"", path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.suffix != ".journal"
        and path.name not in (".lock", "phase0_seconds.json", "ledger_told.json")
    }


def plain(columns: Mapping[str, np.ndarray]) -> list[tuple[Any, ...]]:
    """The rows of columns as tuples."""
    return list(zip(*(column.tolist() for column in columns.values()), strict=True))
