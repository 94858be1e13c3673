"""`swarmd data import`: bars of a file, or of a series of exchange dumps, checked and kept as SYMBOL.parquet."""

from pathlib import Path

import click

from swarmd.engine.commands.data_files import checked_symbol, figures, keep_bars, print_document
from swarmd.engine.commands.faults import told_to_the_operator


@click.command("import", epilog="Example: swarmd data import btc.csv --out data/bars_5m --symbol BTCUSDT --interval 5m")
@click.argument("sources", metavar="SRC...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder that gets SYMBOL.parquet.")
@click.option(
    "--symbol", help="Name of the asset; told from the file's name when absent. In a folder of many it chooses."
)
@click.option("--interval", help="Interval of the bars, such as 5m; told from the open times when absent.")
@click.option(
    "--known-gap", "known_gaps", multiple=True, metavar="DAY", help="Accept the gap that begins on this UTC day."
)
@click.option("--allow-gaps", default=0, show_default=True, help="Accept this many missing bars in all.")
@click.option("--force", is_flag=True, help="Replace bars that are there and differ.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def import_(
    sources: tuple[Path, ...],
    out: Path,
    symbol: str | None,
    interval: str | None,
    known_gaps: tuple[str, ...],
    allow_gaps: int,
    force: bool,
    as_json: bool,
) -> None:
    """Check Parquet, CSV, Feather or an exchange's zip dumps and keep them as SYMBOL.parquet.

    Several files, or a folder of dumps, are one series: BTCUSDT-5m-2024-01.zip, BTCUSDT-5m-2024-02.zip and so on. Files
    that overlap are refused; a file that is missing is a gap. Accepted gaps stay gaps in the file; they are put on the
    grid when it is loaded.
    """
    from swarmd.engine.market.bars import load_bars

    if symbol is not None:
        checked_symbol(symbol)
    with told_to_the_operator():
        source = sources[0] if len(sources) == 1 else sources
        bars = load_bars(source, symbol=symbol, interval=interval, known_gaps=known_gaps, allow_gaps=allow_gaps)
        target = out / f"{checked_symbol(bars.symbol)}.parquet"
        is_written = keep_bars(bars, target, force=force)
    if as_json:
        print_document("data_import", {"path": str(target), "written": is_written, **figures(bars)})
        return
    n_real = int((~bars.synthetic).sum())
    click.echo(
        f"{target}: {n_real} bars {'written' if is_written else 'already there, the same'} ({bars.snapshot_id()})"
    )
