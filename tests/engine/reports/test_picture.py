"""The picture of equity, read by a library that others wrote."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from report_builders import a_stretch

from swarmd.engine.reports.material import DEVELOPMENT, VAULT, Stretch
from swarmd.engine.reports.picture import HEIGHT, WIDTH, equity_png, packed

BLUE, GREY, RED, PAPER = (31, 99, 190), (150, 150, 150), (226, 158, 150), (255, 255, 255)


def pixels(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as image:
        image.load()
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image)


def columns_of(sheet: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return np.flatnonzero((sheet == np.array(colour, dtype=np.uint8)).all(axis=2).any(axis=0))


def test_what_is_packed_is_what_a_reader_of_others_unpacks() -> None:
    sheet = np.random.default_rng(1).integers(0, 256, (7, 11, 3)).astype(np.uint8)
    assert np.array_equal(pixels(packed(sheet)), sheet)


def test_the_vault_stands_right_of_the_development_and_losses_hang_below() -> None:
    told = [a_stretch(DEVELOPMENT, days=300), a_stretch(VAULT, first_day=300, days=100, seed=8)]
    sheet = pixels(equity_png(told))
    assert sheet.shape == (HEIGHT, WIDTH, 3)
    assert columns_of(sheet, GREY).max() <= columns_of(sheet, BLUE).min() + 3
    assert columns_of(sheet, RED).size > 300
    assert equity_png(told) == equity_png(told)


def test_a_line_rises_where_equity_rises() -> None:
    rising = Stretch(VAULT, tuple(f"2024-01-{day:02}" for day in range(1, 31)), tuple(1.01**n for n in range(30)), ())
    sheet = pixels(equity_png([rising]))
    is_blue = (sheet == np.array(BLUE, dtype=np.uint8)).all(axis=2)
    heights = [np.flatnonzero(is_blue[:, column]).mean() for column in columns_of(sheet, BLUE)]
    assert len(heights) > 800
    assert (np.diff(heights) <= 0.5).all()
    assert heights[-1] < heights[0] - 150
    assert columns_of(sheet, RED).size == 0


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(0.0, 1e12), max_size=5), st.lists(st.floats(0.0, 1e12), max_size=5))
def test_any_curve_has_a_picture(first: list[float], second: list[float]) -> None:
    told = [
        Stretch(name, tuple("2024-01-01" for _ in line), tuple(line), ())
        for name, line in ((DEVELOPMENT, first), (VAULT, second))
    ]
    assert pixels(equity_png(told)).shape == (HEIGHT, WIDTH, 3)


@pytest.mark.parametrize("stretches", [[], [Stretch(VAULT, (), (), ())]])
def test_no_day_is_an_empty_field(stretches: list[Stretch]) -> None:
    assert columns_of(pixels(equity_png(stretches)), PAPER).size == WIDTH
