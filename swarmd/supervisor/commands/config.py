"""``swarmd config``: check a campaign file without starting anything, and print the schema of one."""

from pathlib import Path

import click
import orjson

from swarmd.supervisor.commands.options import json_option, print_document


@click.group()
def config() -> None:
    """Check a campaign file; print its JSON Schema."""


@config.command(epilog="Example: swarmd config check campaign.yaml     Exit codes: 0 sound, 2 with what to mend.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--file-only", is_flag=True, help="Only the file itself, not the data and strategies that it names.")
@json_option
def check(file: Path, file_only: bool, as_json: bool) -> None:
    """Tell every mistake of a campaign file at once, with line, column and field."""
    from swarmd.state.settings_file import told
    from swarmd.supervisor.campaign_checks import check_campaign
    from swarmd.supervisor.campaign_file import CampaignFileError, read_campaign
    from swarmd.supervisor.question import digest, resolved

    try:
        campaign = read_campaign(file)
        if not file_only:
            check_campaign(campaign)
    except CampaignFileError as wrong:
        if as_json:
            found = [
                {"line": each.place.line, "column": each.place.column, "field": each.field, "problem": each.text}
                for each in wrong.problems
            ]
            print_document("config_check", {"file": str(file), "is_sound": False, "problems": found})
        for problem in wrong.problems:
            click.echo(f"error: {told(str(file), problem)}", err=True)
        raise click.exceptions.Exit(2) from wrong
    settings = campaign.settings
    if as_json:
        fields = {"file": str(file), "is_sound": True, "problems": [], "digest": digest(settings)}
        print_document("config_check", {**fields, "resolved": resolved(settings)})
        return
    n_jobs = f"{len(settings.symbols())} assets, {len(settings.strategy.modes)} modes"
    click.echo(f"{file}: sound: campaign {settings.name}, {settings.strategy.name} on {n_jobs}")
    click.echo(f"digest {digest(settings)}")


@config.command(epilog="Example: swarmd config schema > campaign.schema.json")
def schema() -> None:
    """Print the JSON Schema of a campaign file, for editors."""
    from swarmd.supervisor.campaign_file import schema as schema_of_file

    click.echo(orjson.dumps(schema_of_file(), option=orjson.OPT_INDENT_2).decode())
