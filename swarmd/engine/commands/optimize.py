"""`swarmd optimize`: all phases for one asset, one after the other, in this process."""

import json
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
from swarmd.state.records.job import Phase
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
    campaign: str,
    as_json: bool,
    **flags: Any,
) -> int:
    """Preflight, prescreen, refine, screen, crown: stops at the first phase that fails.

    Selection sees the first part of the data only; the last part is opened once, for the best trial. An interrupted
    refinement is carried on by the same command. Exit code 1 when no finalist reached the screen.
    """
    from swarmd.engine.commands.by_hand import log_to_stderr, run_phases, told_phase

    log_to_stderr()
    search = {
        "prescreen": {"combos": combos, "seed": seed},
        "refine": {"trials": trials, "seed": seed, "prune": prune, "workers": workers},
    }
    settings = settings_of(SearchFlags(**flags), campaign=campaign, search=search, oos_share=oos_share)
    home = home_in_force()
    told: list[dict[str, Any]] = []
    for phase, summary in run_phases(tuple(Phase), settings, home, engine=engine):
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
        }
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        click.echo(f"results    {folder}")
    return 0 if any(entry["phase"] == Phase.SCREEN for entry in told) else 1
