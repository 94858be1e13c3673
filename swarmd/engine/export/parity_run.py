"""An exported script executed by PineTS, as a process of its own, from where the user has installed it.

PineTS is AGPL-3.0 and no part of swarmd: nothing of it is imported, copied or fetched here. Our own small runner beside
this file is started under node with the folder that holds it; without either, the parity file says so and what to do.
"""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from swarmd.engine.market.bars import Bars
from swarmd.state.errors import OperatorError, OutsideError

RUNNER = Path(__file__).with_name("pine_runner.mjs")
HOW = (
    "install node 18 or later, then `npm install pinets` in a folder of your own, and run "
    "`swarmd export parity SYMBOL TIMEFRAME --pinets THAT_FOLDER`"
)
# Smaller than the last bit of any price and a power of two: levels are what the script computes, unrounded.
TICK = 2.0**-80
_COLUMNS = ("open", "high", "low", "close", "volume")


def executed(script: str, bars: Bars, *, pinets: Path, timeout_s: float = 1800.0) -> dict[str, Any]:
    """What the executor says of the script on the real bars (a chart has none where there was no trade).

    Raises
    ------
    OperatorError
        If node is missing, or the folder holds no PineTS.
    OutsideError
        If the executor fails or takes longer than the limit; its own first line is told.
    """
    node = shutil.which("node")
    if node is None:
        raise OperatorError(f"there is no node to run PineTS with; {HOW}")
    if not (pinets / "node_modules" / "pinets" / "package.json").is_file():
        raise OperatorError(f"{pinets} holds no node_modules/pinets; {HOW}")
    with tempfile.TemporaryDirectory(prefix="swarmd-parity-") as folder:
        job, text = Path(folder) / "job.json", Path(folder) / "script.pine"
        text.write_text(script, encoding="utf-8")
        job.write_text(json.dumps(_job(bars, text, pinets.absolute())))
        try:
            done = subprocess.run(
                [node, "--max-old-space-size=4096", str(RUNNER), str(job)],
                capture_output=True,
                timeout=timeout_s,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise OutsideError(
                f"PineTS was not done with {bars.n_bars} bars after {timeout_s:.0f} s; name fewer with --last N"
            ) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        raise OutsideError(f"PineTS could not run the script (exit {done.returncode}): {said[0][:300]}")
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as cause:
        raise OutsideError(f"what PineTS printed is no JSON ({cause}); is that folder's pinets a whole one?") from cause
    return answer


def _job(bars: Bars, script: Path, pinets: Path) -> dict[str, Any]:
    real = np.flatnonzero(~bars.synthetic)
    return {
        "pinets": str(pinets),
        "script": str(script),
        "symbol": bars.symbol,
        "minutes": bars.interval_minutes,
        "tick": TICK,
        "bars": {"time": bars.open_time[real].tolist()}
        | {name: getattr(bars, name)[real].tolist() for name in _COLUMNS},
    }
