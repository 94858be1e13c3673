"""A home in which a champion was crowned on evidence, and the days after it: for the tests of a champion's life.

A planted market with an edge no gate can miss, searched with a few hundred vectors and nineteen surrogates; the rows
that come later are of a market in which the edge is dead, or still alive.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from swarmd.engine.market.bars import ARRAYS, Bars, bars_from_arrays
from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import noise_market, planted_market
from swarmd.engine.phases.table import PHASES
from swarmd.state.records.result import ResultSummary
from swarmd.state.surrogates import shares
from swarmd.state.work_order import WorkOrder
from tests.search_builders import a_desk, an_order

SYMBOL, INTERVAL, MINUTES = "EDGE", "15m", 15
CROWNED_DAYS = 500
_SETTINGS: dict[str, dict[str, Any]] = {
    "search": {
        "prescreen": {"combos": 300, "top": 50},
        "refine": {"trials": 12, "warm_start": 6},
        "reoptimize": {"window_trials": 2},
    },
    "validation": {"crown_on": "evidence", "surrogates": 19, "alpha": 0.05},
}


@dataclass(frozen=True)
class CrownedHome:
    """`root` is the home, `bars` the file of its one asset, `alive` the market as it goes on with the edge."""

    root: Path
    bars: Path
    alive: Bars

    @property
    def champion(self) -> Path:
        return self.root / "champions" / f"{SYMBOL}_{INTERVAL}.json"

    @property
    def certificate(self) -> Path:
        return self.root / json.loads(self.champion.read_text())["certificate"]

    def copied_to(self, folder: Path) -> "CrownedHome":
        """The same somewhere else, for a test to change; its campaign finds the bars there."""
        root, market = folder / "home", folder / "bars"
        shutil.copytree(self.root, root)
        shutil.copytree(self.bars.parent, market)
        meta = root / "results" / "c" / "run_meta.json"
        told = json.loads(meta.read_text())
        told["settings"]["data"]["root"] = str(market)
        meta.write_text(json.dumps(told))
        return CrownedHome(root, market / self.bars.name, self.alive)

    def crown_again(self) -> ResultSummary:
        """The campaign's last phase once more, as a repeated run would have it."""
        order = _order(self.root, self.bars.parent, "crown")
        return PHASES[order.phase](order, a_desk(self.root))

    def let_days_pass(self, days: int, *, is_alive: bool) -> None:
        """So many days more in the file."""
        n_known = CROWNED_DAYS * 96
        if is_alive:
            write_bars(self.bars, self.alive.between(0, n_known + days * 96))
        else:
            write_bars(self.bars, followed_by(self.alive.between(0, n_known), noise_market(days, 77, MINUTES)))


def crowned_home(folder: Path, crown_on: str = "evidence") -> CrownedHome:
    """All phases of a small campaign, run one after the other, with its settings kept as the daemon keeps them."""
    alive, _ = planted_market(CROWNED_DAYS + 200, 1, 5.0, MINUTES, symbol=SYMBOL)
    home, market = folder / "home", folder / "bars"
    market.mkdir()
    write_bars(market / f"{SYMBOL}.parquet", alive.between(0, CROWNED_DAYS * 96))

    def order(phase: str) -> WorkOrder:
        return _order(home, market, phase, crown_on)

    orders = [order(phase) for phase in ("preflight", "prescreen", "refine")]
    if crown_on == "evidence":
        orders += [order("surrogates").model_copy(update={"surrogates": share}) for share in shares(19)]
    orders += [order(phase) for phase in ("validate" if crown_on == "evidence" else "screen", "crown")]
    for each in orders:
        summary = PHASES[each.phase](each, a_desk(home))
        assert summary.verdict == "pass", summary.headline
    meta = home / "results" / "c" / "run_meta.json"
    meta.write_text(json.dumps({"settings": orders[0].campaign.model_dump(mode="json")}))
    return CrownedHome(home, market / f"{SYMBOL}.parquet", alive)


def followed_by(bars: Bars, later: Bars) -> Bars:
    """The later bars moved to follow at once, in time and in price."""
    step = bars.interval_minutes * 60_000
    times = bars.open_time[-1] + step * np.arange(1, later.n_bars + 1)
    scale = bars.close[-1] / later.open[0]
    columns = {}
    for name in ARRAYS:
        values = getattr(later, name)
        columns[name] = values * scale if name in ("open", "high", "low", "close") else values
    columns["open_time"] = times
    joined = {name: np.concatenate((getattr(bars, name), columns[name])) for name in ARRAYS if name != "synthetic"}
    return bars_from_arrays(bars.symbol, bars.interval_minutes, **joined)


def _order(home: Path, market: Path, phase: str, crown_on: str = "evidence") -> WorkOrder:
    settings = _SETTINGS | {"validation": _SETTINGS["validation"] | {"crown_on": crown_on}}
    return an_order(home, market, phase, symbol=SYMBOL, interval=INTERVAL, **settings)
