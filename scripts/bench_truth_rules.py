#!/usr/bin/env python3
"""Who is crowned: the rules that `bench_truth` compares, each a verdict on the record of one market.

Pure functions of a record's figures, so that a threshold can be changed without a new run. Not a command.
"""

from collections.abc import Callable
from typing import Any

from swarmd.engine.guards.combined_p import combined_p_value
from swarmd.engine.guards.evidence_table import MOST_UNEARNED_REGIMES, evidence_gates
from swarmd.engine.guards.gate import Gate

Record = dict[str, Any]
Verdict = Callable[[Record], bool]
ALPHA = 0.01


# Looked at beside the evidence table's gates: the other ways of telling regimes apart, and the figure of each.
OTHER_GATES = {"regimes, nine cells": "regimes_9", "regimes, volatility": "regimes_volatility"}


def evidence(record: Record, alpha: float = ALPHA) -> tuple[Gate, ...]:
    """The evidence table of a market's finalist, as the product draws it up."""
    return evidence_gates(
        p=record["p_combined"],
        alpha=alpha,
        searched_in_vault=0,
        pbo=record["pbo"],
        stress1_annual_sharpe=record["stress1"],
        stress3_net_profit=record["stress3"],
        plateau=record["plateau"],
        top10_excess=record["top10_excess"],
        regime_mismatch=record["regimes_trend"],
        oos_trades=record["vault_trades"],
        exposure=record["vault_exposure"],
    )


def refusing(record: Record) -> frozenset[str]:
    """The quality gates that refuse it: all of the evidence table but the p-value's own."""
    return frozenset(gate.name for gate in evidence(record) if gate.name != "p" and not gate.passes)


def refusing_beside(record: Record) -> frozenset[str]:
    """Of the gates that are not in the table, those that would refuse it; a figure that is undefined fails."""
    shares = {gate: record[figure] for gate, figure in OTHER_GATES.items()}
    return frozenset(gate for gate, share in shares.items() if share is None or share > MOST_UNEARNED_REGIMES)


def has_evidence(record: Record, alpha: float = ALPHA) -> bool:
    """The p-value of the search and that of the vault together."""
    return bool(record["found"]) and record["p_combined"] <= alpha


def is_champion(record: Record) -> bool:
    """The evidence tier: the p-value and every quality gate."""
    return has_evidence(record) and not refusing(record)


def p_over_holding(record: Record) -> float:
    """Search and vault, where of a mode that only buys the vault counts less what holding as much would have given: a
    market that rises is then no evidence of timing in either of them."""
    only_buys = record["kind"] == "drift"
    vault = record["p_vault_over_holding" if only_buys else "p_vault"]
    return combined_p_value([record["p_surrogates"], vault])


def _found(verdict: Verdict) -> Verdict:
    """Nothing found is nothing crowned."""
    return lambda record: bool(record["found"]) and verdict(record)


def _naive_everywhere(record: Record) -> bool:
    naive = record["naive_everywhere"]
    return naive is not None and naive["wfe"] is not None and naive["sharpe"] > 1.0 and naive["wfe"] > 0.6


RULES: dict[str, Verdict] = {
    "best in sample, out of sample Sharpe > 1": _found(lambda record: record["naive_vault_sharpe"] > 1.0),
    "searched on everything, last third > 1, efficiency > 0.6": _found(_naive_everywhere),
    "deflated Sharpe ratio at least 0.95": _found(lambda record: record["dsr"] >= 0.95),
    "source strict, all nine gates": _found(lambda record: not record["strict_failed"]),
    "source strict without top-10 share and regimes": _found(
        lambda record: set(record["strict_failed"]) <= {"top10_share", "regime_mismatch"}
    ),
    "surrogates alone, p at most 0.01": _found(lambda record: record["p_surrogates"] <= ALPHA),
    "vault alone, p at most 0.01": _found(lambda record: record["p_vault"] <= ALPHA),
    "surrogates and vault (Fisher), p at most 0.01": has_evidence,
    "**evidence**: the same and all quality gates": is_champion,
    "evidence, the vault over holding where only buying": _found(
        lambda record: p_over_holding(record) <= ALPHA and not refusing(record)
    ),
}
