"""A champion taken back to its data: what its certificate says of it, the file of its bars, and the run itself.

Shared by the monitor and by `swarmd champion verify`. Costs and stretches are those of the certificate, since a
champion's file names it; nothing is searched and nothing is judged in here.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.champions.champion import ChampionFile
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import Bars, load_bars
from swarmd.engine.market.bars_file import find_bars_file
from swarmd.engine.phases.desk import PREFLIGHT_FILE
from swarmd.engine.phases.vault import WarmedUp
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home

# Gaps are told by the campaign that accepted them; here the digest of the bars decides whether they are the same.
_ANY_GAP = 10**9


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the bars by the open times of its first and last bar, ms UTC, with the metrics that are claimed."""

    first_ms: int
    last_ms: int
    metrics: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Basis:
    """What a champion stands on: the document that its file names as certificate, and the terms in it."""

    path: Path
    document: Mapping[str, Any]
    costs: Costs
    development: Stretch
    vault: Stretch


def basis_of(champion: ChampionFile, home: Home) -> Basis:
    """The certificate of a champion, of the screen, the guards or the phase validate, whichever crowned.

    Raises
    ------
    OperatorError
        If the champion has none, it cannot be read, or it is of another champion.
    """
    if champion.certificate is None:
        raise OperatorError(f"{champion.niche}: it has no certificate ({champion.origin}: {champion.note or '-'})")
    path = home.inside(champion.certificate)
    try:
        document = json.loads(path.read_bytes())
        costs = Costs(float(document["costs"]["fee_bps"]), float(document["costs"]["slippage_bps"]))
        basis = Basis(path, document, costs, _stretch(document["development"]), _stretch(document["vault"]))
    except FileNotFoundError:
        raise OperatorError(f"{path}: the certificate of {champion.niche} is gone; put it back from a copy") from None
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise OperatorError(f"{path}: no certificate ({type(cause).__name__}: {cause})") from cause
    for name, mine, theirs in (
        ("symbol", champion.symbol, document.get("symbol")),
        ("interval", champion.timeframe, document.get("interval")),
        ("strategy", champion.strategy, document.get("strategy")),
        ("mode", champion.mode, document.get("mode")),
        ("trial", champion.trial_id, document.get("trial")),
        ("params", champion.parameters, document.get("params")),
        ("score", champion.score, document.get("score")),
        ("data_sha256", champion.data_sha256, document.get("data_sha256")),
        ("tried", champion.tried, document.get("tried")),
    ):
        if mine != theirs:
            raise OperatorError(f"{path}: {name} is {theirs} and the champion says {mine}; it is not its certificate")
    return basis


def bars_file(champion: ChampionFile, home: Home, *, data: Path | None, data_root: Path | None) -> Path:
    """Where the champion's bars lie: the file or the root given, else those of its campaign.

    Raises
    ------
    OperatorError
        If nobody can say; DataError if the root holds no bars of the symbol.
    """
    if data is not None:
        return data
    if data_root is not None:
        return data_root if data_root.is_file() else find_bars_file(data_root, champion.symbol)
    results = home.results_of(champion.campaign)
    root = _told(results / "run_meta.json", "settings", "data", "root")
    if root is not None and Path(root).exists():
        return Path(root) if Path(root).is_file() else find_bars_file(root, champion.symbol)
    path = _told(results / champion.symbol / PREFLIGHT_FILE, "report", "path")
    if path is not None and Path(path).exists():
        return Path(path)
    raise OperatorError(
        f"{champion.niche}: the bars of its campaign {champion.campaign!r} are not where they were; name them with "
        "--data FILE or --data-root DIR"
    )


def bars_since(champion: ChampionFile, path: Path, first_ms: int | None, end_ms: int | None = None) -> Bars:
    """The champion's bars from the first its search has seen, to the end of the file or before `end_ms`; gaps are
    filled as everywhere."""
    return load_bars(
        path,
        symbol=champion.symbol,
        interval=champion.timeframe,
        start_ms=first_ms,
        end_ms=end_ms,
        allow_gaps=_ANY_GAP,
    )


def bars_after(bars: Bars, last_ms: int) -> int:
    """The first bar that opens after this instant; n_bars where there is none."""
    return int(np.searchsorted(bars.open_time, last_ms, side="right"))


def replayed(champion: ChampionFile, history: Bars, start: int, *, costs: Costs) -> Simulation:
    """The champion from bar `start` on, its indicators warmed up on the bars before; from bar 0 there is nothing to
    warm up on, and it is the run its search has made."""
    strategy = strategy_named(champion.strategy)
    if start == 0:
        return run_backtest(history, strategy, champion.parameters, mode=champion.mode, costs=costs)
    warmed = WarmedUp(strategy, history, start)
    bars = history.between(start, history.n_bars)
    return run_backtest(bars, warmed, champion.parameters, mode=champion.mode, costs=costs)


def _stretch(told: Mapping[str, Any]) -> Stretch:
    return Stretch(int(told["first_open_ms"]), int(told["last_open_ms"]), dict(told["metrics"]))


def _told(path: Path, *names: str) -> str | None:
    """A text within a JSON file; None where there is no such file or nothing of the kind in it."""
    try:
        told: Any = json.loads(path.read_bytes())
        for name in names:
            told = told[name]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return told if isinstance(told, str) else None
