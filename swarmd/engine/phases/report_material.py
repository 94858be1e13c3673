"""What the pages are made of, read from the files of the phases, with the finalist run again on the days it was shown.

The run is made anew from parameters and bars rather than kept: a report then needs nothing beyond the results, and a
finalist that does not come to the figures of its own document is said not to. The vault is touched only where a phase
has opened it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from swarmd.engine.arrays import IntArray
from swarmd.engine.backtest import Simulation, run_backtest
from swarmd.engine.champions.champion import champion_path
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.market.bars import Bars, load_bars
from swarmd.engine.phases.desk import PREFLIGHT_FILE, read_result
from swarmd.engine.phases.reoptimize import search_folder
from swarmd.engine.phases.report_importance import importance_of
from swarmd.engine.phases.vault import WarmedUp
from swarmd.engine.reports.material import DEVELOPMENT, VAULT, Material, Prices, Stretch, Trade
from swarmd.engine.reports.search_sections import finalist_params
from swarmd.engine.strategies.contract import without_tp_progression
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.errors import OperatorError
from swarmd.state.records.job import Phase
from swarmd.state.store.files import Home
from swarmd.state.units import iso, millis_of_iso

_FILES = {
    "prescreen": ("phase0_top500.json", "swarmd.prescreen/1"),
    "search": ("all_trials.json", "swarmd.trials/1"),
    "screen": ("screen.json", "swarmd.screen/1"),
    "guards": ("guards.json", "swarmd.guards/1"),
    "certificate": ("certificate.json", "swarmd.certificate/1"),
}
_JUDGED = ("screen", "guards", "certificate")
_BRANCH = f"{Phase.GUARDS.value}-"
# Gaps were accepted by the campaign; here the digest of the bars decides whether they are the same.
_ANY_GAP = 10**9
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Ran:
    """The finalist's runs with the bars of each, or why there are none."""

    development: tuple[Bars, Simulation] | None = None
    vault: tuple[Bars, Simulation] | None = None
    missing: str = ""

    @property
    def parts(self) -> tuple[tuple[str, Bars, Simulation], ...]:
        named = ((DEVELOPMENT, self.development), (VAULT, self.vault))
        return tuple((name, *part) for name, part in named if part is not None)


def material_of(folder: Path, home: Home) -> tuple[Material, Ran]:
    """All that is known of one asset in one mode (`folder` is its own, or a branch's below it), and the runs behind it.

    Raises
    ------
    OperatorError
        If a file of the phases is there and cannot be read.
    """
    plain = documents_of(folder, home)
    ran = _ran(plain)
    importance, why = importance_of(plain.search)
    missing = {"run": ran.missing, "prices": ran.missing, "importance": why}
    shown = replace(
        plain,
        stretches=tuple(_stretch(name, bars, run) for name, bars, run in ran.parts),
        prices=_prices(ran),
        importance=importance,
        description=_description(plain),
        missing={name: reason for name, reason in missing.items() if reason},
    )
    return shown, ran


def documents_of(folder: Path, home: Home, *, is_brief: bool = False) -> Material:
    """The documents without a run. A brief one, for a row of the campaign's table, reads the last word alone: trials
    and screened vectors are megabytes. The folder of an asset without any mode will do as well."""
    is_asset = (folder / PREFLIGHT_FILE).is_file()
    mode = folder.parent if is_branch(folder) else folder
    asset = folder if is_asset else mode.parent
    found: dict[str, Any] = {name: read_result(folder / _FILES[name][0], _FILES[name][1]) for name in _JUDGED}
    for name, where in (("search", folder), ("prescreen", mode)):
        if not is_brief or not any(found.values()):
            found[name] = read_result(where / _FILES[name][0], _FILES[name][1])
    if found["guards"] and not found["certificate"] and not is_brief:
        # What the guards judged is of the second search.
        again = search_folder(mode, found["guards"].get("found_by")) / _FILES["search"][0]
        found["search"] = read_result(again, _FILES["search"][1]) or found["search"]
    preflight = read_result(asset / PREFLIGHT_FILE, "swarmd.preflight/1")
    campaign = asset.parent.name
    mode_name = "" if is_asset else mode.name
    branch = f" {folder.name.removeprefix(_BRANCH)}" if is_branch(folder) else ""
    return Material(
        symbol=asset.name,
        mode=f"{mode_name}{branch}",
        campaign=campaign,
        preflight=preflight,
        **found,
        champion=_champion(home, asset.name, preflight),
        command=f"swarmd report {campaign} --symbol {asset.name}" + (f" --mode {mode_name}" if mode_name else ""),
        way_up="../" * len(folder.relative_to(asset.parent).parts),
    )


def result_folders(campaign: Path) -> list[Path]:
    """The folders of a campaign in which something was found out: one a mode and one a branch of it; of an asset that
    came to none, its own."""
    found: list[Path] = []
    for asset in _folders(campaign):
        modes = [mode for mode in _folders(asset) if _holds_results(mode)]
        for mode in modes:
            branches = [folder for folder in _folders(mode) if is_branch(folder) and _holds_results(folder)]
            found += [mode, *branches]
        found += [asset] if not modes and (asset / PREFLIGHT_FILE).is_file() else []
    return found


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _holds_results(folder: Path) -> bool:
    return any((folder / name).is_file() for name, _ in _FILES.values())


def is_branch(folder: Path) -> bool:
    """Whether it is a branch's own, below its mode's."""
    return folder.name.startswith(_BRANCH)


def _champion(home: Home, symbol: str, preflight: Mapping[str, Any]) -> dict[str, Any]:
    """The champion in force in the asset's niche, as its file says; its checksum is checked by whoever trades."""
    try:
        document = json.loads(champion_path(home.champions, symbol, str(preflight.get("interval"))).read_bytes())
    except (OSError, ValueError, OperatorError):
        return {}
    return document if isinstance(document, dict) else {}


def _ran(material: Material) -> Ran:
    """The finalist on development and, where a phase has opened it, on the vault."""
    params = finalist_params(material)
    if not params:
        return Ran(missing="no finalist was found, so nothing was run")
    try:
        return _run(material, dict(params))
    except (OSError, ValueError, KeyError, TypeError, OperatorError) as cause:
        return Ran(missing=f"the finalist could not be run again ({cause})")


def _run(material: Material, params: dict[str, Any]) -> Ran:
    document = material.judged or material.search
    report = material.preflight["report"]
    bars = load_bars(
        Path(report["path"]),
        symbol=material.symbol,
        interval=material.preflight["interval"],
        start_ms=millis_of_iso(report["first"]),
        end_ms=millis_of_iso(report["last"]) + 1,
        allow_gaps=_ANY_GAP,
    )
    if bars.sha256() != document["data_sha256"]:
        return Ran(missing=f"{report['path']} no longer holds the bars of these results: its digest is another")
    strategy = strategy_named(document["strategy"])
    if material.search and not material.search.get("constraints", {}).get("enforce_tp_progression", True):
        strategy = without_tp_progression(strategy)
    costs = Costs(float(document["costs"]["fee_bps"]), float(document["costs"]["slippage_bps"]))
    mode = document.get("mode", material.mode)
    if not material.judged:
        inside = bars.between(0, int(material.search["development_bars"]))
        return Ran((inside, run_backtest(inside, strategy, params, mode=mode, costs=costs)))
    told = document["vault"]
    start, last = np.searchsorted(bars.open_time, [int(told["first_open_ms"]), int(told["last_open_ms"])]).tolist()
    stop = last + 1
    history, inside = bars.between(0, stop), bars.between(0, start)
    outside = bars.between(start, stop)
    ran = Ran(
        (inside, run_backtest(inside, strategy, params, mode=mode, costs=costs)),
        (outside, run_backtest(outside, WarmedUp(strategy, history, start), params, mode=mode, costs=costs)),
    )
    for name, _, run in ran.parts:
        claimed, now = document[name]["metrics"]["total_return"], run.metrics.total_return
        if not np.isclose(claimed, now, rtol=1e-9, atol=1e-12):
            return Ran(
                missing=f"run again on the {name} the finalist returns {now:.6g} and its document says {claimed:.6g}: "
                "code and results are of different versions"
            )
    return ran


def _stretch(name: str, bars: Bars, run: Simulation) -> Stretch:
    ends, times = day_end_bars(bars.open_time), bars.open_time
    return Stretch(
        name,
        tuple(iso(int(millis) // _DAY_MS * _DAY_MS)[:10] for millis in times[ends].tolist()),
        tuple(run.equity[ends].tolist()),
        tuple(_trade(run, row, reason, times) for row, reason in enumerate(run.trades.exit_reason)),
        int(times[0]),
    )


def _trade(run: Simulation, row: int, reason: str, times: IntArray) -> Trade:
    trades = run.trades
    entry, leave = int(trades.entry_bar[row]), int(trades.exit_bar[row])
    return Trade(
        number=row + 1,
        entry_ms=int(times[entry]),
        exit_ms=int(times[leave]),
        is_long=bool(trades.side[row] > 0),
        entry_price=float(trades.entry_price[row]),
        exit_price=float(trades.exit_price[row]),
        pnl=float(trades.pnl[row]),
        return_=float(trades.return_[row]),
        reason=reason,
        bars_held=leave - entry,
        fees=float(trades.fees[row]),
    )


def _prices(ran: Ran) -> Prices | None:
    """The bars of all stretches, which follow one another."""
    parts = [bars for _, bars, _ in ran.parts]
    if not parts:
        return None
    open_time = np.concatenate([bars.open_time for bars in parts])
    prices = (np.concatenate([getattr(bars, name) for bars in parts]) for name in ("open", "high", "low", "close"))
    return Prices(parts[0].interval_minutes, open_time, *prices)


def _description(material: Material) -> str:
    """What the strategy's own file says of it: text of whoever wrote it, to be shown and never to be trusted."""
    name = (material.judged or material.search or material.prescreen).get("strategy")
    if name is None:
        return ""
    try:
        strategy = strategy_named(str(name))
    except (OSError, ValueError):
        return ""
    return "\n\n".join(filter(None, (strategy.card.title, (type(strategy).__doc__ or "").strip())))
