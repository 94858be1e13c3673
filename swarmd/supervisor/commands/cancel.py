"""``swarmd cancel``: end the campaign now and for good. What it has found stays, and the handoff page tells of it."""

import click

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.supervisor.asking import answered
from swarmd.supervisor.commands.options import confirmed, home_option, json_option, print_document, yes_option
from swarmd.supervisor.glance import glance, newest_handoff
from swarmd.supervisor.presence import daemon_of, looks


@click.command(
    epilog="Example: swarmd cancel --yes     To go on later use pause or stop instead. "
    "Exit codes: 0 cancelled, 1 it could not be, 2 no daemon or no campaign to cancel."
)
@click.option("--timeout", default=60.0, show_default=True, metavar="SECONDS", help="How long to wait for the handoff.")
@yes_option
@home_option
@json_option
def cancel(timeout: float, yes: bool, home: Home, as_json: bool) -> None:
    """Kill the campaign's runs now, start none of it any more, write the handoff. Final: there is no resume."""
    seen = glance(home)
    if daemon_of(home) is None or not seen.campaign:
        raise OperatorError(f"no daemon runs on {home.root}: nothing to cancel; start it with `swarmd start`")
    confirmed(f"cancel {seen.campaign} for good and kill {len(seen.open_runs)} runs?", yes=yes, is_asked=not as_json)
    before = newest_handoff(home)
    answer = answered(home, "cancel", subject=seen.campaign)
    page = before
    if not answer.is_refused:
        for _ in looks(timeout):
            seen, page = glance(home), newest_handoff(home)
            if not seen.open_runs and page != before:
                break
    handoff = str(page) if page is not None and page != before else None
    if as_json:
        print_document("cancel", {**answer.document(), "open_runs": len(seen.open_runs), "handoff": handoff})
    else:
        click.echo(f"campaign {answer.campaign}: {answer.status} ({answer.text})")
        if handoff:
            click.echo(f"handoff: {handoff}")
    if answer.status != "cancelled":
        raise click.exceptions.Exit(1)
