"""``swarmd doctor``: what is missing or wrong on this machine, and the fix; --fix mends what is safe to mend."""

import dataclasses
import sys
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from swarmd.state.store.files import Home
from swarmd.supervisor.commands.options import home_option, json_option, print_document, yes_option

if TYPE_CHECKING:
    from pathlib import Path

    from swarmd.supervisor.checks import Check
    from swarmd.supervisor.mending import Mending

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}
_LANES_MAX = 4096


def _lanes_of(_ctx: click.Context, _param: click.Parameter, said: str | None) -> int | str | None:
    if said is None or said == "auto":
        return said
    if not (said.isdecimal() and 1 <= int(said) <= _LANES_MAX):
        raise click.BadParameter(f"{said!r} is neither a whole number from 1 to {_LANES_MAX} nor auto")
    return int(said)


@click.command(
    epilog="Example: swarmd doctor     With it mended: swarmd doctor --fix     Exit codes: 0 fit to work (warnings "
    "included), 1 something fails."
)
@click.option("--fix", is_flag=True, help="Mend what can be mended safely; tell what was done and what is left.")
@click.option("--lanes", callback=_lanes_of, metavar="N|auto", help="What `max_lanes: auto` is to mean here.")
@yes_option
@home_option
@json_option
def doctor(fix: bool, lanes: int | str | None, yes: bool, home: Home, as_json: bool) -> None:
    """Tell what is missing or wrong on this machine, and the fix.

    In a home that is there it writes machine_profile.json, from which `max_lanes: auto` is taken; change its `lanes` to
    have more or fewer, or say --lanes. A daemon that runs reads it when it starts the next time.

    --fix takes away what dead processes left behind, shuts files that others may read, compiles the kernels, and
    installs tmux where it may and is told to. What a daemon that runs has in use is never touched.
    """
    from swarmd.supervisor.checks import examine

    mending = _mended(home, yes=yes, as_json=as_json) if fix else None
    checks = examine(home)
    failed = [each for each in checks if each.level == "fail"]
    written = None
    if (lanes is not None or home.root.is_dir()) and not failed:
        written = _profile_written(home, lanes)
    if as_json:
        print_document(
            "doctor",
            {
                "is_fit": not failed,
                "checks": [dataclasses.asdict(each) for each in checks],
                "home": str(home.root),
                "profile": None if written is None else str(written),
                **({} if mending is None else {"mended": mending.done, "left": _left(mending, checks)}),
            },
        )
    else:
        _show(checks, written, mending)
    if failed:
        raise click.exceptions.Exit(1)


def _mended(home: Home, *, yes: bool, as_json: bool) -> "Mending":
    from swarmd.supervisor.mending import mend

    def may_install(package: str) -> bool:
        if yes or as_json or not sys.stdin.isatty():
            return yes
        return click.confirm(f"{package} is not installed. Install it with apt-get?", err=True)

    return mend(home, may_install=may_install, is_quiet=as_json)


def _profile_written(home: Home, lanes: int | str | None) -> "Path":
    from swarmd.supervisor.machine_profile import measured, profile_of, write_profile

    profile = profile_of(home) if lanes is None else measured()
    if isinstance(lanes, int):
        reason = f"{lanes} asked for with `swarmd doctor --lanes`; {profile.lanes} measured"
        profile = dataclasses.replace(profile, lanes=lanes, reason=reason)
    return write_profile(home, profile)


def _left(mending: "Mending", checks: "tuple[Check, ...]") -> list[dict[str, str]]:
    """What a person has to do: what could not be mended, and each finding that is there still."""
    found = [{"what": each.told, "fix": each.fix} for each in mending.left]
    return found + [{"what": f"{each.name}: {each.found}", "fix": each.fix} for each in checks if each.level != "ok"]


def _show(checks: "tuple[Check, ...]", written: "Path | None", mending: "Mending | None") -> None:
    table = Table.grid(padding=(0, 2))
    for each in checks:
        told = each.found + (f"; {each.fix}" if each.fix else "")
        table.add_row(Text(each.level, style=_STYLES[each.level]), each.name, Text(told))
    Console().print(table)
    if written is not None:
        click.echo(f"written  {written}")
    if mending is None:
        return
    for told in mending.done:
        click.echo(f"mended   {told}")
    left = _left(mending, checks)
    for one in left:
        click.echo(f"left     {one['what']}: {one['fix']}" if one["fix"] else f"left     {one['what']}")
    if not mending.done:
        click.echo("nothing to mend" if not left else "nothing was mended")
