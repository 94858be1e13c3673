"""Champions as scripts for tests, and PineTS to run them: installed below `tests/pine`, never by a test."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from swarmd.engine.backtest import run_backtest
from swarmd.engine.champions.champion import ChampionFile
from swarmd.engine.export.parity import compared, trips_of_engine, trips_of_script
from swarmd.engine.export.parity_run import executed
from swarmd.engine.export.pine import Terms, pine_script
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import Bars, load_bars
from swarmd.engine.strategies.registry import strategy_named
from tests.champion_builders import a_champion
from tests.market_builders import real_bars

FOLDER = Path(__file__).parent / "pine"
BASELINE_TRIGGER = {
    "tenkan": 9, "kijun": 26, "tenkan_5": 9, "kijun_5": 26, "displacement": 52, "sl": 3.0, "tp1": 3.0, "tp2": 5.0,
    "tp3": 8.0,
}  # fmt: skip


class Case(NamedTuple):
    """A champion on a stretch of real bars."""

    strategy: str
    mode: str
    symbol: str
    interval: str
    params: dict[str, float]
    first: int
    last: int

    @property
    def champion(self) -> ChampionFile:
        return a_champion(
            symbol=self.symbol, timeframe=self.interval, strategy=self.strategy, mode=self.mode, parameters=self.params
        ).sealed()

    @property
    def bars(self) -> Bars:
        path = real_bars(f"bars_{self.interval}", f"{self.symbol}.parquet")
        every = load_bars(path, symbol=self.symbol, interval=self.interval, allow_gaps=10**9)
        return every.between(self.first, self.last)


def pinets_folder() -> Path:
    """Where PineTS is installed for the tests; skips saying what to install."""
    if shutil.which("node") is None:
        pytest.skip("no node: install nodejs and npm (scripts/setup test does where it may), then this runs")
    if not (FOLDER / "node_modules" / "pinets").is_dir():
        pytest.skip("no PineTS: run `npm ci` in tests/pine (scripts/setup test does), then this runs")
    return FOLDER


def parity_of(case: Case, *, script: str | None = None) -> dict[str, object]:
    """The figures of the case's script, or of another one, against the engine."""
    bars = case.bars
    text = pine_script(case.champion, Terms()) if script is None else script
    answer = executed(text, bars, pinets=pinets_folder(), timeout_s=240.0)
    run = run_backtest(bars, strategy_named(case.strategy), case.params, mode=case.mode, costs=Costs())
    return compared(trips_of_engine(bars, run.trades), trips_of_script(answer))
