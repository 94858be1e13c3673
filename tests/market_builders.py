"""Small klines for the market's tests, files made of them, and the way to the real bars."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import pytest

FIRST_MS = 1_672_531_200_000  # 2023-01-01 00:00 UTC
STEP_MS = 300_000
NAMES = ("open", "high", "low", "close", "volume")


def columns(n_bars: int = 20, *, first_ms: int = FIRST_MS, step_ms: int = STEP_MS, seed: int = 1) -> dict[str, Any]:
    """Valid columns: timestamp in ms, prices near 100, positive volume."""
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.002, n_bars)))
    open_ = np.concatenate(([100.0], close[:-1]))
    return {
        "timestamp": first_ms + step_ms * np.arange(n_bars, dtype=np.int64),
        "open": open_,
        "high": np.maximum(open_, close) * 1.001,
        "low": np.minimum(open_, close) * 0.999,
        "close": close,
        "volume": rng.lognormal(3, 1, n_bars),
    }


def without(cols: dict[str, Any], *rows: int) -> dict[str, Any]:
    """The columns with these rows taken out."""
    return {name: np.delete(values, rows) for name, values in cols.items()}


def save(path: Path, cols: dict[str, Any]) -> Path:
    """The columns as a file in the format of its suffix, with no help from the code under test."""
    table = pa.table({name: pa.array(values) for name, values in cols.items()})
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path)
    elif path.suffix == ".feather":
        pyarrow.feather.write_feather(table, str(path))
    else:
        pyarrow.csv.write_csv(table, path)
    return path


def real_bars(*parts: str) -> Path:
    """A path in the real data (`SWARMD_TEST_DATA`, else `../shared/data` beside the project); skips if it is absent."""
    project = Path(__file__).resolve().parents[1]
    root = Path(os.environ.get("SWARMD_TEST_DATA", project.parent / "shared" / "data"))
    path = root.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no {path}; set SWARMD_TEST_DATA to the folder of real bars to run this")
    return path
