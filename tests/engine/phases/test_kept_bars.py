"""Phases load bars by way of the home's cache, and compute on the very bars the preflight decoded."""

from dataclasses import replace

import numpy as np
import pytest
from market_builders import columns, save, without

from swarmd.engine.market.faults import DataError
from swarmd.engine.phases.desk import quiet_desk
from swarmd.engine.phases.preflight import preflight
from swarmd.engine.phases.question import bars_of, kept_bars_of, question_of
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.job import Phase, job_id
from swarmd.state.store.files import Home
from swarmd.state.work_order import WorkOrder


@pytest.fixture
def order(tmp_path):
    (tmp_path / "bars").mkdir()
    save(tmp_path / "bars" / "COIN.parquet", without(columns(100 * 288), 700))
    settings = CampaignSettings.model_validate(
        {
            "name": "try",
            "data": {"root": str(tmp_path / "bars"), "interval": "5m", "known_gaps": ["2023-01-03"]},
            "assets": {"tiers": {"TIER1": ["COIN"]}},
            "strategy": {"name": "mtf_ema", "modes": ["balanced"]},
        }
    )
    return WorkOrder(
        run="r1",
        job=job_id("try", "COIN", "balanced", Phase.PRESCREEN),
        token=1,
        lane="cpu0",
        phase=Phase.PRESCREEN,
        symbol="COIN",
        mode="balanced",
        home=str(tmp_path / "home"),
        session="s",
        threads=1,
        campaign=settings,
    )


@pytest.fixture
def desk(tmp_path):
    home = Home(tmp_path / "home")
    home.prepare()
    return quiet_desk(home, lambda: 0)


def test_a_question_has_the_same_bars_and_origin_with_a_cold_and_a_warm_cache(order, desk):
    assert preflight(order, desk).verdict == "pass"
    folder = desk.home.cache / "bars"
    assert not folder.exists()
    cold, warm = question_of(order, desk), question_of(order, desk)
    assert len(list(folder.iterdir())) == 1
    plain = bars_of(order.campaign.data, "COIN")
    for question in (cold, warm):
        assert question.origin.data_sha256 == plain.sha256()
        assert question.origin.data_snapshot_id == plain.snapshot_id()
        assert np.array_equal(question.bars.close, plain.close)
        assert np.array_equal(question.bars.synthetic, plain.synthetic)
    assert cold.origin == warm.origin


def test_bars_that_changed_since_the_preflight_are_refused_with_a_warm_cache_too(order, desk, tmp_path):
    preflight(order, desk)
    question_of(order, desk)
    cols = without(columns(100 * 288), 700)
    cols["close"][9] = np.nextafter(cols["close"][9], 0)
    save(tmp_path / "bars" / "COIN.parquet", cols)
    with pytest.raises(DataError, match="the file was changed since"):
        question_of(order, desk)


def test_a_damaged_entry_is_said_at_the_desk_and_costs_nothing_else(order, desk):
    said = []
    desk = replace(desk, say=said.append)
    kept_bars_of(order.campaign.data, "COIN", desk)
    (entry,) = (desk.home.cache / "bars").iterdir()
    entry.write_bytes(entry.read_bytes()[:-1])
    again = kept_bars_of(order.campaign.data, "COIN", desk)
    assert again.sha256() == bars_of(order.campaign.data, "COIN").sha256()
    assert len(said) == 1
    assert "is damaged" in said[0]
