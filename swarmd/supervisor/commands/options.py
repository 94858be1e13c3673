"""The options every control-plane command shares, and the one way they ask, answer and print a JSON document."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
import orjson

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home, home_from

if TYPE_CHECKING:
    from swarmd.supervisor.asking import Answered

Command = TypeVar("Command", bound=Callable[..., Any])


def _home_of(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Home:
    return home_from(value)


def home_option(command: Command) -> Command:
    """``--home DIR``, as the argument ``home`` of type Home."""
    text = "Where this swarm keeps everything (default: $SWARMD_HOME, then ./swarm)."
    return click.option("--home", metavar="DIR", callback=_home_of, help=text)(command)


def json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")(command)


def no_dashboard_option(command: Command) -> Command:
    return click.option("--no-dashboard", is_flag=True, help="Without the dashboard in the browser.")(command)


def names_of(*kinds: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Completes an argument with names on record: ``lanes``, ``runs``, ``jobs``, ``symbols`` or the ``campaign``."""

    def completed(context: click.Context, _param: click.Parameter, begun: str) -> list[str]:
        from swarmd.supervisor.glance import glance

        seen = glance(context.params.get("home") or home_from(None))
        known = [name for kind in kinds for name in _several(getattr(seen, kind))]
        return [name for name in known if name.startswith(begun)]

    return completed


def _several(found: str | tuple[str, ...]) -> tuple[str, ...]:
    return (found,) if isinstance(found, str) else found


def yes_option(command: Command) -> Command:
    return click.option("--yes", is_flag=True, help="Do not ask whether it is meant.")(command)


def confirmed(question: str, *, yes: bool, is_asked: bool) -> None:
    """Ask on a terminal. Where nobody can be asked ``--yes`` must say it. Raises OperatorError, or click's Abort."""
    if yes:
        return
    if not is_asked or not sys.stdin.isatty():
        raise OperatorError(f"{question} Nobody is here to answer: say it with --yes")
    click.confirm(question, abort=True)


def told_answer(verb: str, answer: "Answered", *, as_json: bool) -> None:
    """The daemon's answer, and exit code 1 where it is a no."""
    if as_json:
        print_document(verb, answer.document())
    else:
        click.echo(answer.text)
    if answer.is_refused:
        raise click.exceptions.Exit(1)


def print_document(name: str, fields: dict[str, Any]) -> None:
    """``{"schema": "swarmd.<name>/1", …}`` on stdout and nothing else."""
    click.echo(orjson.dumps({"schema": f"swarmd.{name}/1", **fields}, option=orjson.OPT_INDENT_2).decode())
