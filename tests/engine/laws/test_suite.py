"""Each law catches the strategy that breaks it, and says where: the bar, its time, and how far it looked."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from swarmd.engine.kernel.events import Events
from swarmd.engine.kernel.plan import ExitPlan
from swarmd.engine.laws.finding import Finding
from swarmd.engine.laws.markets import random_walk, with_mirrored_future, with_still_future
from swarmd.engine.laws.suite import LAWS, exam_of, finding_of, findings_of
from swarmd.engine.market.bars import ARRAYS, Bars
from swarmd.engine.market.timeframes import utc_text
from swarmd.engine.strategies.contract import BarStrategy, Params
from swarmd.engine.strategies.starter import Starter

WALK = random_walk(3000)
LOOK_AHEAD = "no look ahead"


def events_of(wish: np.ndarray) -> Events:
    """Events from a wish for each bar, filling at the bar itself."""
    bar = np.flatnonzero(wish[1:]) + 1
    return Events(bar, wish[bar].astype(np.int64))


def deciding(decide: Callable[[Bars, Params], Events]) -> BarStrategy:
    """The starter with another way to decide."""

    class Changed(Starter):
        def events(self, bars: Bars, params: Params) -> Events:
            return decide(bars, params)

    return Changed()


def moves(bars: Bars) -> np.ndarray:
    """The sign of each bar's move, where it is a large one."""
    step = np.append(0.0, np.diff(np.log(bars.close)))
    return np.sign(step) * (np.abs(step) > 0.015)


def later(wish: np.ndarray, by: int) -> np.ndarray:
    """Each bar's wish as that of `by` bars before; negative: of bars after."""
    return np.concatenate((np.zeros(by), wish[:-by])) if by > 0 else np.concatenate((wish[-by:], np.zeros(-by)))


def found(law: str, strategy: BarStrategy, bars: Bars = WALK) -> Finding:
    return finding_of(law, exam_of(strategy, bars=bars))


def test_the_starter_is_sound():
    assert [finding.law for finding in findings_of(exam_of(Starter(), bars=WALK)) if not finding.holds] == []


def test_what_fills_at_the_bar_that_decides_it_is_caught_and_told_to_add_one():
    finding = found(LOOK_AHEAD, deciding(lambda bars, _: events_of(moves(bars))))
    assert not finding.holds
    assert finding.bar is not None
    assert moves(WALK)[finding.bar] != 0
    assert finding.time == utc_text(int(WALK.open_time[finding.bar]))
    assert f"it is decided with bar {finding.bar} itself" in str(finding.told)
    assert "add 1" in str(finding.told)
    assert finding_of(LOOK_AHEAD, exam_of(deciding(lambda b, _: events_of(later(moves(b), 1))), bars=WALK)).holds


@pytest.mark.parametrize("by", [1, 7, 500])
def test_a_look_into_the_future_is_measured(by: int):
    finding = found(LOOK_AHEAD, deciding(lambda bars, _: events_of(later(moves(bars), -by))))
    assert not finding.holds
    assert finding.bar is not None
    last = finding.bar + by
    assert f"bars up to {last} ({utc_text(int(WALK.open_time[last]))}), {by + 1} too many" in str(finding.told)


def test_a_mean_of_the_whole_series_is_a_look_ahead():
    def decide(bars: Bars, params: Params) -> Events:
        level = bars.close / bars.close.mean() - 1.0
        return events_of(later(np.sign(level) * (np.abs(level) > 0.05), 1))

    finding = found(LOOK_AHEAD, deciding(decide))
    assert not finding.holds
    assert finding.bar is not None


def test_what_depends_on_the_number_of_bars_alone_is_caught_by_cutting():
    finding = found(LOOK_AHEAD, deciding(lambda bars, _: events_of(later(moves(bars), 1) * (bars.n_bars % 2))))
    other = found(LOOK_AHEAD, deciding(lambda b, _: events_of(later(moves(b), 1) * (b.n_bars % 2))), random_walk(3001))
    assert not (finding.holds and other.holds)
    assert "depends on how much data follows" in f"{finding.told}{other.told}"


def test_a_look_at_the_volume_of_the_bar_it_fills_in_is_caught():
    def decide(bars: Bars, params: Params) -> Events:
        busy = bars.volume > 1.3 * np.append(np.inf, bars.volume[:-1])
        return events_of(np.where(busy, 1, 0))

    assert not found(LOOK_AHEAD, deciding(decide)).holds


@pytest.mark.parametrize("change", [with_mirrored_future, with_still_future])
def test_a_changed_future_leaves_the_past_and_is_a_market_still(change: Callable[[Bars, int], Bars]):
    other = change(WALK, 1200)
    for name in ARRAYS:
        assert getattr(other, name)[:1200].tolist() == getattr(WALK, name)[:1200].tolist()
    assert (other.high >= np.maximum(other.open, other.close)).all()
    assert (other.low <= np.minimum(other.open, other.close)).all()
    assert (other.close[1200:] != WALK.close[1200:]).sum() > 1700


class Forgetful(Starter):
    """Says otherwise when asked again."""

    def __init__(self) -> None:
        self._asked = 0

    def events(self, bars: Bars, params: Params) -> Events:
        self._asked += 1
        events = super().events(bars, params)
        return Events(events.bar, events.side if self._asked % 2 else -events.side)


class Nothing(Starter):
    def events(self, bars: Bars, params: Params) -> Events:
        return Events(np.empty(0, np.int64), np.empty(0, np.int64))


class Boastful(Starter):
    def lookback_bars(self, params: Params, interval_minutes: int) -> int:
        return 2500


class Nameless(Starter):
    card = replace(Starter.card, params=tuple(replace(spec, unit="") for spec in Starter.card.params))


class Wide(Starter):
    card = replace(Starter.card, params=tuple(replace(spec, high=60) for spec in Starter.card.params))


class Backwards(Starter):
    card = replace(Starter.card, baseline={"entry": 5, "leave": 50, "sl": 0.1})


class Failing(Starter):
    def plan(self, params: Params) -> ExitPlan:
        raise ValueError("no plan for this")


DOLLARS = deciding(lambda bars, _: events_of(later(np.where(np.diff(bars.close, prepend=100.0) > 1.5, 1, 0), 1)))
RESTLESS = deciding(lambda bars, _: events_of(later(np.sign(np.diff(bars.close, prepend=0.0) - 0.0) + 1.0 > 0, 1)))


@pytest.mark.parametrize(
    ("law", "strategy", "told"),
    [
        ("the card is whole", Nameless(), "entry has no unit"),
        ("the card is whole", Wide(), "mode long searches beyond the card: entry is 200; give 2 to 60 bars"),
        ("the card is whole", Backwards(), "the baseline is refused"),
        ("something is traded", Nothing(), "none of 8 vectors trades on 3000 bars"),
        ("something is traded", Failing(), "no plan for this"),
        ("the same twice", Forgetful(), "asked a second time it decides otherwise"),
        ("nothing before the lookback", Boastful(), "lookback_bars says 2500, and on 1250 bars there is an event"),
        ("no unit of price", DOLLARS, "at 4 times the price it decides otherwise"),
        ("a flat market gives no trades", RESTLESS, "of a market that never moves"),
    ],
)
def test_who_breaks_a_law_is_told_how(law: str, strategy: BarStrategy, told: str):
    finding = found(law, strategy)
    assert not finding.holds
    assert told in str(finding.told)


class Fickle(Starter):
    """Decides otherwise every second time: once for the screen or the fast engine, once for the reference."""

    def __init__(self) -> None:
        self._asked = 0

    def events(self, bars: Bars, params: Params) -> Events:
        self._asked += 1
        events = super().events(bars, params)
        return Events(events.bar[1:], events.side[1:]) if self._asked % 2 else events


def test_engines_that_do_not_agree_are_told():
    finding = found("every engine agrees", Fickle())
    assert not finding.holds
    assert finding.params is not None


def test_a_mode_can_be_examined_alone_and_an_unknown_one_is_refused():
    assert list(exam_of(Starter(), bars=WALK, modes=["long"]).vectors) == ["long"]
    with pytest.raises(ValueError, match="no mode 'lung'; did you mean 'long'"):
        exam_of(Starter(), bars=WALK, modes=["lung"])


def test_every_law_is_told_as_plain_values():
    documents = [finding.document() for finding in findings_of(exam_of(Starter(), bars=WALK, modes=["long"]))]
    assert [document["law"] for document in documents] == list(LAWS)
    assert all(document["looked_at"] for document in documents)
