#!/usr/bin/env python3
"""`scripts/simulate --nodes N`: a day on a cluster that is made up, told in figures, and written into a page.

Part of `scripts/simulate`, which calls it; the cluster itself is in `tests/simulation/cluster.py`.
"""

import argparse
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import fields
from pathlib import Path
from typing import Any

from simulation.cluster import Assumptions
from simulation.cluster_play import ClusterDay, ClusterReport, play_cluster
from simulation.laws import LawBroken

from swarmd.state.records.policy import Policy
from swarmd.state.units import HOUR, Millis, millis_of_duration, spoken
from swarmd.supervisor.sensors.runs import beats_every

BEGIN, END = "<!-- figures: scripts/simulate -->", "<!-- end of figures -->"


def assumptions_of(texts: list[str]) -> Assumptions:
    """``--assume lives_for=7d --assume mass_loss=0.2``. Exits 2 with the names there are for one that is none."""
    known = {each.name: each for each in fields(Assumptions)}
    given: dict[str, Any] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if name not in known:
            print(f"error: {name!r} is not assumed; there are: {', '.join(known)}", file=sys.stderr)
            sys.exit(2)
        try:
            given[name] = millis_of_duration(value) if known[name].type in (int, Millis, "Millis") else float(value)
        except ValueError as cause:
            print(f"error: {text}: {cause}", file=sys.stderr)
            sys.exit(2)
    return Assumptions(**given)


def simulate_cluster(asked: argparse.Namespace, command: str) -> int:
    """Plays each seed, prints it, and with ``--write`` puts the last one's figures into a page. 1: a law is broken."""
    assumed = assumptions_of(asked.assume)
    hours = asked.hours if asked.days is None else asked.days * 24
    told: dict[str, Any] = {}
    for seed in asked.seed if asked.seeds is None else asked.seeds:
        folder = Path(tempfile.mkdtemp(prefix="swarmd-simulate-"))
        day = ClusterDay(
            seed, nodes=asked.nodes, lanes=asked.lanes, hours=hours, loses_at=int(hours * HOUR * 0.6),
            beats_every=millis_of_duration(asked.beats), assumed=assumed, journal=folder,
        )  # fmt: skip
        try:
            report, _ = play_cluster(day)
            told = figures(report, folder)
        except LawBroken as flaw:
            print(f"seed {seed} breaks a law: {flaw}\n  again: {command}", file=sys.stderr)
            return 1
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(table(told))
    if asked.write is not None:
        write(asked.write, f"`{command}`\n\n{table(told)}\n")
    return 0


def figures(report: ClusterReport, folder: Path) -> dict[str, Any]:
    day, times = report.day, sorted(report.cycle_ms) or [0.0]
    hours = max(report.simulated / HOUR, 1e-9)
    bytes_of: Counter[str] = Counter()
    n_of: Counter[str] = Counter()
    for segment in sorted(folder.glob("*.jsonl")):
        for line in segment.read_bytes().splitlines():
            kind = line.partition(b'"kind":"')[2].partition(b'"')[0].decode()  # of a segment's head: none
            bytes_of[kind] += len(line) + 1
            n_of[kind] += 1
    beat = bytes_of["beat"] / max(1, n_of["beat"])
    rest = sum(bytes_of.values()) - bytes_of["beat"]
    pace = beats_every(report.busy_max, Policy(at=0))  # a real daemon's; see docs/SCALING.md
    at_pace = beat * report.busy_max * HOUR / pace
    parts = sorted(report.parts_ms.items(), key=lambda each: -each[1])
    agents = sorted(report.by_agent_ms.items(), key=lambda each: -each[1])[:4]
    names = [each.name for each in fields(day.assumed)]
    return {
        "nodes, lanes, hours": f"{day.nodes}, {day.lanes:,}, {report.simulated / HOUR:.2f}",
        "assumed": ", ".join(f"{name} {_said(getattr(day.assumed, name))}" for name in names),
        "cycle, ms": f"p50 {times[len(times) // 2]:.1f}, p99 {times[len(times) * 99 // 100]:.1f}, max {times[-1]:.1f} "
        f"({report.cycles:,} cycles)",
        "a cycle's time goes to": ", ".join(f"{name} {spent / report.cycles:.1f} ms" for name, spent in parts),
        "deciding goes to": ", ".join(f"{name} {spent / report.cycles:.1f} ms" for name, spent in agents),
        "journal without beats": f"{rest / hours / 1e6:.1f} MB an hour",
        f"beats, one a lane each {spoken(day.beats_every)}": f"{bytes_of['beat'] / hours / 1e6:.1f} MB an hour, "
        f"{beat:.0f} bytes each",
        f"beats, one a lane each {spoken(pace)} (reckoned)": f"{at_pace / 1e6:,.0f} MB an hour",
        "lanes at work, most": f"{report.busy_max:,}",
        "nine tenths at work after": "never" if report.full_after < 0 else spoken(report.full_after),
        f"refilled after losing {day.assumed.mass_loss:.0%} of the nodes": (
            "not in this time" if report.refilled_after < 0 else spoken(report.refilled_after)
        ),
        "nodes that failed": f"{report.deaths:,}",
        "runs": f"{report.runs:,}",
        "incidents": ", ".join(f"{name} {count}" for name, count in report.opened.most_common(8)) or "none",
        "what breaks first": breaks_first(times, at_pace),
    }


def breaks_first(times: list[float], beat_bytes_per_hour: float) -> str:
    """Which bound is nearest: a cycle a second, or a day's journal on a disk of 100 GB."""
    cycle, disk = times[len(times) * 99 // 100] / 1000, beat_bytes_per_hour * 24 / 100e9
    if max(cycle, disk) < 1:
        return f"nothing: a cycle takes {cycle:.0%} of its second (p99), beats fill {disk:.0%} of 100 GB in a day"
    worse = "the journal, by its beats" if disk > cycle else "the cycle"
    return f"{worse}: a cycle takes {cycle:.0%} of its second (p99), beats fill {disk:.0%} of 100 GB in a day"


def _said(value: float) -> str:
    return spoken(value) if isinstance(value, int) else f"{value:g}"


def table(told: dict[str, Any]) -> str:
    rows = "\n".join(f"| {name} | {value} |" for name, value in told.items())
    return f"| what | figure |\n|---|---|\n{rows}"


def write(page: Path, text: str) -> None:
    """Between the two marks of the page; everything else of it stays."""
    whole = page.read_text()
    if BEGIN not in whole or END not in whole:
        print(f"error: {page} has no marks {BEGIN} and {END}; put them where the figures belong", file=sys.stderr)
        sys.exit(2)
    before, _, rest = whole.partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}")
