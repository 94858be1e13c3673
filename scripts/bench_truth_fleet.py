#!/usr/bin/env python3
"""Fleets of mixed assets drawn from the judged markets of `bench_truth`: what share of their champions is false.

A fleet is 200 assets, most of them worthless, tested one after the other as a daemon would. Drawn with replacement by a
seeded generator, so that the figures follow from the records alone. Not a command.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from bench_truth_rules import ALPHA, Record, refusing

from swarmd.engine.guards.online_discoveries import online_fdr

ASSETS = 200
FLEETS = 400
LEVEL = 0.10
_SEED = 1_938_201
# Of a fleet's assets; planted ones in equal parts of every strength. Most assets hold nothing.
MIX = {"noise": 0.75, "drift": 0.05, "planted": 0.20}

POLICIES: dict[str, Callable[[list[float]], Any]] = {
    "p at most 0.01, always": lambda p: np.asarray(p) <= ALPHA,
    "LORD++ at 10 %": lambda p: online_fdr(p, LEVEL, "lord++").rejected,
    "SAFFRON at 10 %": lambda p: online_fdr(p, LEVEL, "saffron").rejected,
}


def fleets_of(records: list[Record], *, fleets: int = FLEETS) -> dict[str, dict[str, float]]:
    """For each policy: the mean and the 95th percentile of the false share, the share of fleets within 10 %, champions
    a fleet, and the share of edges found. Empty where a kind has no markets."""
    drawn_from = _pools(records)
    if any(not pool for pool in drawn_from):
        return {}
    rng = np.random.default_rng(_SEED)
    told: dict[str, list[tuple[float, int, float]]] = {policy: [] for policy in POLICIES}
    for _ in range(fleets):
        fleet = _drawn(drawn_from, rng)
        p = [record["p_combined"] if record["found"] else 1.0 for record in fleet]
        has_edge = np.array([record["kind"] == "planted" for record in fleet])
        passes = np.array([record["found"] and not refusing(record) for record in fleet])
        for policy, rejected in POLICIES.items():
            crowned = rejected(p) & passes
            false = int(np.count_nonzero(crowned & ~has_edge))
            found = int(np.count_nonzero(crowned & has_edge))
            told[policy].append((false / max(1, false + found), false + found, found / np.count_nonzero(has_edge)))
    return {policy: _summary(np.array(each)) for policy, each in told.items()}


def _pools(records: list[Record]) -> list[list[Record]]:
    """Noise, drift, and the planted ones by strength."""
    strengths = sorted({record["sharpe"] for record in records if record["kind"] == "planted"})
    of_kind = [[record for record in records if record["kind"] == kind] for kind in ("noise", "drift")]
    planted = [[r for r in records if r["kind"] == "planted" and r["sharpe"] == strength] for strength in strengths]
    return [*of_kind, *(planted or [[]])]


def _drawn(pools: list[list[Record]], rng: np.random.Generator) -> list[Record]:
    planted = len(pools) - 2
    counts = [round(ASSETS * MIX["noise"]), round(ASSETS * MIX["drift"])]
    counts += [round(ASSETS * MIX["planted"] / planted)] * planted
    fleet = [pool[at] for pool, n in zip(pools, counts, strict=True) for at in rng.integers(0, len(pool), n)]
    return [fleet[at] for at in rng.permutation(len(fleet))]


def _summary(rows: np.ndarray[Any, Any]) -> dict[str, float]:
    return {
        "mean_false_share": float(rows[:, 0].mean()),
        "false_share_95": float(np.quantile(rows[:, 0], 0.95)),
        "fleets_within_level": float(np.mean(rows[:, 0] <= LEVEL)),
        "champions": float(rows[:, 1].mean()),
        "edges_found": float(rows[:, 2].mean()),
    }
