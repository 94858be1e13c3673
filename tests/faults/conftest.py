"""Bars, homes and the one undisturbed run that the disturbed ones are compared with."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from faults.shim import built
from faults.swarm import SYMBOL, Swarm, campaign_text, leftovers, outcome, wait

from swarmd.engine.market.formats import write_bars
from swarmd.engine.market.synth import noise_market, planted_market

DAYS, SEED, SHARPE = 300, 7, 6.0


@pytest.fixture(scope="session")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market with an edge that a dozen trials find, and one with none."""
    folder = tmp_path_factory.mktemp("bars")
    edge, _ = planted_market(DAYS, SEED, SHARPE, symbol=SYMBOL)
    write_bars(folder / f"{SYMBOL}.parquet", edge)
    write_bars(folder / "NOISE.parquet", noise_market(DAYS, SEED, symbol="NOISE"))
    return folder


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, bars: Path) -> dict[str, Any]:
    """What the campaign comes to when nobody disturbs it."""
    swarm = Swarm(tmp_path_factory.mktemp("calm"), campaign_text(bars))
    swarm.start()
    assert swarm.finish() == 0
    assert swarm.trouble() == []
    found = outcome(swarm)
    assert f"champions/{SYMBOL}_5m.json" in found
    return found


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = built(tmp_path_factory.mktemp("shim"))
    if made is None:
        pytest.skip("no C compiler: the shim that steps clocks and dies at a chosen write cannot be built")
    return made


@pytest.fixture
def swarm_of(tmp_path: Path) -> Iterator[Callable[..., Swarm]]:
    """Makes homes; at the end of the test none of their processes may be left, and every incident must be told."""
    made: list[Swarm] = []

    def make(campaign: str, name: str = "a") -> Swarm:
        made.append(Swarm(tmp_path / name, campaign))
        return made[-1]

    yield make
    try:
        for swarm in made:
            assert wait("all processes to end", lambda s=swarm: not leftovers(s.folder), 30)  # type: ignore[misc]
            _everything_is_explained(swarm)
    finally:
        for swarm in made:
            swarm.clear()


def _everything_is_explained(swarm: Swarm) -> None:
    from swarmd.state.store.raw import history
    from swarmd.state.story import explain_chain

    lines, _ = history(swarm.home.journal)
    for name, incident in swarm.records("incident").items():
        chain = explain_chain(lines, name)
        assert len(chain) > 1, name
        assert incident["cause"], name
