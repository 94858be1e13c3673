"""The example files of the documentation are sound, on bars of the names and stretches that they ask for."""

import shutil

import pytest
from repository import ROOT

from swarmd.engine.experiments.experiment_file import read_experiment
from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import noise_market

EXAMPLES = [ROOT / "docs" / "examples" / f"{name}.yaml" for name in ("grid", "monte_carlo", "walk_forward")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("examples")
    (made / "bars_1h").mkdir()
    for symbol in ("BTCUSDT", "ETHUSDT", "LTCUSDT"):
        write_bars(made / "bars_1h" / f"{symbol}.parquet", noise_market(1200, 1, 60, symbol=symbol))
    return made


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_sound(folder, example):
    shutil.copy(example, folder)
    experiment = read_experiment(folder / example.name)
    assert experiment.settings.name
    assert experiment.vectors is None or len(experiment.vectors.vectors) >= 80
    assert (experiment.settings.walk_forward is None) == (experiment.windows == {})
