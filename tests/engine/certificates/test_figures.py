"""Figures as people read them."""

import pytest

from swarmd.engine.certificates import figures


@pytest.mark.parametrize(
    ("figure", "told"),
    [
        (None, "undefined"),
        (0.0, "0"),
        (252_431.0, "252,431"),
        (1.934, "1.93"),
        (-0.38, "-0.38"),
        (0.00042, "0.00042"),
        (353.24, "353.2"),
        (2.5e12, "2.5e+12"),
    ],
)
def test_a_plain_number(figure: float | None, told: str):
    assert figures.plain(figure) == told


@pytest.mark.parametrize(
    ("figure", "told"),
    [
        (None, "undefined"),
        (0.0, "0 %"),
        (0.0021, "0.21 %"),
        (0.00004, "0.004 %"),
        (0.382, "38.2 %"),
        (-0.0116, "-1.16 %"),
        (12.5, "1,250.0 %"),
    ],
)
def test_a_share_is_told_in_percent_and_a_small_one_never_as_nothing(figure: float | None, told: str):
    assert figures.percent(figure) == told


@pytest.mark.parametrize(
    ("threshold", "name", "told"),
    [(0.6, "wfe", "0.6"), (0.01, "p", "1 %"), (60.0, "oos_trades", "60"), (0.7, "pbo", "70 %"), (100.0, "x", "100")],
)
def test_a_threshold_has_no_zeros_behind_it(threshold: float, name: str, told: str):
    assert figures.asked(threshold, name) == told


def test_counts_differences_and_days():
    assert figures.many(1.0, "trade") == "1 trade"
    assert figures.many(64.0, "trade") == "64 trades"
    assert figures.difference(0.0) == "none"
    assert figures.difference(3.1e-16) == "3.1e-16"
    assert figures.day(1_672_531_200_000) == "2023-01-01"
    assert figures.day(9e14) == "undefined"
    assert figures.signed_percent(0.262) == "+26.2 %"
