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
@click.option("--mode", "modes", multiple=True, help="Only this mode; may be repeated. All of them when absent.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Of the vectors drawn.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def check(
    name: str,
    data: Path | None,
    known_gaps: tuple[str, ...],
    allow_gaps: int,
    n_bars: int,
    modes: tuple[str, ...],
    seed: int,
    as_json: bool,
) -> int:
    """Hold a strategy to the laws: no look ahead, no unit of price, nothing from nothing, every engine the same.

    NAME is one of `strategies list`, or path/to/file.py:ClassName. A strategy that looks ahead is told with the bar,
    its time, and how many bars too many it saw. Exit code 1 when a law is broken.
    """
    from swarmd.engine.laws.markets import random_walk
    from swarmd.engine.laws.suite import exam_of, findings_of
    from swarmd.engine.strategies.registry import strategy_named

    with told_to_the_operator():
        strategy = strategy_named(name)
        bars = random_walk(n_bars) if data is None else _last_bars(data, known_gaps, allow_gaps, n_bars)
        exam = exam_of(strategy, bars=bars, modes=modes or None, seed=seed)
    findings = findings_of(exam)
    is_sound = all(finding.holds for finding in findings)
    if as_json:
        click.echo(json.dumps(_document(name, bars, findings, seed=seed, is_sound=is_sound), indent=2))
    else:
        click.echo(f"{strategy.card.name} on {bars.n_bars} bars of {bars.symbol}, {bars.interval_minutes} min")
        for finding in findings:
            _print(finding)
        broken = sum(not finding.holds for finding in findings)
        click.echo("sound" if is_sound else f"{broken} of {len(findings)} laws broken")
    return 0 if is_sound else 1


def _last_bars(path: Path, known_gaps: tuple[str, ...], allow_gaps: int, n_bars: int) -> "Bars":
    from swarmd.engine.market.bars import load_bars

    bars = load_bars(path, known_gaps=known_gaps, allow_gaps=allow_gaps)
    return bars.between(max(0, bars.n_bars - n_bars), bars.n_bars)


def _document(name: str, bars: "Bars", findings: "tuple[Finding, ...]", *, seed: int, is_sound: bool) -> dict[str, Any]:
    return {
        "schema": "swarmd.strategy_check/1",
        "strategy": name,
        "data": {"symbol": bars.symbol, "snapshot_id": bars.snapshot_id(), "bars": bars.n_bars},
        "seed": seed,
        "sound": is_sound,
        "laws": [finding.document() for finding in findings],
    }


def _print(finding: "Finding") -> None:
    figures = ", ".join(f"{count} {what}" for what, count in finding.looked_at.items())
    click.echo(f"  {'pass' if finding.holds else 'FAIL'}  {finding.law:<30} {figures}".rstrip())
    if finding.holds:
        return
    where = "" if finding.bar is None else f"bar {finding.bar}" + (f" ({finding.time})" if finding.time else "") + ": "
    click.echo(f"        {where}{finding.told}")
    if finding.params is not None:
        params = ", ".join(f"{name} {value}" for name, value in finding.params.items())
        click.echo(f"        mode {finding.mode}, {params}")
