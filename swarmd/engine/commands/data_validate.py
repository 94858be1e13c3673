"""`swarmd data validate`: the preflight checks on files of bars, told so that a person can act on them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from swarmd.engine.commands.data_files import print_document, series_at
from swarmd.engine.commands.data_tables import show_checks, show_findings, show_series
from swarmd.engine.commands.faults import told_to_the_operator

if TYPE_CHECKING:
    from swarmd.engine.market.quality import PreflightReport


@click.command(epilog="Example: swarmd data validate data/bars_5m --check-all --known-gap 2023-12-31")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--check-all", is_flag=True, help="Show every check of every file, not only the problems.")
@click.option("--interval", help="Interval of the bars, such as 5m; told from the open times when absent.")
@click.option(
    "--known-gap", "known_gaps", multiple=True, metavar="DAY", help="Accept the gap that begins on this UTC day."
)
@click.option("--allow-gaps", default=0, show_default=True, help="Accept this many missing bars in all.")
@click.option("--min-days", default=90.0, show_default=True, help="Days of history a file needs.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def validate(
    ctx: click.Context,
    paths: tuple[Path, ...],
    check_all: bool,
    interval: str | None,
    known_gaps: tuple[str, ...],
    allow_gaps: int,
    min_days: float,
    as_json: bool,
) -> None:
    """Run the preflight checks on files of bars, or on every series in a folder.

    Exit code 1 when any file fails, 2 when a path or an option is wrong.
    """
    from swarmd.engine.market.quality import preflight

    with told_to_the_operator():
        sources = [series for path in paths for series in series_at(path)]
        reports = [
            preflight(series, interval=interval, known_gaps=known_gaps, allow_gaps=allow_gaps, min_days=min_days)
            for series in sources
        ]
    is_fit = all(report.is_fit for report in reports)
    if as_json:
        print_document("data_validate", {"passed": is_fit, "files": [report.as_document() for report in reports]})
    else:
        _tell(reports, check_all=check_all)
    if not is_fit:
        ctx.exit(1)


def _tell(reports: list["PreflightReport"], *, check_all: bool) -> None:
    show_series(reports, verdicts=True)
    for report in reports:
        if check_all:
            show_checks(report)
        else:
            show_findings(report)
    if check_all and any(finding.row is not None for report in reports for finding in report.findings):
        click.echo("Rows are counted from 0, a header left out.")
    n_failed = sum(not report.is_fit for report in reports)
    click.echo(
        f"{len(reports) - n_failed} of {len(reports)} {'file is' if len(reports) == 1 else 'files are'} fit to use"
    )
