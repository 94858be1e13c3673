"""`swarmd strategies`: what can be named with --strategy, what its parameters mean, a new one, and whether it is sound.

Prints the cards of the registry; making and checking strategies have files of their own.
"""

import json
from typing import TYPE_CHECKING, Any

import click

from swarmd.engine.commands.faults import told_to_the_operator
from swarmd.engine.commands.strategies_check import check
from swarmd.engine.commands.strategies_new import new

if TYPE_CHECKING:  # numba comes in only when a command runs
    from swarmd.engine.strategies.contract import ParamSpec, StrategyCard
    from swarmd.engine.strategies.registry import Listed


@click.group()
def strategies() -> None:
    """The strategies that can be named, and your own."""


strategies.add_command(new)
strategies.add_command(check)


@strategies.command(
    "list",
    epilog="Example: swarmd strategies list --json. Your own is named by --strategy path/to/file.py:ClassName.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def list_(as_json: bool) -> None:
    """Each strategy: what it trades on, its modes and parameters, and where it comes from.

    Those of installed packages (entry points of the group swarmd.strategies) are among them. One that cannot be used
    is named with the reason, and the others are listed all the same.
    """
    from swarmd.engine.strategies.registry import strategies_listed

    listed = strategies_listed()
    problems = {one.name: one.problem for one in listed if one.problem is not None}
    if as_json:
        cards = [
            {**_card_document(one.card), "on": one.on, "place": one.place} for one in listed if one.card is not None
        ]
        document = {"schema": "swarmd.strategies/1", "strategies": cards, "problems": problems}
        click.echo(json.dumps(document, indent=2))
    else:
        _print_table([one for one in listed if one.card is not None])
    for problem in problems.values():
        click.echo(f"not usable: {problem}", err=True)


@strategies.command(epilog="Example: swarmd strategies show mtf_ema, or swarmd strategies show mine.py:Mine --json")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def show(name: str, as_json: bool) -> None:
    """One strategy: each parameter with its range, unit and meaning, and where each mode searches."""
    from swarmd.engine.strategies.registry import cards_named

    with told_to_the_operator():
        card, *others = cards_named(name)
    if as_json:
        told = {"schema": "swarmd.strategy/1", **_card_document(card)}
        click.echo(json.dumps(told | ({"on_ticks": _card_document(others[0])} if others else {}), indent=2))
    else:
        for one in (card, *others):
            _print_card(one)


def _card_document(card: "StrategyCard") -> dict[str, Any]:
    return {
        "name": card.name,
        "title": card.title,
        "data": card.data,
        "params": [_spec_document(spec) for spec in card.params],
        "modes": {
            name: {"direction": mode.direction.value, "space": [_spec_document(spec) for spec in mode.space]}
            for name, mode in card.modes.items()
        },
        "baseline": dict(card.baseline),
    }


def _spec_document(spec: "ParamSpec") -> dict[str, Any]:
    span = {"choices": list(spec.choices)} if spec.kind == "choice" else {"low": spec.low, "high": spec.high}
    return {"name": spec.name, "kind": spec.kind, **span, "log": spec.log, "unit": spec.unit, "meaning": spec.meaning}


def _print_table(listed: "list[Listed]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("name", "data", "modes", "parameters", "from"):
        table.add_column(heading, overflow="fold")
    for one in listed:
        card = one.card
        assert card is not None
        words = (", ".join(card.modes), ", ".join(spec.name for spec in card.params), one.place)
        table.add_row(*(Text(word) for word in (card.name, card.data, *words)))
    console = Console()
    # Piped into a file or another program there is no width to respect.
    (console if console.is_terminal else Console(width=100_000, color_system=None)).print(table)


def _print_card(card: "StrategyCard") -> None:
    click.echo(f"{card.name}: {card.title}")
    click.echo(f"  data       {card.data}")
    click.echo("  parameters")
    width = max(10, *(len(spec.name) for spec in card.params))
    for spec in card.params:
        click.echo(f"    {spec.name:<{width}} {_range(spec):<20} {spec.unit:<20} {spec.meaning}")
    click.echo("  modes")
    for name, mode in card.modes.items():
        space = ", ".join(f"{spec.name} {_range(spec)}" for spec in mode.space)
        click.echo(f"    {name:<13} {mode.direction.value:<10} {space}")
    baseline = ", ".join(f"{name} {value}" for name, value in card.baseline.items())
    click.echo(f"  baseline   {baseline}")


def _range(spec: "ParamSpec") -> str:
    if spec.kind == "choice":
        return "|".join(str(choice) for choice in spec.choices)
    return f"{spec.low:g}..{spec.high:g}"
