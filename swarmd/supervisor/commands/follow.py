"""``swarmd follow``: stay with a job or a campaign until it has come to its end, and leave with what came of it."""

import shutil
import sys
import time

import click

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home
from swarmd.supervisor.asking import known_name
from swarmd.supervisor.commands.options import home_option, json_option, names_of, print_document

_LOOK_EVERY_S = 1.0


@click.command(
    epilog="Example: swarmd follow majors && echo done     swarmd follow majors.BTCUSDT.balanced.refine     "
    "Exit codes: 0 it came to its end (an honest no is one), 1 it failed or cannot go on, 2 nothing is called that."
)
@click.argument("what", metavar="JOB|CAMPAIGN", shell_complete=names_of("campaign", "jobs"))
@click.option("--timeout", default=0.0, metavar="SECONDS", help="Give up after so long (default: never), exit code 1.")
@home_option
@json_option
def follow(what: str, timeout: float, home: Home, as_json: bool) -> None:
    """Wait for a job or a campaign, with a line of progress on a terminal, and a line for each change elsewhere."""
    from swarmd.supervisor.following import standing_of
    from swarmd.supervisor.watching import Watching

    if not home.journal.is_dir():
        raise OperatorError(f"there is no journal in {home.root}; `swarmd start` makes one")
    watching = Watching(home)
    view = watching.picture().view
    known_name(what, {*view.campaigns, *view.jobs}, "job or campaign", "swarmd query jobs")
    began, told, is_drawn = time.monotonic(), "", sys.stdout.isatty() and not as_json
    while True:
        seen = watching.picture()
        now = standing_of(seen.view, what, seen.now)
        if is_drawn:
            # A line longer than the terminal would wrap, and its first part stay behind at each look.
            line = now.line if now.is_over else now.line[: shutil.get_terminal_size().columns - 1]
            click.echo(f"\r\x1b[2K{line}", nl=now.is_over)
        elif not as_json and now.plain != told:
            click.echo(now.plain)
            told = now.plain
        if now.is_over:
            break
        if seen.daemon is None:
            raise OutsideError(f"no daemon runs on {home.root}, so {what} goes no further: {now.plain}")
        if timeout and time.monotonic() - began > timeout:
            raise OutsideError(f"{what} has not come to its end within {timeout:g} s: {now.plain}")
        time.sleep(_LOOK_EVERY_S)
    if as_json:
        fields = {"id": what, "status": now.status, "failed": now.has_failed, "told": now.plain}
        print_document("follow", fields)
    if now.has_failed:
        raise click.exceptions.Exit(1)
