"""How fast a prescreen evaluates: its own seconds, taken between the words of its progress.

The prescreen phase makes a ``Meter`` and hands its ``heard`` to the search; what came of it goes to the daemon beside
the result. A measure for people and the regression guard: nothing of it may enter a document that must come out the
same.
"""

import importlib.metadata
import os
import time
from collections.abc import Callable
from pathlib import Path

from swarmd.engine.compiled import CACHE_VARIABLE, kernel_folder, sources_digest
from swarmd.engine.market.timeframes import interval_name
from swarmd.engine.phases.conditions import (
    began_at,
    compiled_between,
    conditions_between,
    machine_name,
    read_counters,
)
from swarmd.engine.phases.question import Question, digest_of
from swarmd.engine.search.space import space_document
from swarmd.state.records.throughput import Speed

_PROC, _SYS = Path("/proc"), Path("/sys")
_DIGITS = 8


class Meter:
    """Listens to the progress of an evaluation: 0 says that it begins now, anything else that so many are done."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        self._progress = progress
        self.cpu_seconds = self.wall_seconds = 0.0
        self._began, self._before = time.time(), read_counters(_PROC, _SYS)
        self._started = time.perf_counter()
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def heard(self, done: int) -> None:
        """The time since the last word was spent on evaluating, unless this one only says that all is prepared."""
        cpu, wall = time.process_time(), time.perf_counter()
        if done > 0:
            self.cpu_seconds += cpu - self._cpu
            self.wall_seconds += wall - self._wall
        # The listener's own time is nobody's evaluation.
        self._progress(done)
        self._cpu, self._wall = time.process_time(), time.perf_counter()

    def speed(self, question: Question, *, combos: int, engine: str, threads: int) -> Speed:
        """What was measured since this meter was made; to be asked when the evaluation is over."""
        elapsed, after = time.perf_counter() - self._started, read_counters(_PROC, _SYS)
        kernels = Path(os.environ.get(CACHE_VARIABLE) or kernel_folder())
        conditions = conditions_between(
            self._before,
            after,
            elapsed=elapsed,
            proc=_PROC,
            sys=_SYS,
            compiled=compiled_between(kernels, began_at(_PROC), self._began),
            compiled_meanwhile=compiled_between(kernels, self._began, time.time()),
        )
        space = {"interval": interval_name(question.bars.interval_minutes), "space": space_document(question.space)}
        return Speed(
            machine=machine_name(_PROC),
            kernel=sources_digest(),
            strategy=question.strategy.card.name,
            direction=question.strategy.card.mode(question.mode).direction.value,
            engine=engine,
            threads=max(1, threads),
            space=digest_of(space)[:_DIGITS],
            symbol=question.symbol,
            combos=combos,
            bars=question.vault_bar,
            cpu_seconds=round(self.cpu_seconds, 6),
            wall_seconds=round(self.wall_seconds, 6),
            library=f"numba {importlib.metadata.version('numba')}",
            code=question.origin.code_version,
            conditions=conditions,
        )
