"""Tables of `swarmd data`: series in lines, checks with what, where, value and what to do.

As wide as the terminal; where it is too narrow for all columns side by side, the findings stand under each other. Piped
into a file or another program there is no width to respect: a row is a line, and nothing is cut off.
"""

import os
from itertools import groupby
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from swarmd.engine.market.checks import Finding
    from swarmd.engine.market.quality import PreflightReport

# Six columns of findings need that much to be read across.
_WIDE = 132
_COLOURS = {"pass": "green", "warn": "yellow", "fail": "red"}
# Of one check: a file with a thousand gaps has one remedy, and it stands in each.
_MOST_SHOWN = 20


def show_series(reports: list["PreflightReport"], *, verdicts: bool) -> None:
    """One line for each series: what it is, how long, and what is missing."""
    console = _screen()
    is_wide = console.width >= _WIDE
    table = _table("symbol", "interval")
    for heading in ("bars", "days", "missing"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("first", no_wrap=True)
    table.add_column("last", no_wrap=True)
    if verdicts:
        table.add_column("verdict", no_wrap=True)
    for report in reports:
        document = report.as_document()
        ends = [(document[end] or "?").removesuffix(":00Z").replace("T", " ") for end in ("first", "last")]
        table.add_row(
            _plain(report.symbol),
            document["interval"] or "?",
            str(report.n_bars),
            f"{report.days:.1f}",
            _missing(report),
            *(end if is_wide else end.partition(" ")[0] for end in ends),
            *([_verdict("pass" if report.is_fit else "fail")] if verdicts else []),
        )
    console.print(table)


def show_checks(report: "PreflightReport") -> None:
    """Every check of one series, with its findings."""
    console = _screen()
    console.print(_plain(f"{report.symbol}: {report.path}", style="bold"), soft_wrap=True)
    show = _across if console.width >= _WIDE else _stacked
    console.print(show(report))


def show_findings(report: "PreflightReport") -> None:
    """What is wrong with one series, a line each, as errors are told everywhere else."""
    for _, group in groupby(report.findings, key=lambda finding: finding.check):
        findings, more = _shown(list(group))
        for finding in findings:
            click.echo(f"{finding.level} {report.symbol} {finding.check}: {finding.message}")
        if more:
            click.echo(f"{findings[0].level} {report.symbol} {findings[0].check}: {more}")


def _missing(report: "PreflightReport") -> str:
    if not report.is_counted:
        return "?"
    return f"{sum(gap.n_bars for gap in report.gaps)} in {len(report.gaps)}" if report.gaps else "0"


def _across(report: "PreflightReport") -> Any:
    table = _table("check", "verdict", "what", "where", "value", "what to do")
    for check in report.checks:
        findings, more = _shown([finding for finding in report.findings if finding.check == check.name])
        if not findings:
            table.add_row(check.name, _verdict(check.status), "", "", _plain(check.told))
        for finding in findings:
            cells = (finding.what, finding.where, finding.value, finding.remedy)
            table.add_row(check.name, _verdict(check.status), *map(_plain, cells))
        if more:
            table.add_row(check.name, _verdict(check.status), _plain(more))
    return table


def _stacked(report: "PreflightReport") -> Any:
    table = _table("check", "verdict", "what, where, value and what to do")
    for check in report.checks:
        findings, more = _shown([finding for finding in report.findings if finding.check == check.name])
        if not findings:
            table.add_row(check.name, _verdict(check.status), _plain(check.told))
        for finding in findings:
            # Parts that say the same, as a file that cannot be read has no row and no value, are left out.
            parts = (finding.what, finding.where, finding.value, finding.remedy and f"→ {finding.remedy}")
            table.add_row(check.name, _verdict(check.status), _plain("\n".join(filter(None, parts))))
        if more:
            table.add_row(check.name, _verdict(check.status), _plain(more))
    return table


def _shown(findings: list["Finding"]) -> tuple[list["Finding"], str]:
    more = len(findings) - _MOST_SHOWN
    return findings[:_MOST_SHOWN], f"… and {more} more like these; --json lists all" if more > 0 else ""


def _table(*headings: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        # A check and its verdict are read down the page; the rest may be folded, and is never cut off.
        table.add_column(heading, no_wrap=heading in ("check", "verdict", "interval"), overflow="fold")
    return table


def _plain(text: str, style: str = "") -> Any:
    from rich.text import Text

    return Text(text, style=style)


def _verdict(status: str) -> Any:
    return _plain(status, style=_COLOURS.get(status, "dim"))


def _screen() -> "Console":
    from rich.console import Console

    # No escape sequence at all: rich alone would still set headings in bold.
    console = Console(color_system=None if os.environ.get("NO_COLOR") else "auto")
    # Piped, a table is as wide as its longest row.
    return console if console.is_terminal else Console(width=100_000, color_system=None)
