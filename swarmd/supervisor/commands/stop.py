"""``swarmd stop``, ``pause`` and ``resume``: ask the daemon, and wait until it has done so.

Stopping what does not run is no error: a script may ask for it at any time. Pausing it is one: nothing would be paused.
"""

import sys
import time

import click

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home, is_locked
from swarmd.supervisor.asking import answered
from swarmd.supervisor.commands.options import home_option, json_option, print_document
from swarmd.supervisor.dashboard.keeper import DashboardKeeper
from swarmd.supervisor.detached import start_detached
from swarmd.supervisor.glance import glance, newest_handoff
from swarmd.supervisor.presence import Presence, ask, daemon_of, looks

_TOLD_EVERY_S = 1.0


@click.command(epilog="Example: swarmd stop --timeout 600     With no daemon it says so and exits 0.")
@click.option("--now", is_flag=True, help="Kill the runs instead of waiting for a safe point.")
@click.option(
    "--timeout", default=300.0, show_default=True, metavar="SECONDS", help="How long to wait for it to leave."
)
@home_option
@json_option
def stop(now: bool, timeout: float, home: Home, as_json: bool) -> None:
    """Drain the lanes at a safe point, write the handoff, leave."""
    running = daemon_of(home)
    if running is None and _has_living_runs(home):
        # Its daemon died and they went on: only a daemon can drain them and write the handoff.
        click.echo("no daemon runs, but runs of a former one do: starting one to drain them", err=True)
        seen = glance(home)
        keeper = DashboardKeeper(home, is_on=seen.has_dashboard)
        start_detached(home, None, until_done=False, monitors=seen.has_monitors, dashboard=keeper)
        running = daemon_of(home)
    if running is None:
        if as_json:
            print_document("stop", {"was_running": False, "handoff": None, "home": str(home.root)})
        else:
            click.echo(f"no daemon runs on {home.root}; nothing to stop")
        return
    began = time.time()
    stop_daemon(home, running, now=now, timeout_s=timeout)
    page = newest_handoff(home, since=began - 1)
    if as_json:
        print_document("stop", {"was_running": True, "handoff": str(page) if page else None, "home": str(home.root)})
        return
    click.echo(f"stopped after {time.time() - began:.1f} s (it was {running.told(home)})")
    click.echo(f"handoff: {page}" if page else "it wrote no handoff; see logs/swarmd.log")


def _has_living_runs(home: Home) -> bool:
    return any(is_locked(home.lock_path(run)) for run in glance(home).open_runs)


def stop_daemon(home: Home, running: Presence, *, now: bool, timeout_s: float) -> None:
    """Ask, and return when that daemon has left. Raises OutsideError when it has not in time; the request stands."""
    ask(home, "stop_now" if now else "stop")
    told_at = 0.0
    for waited in looks(timeout_s):
        there = daemon_of(home)
        if there is None or (there.pid and running.pid and there.pid != running.pid):
            _tell("")
            return
        if waited - told_at >= _TOLD_EVERY_S:
            told_at = waited
            _tell(f"draining: {len(glance(home).open_runs)} runs left, {waited:.0f} s")
    _tell("")
    left = glance(home).open_runs
    raise OutsideError(
        f"the daemon (pid {running.pid}) is still draining {len(left)} runs after {timeout_s:g} s and goes on; "
        "ask again with a longer --timeout, or end the runs with `swarmd stop --now`"
    )


def _tell(text: str) -> None:
    """One line that renews itself, on a terminal only."""
    if sys.stderr.isatty():
        click.echo(f"\r\x1b[2K{text}", nl=False, err=True)


@click.command(epilog="Example: swarmd pause && swarmd status")
@home_option
@json_option
def pause(home: Home, as_json: bool) -> None:
    """Start no new runs; running ones go on."""
    _ask_and_tell(home, "pause", "paused", as_json)


@click.command(epilog="Example: swarmd resume")
@home_option
@json_option
def resume(home: Home, as_json: bool) -> None:
    """Go on after a pause."""
    _ask_and_tell(home, "resume", "active", as_json)


def _ask_and_tell(home: Home, verb: str, wanted: str, as_json: bool) -> None:
    answer = answered(home, verb)
    if as_json:
        print_document(verb, answer.document())
    else:
        click.echo(f"campaign {answer.campaign}: {answer.status} ({answer.text})")
    if answer.status != wanted:
        raise click.exceptions.Exit(1)
