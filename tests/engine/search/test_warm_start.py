"""Warm start: the right file, the right question, the exact words, and only vectors that still fit."""

import json
import logging

import pytest

from swarmd.engine.search.space import search_space
from swarmd.engine.search.warm_start import find_seed_file, warm_start_seeds
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.records.search_settings import SpaceRange

MTF = strategy_named("mtf_ema")
SPACE = search_space(MTF.card, "aggressive", {})
VECTOR = {"tf_fast": 15, "L_fast": 10, "tf_slow": 60, "L_slow": 20, "sl": 0.02, "tp": 0.03}


def a_file(folder, *vectors, **fields):
    path = folder / "phase0_top500.json"
    document = {"schema": "swarmd.prescreen/1", "data_sha256": "d", "top": [{"params": v} for v in vectors]}
    path.write_text(json.dumps(document | fields))
    return path


def test_it_says_which_file_and_how_many(tmp_path, caplog):
    path = a_file(tmp_path, VECTOR, VECTOR | {"L_fast": 11})
    with caplog.at_level(logging.INFO):
        seeds = warm_start_seeds(path, MTF, SPACE, count=20, expected={"data_sha256": "d"})
    assert seeds == (VECTOR, VECTOR | {"L_fast": 11})
    assert caplog.messages == [f"Loaded Phase0 seed: {path} (2 seeds)"]


def test_no_more_than_asked_and_only_those_that_lie_in_the_space(tmp_path):
    outside, together = VECTOR | {"sl": 0.049}, VECTOR | {"tf_fast": 60}
    path = a_file(tmp_path, outside, together, VECTOR, VECTOR | {"L_fast": 11}, VECTOR | {"L_fast": 12})
    narrow = search_space(MTF.card, "aggressive", {"sl": SpaceRange(low=0.01, high=0.03)})
    seeds = warm_start_seeds(path, MTF, narrow, count=2, expected={})
    assert seeds == (VECTOR, VECTOR | {"L_fast": 11})


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": "other/1"}'])
def test_what_is_no_prescreen_is_refused(tmp_path, content):
    path = tmp_path / "phase0_top500.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="run the prescreen again"):
        warm_start_seeds(path, MTF, SPACE, count=2, expected={})


def test_seeds_of_other_data_are_refused_with_both_values(tmp_path):
    path = a_file(tmp_path, VECTOR)
    with pytest.raises(ValueError, match="made with data_sha256 'd', asked for 'e'"):
        warm_start_seeds(path, MTF, SPACE, count=2, expected={"data_sha256": "e"})


def test_the_file_is_found_in_a_folder_or_by_its_own_name(tmp_path):
    assert find_seed_file(tmp_path) is None
    path = a_file(tmp_path, VECTOR)
    assert find_seed_file(tmp_path) == find_seed_file(path) == path
