"""The result folder of an experiment: which question it answers, and how it is put aside."""

import json

import pytest

from swarmd.engine.experiments.results import put_aside, refuse_another_question
from swarmd.state.errors import OperatorError

QUESTION = {
    "strategy": "ema_cross",
    "costs": {"fee_bps": 5.0},
    "data_sha256": {"A": "1", "B": "2"},
    "search": {"kind": "list"},
}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "results" / "try"
    (made / "A").mkdir(parents=True)
    (made / "A" / "trial_0.json").write_text("{}")
    (made / ".lock").write_text("held")
    (made / "run_meta.json").write_text(json.dumps({"kind": "experiment", "question": QUESTION}))
    return made


@pytest.mark.parametrize(
    "data", [{"A": "1", "B": "2"}, {"A": "1"}, {"A": "1", "B": "2", "C": "3"}, {"C": "3"}], ids=str
)
def test_the_same_question_of_other_symbols_goes_on_in_its_folder(folder, data):
    refuse_another_question(folder, {**QUESTION, "data_sha256": data})


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"costs": {"fee_bps": 4.0}}, r"costs.fee_bps was 5.0, now 4.0"),
        ({"strategy": "mtf_ema"}, r"strategy was 'ema_cross', now 'mtf_ema'"),
        ({"data_sha256": {"A": "1", "B": "3"}}, r"data_sha256.B was '2', now '3'"),
        ({"search": {"kind": "tpe", "seed": 1}}, r"search.kind was 'list', now 'tpe'"),
    ],
)
def test_another_question_is_refused_with_the_field_that_differs(folder, other, said):
    with pytest.raises(OperatorError, match=said):
        refuse_another_question(folder, QUESTION | other)


def test_a_page_that_says_nothing_is_refused_and_no_page_is_no_question(folder):
    (folder / "run_meta.json").write_text("{")
    with pytest.raises(OperatorError, match=r"nobody knows what was asked there; add --fresh"):
        refuse_another_question(folder, QUESTION)
    (folder / "run_meta.json").unlink()
    refuse_another_question(folder, QUESTION)


def test_results_put_aside_are_whole_and_never_over_others(folder):
    first = put_aside(folder)
    assert first == folder.with_name("try.before-1")
    assert (first / "A" / "trial_0.json").exists()
    assert [path.name for path in folder.iterdir()] == [".lock"]
    assert put_aside(folder) is None
    (folder / "run_meta.json").write_text("{}")
    assert put_aside(folder) == folder.with_name("try.before-2")
