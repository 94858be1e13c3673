"""Experiment files: what a sound one means, and what is said of each mistake, by line and column."""

import json

import pytest
import yaml
from experiment_builders import a_file, a_strategy
from hypothesis import given, settings
from hypothesis import strategies as st
from search_builders import SYMBOL, a_market

from swarmd.engine.experiments.experiment_file import ExperimentFileError, experiment_schema, read_experiment
from swarmd.state.errors import OperatorError

SOUND = """\
name: sound
data: {path: bars/NOISE.parquet, interval: 15m}
strategy: {name: ema_cross, mode: long}
method: grid
space:
  L_fast: [5, 10]
  exits: {sl: {low: 0.01, high: 0.03, step: 0.01}}
params: {tp: 0.1}
constraints: {min_trades: 10, min_win_rate: 0.2}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("experiments")
    a_market(made / "bars", days=60)
    return made


def problems_of(folder, text):
    path = folder / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ExperimentFileError) as caught:
        read_experiment(path)
    return [(each.place.line, each.place.column, each.field, each.text) for each in caught.value.problems]


def test_a_sound_file_is_resolved(folder):
    path = folder / "sound.yaml"
    path.write_text(SOUND)
    found = read_experiment(path)
    assert found.settings.data.path == str(folder / "bars" / "NOISE.parquet")
    assert [spec.choices for spec in found.spaces[0]] == [(5, 10), (100,), (0.01, 0.02, 0.03), (0.1,)]
    assert len(found.vectors.vectors) == 6
    assert {bound.name: bound.limit for bound in found.bounds} == {
        "min_trades": 10, "max_drawdown": 0.35, "min_win_rate": 0.2,
    }  # fmt: skip
    assert found.bars[SYMBOL].n_bars == 60 * 96
    assert (found.mode, found.settings.seed, found.settings.limits.backoff) == ("long", 42, (5_000, 60_000))


@pytest.mark.parametrize(
    ("was", "now", "line", "field", "said"),
    [
        ("name: sound", "nam: sound", 1, "nam", "did you mean 'name'"),
        ("name: sound", "name: 'a/b'", 1, "name", "is not a name"),
        ("NOISE.parquet", "NOISY.parquet", 2, "data.path", "there is no such file"),
        ("interval: 15m", "interval: 16m", 2, "data.interval", "is not an interval"),
        ("interval: 15m", "interval: 1h", 2, "data.path", "15m"),
        ("interval: 15m", "start: 2023-13-01", 2, "data.start", "is not a day"),
        ("interval: 15m", "start: 2023-02-01, end: 2023-01-01", 2, "data.end", "is not after data.start"),
        ("interval: 15m", "known_gaps: [x]", 2, "data.known_gaps.0", "is not a day"),
        ("interval: 15m", "allow_gaps: -1", 2, "data.allow_gaps", "greater than or equal to 0"),
        ("interval: 15m", "root: bars", 2, "data", "give either path"),
        ("path: bars/NOISE.parquet", "root: bars, symbols: [NOISE, NOIS]", 2, "data.symbols.1", "did you mean 'NOISE'"),
        ("path: bars/NOISE.parquet", "root: bars, symbols: [NOISE, NOISE]", 2, "data.symbols.1", "listed twice"),
        ("path: bars/NOISE.parquet", "root: nowhere, symbols: [NOISE]", 2, "data.root", "there is no such folder"),
        ("name: ema_cross", "name: ema_crss", 3, "strategy.name", "did you mean 'ema_cross'"),
        ("name: ema_cross", "name: ema_cross, file: x.py:X", 3, "strategy", "names two strategies"),
        ("name: ema_cross", "file: x.py", 3, "strategy.file", "names no class"),
        ("name: ema_cross", "file: x.py:X", 3, "strategy.file", "no file"),
        ("mode: long", "mode: lon", 3, "strategy.mode", "did you mean 'long'"),
        ("method: grid", "method: grd", 4, "method", "did you mean 'grid'"),
        ("method: grid", "method: grid\ntrials: 5", 5, "trials", "leave trials out"),
        ("method: grid", "method: walk_forward", 4, "method", "needs its section"),
        ("method: grid", "method: grid\ntrials: 0", 5, "trials", "greater than or equal to 1"),
        ("method: grid", "method: grid\nseed: x", 5, "seed", "must be a valid integer"),
        ("L_fast: [5, 10]", "L_fats: [5, 10]", 6, "space.L_fats", "did you mean 'L_fast'"),
        ("L_fast: [5, 10]", "L_fast: [5, 0]", 6, "space.L_fast.1", "give 1 to 1000"),
        ("L_fast: [5, 10]", "L_fast: [500]", 5, "space", "no point of the grid is admissible"),
        ("step: 0.01", "stp: 0.01", 7, "space.exits.sl.stp", "did you mean 'step'"),
        (", step: 0.01", "", 7, "space.exits.sl", "for a grid add step or points"),
        ("params: {tp: 0.1}", "params: {pt: 0.1}", 8, "params.pt", "is not a parameter of ema_cross"),
        ("params: {tp: 0.1}", "params: {tp: 11}", 8, "params.tp", "give 0.0001 to 10.0"),
        ("params: {tp: 0.1}", "params: {sl: 0.1}", 8, "params.sl", "in the space as well (space.exits.sl)"),
        ("min_trades: 10", "min_trade: 10", 9, "constraints.min_trade", "did you mean 'min_trades'"),
        ("min_trades: 10", "min_sharp: 1", 9, "constraints.min_sharp", "is not a constraint"),
        ("min_trades: 10", "max_drawdown: 35", 9, "constraints.max_drawdown", "is a fraction, 0.35 means 35 %"),
        ("min_trades: 10", "min_trades: x", 9, "constraints.min_trades", "must be a valid number"),
    ],
)
def test_a_mistake_is_named_by_line_and_field(folder, was, now, line, field, said):
    assert was in SOUND
    found = problems_of(folder, SOUND.replace(was, now, 1))
    assert (line, field) in [(at, name) for at, _, name, _ in found], found
    assert any(said in text for at, _, name, text in found if (at, name) == (line, field)), found


@pytest.mark.parametrize(
    ("section", "field", "said"),
    [
        ("score: {primary: sharp}", "score.primary", "did you mean 'annual_sharpe'"),
        ("score: {weights: {drawdown: -1}}", "score.weights.drawdown", "did you mean 'max_drawdown'"),
        ("costs: {fee: 5}", "costs.fee", "did you mean 'fee_bps'"),
        ("limits: {trial_timeout: soon}", "limits.trial_timeout", "is not a duration"),
        ("limits: {backoff: [1m, 5s]}", "limits.backoff", "above its cap"),
        ("limits: {concurrency: 0}", "limits.concurrency", "1"),
        ("limits: {retries: -1}", "limits.retries", "greater than or equal to 0"),
        ("sampler: {n_startup: 3}", "sampler.n_startup", "did you mean 'n_startup_trials'"),
        ("walk_forward: {fit: 10d, test: 5d, procedure: {method: grid}}", "walk_forward", "the method is grid"),
        ("walk_forward: {fit: soon, test: 5d, procedure: {method: grid}}", "walk_forward.fit", "is not a stretch"),
        ("label: [a]", "label", "text (quote it)"),
    ],
)
def test_a_mistake_in_an_added_section_is_named_by_its_line(folder, section, field, said):
    found = problems_of(folder, SOUND + section + "\n")
    assert (10, field) in [(at, name) for at, _, name, _ in found], found
    assert any(said in text for _, _, name, text in found if name == field), found


WALK = """\
name: walk
data: {path: bars/NOISE.parquet}
strategy: {name: ema_cross}
method: walk_forward
space: {L_fast: [5, 10]}
walk_forward:
  fit: 20d
  test: 5d
  procedure: {method: monte_carlo, trials: 5}
"""


@pytest.mark.parametrize(
    ("was", "now", "line", "field", "said"),
    [
        ("fit: 20d", "fit: 20m", 7, "walk_forward.fit", "no whole number of bars"),
        ("fit: 20d", "fit: 200d", 6, "walk_forward", "there are 5760"),
        ("trials: 5}", "trials: 5, seed: 1}", 9, "walk_forward.procedure.seed", "is not a field here"),
        ("method: monte_carlo", "method: walk_forward", 9, "walk_forward.procedure.method", "must be"),
        ("monte_carlo, trials: 5", "grid, trials: 5", 9, "walk_forward.procedure.trials", "leave trials out"),
        ("method: walk_forward", "method: walk_forward\ntrials: 5", 5, "trials", "walk_forward.procedure.trials"),
        ("  test: 5d\n", "", 7, "walk_forward.test", "is missing"),
    ],
)
def test_a_mistake_in_a_walk_forward_is_named_by_line_and_field(folder, was, now, line, field, said):
    assert was in WALK
    found = problems_of(folder, WALK.replace(was, now, 1))
    assert (line, field) in [(at, name) for at, _, name, _ in found], found
    assert any(said in text for _, _, name, text in found if name == field), found


def test_windows_are_those_of_the_bars(folder):
    path = folder / "walk.yaml"
    path.write_text(WALK)
    windows = read_experiment(path).windows[SYMBOL]
    assert [(w.fit_start // 96, w.fit_stop // 96, w.test_start // 96, w.test_stop // 96) for w in windows] == [
        (start, start + 20, start + 20, start + 25) for start in range(0, 36, 5)
    ]


def test_mistakes_of_every_section_are_told_at_once(folder):
    text = """\
nam: x
data: {path: nowhere.parquet, intervall: 15m}
strategy: {name: ema_cross, mode: lon}
method: gird
space: {L_fats: [5]}
constraints: {min_sharp: 1}
score: {primary: sharp}
limits: {backoff: [1m, 5s]}
"""
    told = {(line, field) for line, _, field, _ in problems_of(folder, text)}
    assert told == {
        (1, "nam"), (1, "name"), (2, "data.path"), (2, "data.intervall"), (3, "strategy.mode"), (4, "method"),
        (5, "space.L_fats"), (6, "constraints.min_sharp"), (7, "score.primary"), (8, "limits.backoff"),
    }  # fmt: skip


def test_a_field_of_the_wrong_type_hides_no_other_mistake_of_its_section(folder):
    text = """\
name: x
data: {path: nowhere.parquet, intervall: 15m, start: 2024-13-01, known_gaps: [yesterday], allow_gaps: -3}
strategy: {name: ema_cross, mode: lon, foo: 1}
method: grid
params: {nope: 1, sl: x}
constraints: {min_sharp: 1, max_drawdown: [1]}
score: {primary: sharp, weights: {max_drawdown: x}}
limits: {retries: -1, backoff: [1m, 5s]}
walk_forward: {fit: 10}
"""
    told = {(line, field) for line, _, field, _ in problems_of(folder, text)}
    assert told == {
        (2, "data.path"), (2, "data.intervall"), (2, "data.start"), (2, "data.known_gaps.0"), (2, "data.allow_gaps"),
        (3, "strategy.mode"), (3, "strategy.foo"), (5, "params.nope"), (5, "params.sl"), (6, "constraints.min_sharp"),
        (6, "constraints.max_drawdown"), (7, "score.primary"), (7, "score.weights.max_drawdown"), (8, "limits.retries"),
        (8, "limits.backoff"), (9, "walk_forward"), (9, "walk_forward.test"), (9, "walk_forward.procedure"),
    }  # fmt: skip


def test_bars_are_not_blamed_for_a_field_that_could_not_be_read(folder):
    ((line, _, field, _),) = problems_of(folder, SOUND.replace("interval: 15m", "interval: 15m, allow_gaps: many"))
    assert (line, field) == (2, "data.allow_gaps")


def test_a_strategy_under_a_name_that_is_taken_is_refused(folder):
    section = a_strategy(folder, "pass")
    taken = (folder / "own.py").read_text().replace('name="own"', 'name="ema_cross"')
    (folder / "own.py").write_text(taken)
    text = SOUND.replace("{name: ema_cross, mode: long}", json.dumps(section))
    ((line, _, field, said),) = problems_of(folder, text)
    assert (line, field) == (3, "strategy.file")
    assert "'ema_cross', which another strategy has" in said


def test_a_strategy_file_that_fails_on_import_is_told_with_its_error(folder):
    (folder / "broken.py").write_text("import nothing_of_that_name\n")
    text = SOUND.replace("{name: ema_cross, mode: long}", "{file: 'broken.py:X'}")
    ((line, _, field, said),) = problems_of(folder, text)
    assert (line, field) == (3, "strategy.file")
    assert "ModuleNotFoundError" in said


def test_tpe_searches_no_alternatives(folder):
    text = SOUND.replace("method: grid", "method: tpe").replace("exits: {sl", "exits: [{sl: 0.01}, {sl")
    text = text.replace("step: 0.01}}", "step: 0.01}}]")
    ((line, _, field, said),) = problems_of(folder, text)
    assert (line, field) == (5, "space")
    assert "make 2; use grid or monte_carlo" in said


def test_a_file_that_is_no_table_is_refused(folder):
    for text, said in (("", "is empty"), ("- a\n- b\n", "is not a table"), ("a: [", "this is not YAML")):
        assert said in problems_of(folder, text)[0][3]
    with pytest.raises(OperatorError, match="there is no such experiment file"):
        read_experiment(folder / "nowhere.yaml")


def test_a_key_given_twice_is_named(folder):
    found = problems_of(folder, SOUND + "method: tpe\n")
    assert (10, "method") in [(line, field) for line, _, field, _ in found]


def test_the_schema_knows_every_field_of_the_file():
    schema = experiment_schema()
    assert set(schema["required"]) == {"name", "data", "strategy", "method"}
    assert {"space", "walk_forward", "limits", "sampler", "constraints"} <= set(schema["properties"])
    json.dumps(schema)


def test_the_builders_file_is_sound(tmp_path):
    assert len(read_experiment(a_file(tmp_path)).vectors.vectors) == 8


WHOLE = {
    "name": "whole",
    "data": {"path": "bars/NOISE.parquet", "interval": "15m", "start": "2021-01-02", "known_gaps": ["2021-01-05"]},
    "strategy": {"name": "ema_cross", "mode": "long"},
    "method": "walk_forward",
    "walk_forward": {"fit": "20d", "test": "5d", "purge": 4, "procedure": {"method": "tpe", "trials": 5}},
    "space": {"lines": {"L_fast": {"low": 2, "high": 20, "log": True}}, "sl": [0.01, 0.02]},
    "params": {"tp": 0.1},
    "sampler": {"n_startup_trials": 3},
    "constraints": {"min_trades": 3, "max_drawdown": 0.9},
    "score": {"primary": "calmar", "weights": {"win_rate": 0.1}},
    "costs": {"fee_bps": 5},
    "limits": {"trial_timeout": "1m", "backoff": ["5s", "60s"], "concurrency": "auto"},
}


def paths_of(value, path=()):
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths_of(inner, (*path, key))


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(list(paths_of(WHOLE))),
    st.one_of(
        st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=5), st.just([]),
        st.just({}), st.just([[1]]), st.just({"low": 1}), st.just([{"L_fast": 3}, {"sl": 0.01}]),
    ),
)  # fmt: skip
def test_whatever_stands_in_a_field_is_an_experiment_or_a_list_of_mistakes(folder, path, value):
    text = json.loads(json.dumps(WHOLE))
    inside = text
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    file = folder / "fuzzed.yaml"
    file.write_text(yaml.safe_dump(text, sort_keys=False))
    problems = []
    try:
        read_experiment(file)
    except ExperimentFileError as wrong:
        problems += wrong.problems
    assert all(each.text and each.place.line >= 1 for each in problems)


def test_the_whole_file_is_sound_before_anything_is_put_into_it(folder):
    (folder / "whole.yaml").write_text(yaml.safe_dump(WHOLE))
    assert read_experiment(folder / "whole.yaml").procedure.trials == 5
