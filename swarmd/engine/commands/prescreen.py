"""`swarmd prescreen`: phase 0 by hand, drawn at random or given in a file, with every row's metrics on request."""

import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swarmd.engine.commands.instants import instant_of
from swarmd.engine.commands.search_flags import SearchFlags, search_flags, wall_ms
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import atomic_write, home_from
from swarmd.state.store.trial_ledger import append_batch

if TYPE_CHECKING:  # numpy and pyarrow come in only when the command runs
    from numpy.typing import NDArray

    from swarmd.engine.kernel.gpu import AskedEngine
    from swarmd.engine.search.prescreen import Screening


@click.command(
    epilog="Example: swarmd prescreen --data data/bars_5m/BTCUSDT.parquet --strategy mtf_ema --mode aggressive"
    " --combos 250000 --seed 42 --known-gap 2023-03-24 --known-gap 2023-12-31 --out screen/"
)
@search_flags
@click.option("--combos", type=click.IntRange(1), help="How many combinations to draw.  [default: 250000]")
@click.option("--seed", default=42, show_default=True, type=click.IntRange(0), help="Of the draw.")
@click.option(
    "--params-file", type=click.Path(path_type=Path), metavar="FILE",
    help="Evaluate these instead: Parquet, CSV with a header, or a JSON list of objects.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True, help="What computes."
)
@click.option("--top", default=500, show_default=True, type=click.IntRange(1), help="How many to keep.")
@click.option(
    "--oos-share", default=0.0, show_default=True, type=click.FloatRange(0.0, 0.9),
    help="Last part of the data to leave unseen; campaigns and `optimize` leave a third.",
)  # fmt: skip
@click.option(
    "--metrics-out", type=click.Path(dir_okay=False, path_type=Path), metavar="F.parquet",
    help="Write every row with its metrics.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write phase0_top500.json there."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def prescreen(
    combos: int | None,
    seed: int,
    params_file: Path | None,
    engine: "AskedEngine",
    top: int,
    oos_share: float,
    metrics_out: Path | None,
    out: Path | None,
    as_json: bool,
    **rest: Any,
) -> int:
    """Evaluate many combinations on one file of bars and keep the best.

    The whole stretch is evaluated unless --oos-share or --end hold some of it back. What was evaluated goes into the
    home's trial ledger (`swarmd ledger show`). Exit code 1 when none of the drawn combinations meets the constraints.
    """
    flags = SearchFlags(**rest)
    if combos is not None and params_file is not None:
        raise OperatorError("--combos and --params-file exclude each other; give one")
    document, screening, reason = _screen(
        flags, combos=combos or 250_000, seed=seed, params_file=params_file, engine=engine, top=top,
        oos_share=oos_share, out=out,
    )  # fmt: skip
    if metrics_out is not None:
        atomic_write(metrics_out.absolute(), _metrics_parquet(screening))
        document["metrics_out"] = str(metrics_out)
    if as_json:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        _print(document, reason)
    # Of given vectors the metrics were asked for, and they are there; of drawn ones the best, and there is none.
    return 0 if document["top"] or params_file is not None else 1


def _screen(
    flags: SearchFlags,
    *,
    combos: int,
    seed: int,
    params_file: Path | None,
    engine: "AskedEngine",
    top: int,
    oos_share: float,
    out: Path | None,
) -> tuple[dict[str, Any], "Screening", str | None]:
    from swarmd.engine.backtest import screen_engine
    from swarmd.engine.commands.faults import told_to_the_operator
    from swarmd.engine.kernel.costs import Costs
    from swarmd.engine.kernel.fold import SCREEN_METRICS
    from swarmd.engine.market.bars import load_bars
    from swarmd.engine.market.timeframes import interval_name
    from swarmd.engine.phases.desk import json_bytes
    from swarmd.engine.phases.tried import batch_on
    from swarmd.engine.search.combos import draw_combinations
    from swarmd.engine.search.prescreen import (
        SECONDS_FILE,
        TOP_FILE,
        Stopwatch,
        failures_in_words,
        nothing_valid,
        screen_combinations,
        screening_document,
    )
    from swarmd.engine.search.provenance import provenance
    from swarmd.engine.search.score import Constraints, ScoreRule
    from swarmd.engine.search.space import search_space
    from swarmd.engine.search.split import vault_start
    from swarmd.engine.strategies.contract import without_tp_progression
    from swarmd.engine.strategies.registry import strategy_named
    from swarmd.state.records.campaign_settings import ScoreSettings

    with told_to_the_operator():
        strategy = strategy_named(flags.strategy)
        if not flags.enforce_tp_progression:
            strategy = without_tp_progression(strategy)
        mode = flags.mode if flags.mode is not None else next(iter(strategy.card.modes))
        space = search_space(strategy.card, mode, {})
        costs = Costs(flags.fee_bps, flags.slippage_bps)
        rule = ScoreRule(flags.primary, ScoreSettings().weights)
        rule.check(SCREEN_METRICS)
        constraints = Constraints(flags.min_trades, flags.max_drawdown)
        bars = load_bars(
            flags.data,
            symbol=flags.symbol,
            interval=flags.interval,
            start_ms=instant_of(flags.start, flag="--start"),
            end_ms=instant_of(flags.end, flag="--end"),
            known_gaps=flags.known_gaps,
            allow_gaps=flags.allow_gaps,
        )
        origin = provenance(snapshot_id=bars.snapshot_id(), sha256=bars.sha256(), strategy_name=flags.strategy)
        seen = bars if oos_share == 0.0 else bars.between(0, vault_start(bars.n_bars, oos_share))
        watch = Stopwatch()
        if params_file is None:
            columns = draw_combinations(space, combos, seed, strategy.admissible)
        else:
            columns = _columns_of_file(params_file)
        n_rows = len(next(iter(columns.values()), ()))
        watch.lap("generate")
        # Every flag has been looked at by now: what is wrong with one stands alone on stderr.
        chosen = screen_engine(strategy, engine, say=lambda line: click.echo(line, err=True))
        with _progress_bar(n_rows) as progress:
            screening = screen_combinations(
                seen,
                strategy,
                columns,
                mode=mode,
                costs=costs,
                rule=rule,
                constraints=constraints,
                top=top,
                watch=watch,
                engine=chosen,
                progress=progress,
            )
    # Before anything of it is shown or written: nobody can choose among vectors that were not told.
    batch = batch_on(
        seen, symbol=bars.symbol, family=strategy.card.name, origin=origin, phase="prescreen", count=screening.tried,
        run="by-hand-prescreen",
    )  # fmt: skip
    append_batch(home_from(), batch, wall_ms())
    if (failed := failures_in_words(screening)) is not None:
        click.echo(f"{failed}; the others stand", err=True)
    document = screening_document(
        screening,
        strategy=strategy.card.name,
        mode=mode,
        symbol=bars.symbol,
        interval=interval_name(bars.interval_minutes),
        space=space,
        costs=costs,
        rule=rule,
        constraints=constraints,
        origin=origin,
        seed=seed if params_file is None else None,
        requested=combos if params_file is None else n_rows,
        evaluated_bars=seen.n_bars,
    )
    content = json_bytes(document)
    watch.lap("serialize")
    document["seconds"] = watch.seconds
    if out is not None:
        atomic_write(out.absolute() / TOP_FILE, content)
        # Beside the result, not in it: the result comes out the same every time.
        atomic_write(
            out.absolute() / SECONDS_FILE, json_bytes({"schema": "swarmd.seconds/1", "seconds": watch.seconds})
        )
        document["out"] = str(out / TOP_FILE)
    return document, screening, None if document["top"] else nothing_valid(screening, constraints)


def _columns_of_file(path: Path) -> dict[str, "NDArray[Any]"]:
    """One array per parameter, rows in the order of the file. Names and ranges are checked where they are evaluated."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    try:
        match path.suffix.lower():
            case ".parquet":
                table = pa.parquet.read_table(path)
            case ".csv":
                table = pa.csv.read_csv(path)
            case ".json":
                table = pa.Table.from_pylist(_rows_of_json(path))
            case other:
                raise ValueError(f"{path}: {other or 'no suffix'} is not read here; give .parquet, .csv or .json")
    except (pa.ArrowException, json.JSONDecodeError, UnicodeDecodeError, OverflowError) as fault:
        raise ValueError(f"{path}: not a table of parameters ({fault}); give one column per parameter") from fault
    if table.num_rows == 0 or table.num_columns == 0:
        raise ValueError(f"{path}: no rows; give at least one combination")
    columns = {}
    for name in table.column_names:
        column = table.column(name)
        if column.null_count or not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            raise ValueError(f"{path}: column {name} is {column.type}, {column.null_count} blank; give numbers only")
        columns[name] = np.ascontiguousarray(column.to_numpy())
    return columns


def _rows_of_json(path: Path) -> list[dict[str, Any]]:
    rows = json.loads(path.read_bytes())
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{path}: not a list of JSON objects; give [{{...}}, {{...}}], one object per combination")
    for number, row in enumerate(rows):
        # Arrow takes the names of the first row and drops what others have besides.
        if row.keys() != rows[0].keys():
            raise ValueError(f"{path}: row {number} has {sorted(row)}, row 0 {sorted(rows[0])}; name the same in each")
    return rows


def _metrics_parquet(screening: "Screening") -> bytes:
    """Every row as it was given: parameters, metrics, score, whether it keeps to the constraints, and its rank."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet

    rank = np.zeros(screening.tried, dtype=np.int64)
    rank[screening.ranked] = np.arange(1, screening.ranked.size + 1)
    table = pa.table(
        {
            **screening.columns,
            **screening.metrics,
            "score": screening.score,
            "valid": screening.is_valid,
            "rank": pa.array(rank, mask=rank == 0),
        }
    )
    sink = io.BytesIO()
    pa.parquet.write_table(table, sink)
    return sink.getvalue()


def _progress_bar(total: int) -> Any:
    """A bar on stderr while a person watches."""
    from contextlib import contextmanager

    @contextmanager
    def bar() -> Any:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(file=sys.stderr)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("prescreen", total=total)
            yield lambda done: progress.advance(task, done)

    return bar()


def _print(document: dict[str, Any], reason: str | None) -> None:
    seconds = document["seconds"]
    rate = document["tried"] / max(seconds["evaluate"], 1e-9)
    click.echo(f"{document['symbol']} {document['interval']}  {document['strategy']} {document['mode']}")
    click.echo(f"{document['tried']} combinations, {document['valid']} valid, {rate:,.0f} per second")
    click.echo("  ".join(f"{part} {took:.2f} s" for part, took in seconds.items()) + "\n")
    if reason is not None:
        click.echo(reason)
    for entry in document["top"][:10]:
        params = "  ".join(f"{name}={value:.6g}" for name, value in entry["params"].items())
        metrics = entry["metrics"]
        click.echo(
            f"{entry['rank']:>4}  score {entry['score']:7.3f}  sharpe {metrics['annual_sharpe']:6.2f}  "
            f"return {metrics['total_return']:8.3f}  drawdown {metrics['max_drawdown']:.3f}  "
            f"trades {metrics['total_trades']:>5}  {params}"
        )
    for name in ("out", "metrics_out"):
        if name in document:
            click.echo(f"written  {document[name]}")
