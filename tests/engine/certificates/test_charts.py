"""Charts: well formed, named for who cannot see them, and with every mark inside, whatever the numbers."""

import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swarmd.engine.certificates.axes import LEFT, RIGHT, WIDTH, axis_over
from swarmd.engine.certificates.charts import (
    deflation_chart,
    drawdown_chart,
    equity_chart,
    forecast_chart,
    neighbourhood_chart,
    surrogate_chart,
    windows_chart,
)

NUMBER = st.floats(-1e15, 1e15, allow_nan=False)
EQUITY = st.floats(0.0, 1e6, allow_nan=False)
CURVE = st.lists(EQUITY, max_size=30).map(
    lambda held: [(f"2024-01-{at + 1:02}", value) for at, value in enumerate(held)]
)


def checked(svg: str) -> ET.Element:
    """The picture, once its marks have been found to lie inside and its names to be there."""
    root = ET.fromstring(svg)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    title, desc = root.findall("title")[0], root.findall("desc")[0]
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"].split() == [title.attrib["id"], desc.attrib["id"]]
    assert title.text
    assert desc.text
    for mark in root.iter():
        xs, ys = [], []
        at = {name: float(value) for name, value in mark.attrib.items() if re.fullmatch(r"-?[\d.]+(e-?\d+)?", value)}
        match mark.tag:
            case "line":
                xs, ys = [at["x1"], at["x2"]], [at["y1"], at["y2"]]
            case "rect":
                assert at["width"] >= 0.0
                assert at["height"] >= 0.0
                xs, ys = [at["x"], at["x"] + at["width"]], [at["y"], at["y"] + at["height"]]
            case "circle":
                xs, ys = [at["cx"] - at["r"], at["cx"] + at["r"]], [at["cy"] - at["r"], at["cy"] + at["r"]]
            case "text":
                xs, ys = [at["x"]], [at["y"]]
            case "polyline":
                points = [tuple(map(float, point.split(","))) for point in mark.attrib["points"].split()]
                xs, ys = [x for x, _ in points], [y for _, y in points]
        assert all(math.isfinite(x) and -0.11 <= x <= width + 0.11 for x in xs), (mark.tag, mark.attrib)
        assert all(math.isfinite(y) and -0.11 <= y <= height + 0.11 for y in ys), (mark.tag, mark.attrib)
    return root


def of_class(root: ET.Element, kind: str) -> list[ET.Element]:
    return [mark for mark in root.iter() if mark.attrib.get("class") == kind]


@settings(max_examples=80, deadline=None)
@given(CURVE, CURVE.filter(bool))
@pytest.mark.parametrize("drawn", [equity_chart, drawdown_chart])
def test_curves_stay_inside(
    drawn: Callable[..., str], development: list[tuple[str, float]], vault: list[tuple[str, float]]
):
    checked(drawn(development, vault))


@settings(max_examples=80, deadline=None)
@given(st.lists(NUMBER, min_size=1, max_size=60), NUMBER)
def test_surrogates_stay_inside_and_are_all_drawn(maxima: list[float], real: float):
    root = checked(surrogate_chart(maxima, real))
    beaten, chance = of_class(root, "beaten"), of_class(root, "chance")
    assert len(beaten) == sum(each >= real for each in maxima)
    assert len(beaten) + len(chance) == len(maxima)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.floats(1.0, 1e12), st.floats(0.0, 1.0)), min_size=1, max_size=20),
    st.none() | NUMBER,
    st.none() | NUMBER,
    st.none() | NUMBER,
)
def test_deflation_stays_inside(curve, tried, effective, dsr):
    checked(deflation_chart(curve, tried, effective, dsr))


@settings(max_examples=60, deadline=None)
@given(
    st.data(),
    st.text(max_size=60),
    st.lists(NUMBER, min_size=1, max_size=12),
    st.lists(NUMBER, min_size=1, max_size=12),
)
def test_neighbourhoods_stay_inside(data: st.DataObject, name: str, across: list[float], up: list[float]):
    row = st.lists(st.none() | NUMBER, max_size=14)
    cells = data.draw(st.lists(row, max_size=14))
    centre = data.draw(st.none() | st.tuples(st.sampled_from(across), st.sampled_from(up)))
    printable = "".join(each for each in name if each.isprintable())
    root = checked(neighbourhood_chart(printable, across, printable, up, cells, centre))
    assert len(of_class(root, "frame")) == (centre is not None)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.just("1: 2024-01-01"), st.none() | NUMBER, st.none() | NUMBER), min_size=1, max_size=60))
def test_windows_stay_inside(windows: list[tuple[str, float | None, float | None]]):
    checked(windows_chart(windows))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.just("seen"), NUMBER), min_size=1, max_size=3), st.none() | st.floats(0.0, 1e15))
def test_forecasts_stay_inside(figures: list[tuple[str, float]], error: float | None):
    checked(forecast_chart(figures, error))


def test_a_mark_stands_where_its_number_is():
    root = checked(surrogate_chart([1.0, 2.0, 3.0], 2.5))
    (mark,) = of_class(root, "mark")
    below, beside, above = sorted(float(dot.attrib["cx"]) for dot in root.iter("circle"))
    assert below < beside < float(mark.attrib["x1"]) < above
    assert [dot.attrib["class"] for dot in root.iter("circle")] == ["chance", "chance", "beaten"]


def test_the_champion_is_framed_at_its_parameters():
    cells = [[1.0, 2.0, 3.0], [None, -1.0, 0.5]]
    root = checked(neighbourhood_chart("fast", [1.0, 2.0, 3.0], "slow", [10.0, 20.0], cells, (3.0, 20.0)))
    (frame,) = of_class(root, "frame")
    cell = next(each for each in of_class(root, "gain") if "fast 3, slow 20: 0.50" in (each.findtext("title") or ""))
    assert (frame.attrib["x"], frame.attrib["y"]) == (cell.attrib["x"], cell.attrib["y"])
    assert len(of_class(root, "loss")) == 1
    assert len(of_class(root, "no-cell")) == 1
    # Rows rise with the second parameter.
    low = next(each for each in of_class(root, "gain") if "slow 10" in (each.findtext("title") or ""))
    assert float(low.attrib["y"]) > float(frame.attrib["y"])


def test_the_vault_begins_where_development_ends_and_both_meet_at_one():
    development = [("2024-01-01", 1.0), ("2024-01-02", 3.0)]
    root = checked(equity_chart(development, [("2024-01-03", 1.0), ("2024-01-04", 1.5)]))
    (dim,), (line,) = of_class(root, "dim-line"), of_class(root, "line")
    ends = [[tuple(map(float, point.split(","))) for point in each.attrib["points"].split()] for each in (dim, line)]
    assert ends[0][-1][1] == ends[1][0][1]
    assert ends[0][-1][0] < ends[1][0][0]


def test_a_long_line_keeps_its_deepest_day():
    vault = [(f"day {at}", 1.0 + 1e-4 * at) for at in range(5000)]
    vault[2503] = ("day 2503", 0.2)
    root = checked(equity_chart([], vault))
    (line,) = of_class(root, "line")
    heights = [float(point.split(",")[1]) for point in line.attrib["points"].split()]
    assert len(heights) < 600
    assert max(heights) > sorted(heights)[-2] + 50


@settings(max_examples=200, deadline=None)
@given(st.lists(NUMBER, max_size=6), st.booleans())
def test_ticks_are_few_and_on_their_axis(values: list[float], is_log: bool):
    axis = axis_over(values, LEFT, WIDTH - RIGHT, is_log=is_log)
    ticks = axis.ticks()
    assert len(ticks) <= 11
    slack = 1e-6 * (axis.high - axis.low)
    assert all(axis.low - slack <= tick <= axis.high + slack for tick in ticks)
    assert all(LEFT <= axis.at(value) <= WIDTH - RIGHT for value in values)
