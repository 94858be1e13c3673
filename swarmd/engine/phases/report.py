"""The pages that a person finds in the morning: those of the asset that was judged, and its campaign's, side by side.

Called at the end of every phase that may be the last of an asset, and by `swarmd report`. All of it is made from the
files of the phases, so that the command comes to the same pages. A report that cannot be made is said and costs nobody
a result.
"""

import csv
import io
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.question import mode_folder, work_folder
from swarmd.engine.phases.report_due import is_due
from swarmd.engine.phases.report_material import Ran, documents_of, is_branch, material_of, result_folders
from swarmd.engine.phases.trade_table import trades_csv
from swarmd.engine.reports.asset_page import asset_page
from swarmd.engine.reports.asset_text import asset_text
from swarmd.engine.reports.campaign import Row, campaign_page, campaign_text
from swarmd.engine.reports.material import DEVELOPMENT, VAULT, Material, Stretch
from swarmd.engine.reports.picture import equity_png
from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.records.result import ResultSummary
from swarmd.state.store.files import Home, atomic_write, lock_file
from swarmd.state.work_order import WorkOrder

PAGE_FILE, TEXT_FILE = "report.html", "report.md"
EQUITY_FILE, TRADES_FILE, PICTURE_FILE = "equity.csv", "development_trades.csv", "equity.png"
_LOCK = ".report.lock"
Phased = Callable[[WorkOrder, Desk], ResultSummary]
_PATIENCE_SECONDS = 20.0


def tell_report(order: WorkOrder, desk: Desk) -> tuple[str, ...]:
    """The pages of the order's asset, if it has a mode, and of its campaign, by the names that records use; what fails
    is said and nothing else."""
    told: list[str] = []
    try:
        if order.mode:
            folder = work_folder(order, desk.home)
            folder = folder if is_branch(folder) else mode_folder(order, desk)
            for name, content in asset_files(folder, desk.home).items():
                told.append(desk.write(folder / name, content))
        if is_due(desk.home.results_of(order.campaign.name), order.campaign, PAGE_FILE):
            write_campaign(order.campaign.name, desk.home)
    # The verdict is on the disk already; a page must not lose an hour's work, whatever is wrong with it.
    except Exception as fault:
        desk.say(f"{order.job}: no report ({type(fault).__name__}: {fault}); `swarmd report` makes it again")
    return tuple(told)


def told_if_it_ends(phase: Phased) -> Phased:
    """The phase, with a report behind a no of it: nothing comes after that for the asset."""

    @wraps(phase)
    def told(order: WorkOrder, desk: Desk) -> ResultSummary:
        summary = phase(order, desk)
        if summary.verdict == "fail":
            tell_report(order, desk)
        return summary

    return told


def asset_files(folder: Path, home: Home) -> dict[str, bytes]:
    """The files of one asset's report, by name: page, text, and the equity and trades that they link.

    Raises
    ------
    OperatorError
        If a file of the phases is there and cannot be read.
    """
    material, ran = material_of(folder, home)
    files = _tables(material, ran)
    there = frozenset(path.name for path in folder.iterdir()) | files.keys() | {TEXT_FILE}
    return {
        TEXT_FILE: asset_text(material).encode(),
        PAGE_FILE: asset_page(material, there).encode(),
        **files,
    }


def write_campaign(campaign: str, home: Home, out: Path | None = None) -> Path:
    """The page and the text of the campaign, one writer after the other: the last one sees what all have left."""
    results = home.results_of(campaign)
    where = out or results
    with _alone(where):
        taken = _lane_seconds(campaign, home)
        rows = [_row(folder.relative_to(results), results, where, home, taken) for folder in result_folders(results)]
        command = f"swarmd report {campaign}"
        atomic_write(where / TEXT_FILE, campaign_text(campaign, rows, command).encode())
        atomic_write(where / PAGE_FILE, campaign_page(campaign, rows, command).encode())
    return where / PAGE_FILE


def _row(name: Path, results: Path, where: Path, home: Home, taken: Mapping[tuple[str, str], float]) -> Row:
    """One asset and mode by the name of its folder; `where` has its page, which is with the results but for `--out`."""
    try:
        material = documents_of(results / name, home, is_brief=True)
    except OperatorError as damage:
        # One that cannot be read must not hide all others.
        mode = " ".join(name.parts[1:])
        material = Material(name.parts[0], mode, results.name, missing={"documents": str(damage)})
    return Row(
        material,
        stretches=_curves(where / name / EQUITY_FILE) or _curves(results / name / EQUITY_FILE),
        href=(name / PAGE_FILE).as_posix() if (where / name / PAGE_FILE).is_file() else "",
        # A branch's time is in its mode's.
        lane_seconds=taken.get((name.parts[0], name.parts[1] if len(name.parts) > 1 else "")) if len(name.parts) < 3
        else None,
    )  # fmt: skip


def _tables(material: Material, ran: Ran) -> dict[str, bytes]:
    """Equity by day and as a picture, and the development trades, whose file no phase writes for the finalist."""
    if not material.stretches:
        return {}
    page = io.StringIO(newline="")
    table = csv.writer(page, lineterminator="\n")
    table.writerow(("stretch", "day", "equity"))
    for stretch in material.stretches:
        table.writerows(
            (stretch.name, day, repr(level)) for day, level in zip(stretch.days, stretch.equity, strict=True)
        )
    files = {EQUITY_FILE: page.getvalue().encode(), PICTURE_FILE: equity_png(material.stretches)}
    if ran.development is not None:
        bars, run = ran.development
        files[TRADES_FILE] = trades_csv(run.trades, bars)
    return files


def _curves(path: Path) -> tuple[Stretch, ...]:
    """Equity as an asset's report has left it; nothing where there is none, or none that can be read."""
    found: dict[str, list[tuple[str, float]]] = {DEVELOPMENT: [], VAULT: []}
    try:
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                found[row["stretch"]].append((row["day"], float(row["equity"])))
    except (OSError, ValueError, KeyError, TypeError):
        return ()
    return tuple(
        Stretch(name, tuple(day for day, _ in curve), tuple(level for _, level in curve), ())
        for name, curve in found.items()
        if curve
    )


def _lane_seconds(campaign: str, home: Home) -> dict[tuple[str, str], float]:
    """What the runs of each asset and mode took from ready to result, by the clock, where an outbox still tells; those
    of no mode are the asset's own."""
    taken: dict[tuple[str, str], float] = {}
    for events in sorted(home.outbox.glob(f"{campaign}.*/events.jsonl")):
        symbol, _, rest = events.parent.name.removeprefix(f"{campaign}.").partition(".")
        mode = rest.partition(".")[0] if "." in rest else ""
        walls: dict[str, int] = {}
        for line in events.read_text(errors="replace").splitlines():
            try:
                told = json.loads(line)
                walls[told["event"]] = int(told["wall"])
            except (ValueError, KeyError, TypeError):
                continue
        if "ready" in walls and "result" in walls:
            seconds = (walls["result"] - walls["ready"]) / 1000.0
            taken[symbol, mode] = taken.get((symbol, mode), 0.0) + seconds
    return taken


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the campaign's page; OutsideError after a while in which another did not let go."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while (descriptor := lock_file(folder / _LOCK, {"pid": os.getpid()})) is None:
        if time.monotonic() > end:
            raise OutsideError(f"{folder / _LOCK} is held by another for {_PATIENCE_SECONDS:.0f} s; try again")
        time.sleep(0.05)
    try:
        yield
    finally:
        os.close(descriptor)


def require_results(folder: Path) -> None:
    """OperatorError where nothing of a campaign lies in the folder."""
    if not folder.is_dir() or not result_folders(folder):
        raise OperatorError(f"{folder}: no asset with results in it; name a campaign, or a folder of one")
