"""Certificates as the validation writes them, made of seeded chance: realistic ones, and any a hand could make."""

import datetime as dt
from typing import Any

import numpy as np

DAY_MS = 86_400_000
FIRST_MS = 1_672_531_200_000
DEVELOPMENT_DAYS, VAULT_DAYS = 730, 365


def certificate(*, verdict: str = "champion", seed: int = 7, true_sharpe: float = 1.6) -> dict[str, Any]:
    """A whole document of `swarmd.certificate/1`; with the verdict "no", of an edge that is none."""
    rng = np.random.default_rng(seed)
    is_real = verdict != "no"
    sharpe = true_sharpe if is_real else 0.0
    inside = _equity(rng, DEVELOPMENT_DAYS, sharpe + (0.6 if is_real else 1.4))
    outside = _equity(rng, VAULT_DAYS, sharpe)
    split_ms = FIRST_MS + DEVELOPMENT_DAYS * DAY_MS
    maxima: list[float | None] = [float(each) for each in rng.gumbel(1.15, 0.24, 199)]
    maxima[17] = None
    real = 2.31 if is_real else 1.62
    as_good = sum(each is not None and each >= real for each in maxima)
    p = (1 + as_good) / (1 + len(maxima))
    evidence_gates = [
        gate("p", "p-value of the whole search and the vault together", 0.0021 if is_real else 0.31, "<=", 0.01),
        gate("searched_in_vault", "vectors ever tried on days of the vault", 0.0, "<=", 0.0),
        gate("pbo", "probability of backtest overfitting", 0.12 if is_real else 0.74, "<=", 0.7),
        gate("stress1_annual_sharpe", "annual Sharpe ratio with doubled costs", 1.21 if is_real else -0.41, ">", 0.0),
        gate("stress3_net_profit", "net profit with trades missed, 5th percentile", 0.183, ">", 0.0),
        gate("plateau", "what nine in ten neighbours keep of the Sharpe ratio", 0.81, ">=", 0.5),
        gate("top10_excess", "share of the ten best trades over its expectation", 1.07, "<=", 1.25),
        gate("regime_mismatch", "share of the bars in the market in regimes not earned", 0.004, "<=", 0.5),
        gate("oos_trades", "trades on the vault", 128.0, ">=", 20.0),
        gate("exposure", "share of the vault's bars in the market", 0.43, ">=", 0.01),
    ]
    strict_gates = [
        gate("wfe", "walk-forward efficiency, pooled over the windows", 0.71, ">", 0.6),
        gate("oos_annual_sharpe", "annual Sharpe ratio out of sample", 1.44, ">", 1.0),
        gate("oos_trades", "trades out of sample", 128.0, ">", 60.0),
        gate("mc_p", "p-value of the Monte Carlo test", 0.0312, "<", 0.05),
        gate("sensitivity", "relative variance of the neighbours' scores", 0.0431, "<", 0.1),
        gate(
            "bootstrap_lower_bound",
            "lower bootstrap bound of the annual Sharpe ratio",
            1.08 if verdict == "gold" else -0.38,
            ">",
            1.0,
        ),
        gate("top10_share", "share of the gross profit in the ten best trades", 0.382, "<", 0.4),
        gate("stress1_annual_sharpe", "annual Sharpe ratio with fee and slippage doubled", 1.21, ">", 1.0),
        gate(
            "regime_mismatch",
            "share of the bars in the market in regimes that are not approved",
            0.004 if verdict == "gold" else 0.087,
            "<",
            0.01,
        ),
    ]
    n_passed = sum(each["pass"] for each in strict_gates) - 2
    trial_counts = [1, 10, 100, 1_000, 10_000, 50_000, 250_000, 1_000_000]
    return {
        "schema": "swarmd.certificate/1",
        "verdict": verdict,
        "crown_on": "evidence",
        "symbol": "BTCUSDT",
        "interval": "5m",
        "strategy": "mtf_ema",
        "mode": "balanced",
        "trial": 413,
        "params": {"tf_fast": 15, "L_fast": 21, "tf_slow": 240, "L_slow": 34, "sl": 0.0185, "tp": 0.042},
        "score": real,
        "data_snapshot_id": "BTCUSDT_5m_2023-01-01_2025-12-30_1f0c33ab9d42",
        "data_sha256": "1f0c33ab9d42" + "7e" * 26,
        "git_sha": "9a" * 20,
        "code_version": "0.1.0+3f2a9c01d5e7",
        "seed": 1234,
        "tried": 252_431,
        "costs": {"fee_bps": 5.0, "slippage_bps": 2.0},
        "development": {
            "first_open_ms": FIRST_MS,
            "last_open_ms": split_ms - 300_000,
            "bars": DEVELOPMENT_DAYS * 288,
            "metrics": metrics(2.28, inside, 266),
        },
        "vault": {
            "first_open_ms": split_ms,
            "last_open_ms": split_ms + VAULT_DAYS * DAY_MS - 300_000,
            "bars": VAULT_DAYS * 288,
            "metrics": metrics(1.44 if is_real else -0.2, outside, 128),
        },
        "evidence": {
            "gates": evidence_gates,
            "p": {
                "surrogates": p,
                "standard_error": 0.005,
                "told_by": "counted",
                "vault": 0.0712 if is_real else 0.55,
                "combined": 0.0021 if is_real else 0.31,
                "adjusted": 0.0021 if is_real else 0.31,
                "finalists": 1,
                "alpha": 0.01,
            },
            "fdr": {"method": "lord++", "level": 0.0038, "fdr": 0.1, "test": 17, "rejected": is_real},
            "dsr": {
                "dsr": 0.931,
                "sr0_annual": 1.62,
                "dsr_of_all": 0.874,
                "n_trials": 252_431,
                "n_effective": 104.6,
                "trial_sd_annual": 0.48,
                "curve": [{"n_trials": n, "dsr": float(1.0 / (1.0 + 0.0003 * n**0.45))} for n in trial_counts],
            },
            "pbo": {"pbo": 0.12, "trials": 100_000, "blocks": 16, "probability_of_loss": 0.09, "slope": 0.21},
            "spa": {"consistent": 0.018, "lower": 0.011, "upper": 0.034, "trials": 250_000},
            "forecast": {
                "raw_annual_sharpe": 2.28,
                "vault_annual_sharpe": 1.44,
                "shrunken_annual_sharpe": 1.17,
                "se_annual": 0.52,
                "how": "the real market's best less what the search finds on surrogates, weighted with the vault",
            },
            "minimum_track_record_years": 1.31,
            "minimum_backtest_years": 4.92,
        },
        "strict": {"guards": f"{n_passed}/7", "gates": strict_gates},
        "surrogates": {
            "planned": 199, "searched": 199, "as_good": as_good, "real": real, "maxima": maxima,
        },
        "ledger": {
            "path": "ledgers/BTCUSDT/mtf_ema.jsonl", "lines": 41, "head": "c0ffee" * 10 + "beef", "tried": 252_431,
        },
        "looks_at_the_vault": 1,
        "walk_forward": {
            "windows": [_window(rng, number, sharpe) for number in range(8)],
            "efficiency": 0.71,
            "share_of_profitable_windows": 0.75,
            "worst_window": {"number": 3, "total_return": -0.0211},
        },
        "sensitivity": {
            "of": "annual Sharpe ratio on the development bars", "variance": 0.0431, "cv": 0.208,
            "n_given": 12, "n_valid": 12, "p10_ratio": 0.81,
            "beside": [{"parameter": "L_fast", "value": 20, "annual_sharpe": 2.11}],
        },
        "stress": {
            "1": {"what": "fee and slippage doubled", "annual_sharpe": 1.21},
            "2": {"what": "orders one bar later", "annual_sharpe": 1.39},
            "3": {
                "what": "one trade in twenty missed, 1000 times", "fifth_percentile_of_net_profit": 0.183,
                "dropped": 6, "trades": 128, "passes": True,
            },
        },
        "monte_carlo": {"test": "sign flip", "of": "daily net returns on the vault", "p": 0.0312,
                        "circular_shift_p": 0.041},
        "bootstrap": {"of": "annual Sharpe ratio of the same days", "confidence": 0.95, "resamples": 2000,
                      "lower": -0.38, "upper": 3.27},
        "regimes": {
            "approved": ["rising, calm", "falling, calm"],
            "bars_in_market": {"rising, calm": 31_204, "falling, calm": 9_810, "falling, wild": 164},
            "table": [
                _regime("rising, calm", 140, 0.42, 66, 0.15, 31_204, approved=True),
                _regime("rising, wild", 12, 0.03, 5, -0.01, 0, approved=False),
                _regime("falling, calm", 91, 0.17, 51, 0.08, 9_810, approved=True),
                _regime("falling, wild", 23, -0.06, 6, -0.02, 164, approved=False),
            ],
        },
        "curves": {
            "development": _curve(FIRST_MS, inside),
            "vault": _curve(split_ms, outside),
        },
        "neighbourhood": neighbourhood(),
        "second_opinion": {
            "engine": "backtesting.py", "version": "0.6.6", "trades": 128, "their_trades": 128, "matched": 128,
            "tolerance": 1e-9, "largest_difference": 3.1e-16, "largest_price_difference": 0.0,
            "largest_return_difference": 3.1e-16, "return": 0.2134, "their_return": 0.2134, "apart": 0,
            "differences": [],
            "explained": [
                {"name": "stop and target in one bar", "trades": 1,
                 "meaning": "nobody knows which came first; both engines take the stop"},
                {"name": "slippage", "trades": 128,
                 "meaning": "it has none when a position is left; charged as its commission"},
            ],
            "agrees": True,
        },
        "reproduce": ["swarmd champion verify BTCUSDT 5m", "swarmd validate BTCUSDT --mode balanced --surrogates 199"],
    }  # fmt: skip


def gate(name: str, meaning: str, figure: float | None, comparison: str, threshold: float) -> dict[str, Any]:
    holds = {">": float.__gt__, ">=": float.__ge__, "<": float.__lt__, "<=": float.__le__}[comparison]
    return {
        "name": name,
        "meaning": meaning,
        "figure": figure,
        "comparison": comparison,
        "threshold": threshold,
        "pass": figure is not None and bool(holds(float(figure), float(threshold))),
    }


def metrics(annual_sharpe: float, equity: np.ndarray, trades: int) -> dict[str, Any]:
    fall = 1.0 - equity / np.maximum.accumulate(equity)
    return {
        "total_trades": trades,
        "total_return": float(equity[-1] - 1.0),
        "annual_sharpe": annual_sharpe,
        "max_drawdown": float(fall.max()),
        "win_rate": 0.4375,
        "profit_factor": 1.61,
        "exposure": 0.43,
        "annual_return": float(equity[-1] ** (365.0 / equity.size) - 1.0),
        "annual_volatility": 0.151,
        "annual_sortino": 2.03,
        "calmar": 2.4,
        "avg_trade_return": 0.0017,
        "avg_bars_held": 353.2,
        "top10_share": 0.382,
    }


def neighbourhood(seed: int = 3, size: int = 9) -> dict[str, Any]:
    """A plateau with its centre in the middle and one point that cannot be evaluated."""
    rng = np.random.default_rng(seed)
    across = (np.arange(size) - size // 2) / size
    height = 2.2 - 3.0 * (across[:, None] ** 2 + 1.5 * across[None, :] ** 2) + rng.normal(0.0, 0.07, (size, size))
    cells: list[list[float | None]] = [[float(cell) for cell in row] for row in height]
    cells[0][0] = None
    return {
        "x": {"name": "L_fast", "values": [17 + at for at in range(size)]},
        "y": {"name": "L_slow", "values": [30 + at for at in range(size)]},
        "annual_sharpe": cells,
        "centre": [17 + size // 2, 30 + size // 2],
    }


def _equity(rng: np.random.Generator, days: int, sharpe: float) -> np.ndarray:
    daily = rng.standard_normal(days)
    daily = (daily - daily.mean()) / daily.std(ddof=1) * 0.008 + sharpe * 0.008 / np.sqrt(365.0)
    return np.cumprod(1.0 + daily)


def _curve(first_ms: int, equity: np.ndarray) -> dict[str, Any]:
    days = [
        dt.datetime.fromtimestamp((first_ms + at * DAY_MS) / 1000, tz=dt.UTC).strftime("%Y-%m-%d")
        for at in range(equity.size)
    ]
    return {"days": days, "equity": [float(each) for each in equity]}


def _utc(instant_ms: int) -> str:
    return dt.datetime.fromtimestamp(instant_ms / 1000, tz=dt.UTC).strftime("%Y-%m-%d %H:%M")


def _window(rng: np.random.Generator, number: int, sharpe: float) -> dict[str, Any]:
    first = FIRST_MS + (180 + number * 60) * DAY_MS
    return {
        "number": number,
        "fit_first": _utc(first - 180 * DAY_MS),
        "first": _utc(first),
        "last": _utc(first + 60 * DAY_MS - 300_000),
        "is_annual_sharpe": float(rng.normal(2.2, 0.4)),
        "oos_return": float(rng.normal(0.012 * sharpe, 0.02)),
        "oos_annual_sharpe": None if number == 5 else float(rng.normal(sharpe, 1.2)),
        "trades": int(rng.integers(8, 24)),
    }


def _regime(
    name: str, is_trades: int, is_pnl: float, oos_trades: int, oos_pnl: float, bars: int, *, approved: bool
) -> dict[str, Any]:
    return {
        "regime": name,
        "is_trades": is_trades,
        "is_net_pnl": is_pnl,
        "oos_trades": oos_trades,
        "oos_net_pnl": oos_pnl,
        "oos_bars_in_market": bars,
        "approved": approved,
    }
