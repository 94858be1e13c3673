"""`swarmd tearsheet`: a page and the figures of any table of trades, ours or QuantStats'."""

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import atomic_write

if TYPE_CHECKING:  # brings in numpy
    from swarmd.engine.reports.material import Stretch

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@click.command(
    epilog="Example: swarmd tearsheet btc-balanced --trades trades.csv --capital 10000 --output out     Exit codes: 0 "
    "written, 2 a mistake you can mend."
)
@click.argument("name", metavar="NAME")
@click.option(
    "--trades", required=True, type=click.Path(path_type=Path), metavar="F.csv",
    help="Trades, as `swarmd backtest --trades` writes them.",
)  # fmt: skip
@click.option(
    "--capital", default=10_000.0, show_default=True, type=click.FloatRange(0.0, 1e15, min_open=True),
    help="What the account held at first, in any currency.",
)  # fmt: skip
@click.option(
    "--output", required=True, type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Gets NAME.html and NAME.metrics.json.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["own", "quantstats"]), default="own", show_default=True,
    help="Whose page; quantstats needs the extra `tearsheet`. The figures are the same.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def tearsheet(
    name: str, trades: Path, capital: float, output: Path, engine: Literal["own", "quantstats"], as_json: bool
) -> None:
    """A tearsheet called NAME: equity, drawdowns, months, years and figures of a table of trades.

    Every day from the first entry to the last exit counts, and a year has 365 days. The page fetches nothing.
    """
    from swarmd.engine.commands.faults import told_to_the_operator
    from swarmd.engine.phases.desk import json_bytes
    from swarmd.engine.reports.tearsheet import figures_of, tearsheet_page
    from swarmd.engine.reports.trades_file import account_of, read_trades

    if not _PLAIN.fullmatch(name):
        raise OperatorError(f"{name[:60]!r} cannot name a file; use letters, digits, - _ and . (the first no . or -)")
    with told_to_the_operator():
        account = account_of(read_trades(trades.read_bytes(), str(trades)))
    figures = figures_of(account, capital)
    theirs: dict[str, float] | None = None
    if engine == "quantstats":
        page, theirs = _quantstats(name, account)
    else:
        told = (name, "--trades", str(trades), "--capital", f"{capital:g}", "--output", str(output))
        page = tearsheet_page(name, account, capital, f"swarmd tearsheet {shlex.join(told)}")
    document = {
        "schema": "swarmd.tearsheet/1",
        "name": name,
        "engine": engine,
        "trades": str(trades),
        "capital": capital,
        "first_day": account.days[0],
        "last_day": account.days[-1],
        "metrics": figures,
        **({} if theirs is None else {"quantstats": theirs}),
        "page": str(output / f"{name}.html"),
    }
    atomic_write((output / f"{name}.html").absolute(), page.encode())
    atomic_write((output / f"{name}.metrics.json").absolute(), json_bytes(document))
    if as_json:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
        return
    click.echo(f"page       {output / f'{name}.html'}")
    click.echo(f"figures    {output / f'{name}.metrics.json'}")
    for figure in ("total_return", "annual_return", "annual_sharpe", "max_drawdown", "total_trades"):
        value = figures[figure]
        click.echo(f"{figure:<14} {'undefined' if value is None else f'{value:.6g}'}")


def _quantstats(name: str, account: "Stretch") -> tuple[str, dict[str, float]]:
    from swarmd.engine.commands.faults import told_to_the_operator
    from swarmd.engine.reports.quantstats_page import quantstats_page

    try:
        with told_to_the_operator():
            return quantstats_page(name, account)
    except ImportError as cause:
        raise OperatorError(
            f"--engine quantstats needs the extra ({cause}): pip install 'swarmd[tearsheet]'"
        ) from cause
