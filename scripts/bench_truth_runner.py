#!/usr/bin/env python3
"""Runs the markets of `bench_truth` in several processes and keeps each as one line of a file, to be taken up again.

The file's first line says what is searched, and how much of it; a file of another search is refused, for its records
answer another question. A torn last line, left by a kill, is dropped and its market judged again. Not a command.
"""

import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench_truth_judged import Counts, Record, judged
from bench_truth_markets import DRIFT, NOISE, PLANTED, Kind

from swarmd.engine.search.provenance import code_version

SCHEMA = "swarmd.bench_truth/1"
Task = tuple[Kind, int]


def tasks_of(noise: int, drift: int, planted: Iterable[int]) -> list[Task]:
    """So many markets of each kind, every kind spread evenly over the run: one that ends early has some of all."""
    asked = [(NOISE, noise), (DRIFT, drift), *zip(PLANTED, planted, strict=True)]
    placed = [((number + 0.5) / count, kind, number) for kind, count in asked for number in range(count)]
    return [(kind, number) for _, kind, number in sorted(placed, key=lambda each: each[0])]


def kept(path: Path, counts: Counts) -> list[Record]:
    """The records of earlier runs; a file that is not there is begun.

    Raises
    ------
    ValueError
        If the file is of other counts, or no file of this kind.
    """
    # As the file has it: lists where Python has tuples.
    asked = json.loads(json.dumps({"schema": SCHEMA, "counts": counts.document()}))
    if not path.exists():
        path.write_text(json.dumps(asked) + "\n")
        return []
    content = path.read_text()
    whole = content[: content.rfind("\n") + 1]
    if whole != content:
        path.write_text(whole)
    lines = [json.loads(line) for line in whole.splitlines()]
    if not lines or lines[0] != asked:
        raise ValueError(
            f"{path} holds markets of another search: {lines[:1]}, and {asked} is asked; "
            "give another file, or the same counts"
        )
    return lines[1:]


def run(tasks: list[Task], counts: Counts, path: Path, jobs: int) -> list[Record]:
    """Judge what is not in the file yet; gives back all records that were asked for, told on the way."""
    done = {_key(record): record for record in kept(path, counts)}
    open_tasks = [(kind, number, counts) for kind, number in tasks if (kind.name, kind.sharpe, number) not in done]
    _tell(f"{len(tasks) - len(open_tasks)} of {len(tasks)} markets are in {path}; {jobs} processes judge the rest")
    began = time.monotonic()
    with path.open("a") as file, _pool(jobs) as pool:
        for count, record in enumerate(pool.imap_unordered(_judged, open_tasks), start=1):
            file.write(json.dumps(record, allow_nan=False) + "\n")
            file.flush()
            done[_key(record)] = record
            _tell_progress(record, count, len(open_tasks), time.monotonic() - began)
    return [done[(kind.name, kind.sharpe, number)] for kind, number in tasks]


def _key(record: Record) -> tuple[str, float, int]:
    return record["kind"], record["sharpe"], record["number"]


def _judged(task: tuple[Kind, int, Counts]) -> Record:
    return {**judged(*task), "code": code_version()}


@contextmanager
def _pool(jobs: int) -> Iterator[Any]:
    """Processes of one thread each, so that two of them are two processors' work and no more."""
    for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    # Interrupted, the parent ends them; none of them should tell of it.
    with multiprocessing.get_context("spawn").Pool(jobs, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        yield pool


def _tell_progress(record: Record, count: int, total: int, seconds: float) -> None:
    rate = count / seconds
    left = (total - count) / rate
    found = (
        f"p {record['p_combined']:.4f} (surrogates {record['p_surrogates']:.3f}, vault {record['p_vault']:.3f}), "
        f"true Sharpe {record['true_sharpe']:.2f}"
        if record["found"]
        else "nothing found"
    )
    name = f"{record['kind']} {record['sharpe']:g} #{record['number']}"
    _tell(f"{count}/{total}  {name:16} {found}; {60 * rate:.1f} a minute, {left / 60:.0f} min left")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
