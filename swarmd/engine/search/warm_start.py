"""Warm start: the prescreen's best vectors as the refinement's first trials.

Finds the prescreen's file, checks that it answers the same question, and hands over its parameters, the best first.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swarmd.engine.search.prescreen import SCHEMA, TOP_FILE
from swarmd.engine.search.space import Space, in_space, is_admissible
from swarmd.engine.strategies.contract import BarStrategy

log = logging.getLogger(__name__)


def find_seed_file(place: Path) -> Path | None:
    """The prescreen's file: `place` itself, or in that folder; None when there is none."""
    path = place / TOP_FILE if place.is_dir() else place
    return path if path.is_file() else None


def warm_start_seeds(
    path: Path, strategy: BarStrategy, space: Space, *, count: int, expected: Mapping[str, Any]
) -> tuple[dict[str, float | int], ...]:
    """The first `count` vectors of a prescreen's file that lie in the space.

    Parameters
    ----------
    expected : fields of the file that must be equal (data digest, strategy, mode): seeds of other data would carry a
        selection over to where it does not belong.

    Raises
    ------
    ValueError
        If the file cannot be read, or answers another question; says which field differs.
    """
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: not a readable prescreen ({error}); run the prescreen again") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ValueError(f"{path}: its schema is not {SCHEMA}; run the prescreen again")
    for field, wanted in expected.items():
        if document.get(field) != wanted:
            raise ValueError(
                f"{path}: made with {field} {document.get(field)!r}, asked for {wanted!r}; run the prescreen again"
            )
    fitting = [
        entry["params"]
        for entry in document["top"]
        if in_space(space, entry["params"]) and is_admissible(strategy, entry["params"])
    ]
    seeds = tuple(fitting[:count])
    log.info("Loaded Phase0 seed: %s (%d seeds)", path, len(seeds))
    return seeds
