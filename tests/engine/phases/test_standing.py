"""How a champion stands: whole days since its vault, the same however often one looks, and never of its own past."""

import numpy as np
import pytest

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.market.synth import noise_market
from swarmd.engine.metrics.daily import daily_returns
from swarmd.engine.phases.replayed_champion import bars_after, replayed
from swarmd.engine.phases.standing import monitored, promise_of
from tests.champion_builders import a_champion

DAYS, SEEN, A_DAY = 160, 100, 96
CHAMPION = a_champion(timeframe="15m")


@pytest.fixture(scope="module")
def bars():
    return noise_market(DAYS, 3, 15)


def standing(bars, *, promised=2.0, seen_bar=SEEN * A_DAY - 1, **keywords):
    seen = int(bars.open_time[seen_bar])
    return monitored(CHAMPION, bars, costs=Costs(), seen_until_ms=seen, promised=promised, **keywords)


def test_the_days_are_those_after_what_was_seen_without_the_datas_last(bars):
    found = standing(bars)
    assert len(found.days) == DAYS - SEEN - 1
    assert (found.days[0], found.days[-1]) == ("2021-04-11", "2021-06-08")
    assert found.evidence.days == len(found.days)


def test_where_the_vault_ends_within_a_day_the_rest_of_it_does_not_count(bars):
    whole, cut = standing(bars), standing(bars, seen_bar=SEEN * A_DAY + 20)
    assert cut.days == whole.days[1:]


def test_the_returns_are_those_of_the_replay_with_warm_indicators(bars):
    seen = int(bars.open_time[SEEN * A_DAY - 1])
    start = bars_after(bars, seen)
    assert start == SEEN * A_DAY
    run = replayed(CHAMPION, bars, start, costs=Costs())
    since = bars.between(start, bars.n_bars)
    returns = daily_returns(run.equity, day_end_bars(since.open_time))[:-1]
    mean, deviation = returns.mean(), returns.std(ddof=1)
    assert standing(bars).annual_sharpe == pytest.approx(mean / deviation * np.sqrt(365.0))


def test_looking_every_day_tells_the_same_as_looking_once(bars):
    whole = standing(bars)
    for days in (SEEN + 2, SEEN + 3, SEEN + 20, DAYS - 1):
        for more in (0, 31):
            seen_so_far = standing(bars.between(0, days * A_DAY + more))
            so_far = len(seen_so_far.days)
            assert so_far == days - SEEN - (0 if more else 1)
            assert seen_so_far.evidence.log_e == whole.evidence.log_e[:so_far]


def test_what_came_before_tells_the_scale_and_no_day_of_it_is_judged(bars):
    assert standing(bars).evidence.log_e[0] == pytest.approx(
        standing(bars.between(0, (SEEN + 2) * A_DAY)).evidence.log_e[0]
    )


@pytest.mark.parametrize(
    ("n_bars", "promised", "said"),
    [
        (SEEN * A_DAY, 2.0, "no bars after 2021-04-10T23:45"),
        (SEEN * A_DAY + 50, 2.0, "no whole day yet"),
        (DAYS * A_DAY, None, "nothing was forecast"),
        (DAYS * A_DAY, -0.3, "nothing can fall short"),
    ],
)
def test_where_there_is_nothing_to_say_it_says_why(bars, n_bars, promised, said):
    found = standing(bars.between(0, n_bars), promised=promised)
    assert (found.state, found.days, found.evidence) == ("silent", (), None)
    assert said in found.sentence


def test_days_before_that_never_trade_tell_no_scale(bars):
    found = standing(bars, seen_bar=3 * A_DAY - 1)
    assert (found.state, "too few to tell a scale" in found.sentence) == ("silent", True)


def test_a_broken_promise_names_the_day_and_both_figures(bars):
    found = standing(bars, promised=20.0)
    assert found.state == "falls"
    assert found.broken_on in found.days
    assert f"it reached 20 on {found.broken_on}" in found.sentence
    assert "20.00 was forecast" in found.sentence
    document = found.document()
    assert len(document["log_e"]) == len(document["days"]) == document["n_days"]
    assert not {"log_e", "days"} & set(found.figures())


def test_alpha_is_a_share(bars):
    with pytest.raises(ValueError, match="alpha is 1"):
        standing(bars, alpha=1.0)


def test_the_promise_is_the_forecast_in_the_champions_file():
    assert promise_of(CHAMPION) == 1.5
    assert promise_of(a_champion(metrics={"development": {}})) is None
