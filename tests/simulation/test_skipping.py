"""Leaving out the looks at which nothing can be decided changes nothing that is decided, nor when."""

import pytest

from simulation.play import Day, play


@pytest.mark.parametrize("seed", [2, 3, 5])
def test_every_look_or_only_those_that_matter_decide_the_same(seed: int) -> None:
    days = [Day(seed, lanes=2, hours=0.5, rate=10.0, skips=skips, keeps_trace=True) for skips in (True, False)]
    (few, sparse), (many, dense) = (play(day) for day in days)
    assert few.cycles < many.cycles / 3
    wished, wished_by_all = ([(now, wishes) for now, _, wishes in it.laws.trace] for it in (sparse, dense))
    assert wished == wished_by_all
