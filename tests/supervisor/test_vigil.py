"""Every moment between two turns is reckoned once, whoever looks in between, and is owed until it is on record."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmd.supervisor.vigil import Vigil

EVERY = 1_000
# What one look may be late by and still be in time: a cycle, and the jitter of a busy machine.
IN_TIME = EVERY + 250
WAITS = st.lists(st.integers(0, 20_000), max_size=12)


@given(WAITS)
def test_nothing_longer_than_a_look_may_wait_falls_between_two_reckonings(waits: list[int]) -> None:
    vigil = Vigil(0, every=EVERY)
    at = [0]
    for wait in waits:
        at.append(at[-1] + wait)
        assert vigil.look(at[-1]) == (wait > IN_TIME)
    assert vigil.late == sum(later - sooner - EVERY for sooner, later in pairwise(at) if later - sooner > IN_TIME)


@given(WAITS, WAITS)
def test_what_was_excused_is_not_excused_again(before: list[int], after: list[int]) -> None:
    excused, fresh = Vigil(0, every=EVERY), Vigil(sum(before), every=EVERY)
    now = 0
    for wait in before:
        excused.look(now := now + wait)
    excused.excused()
    for wait in after:
        excused.look(now := now + wait)
        fresh.look(now)
    assert excused.late == fresh.late


@pytest.mark.parametrize("back", [1, 5_000])
def test_a_clock_that_seems_to_go_back_owes_nobody_anything(back: int) -> None:
    vigil = Vigil(10_000, every=EVERY)
    assert not vigil.look(10_000 - back)
    assert vigil.late == 0
