#!/usr/bin/env python3
"""One market of `bench_truth` through the whole search and judgement, as one record of plain numbers.

The search and its surrogates come first, then the vault: no figure of the vault decides how many surrogates are
searched. Rules and reports read the record and nothing else. Not a command; `bench_truth_runner` calls it.
"""

import functools
import math
import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from bench_truth_markets import YEARS, Kind, clairvoyant_returns, parted, seed_of, true_sharpe
from bench_truth_search import STRATEGY, Stops, search_of
from bench_truth_strict import VAULT_SHARE, figures_of, question_of, searched_everywhere, vault_sharpe
from numpy.typing import NDArray

from swarmd.engine.backtest import evaluate_many, run_backtest
from swarmd.engine.guards.combined_p import combined_p_value
from swarmd.engine.guards.deflated_sharpe import deflated_sharpe_ratio
from swarmd.engine.guards.effective_trials import effective_rank_of_returns
from swarmd.engine.guards.probabilistic_sharpe import sharpe_evidence
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.market.bars import Bars
from swarmd.engine.market.shocks import DAYS_A_YEAR
from swarmd.engine.market.surrogates import sample_drift, surrogate_market
from swarmd.engine.metrics.daily import daily_returns
from swarmd.engine.search.combos import row_params
from swarmd.engine.search.searched_market import Found, MarketSearch, searched_market
from swarmd.engine.search.split import development_bars
from swarmd.engine.validation.backtest_overfitting import probability_of_backtest_overfitting
from swarmd.engine.validation.returns_by_block import block_sums
from swarmd.engine.validation.whole_search import WholeSearch

_BLOCKS = 16
_SAMPLE_SEED = 20_140_101

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is searched in each market, and how much of it is looked at afterwards."""

    combos: int
    trials: int
    surrogates: int
    window_trials: int
    sampled: int
    years: int = YEARS
    stops: Stops = "any"

    def document(self) -> dict[str, Any]:
        """With what is searched, stops among it: a record of one such answers no question of another."""
        counts = asdict(self)
        del counts["stops"]
        return {**counts, "search": self.search("aggressive").identity()}

    def search(self, mode: str) -> MarketSearch:
        return search_of(mode, combos=self.combos, trials=self.trials, stops=self.stops)


@functools.lru_cache(maxsize=4)
def _search(mode: str, counts: Counts) -> tuple[MarketSearch, dict[str, NDArray[Any]]]:
    """The vectors of the prescreen are drawn once a process."""
    search = counts.search(mode)
    return search, search.drawn()


def judged(kind: Kind, number: int, counts: Counts) -> Record:
    """The market of that number, and everything that any rule asks of it."""
    seed = seed_of(kind, number)
    began = time.process_time()
    bars = kind.market(counts.years * DAYS_A_YEAR, seed)
    search, columns = _search(kind.mode, counts)
    development = development_bars(bars, VAULT_SHARE)
    real = searched_market(development, search, columns)
    record: Record = {"kind": kind.name, "sharpe": kind.sharpe, "number": number, "seed": seed, "years": counts.years}
    if kind.has_edge:
        record["p_clairvoyant"] = _p_clairvoyant(kind, number, counts.years)
    if real.pick is None:
        return {**record, "found": False, "cpu_s": {"all": time.process_time() - began}}
    searched = time.process_time()
    priced = _priced(development, real, search, columns, seed, counts.surrogates)
    surrogates_done = time.process_time()
    params, peak = real.pick.trial.params, real.pick.peak.params
    question = question_of(bars, search)
    figures = figures_of(question, params, search, window_trials=counts.window_trials)
    everywhere = searched_market(bars, search, columns)
    naive = None if everywhere.pick is None else searched_everywhere(question, everywhere.pick.peak.params)
    crowd = _crowd(development, search, columns, params, counts.sampled)
    judged_at = time.process_time()
    record |= {
        "found": True,
        "params": params,
        "score": real.score,
        "neighbours": real.pick.n_neighbours,
        **priced,
        **figures,
        "p_combined": combined_p_value([priced["p_surrogates"], figures["p_vault"]]),
        "naive_vault_sharpe": vault_sharpe(question, peak),
        "naive_everywhere": naive,
        **crowd,
        "true_sharpe": true_sharpe(kind, STRATEGY, params, kind.mode),
        "true_sharpe_of_peak": true_sharpe(kind, STRATEGY, peak, kind.mode),
        "cpu_s": {
            "search": searched - began,
            "surrogates": surrogates_done - searched,
            "judgement": judged_at - surrogates_done,
            "truth": time.process_time() - judged_at,
            "all": time.process_time() - began,
        },
    }
    # Rounded, so that a record stays readable; no threshold lies so near that it matters.
    return {name: _rounded(value) for name, value in record.items()}


def _p_clairvoyant(kind: Kind, number: int, years: int) -> float:
    """The p-value, drawn up like a finalist's, of who has always known the rule and searched nothing: no search of this
    market can be expected to show more."""
    days = clairvoyant_returns(kind, number, years)
    cut = round(parted(years)[0] * DAYS_A_YEAR)
    return combined_p_value([sharpe_evidence(part).p_value() for part in (days[:cut], days[cut:])])


def _priced(
    development: Bars, real: Found, search: MarketSearch, columns: dict[str, NDArray[Any]], seed: int, planned: int
) -> Record:
    """The whole search again on surrogates, until they settle it. What the best of each scored and earned is kept."""
    drift = 0.0 if search.may_sell_short else sample_drift(development)
    whole, sharpes, number = WholeSearch(real.score, planned), [], 0
    while not whole.is_settled:
        surrogate = surrogate_market(development, seed=seed, number=number, drift=drift)
        found = searched_market(surrogate, search, columns)
        whole, number = whole.heard([found.score]), number + 1
        sharpes.append(None if found.pick is None else float(found.pick.trial.metrics["annual_sharpe"] or 0.0))
    told = whole.p_value()
    finite = [score for score in whole.scores if math.isfinite(score)]
    earned = [sharpe for sharpe in sharpes if sharpe is not None]
    return {
        "p_surrogates": told.p,
        "p_surrogates_error": told.standard_error,
        "told_by": told.told_by,
        "surrogates": len(whole.scores),
        "surrogate_score_mean": float(np.mean(finite)) if finite else None,
        "surrogate_score_sd": float(np.std(finite, ddof=1)) if len(finite) > 1 else None,
        "surrogate_sharpe_mean": float(np.mean(earned)) if earned else None,
        "surrogate_sharpe_sd": float(np.std(earned, ddof=1)) if len(earned) > 1 else None,
    }


def _crowd(
    development: Bars, search: MarketSearch, columns: dict[str, NDArray[Any]], params: dict[str, Any], sampled: int
) -> Record:
    """Deflated Sharpe ratio and overfitting, from the spread of all screened vectors and the days of a sample."""
    spread = evaluate_many(development, search.strategy, columns, mode=search.mode, costs=search.costs)
    rows = np.random.default_rng(_SAMPLE_SEED).choice(len(spread["annual_sharpe"]), sampled, replace=False)
    day_ends = day_end_bars(development.open_time)

    def days_of(vector: dict[str, Any]) -> NDArray[Any]:
        run = run_backtest(development, search.strategy, vector, mode=search.mode, costs=search.costs)
        return daily_returns(run.equity, day_ends)

    days = np.column_stack([days_of(row_params(columns, row)) for row in sorted(rows.tolist())])
    n_effective = effective_rank_of_returns(days)
    own = sharpe_evidence(days_of(params))
    deflated = deflated_sharpe_ratio(
        own.sr, float(np.var(spread["annual_sharpe"], ddof=1)) / 365.0, n_effective, own.n_obs, own.skew, own.kurtosis
    )
    overfitting = probability_of_backtest_overfitting(block_sums(days, _BLOCKS), _BLOCKS)
    return {
        "dsr": deflated.dsr,
        "n_effective": n_effective,
        "pbo": overfitting.pbo,
        "pbo_loss": overfitting.probability_of_oos_loss,
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
