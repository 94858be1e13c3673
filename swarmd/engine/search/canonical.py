"""One key per parameter vector, whatever its spelling: the order of the names, or 1 for 1.0.

By it a search that is taken up again knows what it has done already. Keys are equal exactly where every number is.
"""

from collections.abc import Mapping

import numpy as np


def canonical_key(params: Mapping[str, float | int]) -> str:
    """`L_fast=5,sl=0.02`: names sorted, whole numbers without a point, others as the shortest text that reads back."""
    return ",".join(f"{name}={_number(params[name])}" for name in sorted(params))


def _number(value: float | int) -> str:
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float) and not plain.is_integer():
        return repr(plain)
    return str(int(plain))
