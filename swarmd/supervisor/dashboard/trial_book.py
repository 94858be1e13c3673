"""The trials of every run, as their outboxes grow: what is needed of all is kept in columns, a row is read when shown.

A hundred thousand trials are a hundred megabytes of JSON and four of columns. Read in small steps, so that nobody who
wants something else is kept waiting; a torn last line waits for its rest. Used by ``answers`` from one thread.
"""

import math
import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from swarmd.state.store.files import Home

Row = dict[str, Any]

# About ten milliseconds of parsing.
STEP_BYTES = 2 << 20


@dataclass(slots=True)
class _Outbox:
    """The trials of one run: where each line begins, and of each its number, its score and whether it counts."""

    run: str
    path: Path
    length: int = 0
    starts: "array[int]" = field(default_factory=lambda: array("q"))
    sizes: "array[int]" = field(default_factory=lambda: array("i"))
    numbers: "array[int]" = field(default_factory=lambda: array("q"))
    scores: "array[float]" = field(default_factory=lambda: array("d"))
    valid: bytearray = field(default_factory=bytearray)

    def take(self, most: int) -> int:
        """Take in whole lines, about so many bytes of them; how many bytes that were."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.length)
                data = file.read(most)
                if b"\n" not in data and len(data) == most:
                    data += file.readline()  # one line longer than a step
        except OSError:
            return 0
        whole = data.rfind(b"\n") + 1
        at = self.length
        for line in data[:whole].split(b"\n")[:-1]:
            self._add(at, line)
            at += len(line) + 1
        self.length += whole
        return whole

    def _add(self, at: int, line: bytes) -> None:
        try:
            said = orjson.loads(line)
            number = int(said["number"])
            score = said.get("score")
            score = float(score) if score is not None else math.nan
        except (ValueError, KeyError, TypeError):
            return  # damaged: the search itself names it
        self.starts.append(at)
        self.sizes.append(len(line))
        self.numbers.append(number)
        self.scores.append(score)
        self.valid.append(bool(said.get("valid", True)) and said.get("state", "complete") == "complete")


class TrialBook:
    """``look`` reads on; ``is_behind`` while there is more to read than one step took in."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._outboxes: dict[str, _Outbox] = {}
        self.is_behind = False

    def __len__(self) -> int:
        return sum(len(outbox.starts) for outbox in self._outboxes.values())

    def look(self, most: int = STEP_BYTES) -> bool:
        """Read on by about so many bytes; whether there was anything."""
        left = most
        for run, path, size in self._files():
            outbox = self._outboxes.get(run)
            if outbox is None or outbox.length > size:  # a file shorter than what was read of it is another
                outbox = self._outboxes[run] = _Outbox(run, path)
            while outbox.length < size and left > 0:
                took = outbox.take(min(left, size - outbox.length))
                if not took:
                    break  # torn: its rest is still to be written
                left -= took
            if left <= 0:
                self.is_behind = True
                return True
        self.is_behind = False
        return left < most

    def _files(self) -> Iterator[tuple[str, Path, int]]:
        try:
            with os.scandir(self._home.outbox) as folders:
                names = sorted(folder.name for folder in folders)
        except OSError:
            names = []
        for gone in self._outboxes.keys() - set(names):
            del self._outboxes[gone]
        for name in names:
            path = self._home.outbox / name / "trials.jsonl"
            try:
                size = path.stat().st_size
            except OSError:
                continue
            if size:
                yield name, path, size

    def runs(self) -> list[str]:
        return [run for run, outbox in self._outboxes.items() if outbox.starts]

    def count(self, runs: Iterable[str]) -> int:
        return sum(len(self._outboxes[run].starts) for run in runs if run in self._outboxes)

    def newest(self, cursor: int, limit: int, runs: Sequence[str] | None = None) -> Row:
        """A page of all trials, the runs that came last first, and of each its last trial first."""
        chosen = [self._outboxes[run] for run in reversed(self.runs()) if runs is None or run in runs]
        total = sum(len(outbox.starts) for outbox in chosen)
        rows: list[Row] = []
        skip = cursor
        for outbox in chosen:
            n = len(outbox.starts)
            if skip >= n:
                skip -= n
                continue
            places = range(n - 1 - skip, max(-1, n - 1 - skip - (limit - len(rows))), -1)
            rows += _read(outbox, places)
            skip = 0
            if len(rows) >= limit:
                break
        end = cursor + limit
        return {"total": total, "cursor": cursor, "rows": rows, "next": str(end) if end < total else None}

    def scores(self, runs: Iterable[str]) -> list[tuple[int, float, bool, str, int]]:
        """(number, score, counts, run, place) of a search, each number once: what a later attempt wrote stands."""
        found: dict[int, tuple[int, float, bool, str, int]] = {}
        for run in runs:
            outbox = self._outboxes.get(run)
            if outbox is None:
                continue
            for place, number in enumerate(outbox.numbers):
                found[number] = (number, outbox.scores[place], bool(outbox.valid[place]), run, place)
        return [found[number] for number in sorted(found)]

    def rows(self, chosen: Iterable[tuple[str, int]]) -> list[Row]:
        """Trials by run and place, in the order given."""
        by_run: dict[str, list[tuple[int, int]]] = {}
        for order, (run, place) in enumerate(chosen):
            by_run.setdefault(run, []).append((order, place))
        found: dict[int, Row] = {}
        for run, wanted in by_run.items():
            read = _read(self._outboxes[run], [place for _, place in wanted])
            found |= {order: row for (order, _), row in zip(wanted, read, strict=True)}
        return [found[order] for order in sorted(found)]


def _read(outbox: _Outbox, places: Iterable[int]) -> list[Row]:
    rows: list[Row] = []
    descriptor = os.open(outbox.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for place in places:
            said = orjson.loads(os.pread(descriptor, outbox.sizes[place], outbox.starts[place]))
            rows.append({"run": outbox.run, **said})
    finally:
        os.close(descriptor)
    return rows
