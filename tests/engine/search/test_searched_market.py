"""The complete search of a market as one call: trial for trial what the phases of a campaign make."""

import json
import math
from dataclasses import replace

import pytest
from search_builders import SPACE, SYMBOL, a_desk, a_market, an_order, run_phase

from swarmd.engine.market.surrogates import surrogate_market
from swarmd.engine.market.synth import noise_market
from swarmd.engine.phases.question import question_of
from swarmd.engine.phases.surrogates import market_search_of
from swarmd.engine.search.score import Constraints
from swarmd.engine.search.searched_market import MarketSearch, searched_market
from swarmd.state.store.files import Home


def searches_of(home, market, **settings):
    """The phases' documents, and the same search as one call on the same bars."""
    for phase in ("preflight", "prescreen", "refine"):
        run_phase(home, market, phase, **settings)
    order = an_order(home, market, "refine", **settings)
    question = question_of(order, a_desk(home))
    search = market_search_of(question, order.campaign.search)
    folder = Home(home).results_of("c", SYMBOL, order.mode)
    trials = json.loads((folder / "all_trials.json").read_bytes())
    return trials, searched_market(question.development, search, search.drawn())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"search": {"prescreen": {"combos": 200}, "refine": {"trials": 24, "pick": "peak", "prune": "median"}}},
        {"search": {"prescreen": {"combos": 50}, "method": "monte_carlo", "refine": {"trials": 20}}},
        {
            "search": {"prescreen": {"combos": 50}, "method": "grid", "refine": {"trials": 1}},
            "space": {**SPACE, "L_fast": [3, 6], "L_slow": [8, 16], "sl": [0.02, 0.03], "tp": [0.03]},
        },
    ],
    ids=["tpe", "peak and pruning", "monte carlo", "grid"],
)
def test_one_call_finds_what_the_phases_find(tmp_path, settings):
    a_market(tmp_path / "bars")
    trials, found = searches_of(tmp_path / "home", tmp_path / "bars", **settings)
    assert found.pick is not None
    assert found.trials == len(trials["trials"])
    assert found.pick.document() == trials["pick"]
    assert found.score == trials["pick"]["neighbourhood_mean"]
    assert found.pick.peak.score == max(trial["score"] for trial in trials["trials"] if trial["valid"])
    assert found.pick.trial.params == trials["trials"][trials["finalist"]]["params"]


@pytest.fixture(scope="module")
def search() -> MarketSearch:
    from swarmd.engine.kernel.costs import Costs
    from swarmd.engine.search.score import ScoreRule
    from swarmd.engine.search.space import search_space
    from swarmd.engine.strategies.registry import strategy_named

    strategy = strategy_named("mtf_ema")
    return MarketSearch(
        strategy=strategy,
        mode="aggressive",
        space=search_space(strategy.card, "aggressive", {}),
        costs=Costs(),
        rule=ScoreRule(),
        constraints=Constraints(10, 0.9),
        combos=100,
        combos_seed=1,
        trials=12,
        trials_seed=1,
        warm_start=4,
    )


def test_the_same_search_of_the_same_market_gives_the_same_score_and_leaves_nothing(search, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bars = noise_market(60, 1, 15)
    columns = search.drawn()
    first, again = (searched_market(bars, search, columns) for _ in range(2))
    assert first == again
    other = searched_market(surrogate_market(bars, seed=1, number=0), search, columns)
    assert other.score != first.score
    assert (first.prescreened, first.trials, first.tried) == (100, 12, 112)
    assert list(tmp_path.iterdir()) == []


def test_a_search_that_screens_nothing_valid_ends_there_and_scores_below_all_others(search):
    hard = replace(search, constraints=Constraints(10_000, 0.9))
    found = searched_market(noise_market(60, 1, 15), hard, hard.drawn())
    assert (found.pick, found.score, found.trials, found.tried) == (None, -math.inf, 0, 100)


def test_without_a_prescreen_the_trials_begin_without_seeds(search):
    alone = replace(search, combos=0)
    found = searched_market(noise_market(60, 1, 15), alone, alone.drawn())
    assert found.prescreened == 0
    assert found.pick is not None
    assert found.pick.peak.origin in ("random", "tpe")


def test_a_search_stops_where_it_is_asked_to(search):
    class StopNow(Exception):  # noqa: N818
        pass

    def stop() -> None:
        raise StopNow

    with pytest.raises(StopNow):
        searched_market(noise_market(60, 1, 15), search, search.drawn(), before=stop)


def test_its_identity_tells_whatever_changes_a_score(search):
    changed = [
        replace(search, combos=99),
        replace(search, trials_seed=2),
        replace(search, pick="peak"),
        replace(search, prunes=True),
        replace(search, mode="balanced"),
        replace(search, constraints=Constraints(11, 0.9)),
    ]
    identities = [json.dumps(each.identity(), sort_keys=True) for each in (search, *changed)]
    assert len(set(identities)) == len(identities)
    assert search.may_sell_short
    assert not replace(search, mode="balanced").may_sell_short


@pytest.mark.parametrize("least_trades", [10, 400], ids=["all within the constraints", "some outside of them"])
def test_vectors_that_are_listed_leave_the_study_that_asking_for_each_of_them_leaves(search, least_trades):
    """One by one or at once: the same trials, and the same suggestions of TPE behind them, ten of them."""
    import optuna

    from swarmd.engine.backtest import run_backtest
    from swarmd.engine.search.methods import procedure_of
    from swarmd.engine.search.refine import add_listed, run_trials

    bars = noise_market(60, 1, 15)
    constraints = Constraints(least_trades, 0.9)
    warm = tuple(
        {name: values[row].item() for name, values in search.drawn().items()} for row in range(0, 24, 2)
    )  # fmt: skip
    asked = procedure_of("tpe", search.strategy, search.space, trials=22, seed=3, warm=warm)

    def evaluate(params):
        if params["sl"] > 0.04:
            raise ValueError("too far away")
        return run_backtest(bars, search.strategy, params, mode=search.mode, costs=search.costs)

    def trials(*, at_once: bool):
        sampler = asked.sampler(search.strategy, search.space)
        study = optuna.create_study(sampler=sampler, direction="maximize")
        words = {"rule": search.rule, "constraints": constraints}
        if at_once:
            add_listed(study, search.space, asked.listed, asked.origin, evaluate, **words, before=lambda: None)
        return run_trials(
            study, sampler, search.space, evaluate, n_trials=22, finished=lambda trial: None, **words
        )  # fmt: skip

    one_by_one, at_once = trials(at_once=False), trials(at_once=True)
    assert at_once == one_by_one
    assert {trial.state for trial in at_once} == {"complete", "failed"}
    assert {trial.origin for trial in at_once} >= {"prescreen", "tpe"}
    assert [[type(value) for value in trial.params.values()] for trial in at_once] == [
        [type(value) for value in trial.params.values()] for trial in one_by_one
    ]


def test_a_list_of_which_nothing_can_be_evaluated_is_a_wrong_question(search):
    from dataclasses import replace as changed

    class Broken:
        card = search.strategy.card

        def __getattr__(self, name):
            return getattr(search.strategy, name)

        def events(self, bars, params):
            raise ValueError("broken")

    wrong = changed(search, strategy=Broken(), combos=0, method="monte_carlo", trials=120)
    with pytest.raises(ValueError, match="first 100 trials all failed, the first with: ValueError: broken"):
        searched_market(noise_market(60, 1, 15), wrong, {})
