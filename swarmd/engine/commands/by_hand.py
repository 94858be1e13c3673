"""Phases run in this process, with a progress bar on a terminal: what `refine` and `optimize` share.

Holds the same folder lock as a lane's run, so that a person and the swarm never write over each other.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from swarmd.engine.commands.search_flags import order_by_hand, wall_ms
from swarmd.engine.market.faults import DataError
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.folder import alone_in
from swarmd.engine.phases.question import work_folder
from swarmd.engine.phases.table import PHASES
from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.job import Phase
from swarmd.state.records.result import ResultSummary
from swarmd.state.store.files import Home
from swarmd.state.surrogates import priced, shares
from swarmd.state.work_order import AskedEngine, WorkOrder

_KEPT = {Phase.REFINE: "trials", Phase.SURROGATES: "surrogate markets"}


def run_phases(
    phases: Iterable[Phase], settings: CampaignSettings, home: Home, *, engine: AskedEngine = "cpu"
) -> Iterator[tuple[Phase, ResultSummary]]:
    """One phase after the other, each with its result; stops after the first that fails.

    Before a judgement by evidence its surrogate markets are searched, share by share, until they have said enough.

    Raises
    ------
    OperatorError
        For whatever a person can mend.
    """
    threads = len(os.sched_getaffinity(0))
    for phase in phases:
        if phase is Phase.VALIDATE:
            for share_summary in _priced(settings, home, threads=threads, engine=engine):
                yield Phase.SURROGATES, share_summary
        summary = _carried_out(order_by_hand(settings, phase, home, threads=threads, engine=engine), home)
        if phase is Phase.PREFLIGHT and summary.verdict == "fail":
            # Unfit data is for a person to mend, and the headline says how; every later no is an answer.
            raise OperatorError(summary.headline)
        yield phase, summary
        if summary.verdict == "fail":
            return


def _priced(settings: CampaignSettings, home: Home, *, threads: int, engine: AskedEngine) -> Iterator[ResultSummary]:
    figures: list[Mapping[str, Any]] = []
    for share in shares(settings.validation.surrogates):
        if priced(settings.validation.surrogates, figures).is_settled:
            return
        order = order_by_hand(settings, Phase.SURROGATES, home, threads=threads, engine=engine, share=share)
        summary = _carried_out(order, home)
        figures.append(summary.figures)
        yield summary


def _carried_out(order: WorkOrder, home: Home) -> ResultSummary:
    """One order in this process, alone in its folder. OperatorError for whatever a person can mend."""
    holder = {"run": order.run, "pid": os.getpid()}
    alone = alone_in(work_folder(order, home), holder, should_yield=lambda: False)
    with alone, progress_desk(home, order.job) as desk:
        try:
            return PHASES[order.phase](order, desk)
        except (DataError, ValueError) as refusal:
            raise OperatorError(str(refusal)) from refusal
        except KeyboardInterrupt:
            # A prescreen is short and begins anew; a refinement is hours of somebody's time.
            if kept := _KEPT.get(order.phase):
                desk.say(f"interrupted: the {kept} that are finished are kept, and the same command goes on")
            raise


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

        def advance(units: int) -> None:
            progress.advance(task, units)

        yield Desk(
            home=home,
            now=wall_ms,
            expect=lambda total: progress.update(task, total=total),
            advance=advance,
            skip=advance,
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
