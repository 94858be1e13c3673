"""``swarmd restart``: stop what runs, then go on with the last campaign in the background."""

import click

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.supervisor.commands.options import home_option, json_option, no_dashboard_option, print_document
from swarmd.supervisor.commands.service import unit_that_runs
from swarmd.supervisor.commands.stop import stop_daemon
from swarmd.supervisor.dashboard.keeper import DashboardKeeper
from swarmd.supervisor.detached import start_detached
from swarmd.supervisor.glance import require_campaign
from swarmd.supervisor.presence import daemon_of


@click.command(epilog="Example: swarmd restart     Without a daemon it just starts one.")
@click.option("--now", is_flag=True, help="Kill the runs instead of waiting for a safe point.")
@click.option(
    "--timeout", default=300.0, show_default=True, metavar="SECONDS", help="How long to wait for it to leave."
)
@click.option("--until-done", is_flag=True, help="Leave when the campaign is done.")
@click.option("--no-monitors", is_flag=True, help="Without the tmux monitors.")
@no_dashboard_option
@home_option
@json_option
def restart(
    now: bool, timeout: float, until_done: bool, no_monitors: bool, no_dashboard: bool, home: Home, as_json: bool
) -> None:
    """Stop, then start the last campaign again, detached, with monitors and dashboard where it had them.

    A daemon that systemd runs is left to `systemctl --user restart`.
    """
    seen = require_campaign(home)
    running = daemon_of(home)
    if running is not None and (unit := unit_that_runs(home, running.pid)):
        raise OperatorError(
            f"systemd runs this daemon, and one that is started from here would be none of its own: "
            f"systemctl --user restart {unit}"
        )
    if running is not None:
        stop_daemon(home, running, now=now, timeout_s=timeout)
    keeper = DashboardKeeper(home, is_on=seen.has_dashboard and not no_dashboard)
    has_monitors = seen.has_monitors and not no_monitors
    pid = start_detached(home, None, until_done=until_done, monitors=has_monitors, dashboard=keeper)
    if as_json:
        print_document("restart", {"stopped_pid": running.pid if running else None, "pid": pid, "home": str(home.root)})
    else:
        click.echo(f"swarmd runs in the background: pid {pid}, home {home.root}")
