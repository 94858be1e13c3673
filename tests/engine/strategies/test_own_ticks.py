"""A user's own tick strategy from a file: the one of the page, its faults told with their line, and what is none."""

import re
from pathlib import Path

import pytest
from repository import ROOT
from tick_builders import quotes, runs_of, saved, stream_of, told

from swarmd.engine.strategies.own import StrategyError
from swarmd.engine.strategies.tick_registry import tick_baseline, tick_strategy_named


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "ticks.md").read_text(), re.DOTALL)
    path = tmp_path / "wide.py"
    path.write_text(example)
    return path


def test_the_example_of_the_page_runs_and_its_batches_change_nothing(mine: Path, tmp_path: Path):
    q, name = saved(tmp_path / "q.parquet", quotes(300)), f"{mine}:Wide"
    params = tick_baseline(tick_strategy_named(name).card, "long")
    whole, parts = (
        runs_of(stream_of(q, batch_rows=size), [params], name=name, mode="long", keeps_equity=True)[0]
        for size in (1000, 1)
    )
    assert told(whole) == told(parts)
    assert whole.stats == {"rows": 300}
    assert len(whole.trades) >= 3


def test_what_it_raises_is_told_with_method_and_line(mine: Path, tmp_path: Path):
    text = mine.read_text().replace("self.rows += len(batch)", "self.rows += 1 // 0")
    mine.write_text(text)
    line = text[: text.index("1 // 0")].count("\n") + 1
    stream = stream_of(saved(tmp_path / "q.parquet", quotes(30)))
    with pytest.raises(StrategyError, match=rf"Wide: on_tick raises ZeroDivisionError: .* \(wide.py, line {line}\)"):
        runs_of(stream, [{"wide": 0.02}], name=f"{mine}:Wide", mode="long")


def test_a_name_of_the_package_is_refused(mine: Path):
    mine.write_text(mine.read_text().replace('"wide",\n        "long', '"ofi_momentum",\n        "long'))
    with pytest.raises(ValueError, match="bears the name 'ofi_momentum', which a tick strategy of the package has"):
        tick_strategy_named(f"{mine}:Wide")


def test_a_class_that_is_no_tick_strategy_is_told_what_it_lacks(mine: Path):
    mine.write_text(mine.read_text().replace("def on_tick", "def on_bar"))
    with pytest.raises(
        ValueError, match="class Wide lacks on_tick, and the data are quotes or trades; see the contract"
    ):
        tick_strategy_named(f"{mine}:Wide")
    mine.write_text(mine.read_text().replace("def on_bar", "def on_tick").replace("card = ", "card = 5 or "))
    with pytest.raises(ValueError, match="the card of Wide is no StrategyCard"):
        tick_strategy_named(f"{mine}:Wide")
