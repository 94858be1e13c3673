#!/usr/bin/env python3
"""Faults against incidents: what each injected fault should have been told as, and what nobody injected.

Pure: rows of the journal in, verdicts out. ``scripts/chaos`` prints them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]

# A record's instant is that of the cycle's look, which may have begun a little before the fault was written down.
_BEFORE_MS = 1500
_AFTER_MS = 60_000

# What the machine itself may cause while it is shared and overloaded; told as what it is, and no false alarm.
BY_PRODUCTS = {
    "throughput_regression": "a prescreen slower than this machine's record, with processors taken by the faults",
    "fleet_wide": "so many losses in so short a time pause the swarm",
    "no_worker": "nobody works while the swarm pauses",
}


@dataclass(frozen=True, slots=True)
class Expected:
    """An incident that must be there. A ``subject`` that ends in ``*`` is a beginning. ``run`` names a run of it."""

    signatures: tuple[str, ...]
    subject: str
    run: str = ""

    def fits(self, incident: Row) -> bool:
        subject = incident["subject"]
        is_it = subject.startswith(self.subject[:-1]) if self.subject.endswith("*") else subject == self.subject
        return is_it and incident["signature"] in self.signatures


@dataclass(slots=True)
class Fault:
    """One injected fault: when on the journal's axis, what was done, what must be told, what may be told beside it."""

    number: int
    kind: str
    at: int
    what: str
    expected: tuple[Expected, ...] = ()
    tolerated: tuple[str, ...] = ()
    until: int = 0  # end of a fault that lasts
    lanes: int = 0  # runs at work when it came


@dataclass(slots=True)
class Verdicts:
    matched: dict[int, list[str]] = field(default_factory=dict)
    unnoticeable: dict[int, str] = field(default_factory=dict)
    missed: dict[int, str] = field(default_factory=dict)
    tolerated: dict[str, str] = field(default_factory=dict)
    unexplained: dict[str, str] = field(default_factory=dict)


def matched(
    faults: list[Fault], incidents: Mapping[str, Row], runs: Mapping[str, Row], results: frozenset[str]
) -> Verdicts:
    """Each expectation takes one incident, the earliest that fits and that no other has taken."""
    verdicts = Verdicts()
    free = dict(sorted(incidents.items(), key=lambda item: item[1]["opened_at"]))
    for fault in faults:
        for expected in fault.expected:
            name = next(
                (n for n, i in free.items() if expected.fits(i) and i["opened_at"] >= fault.at - _BEFORE_MS), None
            )
            if name is not None:
                verdicts.matched.setdefault(fault.number, []).append(name)
                del free[name]
            elif why := _why_unnoticeable(expected, runs, results):
                verdicts.unnoticeable[fault.number] = why
            else:
                verdicts.missed[fault.number] = f"no {' or '.join(expected.signatures)} about {expected.subject}"
        if not fault.expected:
            verdicts.unnoticeable[fault.number] = "must not be noticed: nothing of it is harm"
    for name, incident in free.items():
        signature = incident["signature"]
        by = next((fault for fault in faults if _tolerates(fault, incident)), None)
        if by is not None:
            verdicts.tolerated[name] = f"came with fault {by.number} ({by.kind})"
        elif signature in BY_PRODUCTS:
            verdicts.tolerated[name] = BY_PRODUCTS[signature]
        else:
            verdicts.unexplained[name] = f"{signature} about {incident['subject']}: {incident['cause']}"
    return verdicts


def _tolerates(fault: Fault, incident: Row) -> bool:
    end = max(fault.until, fault.at) + _AFTER_MS
    return incident["signature"] in fault.tolerated and fault.at - _BEFORE_MS <= incident["opened_at"] <= end


def _why_unnoticeable(expected: Expected, runs: Mapping[str, Row], results: frozenset[str]) -> str:
    """Why nothing is told of a run that was harmed; empty where something should have been."""
    run = runs.get(expected.run)
    if run is None:
        return ""
    if expected.run in results:
        return "its result was already written: its work is done, whatever became of the process"
    if run["status"] == "done":
        return f"it had ended by itself (exit code {run.get('exit_code')})"
    return ""
