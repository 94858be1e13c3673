"""Refinement: whatever is lost of its journal, the trials come out as if nothing had happened."""

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

from swarmd.engine.backtest import Simulation
from swarmd.engine.kernel.trades import Trades
from swarmd.engine.metrics.summary import Metrics
from swarmd.engine.search.pruning import Pruning
from swarmd.engine.search.refine import run_trials
from swarmd.engine.search.sampler import ReproducibleSampler, TpeSettings
from swarmd.engine.search.score import Constraints, ScoreRule
from swarmd.engine.search.showcases import showcase_trials
from swarmd.engine.search.space import in_space, search_space
from swarmd.engine.search.storage import open_study
from swarmd.engine.search.trial import best_trial, finished_trials
from swarmd.engine.strategies.registry import strategy_named

MTF = strategy_named("mtf_ema")
SPACE = search_space(MTF.card, "aggressive", {})
WARM = (
    {"tf_fast": 15, "L_fast": 10, "tf_slow": 60, "L_slow": 20, "sl": 0.02, "tp": 0.03},
    {"tf_fast": 30, "L_fast": 40, "tf_slow": 240, "L_slow": 150, "sl": 0.04, "tp": 0.1},
)
RULE = ScoreRule("annual_sharpe", {"max_drawdown": -0.25})
EMPTY = Trades(*(np.empty(0) for _ in range(10)))


def hill(params) -> Simulation:
    """A smooth landscape in place of a market: one hill, few trades far from it, and a corner where it fails."""
    if params["L_fast"] == 13:
        raise ValueError("thirteen is unlucky")
    far = abs(math.log(params["sl"] / 0.02)) + abs(params["L_slow"] - 90) / 100 + abs(params["L_fast"] - 20) / 40
    figures = dict.fromkeys(Metrics.__slots__, 0.5)
    figures |= {"annual_sharpe": 2.0 - far, "total_trades": int(60 - 15 * far), "max_drawdown": 0.1 + 0.05 * far}
    return Simulation(EMPTY, np.empty(0), Metrics(**figures))


def foothill(params) -> Simulation:
    """The first part of the hill's bars: it slopes as the whole does, roughly, and knows nothing of one length."""
    if params["L_slow"] > 200:
        raise ValueError("too few bars for so slow a line")
    whole = hill({**params, "L_fast": 20})
    figures = {name: getattr(whole.metrics, name) for name in Metrics.__slots__}
    return Simulation(EMPTY, np.empty(0), Metrics(**figures | {"annual_sharpe": figures["annual_sharpe"] / 2}))


def refined(
    journal: Path, *, n_trials=18, seed=5, before=lambda: None, told=None, found=lambda trial: None, pruning=None
):
    sampler = ReproducibleSampler(MTF, SPACE, seed=seed, warm=WARM, settings=TpeSettings(n_startup_trials=6))
    study = open_study(journal, name="c", sampler=sampler)
    return run_trials(
        study, sampler, SPACE, hill, n_trials=n_trials, rule=RULE, constraints=Constraints(30, 0.35),
        finished=(lambda trial: None) if told is None else told.append, found=found, before=before, pruning=pruning,
    )  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    journal = tmp_path_factory.mktemp("undisturbed") / "study.journal"
    return journal, refined(journal)


def test_trials_begin_with_the_seeds_then_chance_then_tpe_and_all_are_in_the_space(undisturbed):
    _, trials = undisturbed
    assert [trial.number for trial in trials] == list(range(18))
    assert [trial.params for trial in trials[:2]] == list(WARM)
    assert [trial.origin for trial in trials] == ["prescreen"] * 2 + ["random"] * 4 + ["tpe"] * 12
    assert all(in_space(SPACE, trial.params) for trial in trials)
    assert all(trial.params["tf_fast"] < trial.params["tf_slow"] for trial in trials)


def test_the_same_seed_gives_the_same_trials_and_another_seed_others(undisturbed, tmp_path):
    _, trials = undisturbed
    assert refined(tmp_path / "a.journal") == trials
    other = refined(tmp_path / "b.journal", seed=6)
    assert [trial.params for trial in other[2:]] != [trial.params for trial in trials[2:]]


def test_a_journal_cut_at_any_line_is_carried_on_to_the_same_trials(undisturbed, tmp_path):
    journal, trials = undisturbed
    lines = journal.read_bytes().splitlines(keepends=True)
    # Every kind of line there is: all of a trial's steps, in the warm, the random and the TPE part.
    for kept in [*range(2, 30, 3), *range(60, 90, 4), len(lines) - 1]:
        cut = tmp_path / f"{kept}.journal"
        cut.write_bytes(b"".join(lines[:kept]))
        assert refined(cut) == trials, f"cut after {kept} of {len(lines)} lines"


PRUNING = Pruning(foothill, bars=100, least_earlier=5)


@pytest.fixture(scope="module")
def pruned(tmp_path_factory):
    journal = tmp_path_factory.mktemp("pruned") / "study.journal"
    return journal, refined(journal, n_trials=30, pruning=PRUNING)


def test_a_trial_worse_on_the_first_part_than_the_median_before_it_is_given_up(pruned):
    _, trials = pruned
    states = [trial.state for trial in trials]
    assert {"pruned", "complete"} <= {*states}
    looked_at: list[float] = []
    for trial in trials:
        if trial.glance is None:
            # The first part could not be evaluated: the whole decides.
            assert trial.params["L_slow"] > 200
            continue
        assert (trial.glance.bars, trial.glance.earlier) == (100, len(looked_at))
        assert trial.glance.score == pytest.approx(foothill(trial.params).metrics.annual_sharpe, abs=0.1)
        median = np.median(looked_at) if len(looked_at) >= 5 else None
        assert trial.glance.median == median
        assert (trial.state == "pruned") == (median is not None and trial.glance.score < median)
        looked_at.append(trial.glance.score)
    given_up = next(trial for trial in trials if trial.state == "pruned")
    assert (given_up.score, given_up.metrics, given_up.error, given_up.is_valid) == (None, {}, None, False)
    assert given_up.document()["glance"] == given_up.glance.document()


def test_pruned_trials_reach_the_sampler_as_optuna_has_them(pruned, tmp_path):
    journal, trials = pruned
    copy = tmp_path / "study.journal"
    shutil.copy(journal, copy)
    study = open_study(copy, name="c", sampler=ReproducibleSampler(MTF, SPACE, seed=5, warm=WARM))
    for trial, frozen in zip(trials, study.get_trials(), strict=True):
        assert frozen.state.name.lower() == {"failed": "fail"}.get(trial.state, trial.state)
        assert frozen.intermediate_values == ({} if trial.glance is None else {100: trial.glance.score})


def test_pruning_decides_the_same_whatever_kills_come_between(pruned, tmp_path):
    journal, trials = pruned
    lines = journal.read_bytes().splitlines(keepends=True)
    assert any(b'"intermediate_value"' in line for line in lines)
    for kept in [*range(5, 60, 9), *range(150, len(lines), 7)]:
        cut = tmp_path / f"{kept}.journal"
        cut.write_bytes(b"".join(lines[:kept]))
        assert refined(cut, n_trials=30, pruning=PRUNING) == trials, f"cut after {kept} of {len(lines)} lines"


def test_a_line_torn_in_the_middle_is_cut_and_the_trials_come_out_the_same(undisturbed, tmp_path):
    journal, trials = undisturbed
    content = journal.read_bytes()
    for at in np.random.default_rng(1).integers(1, len(content), 6).tolist():
        torn = tmp_path / f"{at}.journal"
        torn.write_bytes(content[:at])
        assert refined(torn) == trials, f"torn at byte {at}"


def test_a_line_damaged_in_the_middle_is_set_aside_with_all_after_it(undisturbed, tmp_path):
    journal, trials = undisturbed
    lines = journal.read_bytes().splitlines(keepends=True)
    damaged = tmp_path / "study.journal"
    damaged.write_bytes(b"".join([*lines[:40], b"\x00\x00 no record\n", *lines[41:]]))
    assert refined(damaged) == trials
    assert damaged.with_name("study.journal.damaged").read_bytes() == b"".join([b"\x00\x00 no record\n", *lines[41:]])


def test_the_lock_of_a_dead_writer_holds_nobody_up(undisturbed, tmp_path):
    journal, trials = undisturbed
    copy = tmp_path / "study.journal"
    shutil.copy(journal, copy)
    copy.with_name("study.journal.lock").symlink_to(copy)
    copy.with_name("study.journal.lock1234.rename").symlink_to(copy)
    assert refined(copy) == trials
    assert sorted(path.name for path in tmp_path.iterdir()) == ["study.journal"]


def test_a_stop_between_trials_leaves_nothing_half_done_and_the_rest_is_done_later(undisturbed, tmp_path):
    _, trials = undisturbed

    class StopError(Exception):
        pass

    def stop_at(number):
        left = iter(range(number))

        def before():
            if next(left, None) is None:
                raise StopError

        return before

    journal = tmp_path / "study.journal"
    with pytest.raises(StopError):
        refined(journal, before=stop_at(7))
    told, found = [], []
    assert refined(journal, told=told, found=found.append) == trials
    assert (tuple(found), tuple(told)) == (trials[:7], trials[7:])


def test_asking_for_more_trials_later_keeps_the_first_ones(undisturbed, tmp_path):
    journal, trials = undisturbed
    copy = tmp_path / "study.journal"
    shutil.copy(journal, copy)
    more = refined(copy, n_trials=22)
    assert more[:18] == trials
    assert len(more) == 22


def test_a_failing_trial_is_kept_with_its_reason_and_never_ranks(tmp_path):
    unlucky = ({**WARM[0], "L_fast": 13},)
    sampler = ReproducibleSampler(MTF, SPACE, seed=1, warm=unlucky)
    study = open_study(tmp_path / "s.journal", name="c", sampler=sampler)
    trials = run_trials(
        study, sampler, SPACE, hill, n_trials=3, rule=RULE, constraints=Constraints(), finished=lambda trial: None
    )
    assert (trials[0].score, trials[0].error, trials[0].is_valid) == (None, "ValueError: thirteen is unlucky", False)
    assert trials[0].document()["state"] == "failed"
    assert best_trial(trials) != trials[0]
    assert finished_trials(study) == trials


def test_the_best_is_valid_and_of_the_highest_score_and_showcases_are_chosen_among_valid_trials(undisturbed):
    _, trials = undisturbed
    valid = [trial for trial in trials if trial.is_valid]
    assert 0 < len(valid) < len(trials)
    best = best_trial(trials)
    assert best.score == max(trial.score for trial in valid)
    shown = showcase_trials(trials)
    assert shown["best_sharpe"].metrics["annual_sharpe"] == max(t.metrics["annual_sharpe"] for t in valid)
    assert shown["lowest_drawdown"].metrics["max_drawdown"] == min(t.metrics["max_drawdown"] for t in valid)
    # All have the same win rate: the better score decides.
    assert shown["best_winrate"] == best


def test_without_a_valid_trial_there_is_no_best_and_no_showcase(undisturbed):
    _, trials = undisturbed
    invalid = [trial for trial in trials if not trial.is_valid]
    assert best_trial(invalid) is None
    assert showcase_trials(invalid) == {}


def test_a_hundred_failures_in_a_row_are_the_questions_fault(tmp_path):
    def never(params):
        raise ValueError("no such market")

    sampler = ReproducibleSampler(MTF, SPACE, seed=1)
    study = open_study(tmp_path / "s.journal", name="c", sampler=sampler)
    with pytest.raises(ValueError, match="first 100 trials all failed, the first with: ValueError: no such market"):
        run_trials(
            study, sampler, SPACE, never, n_trials=500, rule=RULE, constraints=Constraints(), finished=lambda t: None
        )
    assert len(finished_trials(study)) == 100


def test_tpe_finds_the_hill_better_than_chance(tmp_path):
    """Not a benchmark: that finished trials, constraints included, do reach the sampler."""
    trials = refined(tmp_path / "s.journal", n_trials=60)
    chance = [trial.score for trial in trials if trial.origin != "tpe" and trial.is_valid]
    late = [trial.score for trial in trials[-20:] if trial.is_valid]
    assert np.median(late) > max(np.median(chance), 1.0)
