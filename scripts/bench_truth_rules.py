#!/usr/bin/env python3
"""Who is crowned: the rules that `bench_truth` compares, each a verdict on the record of one market.

Pure functions of a record's figures, so that a threshold can be changed without a new run. Not a command.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from swarmd.engine.guards.combined_p import combined_p_value

Record = dict[str, Any]
Verdict = Callable[[Record], bool]
ALPHA = 0.01


class Gate(NamedTuple):
    """A quality gate of the evidence tier; a figure that is undefined fails it."""

    name: str
    meaning: str
    figure: str
    passes: Callable[[float], bool]

    def holds(self, record: Record) -> bool:
        figure = record[self.figure]
        return figure is not None and self.passes(float(figure))


GATES = (
    Gate("stress 1", "vault Sharpe with doubled costs > 0", "stress1", lambda x: x > 0.0),
    Gate("stress 3", "5th percentile of net profit, one trade in 20 missed, > 0", "stress3", lambda x: x > 0.0),
    Gate("trades", "at least 20 on the vault", "vault_trades", lambda x: x >= 20),
    Gate("exposure", "in the market in at least 1 % of the vault's bars", "vault_exposure", lambda x: x >= 0.01),
    Gate("top-10 excess", "at most 1.25", "top10_excess", lambda x: x <= 1.25),
    Gate("plateau", "10th percentile of the neighbours at least half of the centre", "plateau", lambda x: x >= 0.5),
    Gate("volatility regimes", "at most half of the bars in ones not earned", "regimes_volatility", lambda x: x <= 0.5),
    Gate("overfitting", "PBO at most 0.7", "pbo", lambda x: x <= 0.7),
)  # fmt: skip
# Looked at and not among the gates: they refuse too much, or say the same again.
OTHER_GATES = (
    Gate("regimes, 9 cells", "at most half of the bars in regimes not earned, of 9", "regimes_9", lambda x: x <= 0.5),
    Gate("regimes, trend", "at most half of the bars in regimes not earned, of 3", "regimes_trend", lambda x: x <= 0.5),
)  # fmt: skip


def has_evidence(record: Record, alpha: float = ALPHA) -> bool:
    """The p-value of the search and that of the vault together."""
    return bool(record["found"]) and record["p_combined"] <= alpha


def is_champion(record: Record) -> bool:
    """The evidence tier: the p-value and every quality gate."""
    return has_evidence(record) and all(gate.holds(record) for gate in GATES)


def has_timing(record: Record) -> bool:
    """The same with the vault's days less what holding the market as much on average would have given."""
    p = [record["p_surrogates"], record["p_vault_over_holding"]]
    return combined_p_value(p) <= ALPHA


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
    "surrogates alone, p at most 0.01": _found(lambda record: record["p_surrogates"] <= ALPHA),
    "vault alone, p at most 0.01": _found(lambda record: record["p_vault"] <= ALPHA),
    "surrogates and vault (Fisher), p at most 0.01": has_evidence,
    "surrogates and vault over holding, p at most 0.01": _found(has_timing),
    "**evidence**: the same and all quality gates": is_champion,
}
