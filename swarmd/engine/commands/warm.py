"""Compile every kernel into the cache: `python -m swarmd.engine.commands.warm`.

Run before the tests, so that their processes do not each compile the same, and in the background of a first start.
Takes half a minute the first time and a second after that; each step says what it took.
"""

import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import click


@click.command(epilog="Example: swarmd warm")
def warm() -> None:
    """Compile the kernels into the cache; a moment where they are there already."""
    steps = list(_steps())
    began = time.perf_counter()
    for number, (title, step) in enumerate(steps, start=1):
        click.echo(f"kernels {number}/{len(steps)}: {title} ... ", nl=False, err=True)
        at = time.perf_counter()
        step()
        click.echo(f"{time.perf_counter() - at:.1f} s", err=True)
    click.echo(f"kernels are ready ({time.perf_counter() - began:.1f} s)", err=True)


def _steps() -> Iterator[tuple[str, Callable[[], object]]]:
    """What compiles something of its own, with its name; strategies share their kernels, so most are a moment."""
    import numpy as np

    from swarmd.engine.commands.warm_ticks import warm_ticks
    from swarmd.engine.lane.warm_up import tiny_market, warm_screening, warm_single_runs
    from swarmd.engine.market.planted import PlantedRule, oracle_sharpe
    from swarmd.engine.market.shocks import draw_shocks
    from swarmd.engine.search.space import search_space
    from swarmd.engine.strategies.registry import strategy_named, strategy_names

    bars = tiny_market(5)
    for name in strategy_names():
        strategy = strategy_named(name)
        mode = next(iter(strategy.card.modes))
        space = search_space(strategy.card, mode, {})
        yield f"{name}, single runs", partial(warm_single_runs, bars, strategy, mode)
        yield f"{name}, screening", partial(warm_screening, bars, strategy, mode, space)

    def made_up() -> None:
        shocks = draw_shocks(1440, np.random.default_rng(0), interval_minutes=5)
        oracle_sharpe(shocks, 0.0, PlantedRule(), interval_minutes=5)

    yield "markets made up", made_up
    yield "ticks", warm_ticks


if __name__ == "__main__":
    sys.exit(warm(prog_name="python -m swarmd.engine.commands.warm"))
