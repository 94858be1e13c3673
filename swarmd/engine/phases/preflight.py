"""Preflight: is the data fit to be searched, and would the strategy trade on it at all?

The gate before any machine time is spent. Writes `preflight.json` beside the asset's modes; the digest in it binds
every later phase to exactly these bars. Bad data is a verdict with its findings, never a crash.
"""

from typing import Any

from swarmd.engine.backtest import run_backtest
from swarmd.engine.kernel.fold import SCREEN_METRICS
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.faults import DataAway, DataError
from swarmd.engine.market.quality import preflight as examine_file
from swarmd.engine.market.timeframes import DAY_MINUTES
from swarmd.engine.phases.desk import PREFLIGHT_FILE, Desk
from swarmd.engine.phases.question import bars_of, bars_path, costs_of, symbol_folder
from swarmd.engine.phases.remembered import require_told
from swarmd.engine.phases.tried import days_of
from swarmd.engine.search.provenance import provenance
from swarmd.engine.search.score import ScoreRule
from swarmd.engine.search.space import search_space
from swarmd.engine.search.split import development_bars
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.records.result import ResultSummary
from swarmd.state.work_order import WorkOrder

SCHEMA = "swarmd.preflight/1"
LEAST_DAYS = 90


def preflight(order: WorkOrder, desk: Desk) -> ResultSummary:
    """Examine the symbol's file, load the campaign's stretch, and let the strategy's baseline trade on it.

    Raises
    ------
    ValueError
        If strategy, a mode, the space or the score are wrong: no data can mend that.
    DataAway
        If there is no data at all where it is kept.
    OperatorError
        If the asset's trial ledger has lost lines, and a search of it would look smaller than it is.
    """
    settings = order.campaign
    strategy = strategy_named(settings.strategy.name)
    for mode in settings.strategy.modes:
        search_space(strategy.card, mode, settings.space)
    ScoreRule(settings.score.primary, settings.score.weights).check(SCREEN_METRICS)
    desk.expect(3)
    folder = symbol_folder(order, desk)
    document: dict[str, Any] = {"schema": SCHEMA, "symbol": order.symbol, "interval": settings.data.interval}
    try:
        path = bars_path(settings.data, order.symbol)
        report = examine_file(
            path,
            symbol=order.symbol,
            interval=settings.data.interval,
            known_gaps=settings.data.known_gaps,
            allow_gaps=settings.data.allow_gaps,
            min_days=LEAST_DAYS,
        )
        document |= {"report": report.as_document()}
        desk.work(1)
        is_whole_file = settings.data.start is None and settings.data.end is None
        problems = [
            finding.message
            for finding in report.findings
            # Of a stretch of the file the loader is the judge: what lies outside it is nobody's concern.
            if finding.level == "error" and is_whole_file
        ]
        if problems:
            return _failed(document, problems, desk, order)
        bars = bars_of(settings.data, order.symbol)
    except DataAway:
        raise  # no verdict on data that nobody has seen
    except DataError as refusal:
        return _failed(document, [str(refusal)], desk, order)
    if settings.asks_evidence:
        # The judgement would refuse it as well, hours later.
        require_told(desk.home, order.symbol, days_of(bars))
    desk.work(1)
    days = bars.n_bars * bars.interval_minutes / DAY_MINUTES
    if days < LEAST_DAYS:
        short = f"{path}: {days:.1f} days from {settings.data.start} to {settings.data.end}, fewer than {LEAST_DAYS}"
        return _failed(document, [f"{short}; ask for a longer stretch"], desk, order)
    warnings = [finding.message for finding in report.findings if finding.level == "warning"]
    probes = _probe(order, bars)
    warnings += [
        f"{order.symbol} {mode}: the baseline of {settings.strategy.name} makes {n_trades} trades, "
        f"at least {settings.constraints.min_trades} are needed to rank; expect few valid combinations"
        for mode, n_trades in probes.items()
        if n_trades < settings.constraints.min_trades
    ]
    origin = provenance(snapshot_id=bars.snapshot_id(), sha256=bars.sha256(), strategy_name=settings.strategy.name)
    document |= {
        "verdict": "pass",
        **origin.document(seed=None, tried=len(probes)),
        "bars": bars.n_bars,
        "synthetic_bars": int(bars.synthetic.sum()),
        "baseline_trades": probes,
        "warnings": warnings,
    }
    for warning in warnings:
        desk.say(warning)
    written = desk.write_json(folder / PREFLIGHT_FILE, document, sync=True)
    desk.work(1)
    noun = "warning" if len(warnings) == 1 else "warnings"
    return ResultSummary(
        verdict="pass",
        headline=f"{order.symbol}: {bars.n_bars} bars fit to use, {len(warnings)} {noun}",
        tried=len(probes),
        figures={
            "bars": bars.n_bars,
            "days": round(days, 1),
            "synthetic_bars": int(bars.synthetic.sum()),
            "baseline_trades": min(probes.values()),
            "data_sha256": origin.data_sha256,
            "data_snapshot_id": origin.data_snapshot_id,
        },
        artifacts=(written,),
    )


def _probe(order: WorkOrder, bars: Bars) -> dict[str, int]:
    """Trades the strategy's baseline makes on development bars, per mode."""
    settings = order.campaign
    strategy = strategy_named(settings.strategy.name)
    seen = development_bars(bars, settings.data.oos_share)
    n_trades = {}
    for mode in settings.strategy.modes:
        simulation = run_backtest(seen, strategy, strategy.card.baseline, mode=mode, costs=costs_of(settings))
        n_trades[mode] = simulation.metrics.total_trades
    return n_trades


def _failed(document: dict[str, Any], problems: list[str], desk: Desk, order: WorkOrder) -> ResultSummary:
    path = symbol_folder(order, desk) / PREFLIGHT_FILE
    written = desk.write_json(path, document | {"verdict": "fail", "problems": problems}, sync=True)
    more = f" (and {len(problems) - 1} more, see {written})" if len(problems) > 1 else ""
    return ResultSummary(
        verdict="fail",
        headline=f"{problems[0]}{more}",
        figures={"problems": len(problems)},
        artifacts=(written,),
    )
