"""What is tried once more where the guards of an asset said no: the branches by their names, and the steps of each.

The grid of displacements comes first, one re-optimisation a length and guards for the best of them; the conservative
mode comes after it, and behind that nothing. Told alike by the agents that plan them, the engine that runs them and the
commands that show them; which of them an asset takes is decided elsewhere (``agents/rules/branches``). Plain values: no
record is loaded here.
"""

from collections.abc import Mapping
from typing import Any

# Lengths of span B that an important asset is tried with.
DISPLACEMENTS = (26, 39, 52, 65, 78)
DISPLACEMENT, CONSERVATIVE = "displacement", "conservative"


def branch_of_displacement(length: int) -> str:
    """``displacement-26``: the one re-optimisation of that length."""
    return f"{DISPLACEMENT}-{length}"


def displacement_of(branch: str | None) -> int | None:
    """The length that a branch holds fast; None where it holds none."""
    head, _, length = (branch or "").partition("-")
    return int(length) if head == DISPLACEMENT and length else None


def awaits_branches(job: Mapping[str, Any], jobs: Mapping[str, Mapping[str, Any]]) -> str:
    """Why a chain's own crown has no end yet though its guards said no, from plain rows; empty where it is not so."""
    if job["phase"] != "crown" or job["status"] != "queued" or job.get("branch") is not None:
        return ""
    guards = jobs.get(job["after"][0]) if job["after"] else None
    if guards is None or guards["phase"] != "guards" or guards["status"] != "failed":
        return ""
    return "held: the guards said no, and what is tried once more comes to its end first"


GRID = tuple(branch_of_displacement(length) for length in DISPLACEMENTS)

# Every step a chain may take after its guards, as (phase, branch), in the order in which they are taken.
STEPS = (
    *(("reoptimize", branch) for branch in GRID),
    ("guards", DISPLACEMENT),
    ("crown", DISPLACEMENT),
    ("reoptimize", CONSERVATIVE),
    ("guards", CONSERVATIVE),
    ("crown", CONSERVATIVE),
)
