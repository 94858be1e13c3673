#!/usr/bin/env python3
"""The figures of `bench_truth`, out of the records of its markets: rates with bounds, power, calibration, costs.

Pure: records in, plain values out, so that a report can be made again from the file of a run. Not a command.
"""

import itertools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from bench_truth_fleet import fleets_of
from bench_truth_markets import KINDS, Kind, parted
from bench_truth_rules import (
    ALPHA,
    OTHER_GATES,
    RULES,
    Record,
    evidence,
    has_evidence,
    is_champion,
    refusing,
    refusing_beside,
)
from scipy.stats import beta, kstest

from swarmd.engine.guards.probabilistic_sharpe import probabilistic_sharpe_ratio
from swarmd.engine.market.shocks import DAYS_A_YEAR
from swarmd.engine.validation.forecast import shrunken_sharpe

CONFIDENCE = 0.95
# Where the finalists of planted markets are parted, by what they are truly worth.
TRUTHS = (0.5, 1.0, 1.5, 2.0)


def report_of(records: list[Record], counts: dict[str, int]) -> dict[str, Any]:
    """Everything that the page tells."""
    of_kind = {kind: [record for record in records if _is_of(record, kind)] for kind in KINDS}
    worthless = [record for record in records if record["kind"] == "noise"]
    return {
        "schema": "swarmd.bench_truth_report/1",
        "counts": counts,
        "codes": sorted({record.get("code", "") for record in records}),
        "markets": {kind.label: len(found) for kind, found in of_kind.items()},
        "rules": {
            rule: {kind.label: rate_of(map(verdict, found)) for kind, found in of_kind.items()}
            for rule, verdict in RULES.items()
        },
        "by_truth": power_by_truth([record for record in records if record["kind"] == "planted"]),
        "clairvoyant": {
            kind.label: rate_of(record["p_clairvoyant"] <= ALPHA for record in found)
            for kind, found in of_kind.items()
            if kind.has_edge
        },
        "gates": gates_of(of_kind),
        "calibration": calibration_of(worthless),
        "calibration_drift": calibration_of(of_kind[KINDS[1]]),
        "finalists": {kind.label: _finalists(found) for kind, found in of_kind.items()},
        "forecast": forecast_of([record for record in records if record["kind"] == "planted" and is_champion(record)]),
        "fleets": fleets_of(records),
        "cost": {kind.label: _cost(found) for kind, found in of_kind.items()},
    }


def rate_of(verdicts: Iterable[bool]) -> dict[str, float | int | None]:
    """How many of how many, and the exact one-sided bounds of the rate behind it (Clopper and Pearson)."""
    told = list(verdicts)
    n, k = len(told), sum(told)
    if not n:
        return {"crowned": 0, "of": 0, "rate": None, "upper": None, "lower": None}
    return {
        "crowned": k,
        "of": n,
        "rate": k / n,
        "upper": 1.0 if k == n else float(beta.ppf(CONFIDENCE, k + 1, n - k)),
        "lower": 0.0 if k == 0 else float(beta.ppf(1.0 - CONFIDENCE, k, n - k + 1)),
    }


def power_by_truth(planted: list[Record]) -> dict[str, dict[str, dict[str, float | int | None]]]:
    """Of planted markets, by what their finalist is truly worth: the search may miss an edge that is there."""
    edges = (-math.inf, *TRUTHS, math.inf)
    told = {}
    for low, high in itertools.pairwise(edges):
        some = [record for record in planted if record["found"] and low <= record["true_sharpe"] < high]
        name = _between(low, high)
        told[name] = {rule: rate_of(map(verdict, some)) for rule, verdict in RULES.items()}
    return told


def gates_of(of_kind: dict[Kind, list[Record]]) -> dict[str, dict[str, dict[str, int]]]:
    """Of the markets whose p-value passes: how many each gate refuses, and how many it alone refuses."""
    passing = {kind: [record for record in found if has_evidence(record)] for kind, found in of_kind.items()}
    some = next((record for found in passing.values() for record in found), None)
    if some is None:
        return {}
    names = [gate.name for gate in evidence(some) if gate.name not in ("p", "searched_in_vault")]
    return {
        gate: {
            kind.label: {
                "asked": len(found),
                "refused": sum(gate in refusing(record) | refusing_beside(record) for record in found),
                # Of a gate beside the table: those that the table lets through.
                "alone": sum(
                    gate in refusing(record) | refusing_beside(record) and refusing(record) <= {gate}
                    for record in found
                ),
            }
            for kind, found in passing.items()
        }
        for gate in (*names, *OTHER_GATES)
    }


def calibration_of(records: list[Record]) -> dict[str, dict[str, float]]:
    """Whether p-values are uniform where there is nothing: the test of Kolmogorov and Smirnov, and the small ones."""
    found = [record for record in records if record["found"]]
    told = {}
    names = ("p_surrogates", "p_vault", "p_vault_over_holding", "p_combined")
    p_values = {name: [record[name] for record in found] for name in names}
    # Costs make worthless rules lose, so that a test against 0 says less than it might; this one is exact.
    p_values["p_vault_at_truth"] = [_p_at_truth(record) for record in found]
    for name, p in p_values.items():
        if len(p) < 2:
            continue
        test = kstest(p, "uniform")
        told[name] = {
            "markets": len(p),
            "mean": float(np.mean(p)),
            "at_most_0.01": float(np.mean(np.asarray(p) <= 0.01)),
            "at_most_0.05": float(np.mean(np.asarray(p) <= 0.05)),
            "at_most_0.10": float(np.mean(np.asarray(p) <= 0.10)),
            "ks": float(test.statistic),
            "ks_p": float(test.pvalue),
        }
    return told


def _p_at_truth(record: Record) -> float:
    """p of the vault against what the finalist is truly worth, which is uniform if the statistic is right."""
    sr, truth = record["vault_sharpe"] / math.sqrt(DAYS_A_YEAR), record["true_sharpe"] / math.sqrt(DAYS_A_YEAR)
    days = round(parted(record["years"])[1] * DAYS_A_YEAR)
    if record["vault_kurtosis"] < 1.0 + record["vault_skew"] ** 2:
        return 1.0
    return probabilistic_sharpe_ratio(-sr, -truth, days, -record["vault_skew"], record["vault_kurtosis"])


def forecast_of(champions: list[Record]) -> dict[str, Any]:
    """What champions were said to earn, over what they truly earn, on average: of all, and by what was planted."""
    told: dict[str, Any] = {}
    for sharpe in (None, *sorted({record["sharpe"] for record in champions})):
        some = [record for record in champions if sharpe in (None, record["sharpe"])]
        if not some:
            continue
        truth = float(np.mean([record["true_sharpe"] for record in some]))
        shrunken = np.array([_shrunken(record) for record in some])
        told["all" if sharpe is None else f"planted {sharpe:.1f}"] = {
            "champions": len(some),
            "truth": truth,
            "development": float(np.mean([record["development_sharpe"] for record in some])),
            "vault": float(np.mean([record["vault_sharpe"] for record in some])),
            "shrunken": float(shrunken.mean()),
            "shrunken_over_truth": float(shrunken.mean()) / truth,
            "typical_error": float(np.sqrt(np.mean((shrunken - [record["true_sharpe"] for record in some]) ** 2))),
        }
    return told


def _shrunken(record: Record) -> float:
    """The forecast. Surrogates tell what selection alone gives by their scores, which drawdown and neighbours put below
    the Sharpe ratios: by as much as the finalist's own."""
    development_years, vault_years = parted(record["years"])
    by_scores = (record["surrogate_score_mean"] or 0.0) + record["development_sharpe"] - record["score"]
    return shrunken_sharpe(
        development_sharpe=record["development_sharpe"],
        development_years=development_years,
        selection_bias=max(0.0, by_scores),
        vault_sharpe=record["vault_sharpe"],
        vault_years=vault_years,
    ).shrunken


def _finalists(records: list[Record]) -> dict[str, float | None]:
    """What the search puts forward, and what it is truly worth."""
    found = [record for record in records if record["found"]]
    names = ("development_sharpe", "vault_sharpe", "true_sharpe", "surrogate_sharpe_mean", "n_effective")
    means = {name: _mean([record[name] for record in found if record[name] is not None]) for name in names}
    return {**means, "shrunken": _mean([_shrunken(record) for record in found])}


def _cost(records: list[Record]) -> dict[str, float | None]:
    """Processor seconds and surrogates a market, on average."""
    found = [record for record in records if record["found"]]
    searches = sum(record["surrogates"] for record in found)
    return {
        "cpu_s": _mean([record["cpu_s"]["all"] for record in records]),
        "surrogates": _mean([record["surrogates"] for record in found]),
        "cpu_s_a_search": sum(record["cpu_s"]["surrogates"] for record in found) / searches if searches else None,
        "cpu_s_judgement": _mean([record["cpu_s"]["judgement"] for record in found]),
    }


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values and all(map(math.isfinite, values)) else None


def _is_of(record: Record, kind: Kind) -> bool:
    return bool(record["kind"] == kind.name and record["sharpe"] == kind.sharpe)


def _between(low: float, high: float) -> str:
    if low == -math.inf:
        return f"below {high:.1f}"
    return f"{low:.1f} and more" if high == math.inf else f"{low:.1f} to {high:.1f}"
