"""`swarmd data list`: which series a folder holds, and why one of its files cannot be read."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from swarmd.engine.commands.data_files import print_document, series_at
from swarmd.engine.commands.data_tables import show_series
from swarmd.engine.commands.faults import told_to_the_operator
from swarmd.state.errors import OperatorError

if TYPE_CHECKING:
    from swarmd.engine.market.quality import PreflightReport

_KEPT = ("symbol", "interval", "bars", "first", "last", "days", "gaps", "path")


@click.command("list", epilog="Example: swarmd data list data/bars_5m")
@click.argument("root", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def list_(root: Path, as_json: bool) -> None:
    """List the bars in a folder: symbol, interval, length and gaps."""
    from swarmd.engine.market.quality import preflight

    with told_to_the_operator():
        if not root.is_dir():
            raise OperatorError(f"{root}: there is no such folder; give the folder that holds the bars")
        reports = [preflight(series, min_days=0) for series in series_at(root)]
    if as_json:
        rows = []
        for report in reports:
            document = report.as_document()
            rows.append({**{key: document[key] for key in _KEPT}, "problem": _unreadable(report)})
        print_document("data_list", {"root": str(root), "series": rows})
        return
    show_series(reports, verdicts=False)
    for problem in filter(None, map(_unreadable, reports)):
        click.echo(problem)


def _unreadable(report: "PreflightReport") -> str | None:
    """Why a file shows no figures, or None where it does."""
    return report.findings[0].message if report.interval_minutes is None else None
