"""Small experiments: a market, a file about it, a person's own strategies that misbehave, and what lies in a folder."""

import json
from pathlib import Path
from typing import Any

import yaml
from search_builders import SYMBOL, a_market

GRID = {"L_fast": [5, 10], "L_slow": [40, 80], "sl": [0.02, 0.04]}

# ema_cross under another name; `events` may do what a person's code does.
OWN = """\
import os
import time
from dataclasses import replace
from pathlib import Path

from swarmd.engine.strategies.ema_cross import EmaCross


class Own(EmaCross):
    card = replace(EmaCross.card, name="own")

    def events(self, bars, params):
{body}
        return super().events(bars, params)
"""


def a_file(folder: Path, **sections: Any) -> Path:
    """`experiment.yaml` about noise of 60 days in quarters of an hour; sections replace or add, None leaves out."""
    if not (folder / "bars").is_dir():
        a_market(folder / "bars", days=60)
    whole: dict[str, Any] = {
        "name": "try",
        "data": {"path": f"bars/{SYMBOL}.parquet"},
        "strategy": {"name": "ema_cross", "mode": "long_short"},
        "method": "grid",
        "space": GRID,
        "constraints": {"min_trades": 5, "max_drawdown": 0.95},
        "limits": {"concurrency": 1, "backoff": ["10ms", "40ms"], "trial_timeout": "1m"},
    }
    path = folder / "experiment.yaml"
    kept = {key: value for key, value in (whole | sections).items() if value is not None}
    path.write_text(yaml.safe_dump(kept, sort_keys=False))
    return path


def a_strategy(folder: Path, body: str) -> dict[str, str]:
    """The section `strategy` for a file of a person's own, whose `events` begins with these lines."""
    indented = "\n".join(f"        {line}" for line in body.splitlines())
    (folder / "own.py").write_text(OWN.format(body=indented))
    return {"file": "own.py:Own", "mode": "long_short"}


def trials_in(folder: Path) -> dict[int, dict[str, Any]]:
    """The trial files directly below `folder`/trials, by number."""
    documents = [json.loads(path.read_bytes()) for path in (folder / "trials").glob("trial_*.json")]
    return {document["number"]: document for document in sorted(documents, key=lambda each: each["number"])}


def plain(trial: dict[str, Any]) -> dict[str, Any]:
    """What must be the same whenever and wherever a trial is run."""
    return {key: value for key, value in trial.items() if key not in ("seconds", "attempts", "git_sha")}
