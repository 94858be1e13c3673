"""The space of a search: the card's mode, a campaign's overrides, and what is refused with which words."""

import pytest

from swarmd.engine.search.space import in_space, search_space
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.records.search_settings import SpaceRange

CARD = strategy_named("mtf_ema").card


def spec(name, mode="aggressive", **overrides):
    return next(s for s in search_space(CARD, mode, overrides) if s.name == name)


def test_without_overrides_the_space_is_the_modes():
    assert search_space(CARD, "aggressive", {}) == CARD.mode("aggressive").space


def test_a_range_replaces_the_modes_and_keeps_the_kind_of_the_parameter():
    found = spec("L_fast", L_fast=SpaceRange(low=7, high=9))
    assert (found.kind, found.low, found.high) == ("int", 7, 9)
    assert isinstance(found.low, int)


def test_a_list_becomes_choices_in_rising_order_without_repeats():
    assert spec("tf_fast", tf_fast=(60, 15, 15)).choices == (15, 60)
    assert spec("sl", sl=(0.02, 0.01)).choices == (0.01, 0.02)


def test_a_range_over_a_choice_keeps_the_choices_within():
    assert spec("tf_slow", tf_slow=SpaceRange(low=100, high=250, type="int")).choices == (120, 240)


def test_an_unknown_parameter_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match=r"no parameter 'L_fats'; did you mean 'L_fast'\?"):
        search_space(CARD, "aggressive", {"L_fats": (1,)})


def test_an_unknown_mode_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="did you mean 'aggressive'"):
        search_space(CARD, "agressive", {})


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"sl": SpaceRange(low=0.01, high=3.0)}, "sl is 3"),
        ({"tf_fast": (15, 17)}, "give one of 15, 30, 45, 60"),
        ({"tf_fast": SpaceRange(low=16, high=20)}, "none of 15, 30, 45, 60 lies in 16 to 20"),
        ({"L_fast": SpaceRange(low=5.5, high=9)}, "must be whole numbers"),
        ({"L_fast": SpaceRange(low=0, high=9)}, "L_fast is 0"),
        ({"L_fast": ()}, "the list is empty"),
        ({"tp": SpaceRange(low=0.0, high=0.1, log=True)}, "cannot start at 0"),
    ],
)
def test_what_lies_outside_the_cards_limits_is_refused_with_value_and_remedy(overrides, said):
    with pytest.raises(ValueError, match=said):
        search_space(CARD, "aggressive", overrides)


def test_a_vector_is_in_the_space_when_every_value_is_and_no_name_is_missing_or_strange():
    space = search_space(CARD, "aggressive", {"tf_fast": (15,)})
    vector = {"tf_fast": 15, "L_fast": 10, "tf_slow": 60, "L_slow": 20, "sl": 0.02, "tp": 0.03}
    assert in_space(space, vector)
    assert not in_space(space, vector | {"tf_fast": 30})
    assert not in_space(space, vector | {"other": 1})
    assert not in_space(space, {k: v for k, v in vector.items() if k != "tp"})
