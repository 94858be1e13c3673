"""Pure statistical tests of a candidate: returns in, figures and a verdict out.

One statistic a file, its formula and source in its docstring. No bars, no files, no opinion on what follows from a
verdict. Every public statistic can also be taken from here by its name, `from swarmd.engine.guards import sharpe_ratio`;
its file is read on first use, so that a command which tests nothing does not wait for scipy.
"""

import importlib
from typing import Any

# A statistic's public name, and the file of this folder that is its home. No file bears the name of its function: on
# import Python would put the file under that name here, in front of the function.
_HOMES = {
    "probabilistic_sharpe_ratio": "probabilistic_sharpe",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
