"""The demonstration: two made-up markets and a small campaign over them, inside the home.

One market holds a planted edge, the other nothing but noise, so that a person sees a champion crowned and an honest
refusal. The engine makes the bars in a process of its own; asking twice makes nothing twice.
"""

import subprocess
import sys
from pathlib import Path

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home, atomic_write

_MARKETS = (("planted", "PLANTEDDEMO", ("--sharpe", "5")), ("noise", "NOISEDEMO", ()))
_DAYS = 730
_MADE_WITHIN_S = 300.0

_CAMPAIGN = """\
# Made by `swarmd start --demo`: synthetic bars, evidence of nothing but that the machinery works.
name: demo
data: {root: bars, interval: 5m}
assets: {tiers: {DEMO: [PLANTEDDEMO, NOISEDEMO]}}
strategy: {name: mtf_ema, modes: [aggressive]}
search: {prescreen: {combos: 50000, seed: 42}, refine: {trials: 60, seed: 42}}
# Rules that trade seldom win by luck: a finalist must trade often enough for the held-back third to judge it.
constraints: {min_trades: 150}
"""


def demo_campaign(home: Home) -> Path:
    """The demonstration's campaign file, with its bars beside it."""
    folder = home.root / "demo"
    for kind, symbol, more in _MARKETS:
        if not (folder / "bars" / f"{symbol}.parquet").exists():
            _make(folder / "bars", kind, symbol, more)
    file = folder / "campaign.yaml"
    atomic_write(file, _CAMPAIGN.encode())
    return file


def _make(folder: Path, kind: str, symbol: str, more: tuple[str, ...]) -> None:
    words = ["data", "synth", "--kind", kind, "--days", str(_DAYS), "--seed", "7", "--symbol", symbol, *more]
    command = [sys.executable, "-P", "-m", "swarmd", *words, "--out", str(folder)]
    try:
        made = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_MADE_WITHIN_S, check=False
        )
    except subprocess.TimeoutExpired as cause:
        raise OutsideError(f"the bars of {symbol} were not made within {_MADE_WITHIN_S:g} s; try again") from cause
    if made.returncode != 0:
        last = (made.stderr.strip().splitlines() or [f"exit code {made.returncode}"])[-1]
        raise OutsideError(f"the bars of {symbol} could not be made: {last}")
