"""Campaigns nobody had to write: the demonstration on two made-up markets, and one over a folder of the user's bars.

Both are ordinary campaign files, written where a person can read and change them.
"""

import hashlib
from pathlib import Path
from typing import Any

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home, atomic_write
from swarmd.supervisor.engine_answers import engine_answer, engine_document

_MARKETS = (("planted", "PLANTEDDEMO", ("--sharpe", "5")), ("noise", "NOISEDEMO", ()))
_DEMO_DAYS, _DEMO_SEED = "730", "7"

_DEMO = """\
# Made by `swarmd start --demo`: synthetic bars, evidence of nothing but that the machinery works.
# PLANTEDDEMO has a known edge (true net Sharpe ratio about 5, see bars/PLANTEDDEMO.truth.json); NOISEDEMO has none.
name: demo
label: "synthetic: one market with a planted edge, one of pure noise"
data: {root: bars, interval: 5m}
assets: {tiers: {DEMO: [PLANTEDDEMO, NOISEDEMO]}}
strategy: {name: mtf_ema, modes: [aggressive]}
search: {prescreen: {combos: 50000, seed: 42}, refine: {trials: 60, seed: 42}}
# Rules that trade seldom win by luck: a finalist must trade often enough for the held-back third to judge it.
constraints: {min_trades: 150}
# The whole search is run again on made-up markets without an edge: 19 of them here, 199 where nothing is said.
validation: {surrogates: 19}
"""

_OVER_BARS = """\
# Made by `swarmd start --data`: change what you like, give it another name, and `swarmd start` it.
name: {name}
data: {{root: "{root}", interval: {interval}, known_gaps: [{gaps}]}}
assets: {{tiers: {{ALL: [{symbols}]}}}}
strategy: {{name: {strategy}, modes: [{mode}]}}
search: {{prescreen: {{combos: 50000, seed: 42}}, refine: {{trials: 100, seed: 42}}}}
"""


def demo_campaign(home: Home) -> Path:
    """The demonstration's campaign file, with its bars beside it; asking twice makes nothing twice."""
    folder = home.root / "demo"
    for kind, symbol, more in _MARKETS:
        if not (folder / "bars" / f"{symbol}.parquet").exists():
            words = ("--kind", kind, "--days", _DEMO_DAYS, "--seed", _DEMO_SEED, "--symbol", symbol, *more)
            engine_answer("data", "synth", *words, "--out", str(folder / "bars"))
    file = folder / "campaign.yaml"
    atomic_write(file, _DEMO.encode())
    return file


def campaign_over(home: Home, root: Path, known_gaps: tuple[str, ...]) -> Path:
    """A campaign over every readable bars file of a folder, named after what it asks.

    Raises OperatorError when there is nothing to ask, or when the files do not share one interval.
    """
    listed: list[dict[str, Any]] = engine_document("data", "list", str(root))["series"]
    readable = [series for series in listed if series["problem"] is None]
    if not readable:
        first = f": {listed[0]['problem']}" if listed else ""
        raise OperatorError(f"no readable bars in {root}{first}; see `swarmd data validate {root}/* --check-all`")
    intervals = sorted({series["interval"] for series in readable})
    if len(intervals) > 1:
        raise OperatorError(f"{root} mixes bars of {' and '.join(intervals)}; keep one interval in one folder")
    symbols = sorted(series["symbol"] for series in readable)
    # Bars of 5 minutes carry the multi-timeframe strategy; slower ones the plain cross.
    is_fast = intervals[0] in ("1m", "3m", "5m", "15m")
    asked = {
        "root": str(root.resolve()),
        "interval": intervals[0],
        "gaps": ", ".join(known_gaps),
        "symbols": ", ".join(symbols),
        "strategy": "mtf_ema" if is_fast else "ema_cross",
        "mode": "aggressive" if is_fast else "long_short",
    }
    name = f"bars-{hashlib.sha256(repr(sorted(asked.items())).encode()).hexdigest()[:8]}"
    file = home.root / "ready-made" / f"{name}.yaml"
    atomic_write(file, _OVER_BARS.format(name=name, **asked).encode())
    return file
