"""The options that put a claim into figures, shared by `hypothesis state` and `knowledge add --hypothesis`.

Words only, so that a command which merely offers them starts as fast as before; a test holds them equal to the records.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

METRICS = (
    "annual_sharpe", "oos_annual_sharpe", "oos_total_return", "oos_max_drawdown", "oos_trades", "psr", "wfe",
    "sensitivity", "p", "p_surrogates", "p_vault", "forecast", "dsr", "pbo", "mc_p",
)  # fmt: skip
AMONG = ("every", "most", "any")
BOUNDS = ("above", "at_least", "below", "at_most")


def claim_options(command: Command) -> Command:
    """As keyword arguments: ``campaign``, ``metric``, one for each of BOUNDS, ``assets``, ``modes``, ``among``,
    ``rationale``."""
    for option in (
        click.option("--because", "rationale", default="", metavar="TEXT", help="Why it should be so."),
        click.option(
            "--among",
            type=click.Choice(AMONG),
            default=AMONG[0],
            show_default=True,
            help="For how many assets and modes of its scope.",
        ),
        click.option("--mode", "modes", multiple=True, metavar="MODE", help="In these modes only; may be repeated."),
        click.option("--asset", "assets", multiple=True, metavar="SYMBOL", help="Of these assets only; repeatable."),
        click.option("--at-most", type=float, metavar="X", help="The figure is X or below."),
        click.option("--below", type=float, metavar="X", help="The figure is below X."),
        click.option("--at-least", type=float, metavar="X", help="The figure is X or above."),
        click.option("--above", type=float, metavar="X", help="The figure is above X."),
        click.option(
            "--metric",
            type=click.Choice(METRICS),
            default="oos_annual_sharpe",
            show_default=True,
            help="The figure it is judged by.",
        ),
        click.option("--campaign", metavar="NAME", help="The campaign a claim is about; it may be still to come."),
    ):
        command = option(command)
    return command
