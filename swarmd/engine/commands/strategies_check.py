"""`swarmd strategies check`: one strategy before the laws that every strategy obeys, with figures and the bar at fault.

The laws are `engine.laws`' business; here they are asked for and told.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swarmd.engine.commands.faults import told_to_the_operator

if TYPE_CHECKING:  # numba comes in only when the command runs
    from swarmd.engine.laws.finding import Finding
    from swarmd.engine.market.bars import Bars
    from swarmd.engine.strategies.contract import BarStrategy
    from swarmd.engine.strategies.tick_registry import TickStrategyClass


@click.command(
    epilog="Example: swarmd strategies check mine.py:Mine, or swarmd strategies check mtf_ema"
    " --data data/bars_5m/BTCUSDT.parquet --known-gap 2023-03-24 --known-gap 2023-12-31"
)
@click.argument("name")
@click.option("--data", type=click.Path(path_type=Path), help="Bars to check it on; a made-up random walk when absent.")
@click.option(
    "--known-gap", "known_gaps", multiple=True, metavar="DAY", help="Accept the gap that begins on this UTC day."
)
@click.option("--allow-gaps", default=0, show_default=True, help="Accept this many missing bars in all.")
@click.option(
    "--bars", "n_bars", default=20_000, show_default=True, type=click.IntRange(2), help="At most so many of the last."
)
@click.option(
    "--on", type=click.Choice(["bars", "ticks"]), help="What NAME trades on, where there is one of that name on each."
)
@click.option("--mode", "modes", multiple=True, help="Only this mode; may be repeated. All of them when absent.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Of the vectors drawn.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def check(
    name: str,
    data: Path | None,
    known_gaps: tuple[str, ...],
    allow_gaps: int,
    n_bars: int,
    on: str | None,
    modes: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> int:
    """Hold a strategy to the laws: no look ahead, no unit of price, nothing from nothing, every engine the same.

    NAME is one of `strategies list`, or path/to/file.py:ClassName. A strategy that looks ahead is told with the bar,
    its time, and how many bars too many it saw. One that trades on ticks is put before made-up quotes and trades; there
    neither what follows a row nor where batches end may change what it holds. Exit code 1 when a law is broken.
    """
    with told_to_the_operator():
        if (made := _on_ticks(name, on)) is not None:
            if data is not None:
                raise ValueError(f"{name} trades on ticks, which are made up here; leave --data out")
            findings, seen, told = _of_ticks(made, modes, seed)
        else:
            findings, seen, told = _of_bars(name, data, known_gaps, allow_gaps, n_bars, modes, seed)
    is_sound = all(finding.holds for finding in findings)
    if as_json:
        document = {
            "schema": "swarmd.strategy_check/1",
            "strategy": name,
            "data": seen,
            "seed": seed,
            "sound": is_sound,
            "laws": [finding.document() for finding in findings],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        click.echo(told)
        for finding in findings:
            _print(finding)
        broken = sum(not finding.holds for finding in findings)
        click.echo("sound" if is_sound else f"{broken} of {len(findings)} laws broken")
    return 0 if is_sound else 1


def _on_ticks(name: str, on: str | None) -> "TickStrategyClass | None":
    """The class that trades on ticks, where that is what is meant; None for a strategy on bars."""
    from swarmd.engine.strategies.registry import strategy_named
    from swarmd.engine.strategies.tick_registry import tick_strategy_named

    if on == "bars":
        return None
    if on == "ticks":
        return tick_strategy_named(name)
    try:
        strategy_named(name)
    except ValueError:
        try:
            return tick_strategy_named(name)
        except ValueError:
            return None
    return None


def _of_ticks(
    made: "TickStrategyClass", modes: tuple[str, ...], seed: int
) -> "tuple[tuple[Finding, ...], dict[str, Any], str]":
    from swarmd.engine.laws.tick_exam import N_ROWS, tick_exam_of
    from swarmd.engine.laws.tick_suite import tick_findings_of

    exam = tick_exam_of(made, modes=modes or None, seed=seed)
    seen = {"made_up": True, "quotes": N_ROWS, "trades": N_ROWS}
    return tick_findings_of(exam), seen, f"{made.card.name} on {N_ROWS} made-up quotes and {N_ROWS} trades"


def _of_bars(
    name: str,
    data: Path | None,
    known_gaps: tuple[str, ...],
    allow_gaps: int,
    n_bars: int,
    modes: tuple[str, ...],
    seed: int,
) -> "tuple[tuple[Finding, ...], dict[str, Any], str]":
    from swarmd.engine.laws.markets import random_walk
    from swarmd.engine.laws.suite import exam_of, findings_of
    from swarmd.engine.strategies.registry import strategy_named

    strategy: BarStrategy = strategy_named(name)
    bars = random_walk(n_bars) if data is None else _last_bars(data, known_gaps, allow_gaps, n_bars)
    exam = exam_of(strategy, bars=bars, modes=modes or None, seed=seed)
    seen = {"symbol": bars.symbol, "snapshot_id": bars.snapshot_id(), "bars": bars.n_bars}
    told = f"{strategy.card.name} on {bars.n_bars} bars of {bars.symbol}, {bars.interval_minutes} min"
    return findings_of(exam), seen, told


def _last_bars(path: Path, known_gaps: tuple[str, ...], allow_gaps: int, n_bars: int) -> "Bars":
    from swarmd.engine.market.bars import load_bars

    bars = load_bars(path, known_gaps=known_gaps, allow_gaps=allow_gaps)
    return bars.between(max(0, bars.n_bars - n_bars), bars.n_bars)


def _print(finding: "Finding") -> None:
    figures = ", ".join(f"{count} {what}" for what, count in finding.looked_at.items())
    click.echo(f"  {'pass' if finding.holds else 'FAIL'}  {finding.law:<30} {figures}".rstrip())
    if finding.holds:
        return
    kind, number = ("row", finding.row) if finding.row is not None else ("bar", finding.bar)
    where = "" if number is None else f"{kind} {number}" + (f" ({finding.time})" if finding.time else "") + ": "
    click.echo(f"        {where}{finding.told}")
    if finding.params is not None:
        params = ", ".join(f"{name} {value}" for name, value in finding.params.items())
        click.echo(f"        mode {finding.mode}, {params}")
