"""What a run has to say, in three files that it alone writes: progress, finished trials, events.

One JSON object a line, each line one write, so that a reader sees whole lines but for the very last. Only the result is
forced to the disk: the rest can be made again.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from swarmd.state.errors import OutsideError
from swarmd.state.records.result import ResultSummary
from swarmd.state.records.throughput import Speed
from swarmd.state.store.files import sync_directory, write_whole
from swarmd.state.units import SECOND, Millis
from swarmd.state.work_order import ReadyLine, ResultLine, SaidLine, SpeedLine

# A line a second is what a person can read and a disk does not notice.
PROGRESS_EVERY: Millis = SECOND
# How much the newest interval says about the rate: a few seconds' memory.
_SMOOTHING = 0.3


class Outbox:
    """The outbox of one run. `now` is wall time in ms, `steady` never runs backwards."""

    def __init__(self, folder: Path, *, token: int, now: Callable[[], Millis], steady: Callable[[], Millis]) -> None:
        self._folder = folder
        self._token = token
        self._now = now
        self._steady = steady
        self._done = self._total = 0
        self._told_at = steady()
        self._told_done = 0
        self._rate: float | None = None
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files = {name: _append(folder / f"{name}.jsonl") for name in ("progress", "trials", "events")}
        except OSError as cause:
            raise OutsideError(f"cannot open the outbox {folder}: {cause.strerror}") from cause

    # -- events -------------------------------------------------------------------------------------------------

    def ready(self) -> None:
        self._write("events", ReadyLine(token=self._token, pid=os.getpid(), wall=self._now()).model_dump(mode="json"))

    def say(self, text: str) -> None:
        self._write("events", SaidLine(token=self._token, text=text, wall=self._now()).model_dump(mode="json"))

    def measured(self, speed: Speed) -> None:
        self._write("events", SpeedLine(token=self._token, speed=speed, wall=self._now()).model_dump(mode="json"))

    def result(self, summary: ResultSummary) -> None:
        """The last line: on the disk, with the directory that names it, before this returns."""
        self._tell_progress()
        self._write("events", ResultLine(token=self._token, summary=summary, wall=self._now()).model_dump(mode="json"))
        os.fsync(self._files["events"])
        sync_directory(self._folder)

    # -- work ---------------------------------------------------------------------------------------------------

    def expect(self, total: int) -> None:
        self._total = total
        self._tell_progress()

    def advance(self, units: int) -> None:
        self._done += units
        if self._steady() - self._told_at >= PROGRESS_EVERY:
            self._tell_progress()

    def skip(self, units: int) -> None:
        """They are no measure of the pace."""
        self._told_done += units
        self.advance(units)

    def trial(self, trial: Mapping[str, Any]) -> None:
        self._write("trials", {"token": self._token, "wall": self._now(), **trial})

    def close(self) -> None:
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files = {}

    def _tell_progress(self) -> None:
        now = self._steady()
        elapsed = (now - self._told_at) / SECOND
        if elapsed > 0 and self._done > self._told_done:
            latest = (self._done - self._told_done) / elapsed
            self._rate = latest if self._rate is None else self._rate + _SMOOTHING * (latest - self._rate)
        self._told_at, self._told_done = now, self._done
        left = self._total - self._done
        line = {
            "token": self._token,
            "wall": self._now(),
            "done": self._done,
            "total": self._total,
            "rate": None if self._rate is None else round(self._rate, 3),
            "eta_s": None if not self._rate or left < 0 else round(left / self._rate, 1),
        }
        self._write("progress", line)

    def _write(self, name: str, line: Mapping[str, Any]) -> None:
        try:
            write_whole(self._files[name], json.dumps(line, allow_nan=False).encode() + b"\n")
        except OSError as cause:
            raise OutsideError(f"cannot write {self._folder / name}.jsonl: {cause.strerror}") from cause


def _append(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
