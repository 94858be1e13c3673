"""One key per vector: the same for every spelling, another for every other vector."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from swarmd.engine.search.canonical import canonical_key

NUMBERS = st.one_of(st.integers(-(10**6), 10**6), st.floats(allow_nan=False, allow_infinity=False, width=64))
VECTORS = st.dictionaries(st.sampled_from(["L_fast", "L_slow", "sl", "tp"]), NUMBERS, min_size=1)


@given(VECTORS, st.randoms(use_true_random=False))
def test_neither_the_order_of_the_names_nor_the_type_of_a_whole_number_changes_the_key(vector, random):
    names = list(vector)
    random.shuffle(names)
    spelt = {}
    for name in names:
        value = vector[name]
        spelt[name] = random.choice([float(value), np.float64(value)]) if abs(value) < 2**53 else value
    assert canonical_key(spelt) == canonical_key(vector)


@given(VECTORS, VECTORS)
def test_keys_are_equal_exactly_where_the_vectors_are(first, second):
    assert (canonical_key(first) == canonical_key(second)) == (first == second)


def test_the_key_can_be_read():
    assert canonical_key({"sl": 0.02, "L_fast": 5.0, "tp": -0.0}) == "L_fast=5,sl=0.02,tp=0"
