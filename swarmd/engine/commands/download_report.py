"""How a download is told: a line of progress per symbol while it runs, and at its end what each symbol came to.

`download.py` calls it. Nothing here decides or fetches.
"""

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from swarmd.state.errors import OperatorError, OutsideError

if TYPE_CHECKING:  # numpy and pyarrow come in only when the command runs
    from swarmd.engine.market.download import Downloaded, Request
    from swarmd.engine.market.errand import Told


@dataclass(frozen=True, slots=True)
class Fetched:
    """How one symbol ended: with what was downloaded, or with a fault that a person or the outside must mend."""

    request: "Request"
    seconds: float
    done: "Downloaded | None"
    fault: OperatorError | OutsideError | None


class Screen:
    """A progress line per symbol on a terminal, and a line for each wait wherever stderr goes."""

    def __init__(self, console: Any, progress: Any) -> None:
        self._console, self._progress = console, progress

    def line(self, title: str) -> "Told":
        return _Line(title, self._console, self._progress)


class _Line:
    def __init__(self, title: str, console: Any, progress: Any) -> None:
        self._title, self._console, self._progress = title, console, progress
        self._task: Any = None

    def expect(self, n_bars: int) -> None:
        self._task = self._progress.add_task(self._title, total=n_bars)

    def advance(self, n_bars: int) -> None:
        self._progress.advance(self._task, n_bars)

    def retry(self, reason: str, wait_s: float) -> None:
        text = f"{self._title}: {reason}; again in {wait_s:.1f} s"
        self._console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def progress_screen() -> Iterator[Screen]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft
    from rich.text import Text

    class Rate(ProgressColumn):
        """Bars per second over the last half minute."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.0f} bars/s", style="progress.data.speed")

    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TextColumn("eta"),
        TimeLeft(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        yield Screen(console, progress)


def tell(exchange_name: str, interval: str, results: list[Fetched], *, as_json: bool) -> None:
    """The results on stdout; then, where some failed, what a person or another day must mend."""
    faults = [result.fault for result in results if result.fault is not None]
    if as_json:
        document = {
            "schema": "swarmd.data_download/1",
            "exchange": exchange_name,
            "interval": interval,
            "passed": not faults,
            "symbols": [_figures(result) for result in results],
        }
        click.echo(json.dumps(document))
    else:
        for result in results:
            if result.done is not None:
                click.echo(_told(result, result.done))
    if not faults:
        return
    # Who must move first is told first: a person can mend what no other day will.
    first = next((fault for fault in faults if isinstance(fault, OperatorError)), faults[0])
    for fault in faults:
        if fault is not first:
            click.echo(f"also failed: {fault}", err=True)
    raise first


def _figures(result: Fetched) -> dict[str, Any]:
    from swarmd.engine.market.timeframes import iso_instant

    request, done = result.request, result.done
    named = {"symbol": request.symbol, "path": str(request.target), "seconds": round(result.seconds, 3)}
    if done is None:
        return {**named, "outcome": "failed", "error": str(result.fault)}
    return {
        **named,
        "outcome": done.outcome,
        "rows": done.n_rows,
        "new_rows": done.n_new,
        "resumed_rows": done.n_resumed,
        "first": iso_instant(int(done.bars.open_time[0])),
        "last": iso_instant(int(done.bars.open_time[-1])),
        "listed_later": int(done.bars.open_time[0]) > request.since_ms,
        "gaps": [{"first_missing": iso_instant(gap.first_missing_ms), "bars": gap.n_bars} for gap in done.gaps],
        "pages": done.n_pages,
        "retries": done.n_retries,
        "snapshot_id": done.bars.snapshot_id(),
        "sha256": done.bars.sha256(),
    }


def _told(result: Fetched, done: "Downloaded") -> str:
    from swarmd.engine.market.timeframes import utc_text

    request = result.request
    first, last = (utc_text(int(done.bars.open_time[bar])) for bar in (0, -1))
    words = {"unchanged": "nothing new", "extended": f"{done.n_new} new"}.get(done.outcome, done.outcome)
    told = f"{request.target}: {done.n_rows} bars, {words}; {first} to {last}; {result.seconds:.1f} s"
    if done.n_resumed:
        told += f"; continued from {done.n_resumed} bars kept"
    if done.n_retries:
        told += f"; {done.n_retries} {'retry' if done.n_retries == 1 else 'retries'}"
    if int(done.bars.open_time[0]) > request.since_ms:
        told += f"; the exchange has none before {first}"
    if done.gaps:
        shown = "; ".join(map(str, done.gaps[:3])) + ("; …" if len(done.gaps) > 3 else "")
        told += f"; gaps at the exchange: {len(done.gaps)}, {shown}"
    return told
