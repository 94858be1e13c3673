"""The options every control-plane command shares, and the one way they print a JSON document."""

from collections.abc import Callable
from typing import Any, TypeVar

import click
import orjson

from swarmd.state.store.files import Home, home_from

Command = TypeVar("Command", bound=Callable[..., Any])


def _home_of(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Home:
    return home_from(value)


def home_option(command: Command) -> Command:
    """``--home DIR``, as the argument ``home`` of type Home."""
    text = "Where this swarm keeps everything (default: $SWARMD_HOME, then ./swarm)."
    return click.option("--home", metavar="DIR", callback=_home_of, help=text)(command)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")(command)


def print_document(name: str, fields: dict[str, Any]) -> None:
    """``{"schema": "swarmd.<name>/1", …}`` on stdout and nothing else."""
    click.echo(orjson.dumps({"schema": f"swarmd.{name}/1", **fields}, option=orjson.OPT_INDENT_2).decode())
