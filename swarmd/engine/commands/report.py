"""`swarmd report`: the pages of a campaign or of one asset, made again from the files of the phases."""

import json
import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.files import Home, atomic_write, home_from


@click.command(
    epilog="Example: swarmd report majors-mtf --symbol BTCUSDT --mode balanced     Exit codes: 0 written, 2 no such "
    "results."
)
@click.argument("results", metavar="RESULT_DIR|CAMPAIGN")
@click.option("--symbol", help="Of this asset alone.")
@click.option("--mode", help="Of this mode alone.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Write there instead of beside the results: DIR/SYMBOL/MODE/report.html.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def report(results: str, symbol: str | None, mode: str | None, out: Path | None, as_json: bool) -> None:
    """The pages of RESULT_DIR|CAMPAIGN: report.html and report.md of each asset and mode, and one of all of them.

    Phases write them at their end; this makes them again, or elsewhere. The finalist is run again on the days it was
    shown; nothing is searched, nothing is judged, and no vault is opened.
    """
    from swarmd.engine.phases.report import require_results, write_campaign
    from swarmd.engine.phases.report_material import result_folders

    home = home_from()
    campaign, named = _campaign_of(results, home)
    require_results(campaign)
    home = Home(root=home.root, state_root=home.state_root, logs_root=home.logs_root, results_root=campaign.parent)
    chosen = [
        folder
        for folder in result_folders(campaign)
        if _is_asked(folder.relative_to(campaign).parts, named, symbol, mode)
    ]
    if not chosen:
        there = ", ".join(" ".join(folder.relative_to(campaign).parts) for folder in result_folders(campaign))
        raise OperatorError(f"{campaign}: no such asset and mode; there are: {there}")
    written = [_written(folder, campaign, home, out, as_json=as_json) for folder in chosen]
    page = write_campaign(campaign.name, home, out)
    if as_json:
        document = {"schema": "swarmd.report/1", "campaign": campaign.name, "page": str(page), "assets": written}
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        click.echo(f"{'campaign':<28} {page}")


def _written(folder: Path, campaign: Path, home: Home, out: Path | None, *, as_json: bool) -> dict[str, Any]:
    from swarmd.engine.commands.search_flags import wall_ms
    from swarmd.engine.phases.desk import PREFLIGHT_FILE
    from swarmd.engine.phases.folder import alone_in
    from swarmd.engine.phases.report import PAGE_FILE, asset_files

    parts = folder.relative_to(campaign).parts
    where = folder if out is None else out.joinpath(*parts).absolute()
    if (folder / PREFLIGHT_FILE).is_file():
        # No mode was ever begun: the campaign's page says why.
        return {"symbol": parts[0], "mode": None, "page": None}
    alone = (
        alone_in(folder, {"run": f"report-{wall_ms()}", "pid": os.getpid()}, should_yield=lambda: False)
        if out is None
        else nullcontext()
    )
    try:
        with alone:
            for name, content in asset_files(folder, home).items():
                atomic_write(where / name, content)
    except OutsideError as busy:
        # A run that works there writes its report itself when it ends.
        click.echo(f"left out: {busy}", err=True)
        return {"symbol": parts[0], "mode": " ".join(parts[1:]), "page": None}
    if not as_json:
        click.echo(f"{' '.join(parts):<28} {where / PAGE_FILE}")
    return {"symbol": parts[0], "mode": " ".join(parts[1:]), "page": str(where / PAGE_FILE)}


def _campaign_of(results: str, home: Home) -> tuple[Path, tuple[str, ...]]:
    """The campaign's folder, and what of it a longer path has named: a symbol, and a mode."""
    from swarmd.engine.commands.summarize import results_folder
    from swarmd.engine.phases.desk import PREFLIGHT_FILE

    folder = results_folder(results).absolute()
    if (folder / PREFLIGHT_FILE).is_file():
        return folder.parent, (folder.name,)
    if (folder.parent / PREFLIGHT_FILE).is_file():
        return folder.parent.parent, (folder.parent.name, folder.name)
    return folder, ()


def _is_asked(parts: tuple[str, ...], named: tuple[str, ...], symbol: str | None, mode: str | None) -> bool:
    of_mode = parts[1] if len(parts) > 1 else None
    return parts[: len(named)] == named and symbol in (None, parts[0]) and mode in (None, of_mode)
