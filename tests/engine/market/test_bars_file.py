"""A symbol's bars are found by the name of their file."""

import pytest
from market_builders import columns, save

from swarmd.engine.market.bars_file import find_bars_file
from swarmd.engine.market.faults import DataAway, DataError


def test_a_symbol_is_found_by_its_file_and_a_missing_one_is_told_what_is_there(tmp_path):
    save(tmp_path / "BTCUSDT.parquet", columns())
    save(tmp_path / "ETHUSDT.csv", columns())
    assert find_bars_file(tmp_path, "ETHUSDT") == tmp_path / "ETHUSDT.csv"
    with pytest.raises(DataError, match="no bars of BTCUSD; there is BTCUSDT, ETHUSDT"):
        find_bars_file(tmp_path, "BTCUSD")
    save(tmp_path / "ETHUSDT.feather", columns())
    with pytest.raises(DataError, match=r"ETHUSDT is there as ETHUSDT.csv, ETHUSDT.feather; keep one"):
        find_bars_file(tmp_path, "ETHUSDT")


def test_where_there_are_no_bars_at_all_the_data_is_away_rather_than_bad(tmp_path):
    with pytest.raises(DataAway, match="there is no such folder of bars"):
        find_bars_file(tmp_path / "nowhere", "BTCUSDT")
    with pytest.raises(DataAway, match="no bars of BTCUSDT; there are no bars at all"):
        find_bars_file(tmp_path, "BTCUSDT")
