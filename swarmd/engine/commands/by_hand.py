"""Phases run in this process, with a progress bar on a terminal: what `refine` and `optimize` share.

Holds the same folder lock as a lane's run, so that a person and the swarm never write over each other.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from swarmd.engine.commands.search_flags import order_by_hand, wall_ms
from swarmd.engine.market.faults import DataError
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.folder import alone_in
from swarmd.engine.phases.table import PHASES
from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign import CampaignSettings
from swarmd.state.records.job import Phase
from swarmd.state.records.result import ResultSummary
from swarmd.state.store.files import Home
from swarmd.state.work_order import AskedEngine


def run_phases(
    phases: Iterable[Phase], settings: CampaignSettings, home: Home, *, engine: AskedEngine = "cpu"
) -> Iterator[tuple[Phase, ResultSummary]]:
    """One phase after the other, each with its result; stops after the first that fails.

    Raises
    ------
    OperatorError
        For whatever a person can mend.
    """
    threads = len(os.sched_getaffinity(0))
    for phase in phases:
        order = order_by_hand(settings, phase, home, threads=threads, engine=engine)
        folder = home.results_of(settings.name, order.symbol, order.mode)
        holder = {"run": order.run, "pid": os.getpid()}
        with alone_in(folder, holder, should_yield=lambda: False), progress_desk(home, order.job) as desk:
            try:
                summary = PHASES[phase](order, desk)
            except (DataError, ValueError) as refusal:
                raise OperatorError(str(refusal)) from refusal
            except KeyboardInterrupt:
                # A prescreen is short and begins anew; a refinement is hours of somebody's time.
                if phase is Phase.REFINE:
                    desk.say("interrupted: the trials that are finished are kept, and the same command goes on")
                raise
        if phase is Phase.PREFLIGHT and summary.verdict == "fail":
            # Unfit data is for a person to mend, and the headline says how; every later no is an answer.
            raise OperatorError(summary.headline)
        yield phase, summary
        if summary.verdict == "fail":
            return


@contextmanager
def progress_desk(home: Home, title: str, *, window_seconds: float = 30.0) -> Iterator[Desk]:
    """A desk that draws on stderr: rate and time left on a terminal, nothing where nobody watches.

    Both are those of the last `window_seconds`; units that take long need a longer one.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Units per second, or per minute where they are slow."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            told = "" if speed is None else f"{speed:,.0f}/s" if speed >= 1 else f"{60 * speed:.1f}/min"
            return Text(told, style="progress.data.speed")

    console = Console(file=sys.stderr)
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(),
        TextColumn("eta"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        speed_estimate_period=window_seconds,
    ) as progress:
        task = progress.add_task(title, total=None)

        def tell_nobody(trial: Any) -> None:
            return

        yield Desk(
            home=home,
            now=wall_ms,
            expect=lambda total: progress.update(task, total=total),
            advance=lambda units: progress.advance(task, units),
            told_trial=tell_nobody,
            say=lambda text: console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True),
            should_yield=lambda: False,
        )


def told_phase(phase: Phase, summary: ResultSummary) -> str:
    mark = "pass" if summary.verdict == "pass" else "FAIL"
    return f"{phase.value:<10} {mark}  {summary.headline}"


def log_to_stderr() -> None:
    """The engine's own log lines (such as which seeds were loaded), for a person; stdout stays the answer's."""
    import logging

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
