"""``swarmd ensure``: make it be running. Asked twice, or by two shells at once, it does nothing the second time."""

import click

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.supervisor.commands.options import home_option, json_option, no_dashboard_option, print_document
from swarmd.supervisor.dashboard.keeper import DashboardKeeper
from swarmd.supervisor.detached import start_detached
from swarmd.supervisor.glance import glance
from swarmd.supervisor.monitors.tmux import ensure_monitors
from swarmd.supervisor.presence import daemon_of, looks

_OTHER_WITHIN_S = 1.0
# Who asked for a stop and meant it; a signal may be a machine that goes down.
_PEOPLE = ("cli", "Ctrl-C", "dashboard")


@click.command(
    epilog="Example: swarmd ensure     In a crontab: * * * * * swarmd --home /srv/swarm ensure     A campaign that is "
    "done, or was stopped by `swarmd stop`, or a home that never had one, is left alone."
)
@click.option("--until-done", is_flag=True, help="If it must be started: leave when the campaign is done.")
@click.option("--no-monitors", is_flag=True, help="Without the tmux monitors.")
@no_dashboard_option
@home_option
@json_option
def ensure(until_done: bool, no_monitors: bool, no_dashboard: bool, home: Home, as_json: bool) -> None:
    """Start what is not running, as it was last started: with monitors and dashboard where it had them.

    Safe in cron and shell hooks.
    """
    did, pid, said = _ensured(home, until_done, no_monitors, no_dashboard)
    if as_json:
        print_document("ensure", {"did": did, "pid": pid, "home": str(home.root)})
    else:
        click.echo(said)


def _ensured(home: Home, until_done: bool, no_monitors: bool, no_dashboard: bool) -> tuple[str, int | None, str]:
    running, seen = daemon_of(home), glance(home)
    has_monitors = seen.has_monitors and not no_monitors
    if running is not None:
        made = ensure_monitors(home) if has_monitors else ()
        mended = f"; monitors made anew: {', '.join(made)}" if made else ""
        return ("mended" if made else "nothing"), running.pid, f"running: {running.told(home)}{mended}"
    if not seen.campaign:
        return "nothing", None, f"no campaign was ever started on {home.root}; begin with `swarmd start CAMPAIGN.yaml`"
    if seen.status == "done" or (seen.status == "cancelled" and not seen.open_runs):
        return "nothing", None, f"campaign {seen.campaign} is {seen.status}; nothing to run"
    if seen.status == "stopped" and seen.reason.startswith("budget spent:") and not seen.open_runs:
        return "nothing", None, f"campaign {seen.campaign}: {seen.reason}; raise limits.budget and start its file again"
    if seen.status == "stopped" and seen.stopped_by in _PEOPLE:
        text = f"campaign {seen.campaign} was stopped on purpose; take it up again with `swarmd start`"
        return "nothing", None, text
    try:
        keeper = DashboardKeeper(home, is_on=seen.has_dashboard and not no_dashboard)
        pid = start_detached(home, None, until_done=until_done, monitors=has_monitors, dashboard=keeper)
    except OperatorError:
        # Another ensure may have been quicker by a moment; then everything is as it should be.
        other = next((found for _ in looks(_OTHER_WITHIN_S) if (found := daemon_of(home)) is not None), None)
        if other is None:
            raise
        return "nothing", other.pid, f"running: {other.told(home)}"
    return "started", pid, f"started: pid {pid}, campaign {seen.campaign}, home {home.root}"
