"""`swarmd optimize`: all phases for one asset, one after the other, in this process."""

import json
from pathlib import Path
from typing import Any

import click

from swarmd.engine.commands.search_flags import (
    SearchFlags,
    home_in_force,
    prune_flag,
    search_flags,
    settings_of,
    workers_flag,
)
from swarmd.state.errors import OperatorError
from swarmd.state.pipeline import judging_phase, phases_of
from swarmd.state.work_order import AskedEngine


@click.command(
    epilog="Example: swarmd optimize --data data/bars_5m/BTCUSDT.parquet --mode aggressive --prescreen 250000"
    " --trials 200 --known-gap 2023-03-24 --known-gap 2023-12-31"
)
@search_flags
@click.option(
    "--prescreen", "combos", default=250_000, show_default=True, type=click.IntRange(1), help="Combinations to screen."
)
@click.option("--trials", default=200, show_default=True, type=click.IntRange(1), help="Trials of the refinement.")
@click.option("--seed", default=42, show_default=True, type=click.IntRange(0), help="Of both searches.")
@prune_flag
@workers_flag
@click.option(
    "--oos-share", default=1 / 3, show_default="1/3", type=click.FloatRange(0.05, 0.9, min_open=True, max_open=True),
    help="Last part of the data, seen by the finalist alone.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True, help="What prescreens."
)
@click.option(
    "--crown-on", type=click.Choice(["evidence", "source_strict", "both", "screen"]), default="evidence",
    show_default=True, help="What a champion must show.",
)  # fmt: skip
@click.option(
    "--surrogates", default=199, show_default=True, type=click.IntRange(19, 9999),
    help="For evidence: repeat the search on so many markets without an edge; fewer where five are as good.",
)  # fmt: skip
@click.option(
    "--paths", default=2000, show_default=True, type=click.IntRange(2000, 1_000_000), help="Monte Carlo paths."
)
@click.option("--by-regime", is_flag=True, help="Tell trades and profits of each regime of the market.")
@click.option("--campaign", default="optimize", show_default=True, help="Name under which results are kept.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def optimize(
    combos: int,
    trials: int,
    seed: int,
    prune: str,
    workers: int,
    oos_share: float,
    engine: AskedEngine,
    crown_on: str,
    surrogates: int,
    paths: int,
    by_regime: bool,
    campaign: str,
    as_json: bool,
    **flags: Any,
) -> int:
    """From the preflight to the crown, all phases: stops at the first that fails.

    Selection sees the first part of the data only; the last part, the vault, is opened once, for the finalist. By
    default the whole search is then priced: it is run again on surrogate markets, and a certificate is written. An
    interrupted command is carried on by the same one. Exit code 1 when no finalist was judged.
    """
    from swarmd.engine.commands.by_hand import log_to_stderr, run_phases, told_phase

    log_to_stderr()
    search = {
        "prescreen": {"combos": combos, "seed": seed},
        "refine": {"trials": trials, "seed": seed, "prune": prune, "workers": workers},
    }
    if workers > 1 and crown_on in ("evidence", "both"):
        raise OperatorError(
            f"--workers {workers}: surrogates repeat the search trial for trial, and several workers never make the "
            "same trials twice; give --workers 1, or --crown-on screen"
        )
    validation = {"crown_on": crown_on, "surrogates": surrogates, "paths": paths}
    asked = SearchFlags(**flags)
    settings = settings_of(asked, campaign=campaign, search=search, oos_share=oos_share, validation=validation)
    home = home_in_force()
    told: list[dict[str, Any]] = []
    for phase, summary in run_phases(phases_of(settings), settings, home, engine=engine):
        told.append({"phase": phase.value, **summary.model_dump(mode="json")})
        if not as_json:
            click.echo(told_phase(phase, summary))
    folder = home.results_of(campaign, settings.symbols()[0], settings.strategy.modes[0])
    if as_json:
        document = {
            "schema": "swarmd.optimize/1",
            "symbol": settings.symbols()[0],
            "mode": settings.strategy.modes[0],
            "results": str(folder),
            "phases": told,
            **({"regimes": _regimes(folder)} if by_regime else {}),
        }
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        if by_regime:
            _print_regimes(folder)
        click.echo(f"results    {folder}")
    return 0 if any(entry["phase"] == judging_phase(settings) for entry in told) else 1


def _regimes(folder: Path) -> list[dict[str, Any]]:
    """Of the certificate; empty where there is none, or none was computed."""
    path = folder / "certificate.json"
    if not path.is_file():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_bytes())["regimes"].get("table", [])
    return found


def _print_regimes(folder: Path) -> None:
    rows = _regimes(folder)
    if not rows:
        click.echo("regimes    none told: they stand in a certificate, which evidence writes")
        return
    click.echo(f"\n{'regime':<18} {'trades in':>9} {'profit in':>10} {'trades out':>10} {'profit out':>10}  earned")
    for row in rows:
        click.echo(
            f"{row['regime']:<18} {row['is_trades']:>9} {row['is_net_pnl']:>10.4f} {row['oos_trades']:>10} "
            f"{row['oos_net_pnl']:>10.4f}  {'yes' if row['approved'] else 'no'}"
        )
