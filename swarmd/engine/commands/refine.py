"""`swarmd refine`: Optuna's search on one asset, from the best of its prescreen where there is one."""

import json
from typing import Any

import click

from swarmd.engine.commands.search_flags import (
    SearchFlags,
    home_in_force,
    prune_flag,
    search_flags,
    settings_of,
    storage_flag,
    workers_flag,
)
from swarmd.state.records.job import Phase
from swarmd.state.storage_address import set_apart


@click.command(
    epilog="Example: swarmd refine --data data/bars_5m/BTCUSDT.parquet --mode aggressive --trials 200"
    " --campaign optimize --known-gap 2023-03-24 --known-gap 2023-12-31"
)
@search_flags
@click.option("--trials", default=200, show_default=True, type=click.IntRange(1), help="Trials in all.")
@click.option("--seed", default=42, show_default=True, type=click.IntRange(0), help="Of the search.")
@click.option(
    "--warm-start", default=20, show_default=True, type=click.IntRange(0), help="Trials taken from the prescreen."
)
@prune_flag
@workers_flag
@storage_flag
@click.option(
    "--oos-share", default=1 / 3, show_default="1/3", type=click.FloatRange(0.05, 0.9, min_open=True, max_open=True),
    help="Last part of the data, kept out of the search.",
)  # fmt: skip
@click.option("--campaign", default="optimize", show_default=True, help="Name under which results are kept.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def refine(
    trials: int,
    seed: int,
    warm_start: int,
    prune: str,
    workers: int,
    storage_url: str | None,
    oos_share: float,
    campaign: str,
    as_json: bool,
    **flags: Any,
) -> int:
    """Search for the best parameters on the first part of the data.

    Run again after an interruption, it goes on where it was, and ends with the trials an undisturbed run makes (with
    one worker; several lose no vector, but another run makes other trials). With a prescreen of the same data in the
    results folder (`swarmd optimize` leaves one), its best are tried first.
    """
    from swarmd.engine.commands.by_hand import log_to_stderr, run_phases, told_phase

    log_to_stderr()
    search = {"refine": {"trials": trials, "seed": seed, "warm_start": warm_start, "prune": prune, "workers": workers}}
    home = home_in_force()
    settings = set_apart(
        settings_of(
            SearchFlags(**flags), campaign=campaign, search=search, oos_share=oos_share, storage_url=storage_url
        ),
        home,
    )
    last: tuple[Phase, Any] | None = None
    for phase, summary in run_phases((Phase.PREFLIGHT, Phase.REFINE), settings, home):
        last = (phase, summary)
        if not as_json:
            click.echo(told_phase(phase, summary))
    folder = home.results_of(campaign, settings.symbols()[0], settings.strategy.modes[0])
    if as_json and last is not None:
        document = {
            "schema": "swarmd.refine/1",
            "phase": last[0].value,
            "results": str(folder),
            **last[1].model_dump(mode="json"),
        }
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    elif not as_json:
        click.echo(f"results    {folder}")
    return 0 if last is not None and last[0] is Phase.REFINE and last[1].verdict == "pass" else 1
