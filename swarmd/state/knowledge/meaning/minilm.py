"""MiniLM, the forward pass: six layers of BERT in numpy, the tokens' mean, its length made 1.

Devlin et al. 2019 (BERT), Wang et al. 2020 (MiniLM), Reimers and Gurevych 2019 (the mean as a sentence's vector). The
sizes come out of the model's own config; the weights are read by safetensors, which holds numbers and runs nothing.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.special import erf
from tokenizers import Tokenizer

from swarmd.state.errors import OperatorError
from swarmd.state.knowledge.meaning.embedder import CONFIG_FILE, TOKENIZER_FILE, WEIGHTS_FILE, model_digest

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
# What the model was trained on; of a longer text the rest says nothing.
MOST_TOKENS = 256
# A batch's attention takes about 12 KB a token: 25 MB.
BATCH_TOKENS = 2_048
# Beyond this no text has fewer than 256 tokens, but for blanks.
_MOST_LETTERS = 4_000


class MiniLM:
    """An ``Embedder`` over a folder of weights. Raises OperatorError for a model of another kind, or a damaged one."""

    def __init__(self, folder: Path) -> None:
        config = _config(folder)
        self.name = folder.parent.name if folder.name == "model" else folder.name
        self.digest = model_digest(folder)
        self.dim = int(config["hidden_size"])
        self._heads = int(config["num_attention_heads"])
        self._layers = int(config["num_hidden_layers"])
        self._epsilon = float(config["layer_norm_eps"])
        try:
            self._weights: Mapping[str, FloatArray] = load_file(folder / WEIGHTS_FILE)
            self._tokens = Tokenizer.from_file(str(folder / TOKENIZER_FILE))
            self._tokens.no_padding()
            self._tokens.enable_truncation(MOST_TOKENS)
            self.embed(["a model that cannot do this is none"])
        except Exception as cause:  # tokenizers raises Exception itself
            raise OperatorError(f"{folder} holds no model that can be read ({cause}); install it again") from None

    def embed(self, texts: Sequence[str]) -> FloatArray:
        """(n, dim), rows of length 1; texts of about the same length are computed together."""
        said = self._tokens.encode_batch([_encodable(text[:_MOST_LETTERS]) for text in texts])
        ids = [np.array(one.ids, dtype=np.int64) for one in said]
        vectors = np.empty((len(ids), self.dim), dtype=np.float32)
        for batch in _batches([len(one) for one in ids]):
            vectors[batch] = self._forward([ids[at] for at in batch])
        return vectors

    def _forward(self, ids: Sequence[IntArray]) -> FloatArray:
        longest = max(map(len, ids))
        tokens = np.zeros((len(ids), longest), dtype=np.int64)
        is_there = np.zeros((len(ids), longest), dtype=np.float32)
        for row, one in enumerate(ids):
            tokens[row, : len(one)] = one
            is_there[row, : len(one)] = 1.0
        w = self._weights
        x = w["embeddings.word_embeddings.weight"][tokens] + w["embeddings.position_embeddings.weight"][:longest]
        x = self._norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings")
        # What is not there gets no attention.
        hidden = ((is_there - 1.0) * np.float32(1e9))[:, None, None, :]
        for number in range(self._layers):
            place = f"encoder.layer.{number}"
            x = self._norm(x + self._attention(x, hidden, f"{place}.attention"), f"{place}.attention.output")
            inner = _gelu(self._linear(x, f"{place}.intermediate.dense"))
            x = self._norm(x + self._linear(inner, f"{place}.output.dense"), f"{place}.output")
        mean = (x * is_there[:, :, None]).sum(axis=1) / is_there.sum(axis=1)[:, None]
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), dtype=np.float32)

    def _attention(self, x: FloatArray, hidden: FloatArray, place: str) -> FloatArray:
        n, length, _ = x.shape
        size = self.dim // self._heads

        def heads(name: str) -> FloatArray:
            return self._linear(x, f"{place}.self.{name}").reshape(n, length, self._heads, size).transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2)
        scores *= np.float32(1.0 / math.sqrt(size))
        scores += hidden
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed: FloatArray = np.asarray(scores @ heads("value"), dtype=np.float32).transpose(0, 2, 1, 3)
        return self._linear(mixed.reshape(n, length, self.dim), f"{place}.output.dense")

    def _linear(self, x: FloatArray, place: str) -> FloatArray:
        found: FloatArray = x @ self._weights[f"{place}.weight"].T + self._weights[f"{place}.bias"]
        return found

    def _norm(self, x: FloatArray, place: str) -> FloatArray:
        x = x - x.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((x * x).mean(axis=-1, keepdims=True) + np.float32(self._epsilon))
        x = x / deviation * self._weights[f"{place}.LayerNorm.weight"]
        return x + self._weights[f"{place}.LayerNorm.bias"]


def _gelu(x: FloatArray) -> FloatArray:
    found: FloatArray = x * (erf(x * np.float32(math.sqrt(0.5))) + np.float32(1.0)) * np.float32(0.5)
    return found


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts, the longest first, no more tokens together than a batch may have."""
    order = sorted(range(len(lengths)), key=lambda at: (-lengths[at], at))
    start = 0
    while start < len(order):
        n = max(1, BATCH_TOKENS // lengths[order[start]])
        yield order[start : start + n]
        start += n


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()


def _config(folder: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / CONFIG_FILE).read_text())
        is_ours = (config["model_type"], config["hidden_act"]) == ("bert", "gelu")
        is_ours = is_ours and config["hidden_size"] % config["num_attention_heads"] == 0
    except (OSError, ValueError, KeyError, TypeError) as cause:
        raise OperatorError(f"{folder / CONFIG_FILE} is no model's config ({cause}); install the model again") from None
    if not is_ours:
        raise OperatorError(f"{folder} is no BERT with GELU, as all-MiniLM-L6-v2 is one; name the folder of such")
    return config
