"""`swarmd strategies`: what can be named with --strategy, with the ranges of its parameters.

Prints the cards of the registry; nothing is computed here.
"""

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:  # numba comes in only when a command runs
    from swarmd.engine.strategies.contract import ParamSpec, StrategyCard


@click.group()
def strategies() -> None:
    """The strategies that can be named."""


@strategies.command(
    "list",
    epilog="Example: swarmd strategies list --json. Your own is named by --strategy path/to/file.py:ClassName.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def list_(as_json: bool) -> None:
    """Each strategy with its modes and parameters."""
    from swarmd.engine.strategies.registry import strategy_named, strategy_names

    cards = [strategy_named(name).card for name in strategy_names()]
    if as_json:
        document = {"schema": "swarmd.strategies/1", "strategies": [_card_document(card) for card in cards]}
        click.echo(json.dumps(document, indent=2))
        return
    for card in cards:
        _print_card(card)


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


def _print_card(card: "StrategyCard") -> None:
    click.echo(f"{card.name}: {card.title}")
    click.echo(f"  data       {card.data}")
    click.echo("  parameters")
    for spec in card.params:
        click.echo(f"    {spec.name:<10} {_range(spec):<20} {spec.unit:<18} {spec.meaning}")
    click.echo("  modes")
    for name, mode in card.modes.items():
        space = ", ".join(f"{spec.name} {_range(spec)}" for spec in mode.space)
        click.echo(f"    {name:<13} {mode.direction.value:<10} {space}")
    baseline = ", ".join(f"{name} {value}" for name, value in card.baseline.items())
    click.echo(f"  baseline   {baseline}\n")


def _range(spec: "ParamSpec") -> str:
    if spec.kind == "choice":
        return "|".join(str(choice) for choice in spec.choices)
    return f"{spec.low:g}..{spec.high:g}"
