"""``swarmd start``: check what is asked, then run the daemon here with a live view, or leave it in the background."""

import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.supervisor.commands.options import home_option, json_option, print_document
from swarmd.supervisor.dashboard.address import awaited, is_wanted, told_on_terminal
from swarmd.supervisor.dashboard.keeper import DashboardKeeper
from swarmd.supervisor.glance import newest_handoff, require_campaign
from swarmd.supervisor.presence import daemon_of

if TYPE_CHECKING:
    from swarmd.state.records.campaign_settings import CampaignSettings
    from swarmd.supervisor.backends.chosen import Kind
    from swarmd.supervisor.daemon import OnCycle


@click.command(
    epilog="Example: swarmd start campaign.yaml --until-done     "
    "Exit codes: 0 done, 1 something outside failed, 2 a wrong flag or file, or a daemon already runs here."
)
@click.argument("campaign", required=False, metavar="[CAMPAIGN.yaml]", type=click.Path(path_type=Path))
@click.option("--until-done", is_flag=True, help="Leave when the campaign is done (otherwise stay and keep watch).")
@click.option("--detach", is_flag=True, help="Leave it in the background and come back as soon as it works.")
@click.option("--no-monitors", is_flag=True, help="Without the tmux monitors.")
@click.option("--no-dashboard", is_flag=True, help="Without the dashboard in the browser.")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the dashboard. (default: the last one, else 8787)")
@click.option("--no-screen", is_flag=True, help="One line for each change instead of the live view.")
@click.option("--demo", is_flag=True, help="A small campaign on two made-up markets, to see it work in minutes.")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="A ready-made campaign over every bars file of this folder.",
)
@click.option(
    "--known-gap",
    "known_gaps",
    multiple=True,
    metavar="DAY",
    help="With --data: a day whose missing bars are accepted.",
)
@click.option(
    "--backend",
    type=click.Choice(("local", "ray")),
    help="Where lanes live: on this machine, or on the nodes of a cluster. (default: what the campaign file says)",
)
@click.option("--checked", is_flag=True, hidden=True, help="The campaign was checked by the process that started this.")
@home_option
@json_option
def start(
    campaign: Path | None,
    until_done: bool,
    detach: bool,
    no_monitors: bool,
    no_dashboard: bool,
    port: int | None,
    no_screen: bool,
    demo: bool,
    data: Path | None,
    known_gaps: tuple[str, ...],
    backend: "Kind | None",
    checked: bool,
    home: Home,
    as_json: bool,
) -> None:
    """Start the control plane and the work. Without a campaign it goes on with the last.

    In the foreground on a terminal it shows a live view; Ctrl-C drains the lanes and leaves, a second one leaves now.
    """
    running = daemon_of(home)
    if running is not None:
        raise OperatorError(
            f"a daemon already runs here ({running.told(home)}); look with `swarmd status`, end it with `swarmd stop`"
        )
    if sum((demo, data is not None, campaign is not None)) > 1:
        raise OperatorError("give one of: a campaign file, --data DIR, --demo")
    if known_gaps and data is None:
        raise OperatorError("--known-gap goes with --data; a campaign file has data.known_gaps for it")
    if as_json and not detach:
        raise OperatorError("--json needs --detach: in the foreground the answer would come only at the end")
    if demo or data is not None:
        from swarmd.supervisor.ready_made import campaign_over, demo_campaign

        home.prepare()
        campaign = demo_campaign(home) if data is None else campaign_over(home, data, known_gaps)
    elif campaign is None:
        require_campaign(home)
    if backend == "ray":
        from swarmd.supervisor.backends.ray.backend import require_ray

        require_ray()
    keeper = DashboardKeeper(home, is_on=not no_dashboard and is_wanted(), port=port)
    if detach:
        _start_detached(home, campaign, until_done, no_monitors, keeper, backend, as_json)
        return
    is_live = sys.stdout.isatty() and not no_screen
    _start_here(home, campaign, until_done, no_monitors, checked, keeper, backend, is_live=is_live)


def _start_detached(
    home: Home,
    campaign: Path | None,
    until_done: bool,
    no_monitors: bool,
    keeper: DashboardKeeper,
    backend: "Kind | None",
    as_json: bool,
) -> None:
    from swarmd.supervisor.detached import start_detached

    if campaign is not None:
        from swarmd.supervisor.campaign_checks import check_campaign
        from swarmd.supervisor.campaign_file import read_campaign

        check_campaign(read_campaign(campaign))
    pid = start_detached(
        home, campaign, until_done=until_done, monitors=not no_monitors, dashboard=keeper, backend=backend
    )
    there = awaited(home) if keeper.is_on else None
    if as_json:
        told = {"pid": pid, "home": str(home.root), "log": str(home.logs / "swarmd.log")}
        print_document("start", told | {"dashboard": None if there is None else there.url})
        return
    click.echo(f"swarmd runs in the background: pid {pid}, home {home.root}")
    click.echo(f"look: swarmd status · swarmd attach · tail -f {home.logs / 'swarmd.log'}     end: swarmd stop")
    if there is not None:
        click.echo(told_on_terminal(there, sys.stdout.isatty()))


def _start_here(
    home: Home,
    campaign: Path | None,
    until_done: bool,
    no_monitors: bool,
    checked: bool,
    keeper: DashboardKeeper,
    backend: "Kind | None",
    *,
    is_live: bool,
) -> None:
    from swarmd.supervisor.daemon import run_daemon

    began = time.time()
    settings = None
    if campaign is not None:
        from swarmd.state.storage_address import set_apart
        from swarmd.state.store.ledger_place import join
        from swarmd.supervisor.campaign_file import read_campaign

        file = read_campaign(campaign)
        if not checked:
            from swarmd.supervisor.campaign_checks import check_campaign

            check_campaign(file)
        settings = set_apart(_without_addresses(home, file.settings), home)
        if settings.ledger.url is not None:
            join(home, settings.ledger.url)
    with _shown(home, is_live=is_live) as on_cycle:
        code = run_daemon(
            home,
            settings,
            campaign_file=str(campaign.resolve()) if campaign is not None else "",
            until_done=until_done,
            monitors=not no_monitors,
            on_cycle=on_cycle,
            dashboard=keeper,
            backend=backend,
        )
    page = newest_handoff(home, began)
    if page is not None:
        click.echo(f"handoff: {page}")
    if code:
        sys.exit(code)


def _without_addresses(home: Home, settings: "CampaignSettings") -> "CampaignSettings":
    """Where messages go is kept apart from what is journalled."""
    if not settings.notify:
        return settings
    from swarmd.supervisor.commands.notify import require_apprise
    from swarmd.supervisor.notices.addresses import keep, set_apart

    require_apprise()
    settings, addresses = set_apart(settings)
    home.prepare()
    keep(home, addresses)
    return settings


def _shown(home: Home, *, is_live: bool) -> "contextlib.AbstractContextManager[OnCycle]":
    """The live view, or plain lines: a daemon that nobody watches starts without what draws."""
    if is_live:
        from swarmd.supervisor.live import live_view

        return live_view(home)
    from swarmd.supervisor.printed import printed_changes

    return printed_changes()
