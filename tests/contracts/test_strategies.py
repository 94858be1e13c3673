"""Every registered strategy is held to every law; a new one is, before its author writes a test."""

import functools

import pytest
from price_builders import real_btc

from swarmd.engine.laws.finding import Exam
from swarmd.engine.laws.markets import random_walk
from swarmd.engine.laws.suite import LAWS, exam_of, finding_of
from swarmd.engine.strategies.registry import strategy_named, strategy_names

NAMES = strategy_names()
# Enough for every lookback of a search; the others ask for many runs each, on bars enough to be full of events.
ON_MANY_BARS = ("something is traded", "nothing before the lookback", "no unit of price", "every engine agrees")


@functools.cache
def exam(name: str, n_bars: int) -> Exam:
    return exam_of(strategy_named(name), bars=random_walk(n_bars) if n_bars else real_btc())


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", NAMES)
def test_the_strategy_obeys_the_law(name: str, law: str):
    finding = finding_of(law, exam(name, 40_000 if law in ON_MANY_BARS else 12_000))
    assert finding.holds, finding


@pytest.mark.parametrize("name", NAMES)
def test_every_drawn_vector_trades_on_a_random_walk(name: str):
    finding = finding_of("something is traded", exam(name, 40_000))
    assert finding.looked_at["trading"] == finding.looked_at["vectors"]


@pytest.mark.parametrize("name", NAMES)
def test_every_engine_agrees_on_real_bars(name: str):
    finding = finding_of("every engine agrees", exam(name, 0))
    assert finding.holds, finding
    assert finding.looked_at["trades"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_its_card_bears_its_name(name: str):
    assert strategy_named(name).card.name == name
