#!/usr/bin/env python3
"""Medians, least values and ratios out of the JSON of a run of `bench_engine`.

    scripts/bench_figures.py run.json        every measurement of it in a line

A figure is the median of the rounds, with the best of them beside it; memory is the most of any round. A ratio is taken
within each round, where both sides met the same machine, and the median of these is given.
"""

import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

# Above this share of one processor, other processes had a part in a measurement.
BUSY = 0.2

Job = dict[str, Any]
Document = dict[str, Any]
Round = dict[str, Any]


class Figure(NamedTuple):
    """Over the rounds."""

    median: float
    best: float


def find(document: Document, what: str, direction: str, **wanted: int) -> Job | None:
    """That measurement, at the run's main size where no other is asked; None where it has no round."""
    asked = {"combos": document["options"]["combos"], "days": document["options"]["days"], "sharing_as": 0, **wanted}
    for job in document["jobs"]:
        same = all(job.get(name, 0) == value for name, value in asked.items())
        if job["what"] == what and job["direction"] == direction and same and job["rounds"]:
            return dict(job)
    return None


def over(job: Job | None, read: Callable[[Round], float]) -> Figure | None:
    if job is None or not job["rounds"]:
        return None
    values = [read(one) for one in job["rounds"]]
    return Figure(statistics.median(values), min(values))


def wall(one: Round) -> float:
    return float(one["wall_s"])


def cpu(one: Round) -> float:
    return float(one["cpu_s"])


def cost(one: Round) -> float:
    """CPU-seconds per combination and bar."""
    return cpu(one) / float(one["combos"] * one["bars"])


def peak(job: Job | None) -> Figure | None:
    found = over(job, lambda one: -float(one["peak_mb"]))
    return None if found is None else Figure(-found.best, -found.best)


def ratio(ours: Job | None, other: Job | None, part: str | None = None) -> Figure | None:
    """How much dearer the other's combo-bar is, round by round; `best` is here the largest."""
    if ours is None or other is None:
        return None
    mine = {one["round"]: cost(one) for one in ours["rounds"]}
    found = []
    for one in other["rounds"]:
        share = one["parts_cpu_s"].get(part, 0.0) / one["cpu_s"] if part else 1.0
        if one["round"] in mine:
            found.append(cost(one) * share / mine[one["round"]])
    return Figure(statistics.median(found), max(found)) if found else None


def machine_was(document: Document) -> str:
    """How much of the machine others had, in words."""
    rounds = [one["meanwhile"] for job in document["jobs"] for one in job["rounds"]]
    if not rounds:
        return "Nothing was measured."
    n = document["machine"]["processors"]
    theirs = [(one["others"] or 0.0) * n for one in rounds]
    busy = sum(share > BUSY for share in theirs)
    loads = [one["load"] or 0.0 for one in rounds]
    steal = max((one["steal"] or 0.0) for one in rounds)
    state = "The machine was busy" if busy > len(rounds) // 10 else "The machine was quiet"
    return (
        f"{state}: in {busy} of {len(rounds)} measurements other processes used more than {BUSY:.0%} of one processor "
        f"(median {statistics.median(theirs):.0%}, most {max(theirs):.0%}); load {min(loads):.1f} to {max(loads):.1f}; "
        f"the hypervisor kept at most {steal:.1%}."
    )


def main(arguments: list[str]) -> None:
    if len(arguments) != 1:
        raise SystemExit("usage: scripts/bench_figures.py run.json")
    document = json.loads(Path(arguments[0]).read_text())
    print(machine_was(document))
    for job in document["jobs"]:
        seconds, processor, memory = over(job, wall), over(job, cpu), peak(job)
        if seconds is None or processor is None or memory is None:
            print(f"{job['name']:45} {job['missing'] or '; '.join(job['failed']) or 'not measured'}")
            continue
        rate = 1e-6 / statistics.median(map(cost, job["rounds"]))
        print(
            f"{job['name']:45} {len(job['rounds'])} rounds  wall {seconds.median:8.3f} ({seconds.best:.3f}) s  "
            f"CPU {processor.median:8.3f} ({processor.best:.3f}) s  "
            f"{rate:12,.2f} M/s  {memory.median:6.0f} MB"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
