"""`swarmd data synth`: a market whose truth is known, and a file beside it that says what is true."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swarmd.engine.commands.data_files import checked_symbol, figures, keep_bars, replace_file
from swarmd.engine.commands.faults import told_to_the_operator
from swarmd.state.errors import OperatorError

if TYPE_CHECKING:  # numpy, numba and pyarrow come in only when a command runs
    from swarmd.engine.market.bars import Bars

SYNTHETIC_NOTE = (
    "These bars are synthetic: made up by `swarmd data synth`, no market ever traded at them."
    " Use them to test a search, never as evidence about a market."
)
_DEFAULT_SHARPE = {"planted": 2.0, "drift": 1.0}


@click.command(
    epilog="Example: swarmd data synth --kind planted --days 730 --seed 7 --sharpe 3 --out data/synth --symbol SYN7"
)
@click.option("--kind", type=click.Choice(["noise", "drift", "planted"]), required=True, help="What truth to make up.")
@click.option("--days", default=730, show_default=True, help="Length of the market.")
@click.option("--seed", default=0, show_default=True, help="The same seed makes the same bars.")
@click.option("--sharpe", type=float, help="Net annual Sharpe of the planted rule (2), or of holding a drift (1).")
@click.option("--interval", default="5m", show_default=True, help="Interval of the bars.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the bars and their truth.")
@click.option("--symbol", help="Name of the asset; the kind in capitals when absent.")
@click.option("--force", is_flag=True, help="Replace bars that are there and differ.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def synth(
    kind: str,
    days: int,
    seed: int,
    sharpe: float | None,
    interval: str,
    out: Path,
    symbol: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make up a market whose truth is known: SYMBOL.parquet, and SYMBOL.truth.json that says what is true."""
    name = checked_symbol(symbol if symbol is not None else kind.upper())
    if kind == "noise" and sharpe is not None:
        raise OperatorError("--sharpe says how strong an edge is, and noise has none; drop it, or use --kind planted")
    with told_to_the_operator():
        bars, truth = _made_up(kind, days, seed, sharpe, interval, name)
        document = {
            "schema": "swarmd.truth/1",
            "synthetic": True,
            "note": SYNTHETIC_NOTE,
            "kind": kind,
            "seed": seed,
            **figures(bars),
            "truth": truth,
        }
        is_written = keep_bars(bars, out / f"{name}.parquet", force=force)
        replace_file(out / f"{name}.truth.json", lambda path: path.write_text(json.dumps(document, indent=2) + "\n"))
    if as_json:
        click.echo(json.dumps(document))
        return
    click.echo(
        f"{out / name}.parquet: {bars.n_bars} synthetic bars {'written' if is_written else 'already there, the same'}"
    )
    click.echo(f"{out / name}.truth.json: {_told_truth(kind, truth)}")


def _made_up(
    kind: str, days: int, seed: int, sharpe: float | None, interval: str, name: str
) -> tuple["Bars", dict[str, Any]]:
    from swarmd.engine.market import synth as markets
    from swarmd.engine.market.timeframes import parse_interval

    minutes = parse_interval(interval)
    strength = sharpe if sharpe is not None else _DEFAULT_SHARPE.get(kind, 0.0)
    if kind == "planted":
        bars, truth = markets.planted_market(days, seed, strength, minutes, symbol=name)
        return bars, truth.as_document()
    if kind == "drift":
        bars = markets.drift_market(days, seed, minutes, annual_sharpe=strength, symbol=name)
        return bars, {"annual_sharpe_of_holding": strength, "timing_edge": False}
    return markets.noise_market(days, seed, minutes, symbol=name), {"expected_return": 0.0, "timing_edge": False}


def _told_truth(kind: str, truth: dict[str, Any]) -> str:
    if kind == "planted":
        rule = truth["rule"]
        return (
            f"a long-short mtf_ema rule ({rule['tf_fast']} min x {rule['L_fast']},"
            f" {rule['tf_slow']} min x {rule['L_slow']}) whose true net Sharpe is {truth['true_net_annual_sharpe']:.2f}"
        )
    if kind == "drift":
        return f"holding has a Sharpe of {truth['annual_sharpe_of_holding']:g}; there is no timing edge"
    return "there is no edge"
