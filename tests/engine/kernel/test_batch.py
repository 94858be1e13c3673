"""Screening many vectors: the same bits whatever the threads and the process, one compiled form, early progress."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from swarmd.engine.kernel.batch import CHUNKS, FIRST_CHUNK, Vectors, _chunks
from swarmd.engine.kernel.events import next_real_bar

SCREEN = """
import hashlib, json
import numpy as np
from price_builders import awkward_bars
from swarmd.engine.backtest import evaluate_many
from swarmd.engine.kernel import batch
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.search.combos import draw_combinations
from swarmd.engine.search.space import search_space
from swarmd.engine.strategies.registry import strategy_named

strategy, digest = strategy_named("mtf_ema"), hashlib.sha256()
columns = draw_combinations(search_space(strategy.card, "aggressive", {}), 6000, 7, strategy.admissible)
for missing in (0.0, 0.05):
    bars = awkward_bars("walk", 20_000, 3, lead=50, missing=missing)
    found = evaluate_many(bars, strategy, columns, mode="aggressive", costs=Costs())
    for column in found.values():
        digest.update(column.tobytes())
print(json.dumps({"digest": digest.hexdigest(), "forms": len(batch._screen_chunk.signatures)}))
"""


@pytest.fixture(scope="module")
def screened() -> list[dict[str, str | int]]:
    """The same screen in processes of their own with 1 and with 2 threads."""
    said = []
    for threads in ("1", "2"):
        environment = os.environ | {"NUMBA_NUM_THREADS": threads, "PYTHONPATH": os.pathsep.join(sys.path)}
        run = subprocess.run([sys.executable, "-c", SCREEN], env=environment, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        said.append(json.loads(run.stdout))
    return said


def test_threads_and_processes_change_no_bit(screened: list[dict[str, str | int]]):
    assert screened[0]["digest"] == screened[1]["digest"]


def test_bars_with_gaps_and_without_run_the_same_compiled_kernel(screened: list[dict[str, str | int]]):
    assert [run["forms"] for run in screened] == [1, 1]


def test_the_table_of_real_bars_is_contiguous():
    found = next_real_bar(np.array([False, True, True, False, True]))
    assert found.tolist() == [0, 3, 3, 3, 5]
    assert found.flags.c_contiguous


def test_chunks_begin_small_cover_every_group_once_and_grow_to_an_even_share():
    n_groups, size = 4000, 50
    starts = np.arange(n_groups + 1, dtype=np.int64) * size
    empty = np.empty(0)
    vectors = Vectors(np.arange(n_groups * size), starts, np.arange(n_groups), empty, empty, empty, empty)  # type: ignore[arg-type]
    chunks = list(_chunks(vectors))
    assert [start for start, _, _ in chunks] == [0, *(stop for _, stop, _ in chunks[:-1])]
    assert chunks[-1][1] == n_groups
    assert sum(n for _, _, n in chunks) == n_groups * size
    assert chunks[0][2] < FIRST_CHUNK + size
    assert max(n for _, _, n in chunks) < n_groups * size // CHUNKS + size
