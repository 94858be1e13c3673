"""`swarmd data`: bars in, judged, listed, and made up with a known truth.

Prints tables for a person and one JSON document with `--json`. Reading and judging is `engine/market`; here are only
arguments, files that may not be overwritten, and words.
"""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swarmd.engine.commands.faults import told_to_the_operator
from swarmd.state.errors import OperatorError

if TYPE_CHECKING:  # numpy, numba and pyarrow come in only when a command runs
    from swarmd.engine.market.bars import Bars
    from swarmd.engine.market.quality import PreflightReport

SYNTHETIC_NOTE = (
    "These bars are synthetic: made up by `swarmd data synth`, no market ever traded at them."
    " Use them to test a search, never as evidence about a market."
)
_DEFAULT_SHARPE = {"planted": 2.0, "drift": 1.0}


@click.group()
def data() -> None:
    """Bars: import, check, list, or make up a market whose truth is known."""


@data.command("import", epilog="Example: swarmd data import btc.csv --out data/bars_5m --symbol BTCUSDT --interval 5m")
@click.argument("source", metavar="SRC", type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder that gets SYMBOL.parquet.")
@click.option("--symbol", help="Name of the asset; the file's own name when absent.")
@click.option("--interval", help="Interval of the bars, such as 5m; told from the open times when absent.")
@click.option(
    "--known-gap", "known_gaps", multiple=True, metavar="DAY", help="Accept the gap that begins on this UTC day."
)
@click.option("--allow-gaps", default=0, show_default=True, help="Accept this many missing bars in all.")
@click.option("--force", is_flag=True, help="Replace bars that are there and differ.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def import_(
    source: Path,
    out: Path,
    symbol: str | None,
    interval: str | None,
    known_gaps: tuple[str, ...],
    allow_gaps: int,
    force: bool,
    as_json: bool,
) -> None:
    """Check a Parquet, CSV or Feather file and keep it as SYMBOL.parquet.

    Accepted gaps stay gaps in the file; they are put on the grid when it is loaded.
    """
    from swarmd.engine.market.bars import load_bars

    name = _checked_symbol(symbol if symbol is not None else source.stem)
    target = out / f"{name}.parquet"
    with told_to_the_operator():
        bars = load_bars(source, symbol=name, interval=interval, known_gaps=known_gaps, allow_gaps=allow_gaps)
        is_written = _keep(bars, target, force=force)
    if as_json:
        _print_document("data_import", {"path": str(target), "written": is_written, **_figures(bars)})
        return
    n_real = int((~bars.synthetic).sum())
    click.echo(
        f"{target}: {n_real} bars {'written' if is_written else 'already there, the same'} ({bars.snapshot_id()})"
    )


@data.command(epilog="Example: swarmd data validate data/bars_5m --check-all --known-gap 2023-12-31")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--check-all", is_flag=True, help="Show every check with its figures, not only the problems.")
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
    """Run the preflight checks on files of bars, or on every one in a folder.

    Exit code 1 when any file fails, 2 when a path or an option is wrong.
    """
    from swarmd.engine.market.quality import preflight

    with told_to_the_operator():
        files = [file for path in paths for file in _bars_files(path)]
        reports = [
            preflight(file, interval=interval, known_gaps=known_gaps, allow_gaps=allow_gaps, min_days=min_days)
            for file in files
        ]
    is_fit = all(report.is_fit for report in reports)
    if as_json:
        _print_document("data_validate", {"passed": is_fit, "files": [report.as_document() for report in reports]})
    else:
        _print_reports(reports, check_all=check_all)
    if not is_fit:
        ctx.exit(1)


@data.command(
    epilog="Example: swarmd data synth --kind planted --days 730 --seed 7 --sharpe 3 --out data/synth --symbol SYN7"
)
@click.option("--kind", type=click.Choice(["noise", "drift", "planted"]), required=True, help="What truth to make up.")
@click.option("--days", default=730, show_default=True, help="Length of the market.")
@click.option("--seed", default=0, show_default=True, help="The same seed makes the same bars.")
@click.option("--sharpe", type=float, help="Net annual Sharpe of the planted rule (2), or of holding a drift (1).")
@click.option("--interval", default="5m", show_default=True, help="Interval of the bars.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder for the bars and their truth.")
@click.option("--symbol", help="Name of the asset; the kind in capitals when absent.")
@click.option("--force", is_flag=True, help="Replace bars that are there and differ.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def synth(
    kind: str,
    days: int,
    seed: int,
    sharpe: float | None,
    interval: str,
    out: Path,
    symbol: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make up a market whose truth is known: SYMBOL.parquet, and SYMBOL.truth.json that says what is true."""
    name = _checked_symbol(symbol if symbol is not None else kind.upper())
    if kind == "noise" and sharpe is not None:
        raise OperatorError("--sharpe says how strong an edge is, and noise has none; drop it, or use --kind planted")
    with told_to_the_operator():
        bars, truth = _made_up(kind, days, seed, sharpe, interval, name)
        document = {
            "schema": "swarmd.truth/1",
            "synthetic": True,
            "note": SYNTHETIC_NOTE,
            "kind": kind,
            "seed": seed,
            **_figures(bars),
            "truth": truth,
        }
        is_written = _keep(bars, out / f"{name}.parquet", force=force)
        _replace(out / f"{name}.truth.json", lambda path: path.write_text(json.dumps(document, indent=2) + "\n"))
    if as_json:
        click.echo(json.dumps(document))
        return
    click.echo(
        f"{out / name}.parquet: {bars.n_bars} synthetic bars {'written' if is_written else 'already there, the same'}"
    )
    click.echo(f"{out / name}.truth.json: {_told_truth(kind, truth)}")


@data.command("list", epilog="Example: swarmd data list data/bars_5m")
@click.argument("root", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def list_(root: Path, as_json: bool) -> None:
    """List the bars in a folder: symbol, interval, length and gaps."""
    from swarmd.engine.market.quality import preflight

    with told_to_the_operator():
        if not root.is_dir():
            raise OperatorError(f"{root}: there is no such folder; give the folder that holds the bars")
        reports = [preflight(file, min_days=0) for file in _bars_files(root)]
    if as_json:
        kept = ("symbol", "interval", "bars", "first", "last", "days", "gaps", "path")
        rows = [
            {**{key: report.as_document()[key] for key in kept}, "problem": _unreadable(report)} for report in reports
        ]
        _print_document("data_list", {"root": str(root), "series": rows})
        return
    _print_series(reports, verdicts=False)
    for problem in filter(None, map(_unreadable, reports)):
        click.echo(problem)


def _unreadable(report: "PreflightReport") -> str | None:
    """Why a file shows no figures, or None where it does."""
    return report.findings[0].message if report.interval_minutes is None else None


def _made_up(
    kind: str, days: int, seed: int, sharpe: float | None, interval: str, name: str
) -> tuple["Bars", dict[str, Any]]:
    from swarmd.engine.market import synth as markets
    from swarmd.engine.market.timeframes import parse_interval

    minutes = parse_interval(interval)
    strength = sharpe if sharpe is not None else _DEFAULT_SHARPE.get(kind, 0.0)
    if kind == "planted":
        bars, truth = markets.planted_market(days, seed, strength, minutes, symbol=name)
        return bars, truth.as_document()
    if kind == "drift":
        bars = markets.drift_market(days, seed, minutes, annual_sharpe=strength, symbol=name)
        return bars, {"annual_sharpe_of_holding": strength, "timing_edge": False}
    return markets.noise_market(days, seed, minutes, symbol=name), {"expected_return": 0.0, "timing_edge": False}


def _told_truth(kind: str, truth: dict[str, Any]) -> str:
    if kind == "planted":
        rule = truth["rule"]
        return (
            f"a long-short mtf_ema rule ({rule['tf_fast']} min x {rule['L_fast']},"
            f" {rule['tf_slow']} min x {rule['L_slow']}) whose true net Sharpe is {truth['true_net_annual_sharpe']:.2f}"
        )
    if kind == "drift":
        return f"holding has a Sharpe of {truth['annual_sharpe_of_holding']:g}; there is no timing edge"
    return "there is no edge"


def _checked_symbol(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise OperatorError(f"symbol {name!r} cannot be a file's name; use letters, digits, dot, dash or underscore")
    return name


def _bars_files(path: Path) -> list[Path]:
    """The file itself, or every bars file directly in the folder, in order of name."""
    from swarmd.engine.market.formats import SUFFIXES

    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        if not found:
            raise OperatorError(
                f"{path}: no {', '.join(SUFFIXES)} file in this folder; give the folder that holds bars"
            )
        return found
    if not path.exists():
        raise OperatorError(f"{path}: there is no such file or folder; check the path")
    return [path]


def _keep(bars: "Bars", target: Path, *, force: bool) -> bool:
    """Writes bars, unless the very same are there already; refuses to replace others. Returns whether it wrote."""
    from swarmd.engine.market.bars import load_bars
    from swarmd.engine.market.faults import DataError
    from swarmd.engine.market.formats import write_bars

    if target.exists():
        try:
            is_same = (
                load_bars(target, interval=bars.interval_minutes, allow_gaps=bars.n_bars).sha256() == bars.sha256()
            )
        except DataError:
            is_same = False
        if is_same:
            return False
        if not force:
            raise OperatorError(f"{target}: other bars are there already; choose another --out or --symbol, or --force")
    _replace(target, lambda path: write_bars(path, bars))
    return True


def _replace(target: Path, write: Callable[[Path], object]) -> None:
    """Writes beside the target and moves it into place, so that a reader never sees half a file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.stem}.{os.getpid()}{target.suffix}")
    try:
        write(beside)
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _figures(bars: "Bars") -> dict[str, Any]:
    from swarmd.engine.market.timeframes import interval_name, iso_instant

    return {
        "symbol": bars.symbol,
        "interval": interval_name(bars.interval_minutes),
        "bars": bars.n_bars,
        "missing_bars": int(bars.synthetic.sum()),
        "first": iso_instant(int(bars.open_time[0])),
        "last": iso_instant(int(bars.open_time[-1])),
        "snapshot_id": bars.snapshot_id(),
        "sha256": bars.sha256(),
    }


def _print_document(name: str, body: dict[str, Any]) -> None:
    click.echo(json.dumps({"schema": f"swarmd.{name}/1", **body}))


def _print_reports(reports: list["PreflightReport"], *, check_all: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    _print_series(reports, verdicts=True)
    for report in reports:
        if check_all:
            table = Table(
                "check", "verdict", "figures", title=escape(f"{report.symbol} ({report.path})"), title_justify="left"
            )
            for check in report.checks:
                table.add_row(check.name, _painted(check.status), escape(check.told))
            _show(table)
        for finding in report.findings:
            click.echo(f"{finding.level} {report.symbol} {finding.check}: {finding.message}")
    n_failed = sum(not report.is_fit for report in reports)
    click.echo(
        f"{len(reports) - n_failed} of {len(reports)} {'file is' if len(reports) == 1 else 'files are'} fit to use"
    )


def _print_series(reports: list["PreflightReport"], *, verdicts: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("symbol", "interval")
    for heading in ("bars", "days", "missing", "gaps"):
        table.add_column(heading, justify="right")
    table.add_column("first")
    table.add_column("last")
    if verdicts:
        table.add_column("verdict")
    for report in reports:
        document = report.as_document()
        row = [escape(report.symbol), document["interval"] or "?", str(report.n_bars), f"{report.days:.1f}"]
        row += [str(sum(gap.n_bars for gap in report.gaps)), str(len(report.gaps))]
        row += [(document[end] or "?").removesuffix(":00Z").replace("T", " ") for end in ("first", "last")]
        table.add_row(*row, *([_painted("pass" if report.is_fit else "fail")] if verdicts else []))
    _show(table)


def _painted(status: str) -> str:
    colour = {"pass": "green", "warn": "yellow", "fail": "red"}.get(status, "dim")
    return f"[{colour}]{status}[/{colour}]"


def _show(table: Any) -> None:
    from rich.console import Console

    console = Console()
    # Piped into a file there is no width to respect, and a cut-off figure helps nobody.
    Console(width=console.width if console.is_terminal else 160).print(table)
