"""`swarmd backtest` where the data are quotes or trades: many parameter vectors in one pass over the ticks.

`backtest` hands over here when the file holds ticks. Arguments and words only: the stream is `engine.market`, the pass
`engine.replay`. The JSON document and the trades CSV are public, as those of the bars are.
"""

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swarmd.engine.commands.faults import told_to_the_operator
from swarmd.engine.commands.instants import instant_of
from swarmd.state.store.files import atomic_write

if TYPE_CHECKING:  # numpy, numba and pyarrow come in only when a command runs
    from swarmd.engine.kernel.costs import Costs
    from swarmd.engine.market.tick_stream import TickStream
    from swarmd.engine.replay.books import TickTrades
    from swarmd.engine.replay.wrapper import TickRun
    from swarmd.engine.strategies.tick_registry import TickStrategyClass

# What `backtest` has for bars alone; given with ticks, it would do nothing in silence.
_OF_BARS = ("engine", "semantics", "interval", "known_gaps", "allow_gaps")
_OF_TICKS = ("quotes", "crossed", "params_file", "batch_rows")

_NS_PER_MS = 1_000_000

TRADE_COLUMNS = (
    "instance", "trade", "entry_time", "exit_time", "side", "entry_price", "exit_price", "qty", "pnl", "return",
    "exit_reason", "entry_row", "exit_row", "fees",
)  # fmt: skip


def holds_ticks(data: Path, strategy_name: str) -> bool:
    """Whether the run is one on ticks: the file has their time column, or the strategy trades on nothing else."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from swarmd.engine.strategies.registry import strategy_names
    from swarmd.engine.strategies.tick_registry import trades_on_ticks

    if strategy_name not in strategy_names() and trades_on_ticks(strategy_name):
        return True
    try:
        return data.suffix.lower() == ".parquet" and "ts" in pq.read_schema(data).names
    except (pa.ArrowException, OSError):
        return False  # the loader of bars says what is wrong with it


def refuse_tick_flags(ctx: click.Context) -> None:
    """With bars, what is meant for ticks is refused."""
    with told_to_the_operator():
        _refuse_given(ctx, _OF_TICKS, "ticks alone, and --data holds bars")


def backtest_ticks(ctx: click.Context) -> None:
    """The command `backtest` on ticks, with the flags it was given."""
    from swarmd.engine.kernel.costs import Costs
    from swarmd.engine.replay.wrapper import MultiStrategyWrapper, replay
    from swarmd.engine.strategies.tick_registry import tick_strategy_named

    flags = ctx.params
    with told_to_the_operator():
        _refuse_given(ctx, _OF_BARS, "bars alone, and --data holds ticks")
        made = tick_strategy_named(flags["strategy_name"])
        mode = flags["mode"] if flags["mode"] is not None else next(iter(made.card.modes))
        vectors = _vectors(made, mode, flags["params"], flags["params_file"])
        if flags["equity_path"] is not None and len(vectors) > 1:
            raise ValueError(
                f"--equity is of one instance, and {len(vectors)} are asked for; give one, or leave it out"
            )
        costs = Costs(fee_bps=flags["fee_bps"], slippage_bps=flags["slippage_bps"])
        stream = _stream(flags)
        instances = [made() for _ in vectors]
        for instance, params in zip(instances, vectors, strict=True):
            instance.set_params(params)
        wrapper = MultiStrategyWrapper(
            instances,
            data=stream.data.schema,
            mode=mode,
            direction=made.card.mode(mode).direction,
            costs=costs,
            keeps_equity=flags["equity_path"] is not None,
        )
        # Rows are checked as they are read: a file that is wrong at its end is refused at its end.
        runs = replay(stream, wrapper)
        if flags["trades_path"] is not None:
            atomic_write(flags["trades_path"].absolute(), tick_trades_csv([run.trades for run in runs]))
        if flags["equity_path"] is not None:
            atomic_write(flags["equity_path"].absolute(), _equity_parquet(stream, runs[0]))
    document = {
        "schema": "swarmd.backtest_ticks/1",
        "strategy": made.card.name,
        "mode": mode,
        "data": _data_document(stream, flags["symbol"]),
        "costs": _costs_document(costs),
        "instances": [
            {"params": params, "metrics": run.metrics.as_json(), "stats": run.stats}
            for params, run in zip(vectors, runs, strict=True)
        ],
        "trades_path": None if flags["trades_path"] is None else str(flags["trades_path"]),
    }
    if flags["as_json"]:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    _print_runs(document)
    for written in (flags["trades_path"], flags["equity_path"]):
        if written is not None:
            click.echo(f"written  {written}")


def tick_trades_csv(trades_of: "list[TickTrades]") -> bytes:
    """The closed trades of every instance, instances numbered from 1 in the order of their parameters."""
    page = io.StringIO(newline="")
    table = csv.writer(page, lineterminator="\n")
    table.writerow(TRADE_COLUMNS)
    for instance, trades in enumerate(trades_of, 1):
        reasons = trades.exit_reason
        reals = (trades.entry_price, trades.exit_price, trades.qty, trades.pnl, trades.return_)
        for row in range(len(trades)):
            table.writerow(
                (
                    instance,
                    row + 1,
                    _instant(int(trades.entry_ts[row])),
                    _instant(int(trades.exit_ts[row])),
                    "long" if trades.side[row] > 0 else "short",
                    *(repr(float(values[row])) for values in reals),
                    reasons[row],
                    int(trades.entry_row[row]),
                    int(trades.exit_row[row]),
                    repr(float(trades.fees[row])),
                )
            )
    return page.getvalue().encode()


def _refuse_given(ctx: click.Context, names: tuple[str, ...], of_what: str) -> None:
    for option in ctx.command.params:
        source = ctx.get_parameter_source(option.name or "")
        if option.name in names and source is click.core.ParameterSource.COMMANDLINE:
            raise ValueError(f"{option.opts[0]} is for {of_what}; leave it out")


def _vectors(
    made: "TickStrategyClass", mode: str, params: str | None, params_file: Path | None
) -> list[dict[str, float | int]]:
    """One or many parameter vectors, checked; the mode's baseline where none is given."""
    from swarmd.engine.strategies.tick_registry import checked_tick_params, tick_baseline

    if params is not None and params_file is not None:
        raise ValueError("--params and --params-file: one instance or many; give one of the two")
    if params_file is None:
        given = tick_baseline(made.card, mode) if params is None else _json(params, "--params")
        if not isinstance(given, dict):
            raise ValueError('--params: give a JSON object such as {"half_life_s": 10}; many go into --params-file')
        return [checked_tick_params(made.card, mode, given)]
    rows = _json(params_file.read_text(), str(params_file))
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)):
        raise ValueError(f"{params_file}: give a JSON array of objects, one for each instance, and at least one")
    vectors = []
    for number, row in enumerate(rows, 1):
        try:
            vectors.append(checked_tick_params(made.card, mode, row))
        except ValueError as refusal:
            raise ValueError(f"{params_file}: instance {number} of {len(rows)}: {refusal}") from None
    return vectors


def _json(text: str, source: str) -> Any:
    if source == "--params" and text.startswith("@"):
        source, text = text[1:], Path(text[1:]).read_text()
    try:
        return json.loads(text)
    except json.JSONDecodeError as fault:
        raise ValueError(f"{source}: not JSON ({fault.msg}, line {fault.lineno} column {fault.colno})") from fault


def _stream(flags: dict[str, Any]) -> "TickStream":
    from swarmd.engine.market.tick_stream import TickStream
    from swarmd.engine.market.ticks import Crossed, TickFile, open_ticks

    start_ms, end_ms = instant_of(flags["start"], flag="--start"), instant_of(flags["end"], flag="--end")

    def opened(path: Path) -> TickFile:
        return open_ticks(
            path,
            crossed=Crossed(flags["crossed"]),
            start_ts=None if start_ms is None else start_ms * _NS_PER_MS,
            end_ts=None if end_ms is None else end_ms * _NS_PER_MS,
        )

    return TickStream(
        opened(flags["data"]), None if flags["quotes"] is None else opened(flags["quotes"]), flags["batch_rows"]
    )


def _data_document(stream: "TickStream", symbol: str | None) -> dict[str, Any]:
    files = []
    for file in stream.files:
        tally = stream.tallies[file.schema]
        counted = {"locked": tally.locked, "crossed_dropped": tally.crossed_dropped}
        files.append(
            {
                "path": str(file.path),
                "schema": file.schema.value,
                "sha256": file.sha256(),
                "rows": tally.rows,
                "first": _instant(tally.first_ts),
                "last": _instant(tally.last_ts),
                "longest_gap_s": tally.longest_gap_ns / 1e9,
                "gap_end": _instant(tally.gap_end),
            }
            | (counted if file.schema.value == "l1_quote" else {"sides": stream.sides})
        )
    return {"symbol": symbol or stream.data.path.stem, "files": files}


def _costs_document(costs: "Costs") -> dict[str, float]:
    return {"fee_bps": costs.fee_bps, "slippage_bps": costs.slippage_bps}


def _equity_parquet(stream: "TickStream", run: "TickRun") -> bytes:
    """Equity marked at each row of the stream, beside the row's time: a second pass, for the times alone."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    ts = np.concatenate([batch.ts for batch in stream])
    table = pa.table({"ts": pa.array(ts, pa.timestamp("ns", tz="UTC")), "equity": pa.array(run.equity)})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


def _instant(ts: int) -> str:
    import datetime as dt

    whole = dt.datetime.fromtimestamp(ts // 10**9, dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{ts % 10**9:09d}Z"


def _print_runs(document: dict[str, Any]) -> None:
    data, costs, instances = document["data"], document["costs"], document["instances"]
    click.echo(f"{document['strategy']} {document['mode']} on {data['symbol']}, {len(instances)} in one pass")
    for file in data["files"]:
        told = f"{file['rows']} rows of {file['path']} ({file['schema']}) from {file['first']} to {file['last']}"
        told += f", longest gap {file['longest_gap_s']:,.0f} s until {file['gap_end']}"
        if "sides" in file:
            click.echo(f"{told}, sides {file['sides']}")
        else:
            click.echo(f"{told}, {file['crossed_dropped']} crossed left out, {file['locked']} locked")
    click.echo(f"fee {costs['fee_bps']:g} bps, slippage {costs['slippage_bps']:g} bps per side, beside the spread\n")
    if len(instances) == 1:
        for name, value in {**instances[0]["params"], **instances[0]["metrics"], **instances[0]["stats"]}.items():
            click.echo(f"  {name:<20} {_shown(value)}")
        return
    columns = (*instances[0]["params"], "total_trades", "total_return", "max_drawdown", "annual_sharpe", "win_rate")
    click.echo("  ".join(f"{name:>13}" for name in columns))
    for instance in instances:
        values = instance["params"] | instance["metrics"]
        click.echo("  ".join(f"{_shown(values[name]):>13}" for name in columns))


def _shown(value: float | int | None) -> str:
    return "none lost" if value is None else f"{value:d}" if isinstance(value, int) else f"{value:.6g}"
