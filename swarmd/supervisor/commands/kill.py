"""``swarmd kill``: end one run now. Its job stays queued, and the next attempt takes it up from its outbox."""

import click

from swarmd.state.store.files import Home
from swarmd.supervisor.asking import answered, known_name, require_daemon
from swarmd.supervisor.commands.options import confirmed, home_option, json_option, names_of, told_answer, yes_option
from swarmd.supervisor.glance import glance


@click.command(
    epilog="Example: swarmd kill cpu3 --yes     swarmd kill majors.BTCUSDT.balanced.refine-a1     "
    "Exit codes: 0 killed, 1 refused (the lane is empty, the run has ended), 2 no such lane or run, or no daemon."
)
@click.argument("target", metavar="LANE|RUN", shell_complete=names_of("lanes", "open_runs"))
@yes_option
@home_option
@json_option
def kill(target: str, yes: bool, home: Home, as_json: bool) -> None:
    """End the run in this lane, or the run of this name, taking evidence first.

    It is relaunched: the job stays queued, its next attempt follows, and the killed one does not count as a loss.
    """
    require_daemon(home, "kill")
    seen = glance(home)
    known_name(target, {*seen.lanes, *seen.runs}, "lane or run", "swarmd query runs")
    confirmed(f"kill what runs as {target}?", yes=yes, is_asked=not as_json)
    told_answer("kill", answered(home, "kill", subject=target), as_json=as_json)
