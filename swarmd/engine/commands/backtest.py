"""`swarmd backtest`: one strategy with given parameters on one file of bars, told in a table, in JSON and in files.

Arguments and words only: the run is `engine.backtest`, the bars are `engine.market`. The trades CSV and the JSON
document are public; their columns and fields change only with an entry in the changelog.
"""

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swarmd.engine.commands.faults import told_to_the_operator
from swarmd.engine.commands.instants import instant_of
from swarmd.state.store.files import atomic_write

if TYPE_CHECKING:  # numpy, numba and pyarrow come in only when a command runs
    from swarmd.engine.backtest import Engine, Simulation
    from swarmd.engine.kernel.costs import Costs
    from swarmd.engine.market.bars import Bars
    from swarmd.engine.strategies.contract import BarStrategy, Params

SEMANTICS = "next_open"
OF_THE_SOURCE = "source_final_trigger"


@click.command(
    epilog="Example: swarmd backtest --data data/bars_5m/BTCUSDT.parquet --strategy mtf_ema --mode aggressive"
    ' --params \'{"tf_fast": 15, "L_fast": 20, "tf_slow": 240, "L_slow": 50, "sl": 0.02, "tp": 0.06}\''
    " --known-gap 2023-12-31 --trades trades.csv. On ticks: swarmd backtest --data quotes/IBM.parquet --crossed drop"
    " --strategy ofi_momentum --mode long_short"
)
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path),
    help="Bars: a Parquet, CSV or Feather file. Or ticks: Parquet.",
)
@click.option(
    "--strategy", "strategy_name", required=True, help="A name of `strategies list`, or path/to/file.py:Name."
)
@click.option(
    "--params", metavar="JSON|@FILE", help="Parameters as a JSON object; the strategy's baseline when absent."
)
@click.option("--mode", help="A mode of the strategy; its first one when absent.")
@click.option("--fee-bps", default=5.0, show_default=True, help="Fee per side, in basis points of notional.")
@click.option("--slippage-bps", default=2.0, show_default=True, help="Slippage per side, in basis points of price.")
@click.option(
    "--engine",
    type=click.Choice(["cpu", "reference", "gpu"]),
    default="cpu",
    show_default=True,
    help="The fast kernel, the slow obvious loop it is held against, or the kernel with a GPU's word that it is right.",
)
@click.option(
    "--semantics",
    type=click.Choice([SEMANTICS, OF_THE_SOURCE]),
    default=SEMANTICS,
    show_default=True,
    help="How orders fill and books are kept; source_final_trigger compares final_trigger with published figures.",
)
@click.option("--symbol", help="Name of the asset; the file's own name when absent.")
@click.option("--interval", help="Interval of the bars, such as 5m; told from the open times when absent.")
@click.option(
    "--start", metavar="TIME", help="First open time, or time of a tick (2023-01-01 or an ISO instant, UTC), included."
)
@click.option("--end", metavar="TIME", help="Open time, or time of a tick, to stop at, excluded.")
@click.option(
    "--known-gap", "known_gaps", multiple=True, metavar="DAY", help="Accept the gap that begins on this UTC day."
)
@click.option("--allow-gaps", default=0, show_default=True, help="Accept this many missing bars in all.")
@click.option(
    "--quotes",
    type=click.Path(path_type=Path),
    help="Ticks alone: the quotes beside the trades of --data, to fill and to sign them against.",
)
@click.option(
    "--crossed",
    type=click.Choice(["refuse", "drop"]),
    default="refuse",
    show_default=True,
    help="Ticks alone: what becomes of a quote whose bid is above its ask; dropped ones are counted.",
)
@click.option(
    "--params-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Ticks alone: a JSON array of parameter objects, all run in one pass.",
)
@click.option(
    "--batch-rows", default=100_000, show_default=True, help="Ticks alone: rows read at a time; changes no result."
)
@click.option(
    "--trades", "trades_path", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.csv",
    help="Write every trade.",
)  # fmt: skip
@click.option(
    "--equity", "equity_path", type=click.Path(dir_okay=False, path_type=Path), metavar="OUT.parquet",
    help="Write equity per bar.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def backtest(
    data: Path,
    strategy_name: str,
    params: str | None,
    mode: str | None,
    fee_bps: float,
    slippage_bps: float,
    engine: "Engine",
    semantics: str,
    symbol: str | None,
    interval: str | None,
    start: str | None,
    end: str | None,
    known_gaps: tuple[str, ...],
    allow_gaps: int,
    trades_path: Path | None,
    equity_path: Path | None,
    as_json: bool,
    **_of_ticks: object,
) -> None:
    """Run one strategy once.

    A signal decided at a bar's close fills at the next open; money is in units of the initial equity, prices are those
    of the market before slippage. On quotes or trades it fills at once, at the ask where it buys, at the bid where it
    sells; see docs/ticks.md.
    """
    from swarmd.engine.commands.backtest_ticks import backtest_ticks, holds_ticks, refuse_tick_flags

    if holds_ticks(data, strategy_name):
        backtest_ticks(click.get_current_context())
        return
    refuse_tick_flags(click.get_current_context())
    from swarmd.engine.backtest import run_backtest
    from swarmd.engine.commands.source_books import tell_parts
    from swarmd.engine.kernel.costs import Costs
    from swarmd.engine.market.bars import load_bars
    from swarmd.engine.phases.trade_table import trades_csv
    from swarmd.engine.source_final_trigger import run_source_final_trigger
    from swarmd.engine.strategies.contract import checked_params
    from swarmd.engine.strategies.registry import strategy_named

    with told_to_the_operator():
        strategy = strategy_named(strategy_name)
        chosen_mode = mode if mode is not None else next(iter(strategy.card.modes))
        strategy.card.mode(chosen_mode)
        given = checked_params(strategy, strategy.card.baseline if params is None else _params(params))
        costs = Costs(fee_bps=fee_bps, slippage_bps=slippage_bps)
        bars = load_bars(
            data,
            symbol=symbol,
            interval=interval,
            start_ms=instant_of(start, flag="--start"),
            end_ms=instant_of(end, flag="--end"),
            known_gaps=known_gaps,
            # The source's rows follow each other whatever is missing between them.
            allow_gaps=sys.maxsize if semantics == OF_THE_SOURCE else allow_gaps,
        )
        if semantics == OF_THE_SOURCE:
            if engine != "cpu" or equity_path is not None:
                raise ValueError(f"--semantics {OF_THE_SOURCE} has its own books; leave --engine and --equity out")
            parts = run_source_final_trigger(bars, strategy, given, mode=chosen_mode, costs=costs)
            tell_parts(
                parts, _head(strategy, given, chosen_mode, engine, semantics, costs, _data_document(data, bars)),
                trades_path=trades_path, as_json=as_json,
            )  # fmt: skip
            return
        # Timeframes that the bars cannot make are refused by the run itself.
        run = run_backtest(bars, strategy, given, mode=chosen_mode, costs=costs, engine=engine)
    if trades_path is not None:
        atomic_write(trades_path.absolute(), trades_csv(run.trades, bars))
    if equity_path is not None:
        atomic_write(equity_path.absolute(), _equity_parquet(bars, run))
    document = _head(strategy, given, chosen_mode, engine, semantics, costs, _data_document(data, bars)) | {
        "metrics": run.metrics.as_json(),
        "trades_path": None if trades_path is None else str(trades_path),
    }
    if as_json:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    _print_run(document)
    for written in (trades_path, equity_path):
        if written is not None:
            click.echo(f"written  {written}")


def _head(
    strategy: "BarStrategy",
    params: "Params",
    mode: str,
    engine: "Engine",
    semantics: str,
    costs: "Costs",
    data: dict[str, Any],
) -> dict[str, Any]:
    return {
        "schema": "swarmd.backtest/1",
        "strategy": strategy.card.name,
        "params": dict(params),
        "mode": mode,
        "engine": engine,
        "semantics": semantics,
        "data": data,
        "costs": {"fee_bps": costs.fee_bps, "slippage_bps": costs.slippage_bps},
    }


def _equity_parquet(bars: "Bars", run: "Simulation") -> bytes:
    """Equity marked at each bar's close, beside the bar's open time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table(
        {"open_time": pa.array(bars.open_time, pa.timestamp("ms", tz="UTC")), "equity": pa.array(run.equity)}
    )
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _data_document(path: Path, bars: "Bars") -> dict[str, Any]:
    from swarmd.engine.market.timeframes import interval_name, iso_instant

    return {
        "path": str(path),
        "symbol": bars.symbol,
        "interval": interval_name(bars.interval_minutes),
        "snapshot_id": bars.snapshot_id(),
        "sha256": bars.sha256(),
        "bars": bars.n_bars,
        "first": iso_instant(int(bars.open_time[0])),
        "last": iso_instant(int(bars.open_time[-1])),
        "gaps": _gaps(bars),
    }


def _gaps(bars: "Bars") -> list[dict[str, Any]]:
    """The accepted gaps: first missing open time and how many bars were put in."""
    import numpy as np

    from swarmd.engine.market.timeframes import iso_instant

    edges = np.diff(bars.synthetic.astype(np.int8), prepend=0, append=0)
    starts, stops = np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist()
    return [
        {"first_missing": iso_instant(int(bars.open_time[start])), "bars": stop - start}
        for start, stop in zip(starts, stops, strict=True)
    ]


def _print_run(document: dict[str, Any]) -> None:
    print_head(document)
    for name, value in document["metrics"].items():
        shown = "none lost" if value is None else f"{value:d}" if isinstance(value, int) else f"{value:.6g}"
        click.echo(f"  {name:<20} {shown}")


def print_head(document: dict[str, Any]) -> None:
    """What was run on what, for a person."""
    data, costs = document["data"], document["costs"]
    params = ", ".join(f"{name} {value}" for name, value in document["params"].items())
    click.echo(f"{document['strategy']} {document['mode']} on {data['symbol']} {data['interval']}: {params}")
    missing = sum(gap["bars"] for gap in data["gaps"])
    filled = f", {missing} of them flat bars in accepted gaps" if missing else ""
    click.echo(f"{data['bars']} bars from {data['first']} to {data['last']}{filled}")
    click.echo(f"fee {costs['fee_bps']:g} bps, slippage {costs['slippage_bps']:g} bps per side\n")


def _params(text: str) -> dict[str, Any]:
    source = "--params"
    if text.startswith("@"):
        source = text[1:]
        try:
            text = Path(source).read_text()
        except UnicodeDecodeError as fault:
            raise ValueError(f"{source}: not a text file; give a file with a JSON object of parameters") from fault
    try:
        params = json.loads(text)
    except json.JSONDecodeError as fault:
        raise ValueError(
            f"{source}: not JSON ({fault.msg}, line {fault.lineno} column {fault.colno}); give an object such as"
            ' {"L_fast": 20, "sl": 0.02}, or @FILE'
        ) from fault
    if not isinstance(params, dict):
        raise ValueError(f'{source}: {type(params).__name__} given; give a JSON object such as {{"L_fast": 20}}')
    return params
