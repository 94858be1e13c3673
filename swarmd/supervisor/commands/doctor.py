"""``swarmd doctor``: what is missing or wrong on this machine, and the fix. It mends nothing; it writes the profile."""

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from swarmd.state.store.files import Home
from swarmd.supervisor.commands.options import home_option, json_option, print_document

_STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command(epilog="Example: swarmd doctor     Exit codes: 0 fit to work (warnings included), 1 something fails.")
@home_option
@json_option
def doctor(home: Home, as_json: bool) -> None:
    """Tell what is missing or wrong on this machine, and the fix.

    In a home that is there it writes machine_profile.json, from which `max_lanes: auto` is taken; change its `lanes` to
    have more or fewer.
    """
    from swarmd.supervisor.checks import examine
    from swarmd.supervisor.machine_profile import profile_of, write_profile

    checks = examine(home)
    written = None
    if home.root.is_dir() and not any(each.level == "fail" for each in checks):
        written = write_profile(home, profile_of(home))
    failed = [each for each in checks if each.level == "fail"]
    if as_json:
        found = [{"name": each.name, "level": each.level, "found": each.found, "fix": each.fix} for each in checks]
        print_document(
            "doctor",
            {
                "is_fit": not failed,
                "checks": found,
                "home": str(home.root),
                "profile": None if written is None else str(written),
            },
        )
    else:
        table = Table.grid(padding=(0, 2))
        for each in checks:
            told = each.found + (f"; {each.fix}" if each.fix else "")
            table.add_row(Text(each.level, style=_STYLES[each.level]), each.name, Text(told))
        Console().print(table)
        if written is not None:
            click.echo(f"written  {written}")
    if failed:
        raise click.exceptions.Exit(1)
