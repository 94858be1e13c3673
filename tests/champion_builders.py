"""Champions for tests: a file's content with every field set, and the changes of a niche."""

from swarmd.engine.champions.champion import ChampionFile

PARAMETERS = {"tf_fast": 15, "L_fast": 5, "tf_slow": 60, "L_slow": 12, "sl": 0.02, "tp": 0.05}


def a_champion(**changed) -> ChampionFile:
    """Of BTCUSDT 5m, crowned by run r1 of campaign c, with a forecast of 1.5."""
    return ChampionFile(
        **{
            "symbol": "BTCUSDT",
            "timeframe": "5m",
            "strategy": "mtf_ema",
            "mode": "aggressive",
            "parameters": PARAMETERS,
            "metrics": {
                "development": {"annual_sharpe": 2.0},
                "vault": {},
                "gates": {},
                "forecast": {"annual_sharpe": 1.5},
            },
            "score": 1.5,
            "created_at": "2026-01-01T00:00:00.000Z",
            "run_id": "r1",
            "campaign": "c",
            "trial_id": 3,
            "snapshot_id": "s",
            "data_sha256": "d",
            "git_commit": None,
            "code_version": "0.1.0",
            "tried": 10,
            "certificate": None,
        }
        | changed
    )
