"""``swarmd notify``: try the channels of a campaign, and deliver what is due."""

from importlib.util import find_spec
from pathlib import Path

import click

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.supervisor.commands.options import home_option, json_option, print_document


@click.group(epilog="Example: swarmd notify test campaign.yaml     What became of messages: swarmd query notices")
def notify() -> None:
    """Messages to people: Telegram, Discord, Slack, mail and whatever else Apprise knows."""


def require_apprise() -> None:
    if find_spec("apprise") is None:
        raise OperatorError("notifications need the extra: pip install 'swarmd[notify]'")


@notify.command(
    epilog="Example: swarmd notify test campaign.yaml     Without a file: the channels of the campaign on record. "
    "Exit codes: 0 all were taken, 1 one was not, 2 there are no channels."
)
@click.argument("campaign", required=False, metavar="[CAMPAIGN.yaml]", type=click.Path(path_type=Path))
@home_option
@json_option
def test(campaign: Path | None, home: Home, as_json: bool) -> None:
    """Send one message to each channel, and tell what came of it."""
    require_apprise()
    from swarmd.supervisor.notices import addresses
    from swarmd.supervisor.notices.delivery import channels_of, tested

    if campaign is not None:
        from swarmd.supervisor.campaign_file import read_campaign

        settings, apart = addresses.set_apart(read_campaign(campaign).settings)
        home.prepare()
        addresses.keep(home, apart)
        channels = settings.notify
    else:
        from swarmd.supervisor.picture import picture

        channels = channels_of(picture(home).view) if home.journal.is_dir() else ()
    if not channels:
        raise OperatorError(f"no channel is asked for by {campaign or 'the campaign on record'}; give it `notify:`")
    rows = tested(home, channels)
    if as_json:
        print_document("notify_test", {"channels": rows})
    else:
        for row in rows:
            click.echo(f"{row['channel']}: {row['error'] or 'taken'}")
    if any(row["error"] for row in rows):
        raise click.exceptions.Exit(1)


@notify.command(epilog="Example: swarmd notify deliver     The daemon does so by itself. Exit codes: 0 done.")
@click.option("--wait", is_flag=True, help="Where somebody delivers just now, wait until he has.")
@home_option
@json_option
def deliver(wait: bool, home: Home, as_json: bool) -> None:
    """Send what is due now; what was sent already is not sent again."""
    require_apprise()
    from swarmd.supervisor.notices.delivery import deliver as delivered

    if not home.journal.is_dir():
        raise OperatorError(f"there is no journal in {home.root}; `swarmd start` makes one")
    sent, failed = delivered(home, waits=wait)
    if as_json:
        print_document("notify_deliver", {"sent": sent, "failed": failed})
    else:
        click.echo(f"{sent} sent, {failed} not taken")
