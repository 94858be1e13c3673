"""The evidence for a finalist: the table that crowns, and beside it what else is known of its search.

Put together by the judgement from what was computed on both stretches; thresholds are the table's own
(`guards.evidence_table`), and nothing is run here.
"""

import math
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from swarmd.engine.guards.evidence_table import evidence_gates
from swarmd.engine.guards.gate import Gate
from swarmd.engine.guards.probabilistic_sharpe import SharpeEvidence, sharpe_evidence
from swarmd.engine.guards.top10 import top10_excess
from swarmd.engine.guards.track_record_length import minimum_track_record_length
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.metrics.daily import DAYS_PER_YEAR, daily_returns
from swarmd.engine.phases.claim import Claim
from swarmd.engine.phases.looks import Look
from swarmd.engine.phases.question import Question
from swarmd.engine.phases.sampled_search import SampledSearch, deflation, overfitting, superior_ability
from swarmd.engine.phases.strict_figures import in_market
from swarmd.engine.phases.strict_judgement import Inside, Outside
from swarmd.engine.validation.forecast import Forecast, shrunken_sharpe
from swarmd.engine.validation.whole_search import WholeSearch

_YEAR_MINUTES = DAYS_PER_YEAR * 1440.0


@dataclass(frozen=True, slots=True)
class Found:
    """All that a judgement has computed of a finalist; `tried` is what the ledger counts, `seed` that of the draws."""

    question: Question
    whole: WholeSearch
    inside: Inside
    sample: SampledSearch
    look: Look
    outside: Outside
    claim: Claim
    tried: int
    seed: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """The table, the forecast, and the certificate's part about both."""

    gates: tuple[Gate, ...]
    forecast: Forecast
    document: dict[str, Any]

    @property
    def carries(self) -> bool:
        return all(gate.passes for gate in self.gates)


def evidence_of(found: Found, *, alpha: float) -> Evidence:
    """What was found, held against the table."""
    inside, outside, claim = found.inside, found.outside, found.claim
    trades, n_bars = outside.run.trades, outside.vault.n_bars
    pbo = overfitting(found.sample)
    gates = evidence_gates(
        p=claim.adjusted,
        alpha=alpha,
        searched_in_vault=found.look.searched,
        pbo=pbo["pbo"],
        stress1_annual_sharpe=outside.found.stress1,
        stress3_net_profit=outside.found.stress3.percentile,
        plateau=inside.sensitivity.p10_ratio,
        top10_excess=top10_excess(trades.pnl, seed=found.seed).ratio if len(trades) else None,
        regime_mismatch=outside.regimes.by_trend,
        oos_trades=outside.run.metrics.total_trades,
        exposure=float(in_market(trades, n_bars).mean()),
    )
    development = found.question.development
    within = sharpe_evidence(daily_returns(inside.run.equity, day_end_bars(development.open_time)))
    forecast = _forecast(found)
    document = {
        "gates": [gate.document() for gate in gates],
        "p": claim.document(alpha=alpha),
        "fdr": claim.discovery(),
        "dsr": deflation(found.sample, within, tried=found.tried),
        "pbo": pbo,
        "spa": superior_ability(found.sample, seed=found.seed),
        "forecast": {
            "raw_annual_sharpe": inside.run.metrics.annual_sharpe,
            "vault_annual_sharpe": outside.run.metrics.annual_sharpe,
            "shrunken_annual_sharpe": forecast.shrunken,
            "se_annual": forecast.standard_error,
            "how": "development and vault, less what selection alone gives, shrunk towards 0",
        },
        "minimum_track_record_years": _track_record_years(within),
    }
    return Evidence(gates, forecast, document)


def _forecast(found: Found) -> Forecast:
    question, outside = found.question, found.outside
    heard = [score for score in found.whole.scores if math.isfinite(score)]
    sharpe = found.inside.run.metrics.annual_sharpe
    return shrunken_sharpe(
        development_sharpe=sharpe,
        development_years=question.development.n_bars * question.bars.interval_minutes / _YEAR_MINUTES,
        # What the search finds where nothing is there: below the finalist's by as much as the scores are apart.
        selection_bias=max(0.0, sharpe - (found.whole.best - fmean(heard))) if heard else 0.0,
        vault_sharpe=outside.run.metrics.annual_sharpe,
        vault_years=outside.vault.n_bars * question.bars.interval_minutes / _YEAR_MINUTES,
    )


def _track_record_years(within: SharpeEvidence) -> float | None:
    if not within.is_defined:
        return None
    days = minimum_track_record_length(within.sr, 0.0, within.skew, within.kurtosis, 0.95)
    return days / DAYS_PER_YEAR if math.isfinite(days) else None
