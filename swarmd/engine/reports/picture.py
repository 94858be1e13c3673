"""Equity and drawdown as one PNG, for a chat, a mail or a ticket that shows no page: drawn in numpy, packed by zlib.

A drawing library would be another hundred megabytes for four lines, and the same result has to give the same picture
with and without extras. The page's own charts say more; here are two curves, their levels and the dates of the ends.
Grey is development data, blue is the vault, red the fall below the highest so far.
"""

import struct
import zlib
from collections.abc import Sequence

import numpy as np

from swarmd.engine.arrays import FloatArray
from swarmd.engine.certificates.axes import Axis, axis_over
from swarmd.engine.reports.curves import falls, in_one_scale
from swarmd.engine.reports.frame import round_levels
from swarmd.engine.reports.material import DEVELOPMENT, Stretch

WIDTH, HEIGHT = 960, 480
# Drawn twice as large and averaged: edges without steps.
_FINE = 2
_LEFT, _RIGHT, _TOP, _SPLIT, _FLOOR = 70, 945, 15, 320, 455
_PAPER, _GRID, _INK = (255, 255, 255), (226, 226, 226), (90, 90, 90)
_DIM, _VAULT, _FALL = (150, 150, 150), (31, 99, 190), (226, 158, 150)
# Three by five dots a sign, a row of three bits after another.
_SIGNS = {
    "0": 0o75557, "1": 0o26227, "2": 0o71747, "3": 0o71717, "4": 0o55711, "5": 0o74717, "6": 0o74757, "7": 0o71111,
    "8": 0o75757, "9": 0o75717, "-": 0o00700, ".": 0o00002, "%": 0o51245, "e": 0o07547, "+": 0o02720,
}  # fmt: skip
_DOT = 2
Colour = tuple[int, int, int]


def equity_png(stretches: Sequence[Stretch]) -> bytes:
    """The picture's bytes, 960 by 480; of no day at all an empty field."""
    sheet = np.full((HEIGHT * _FINE, WIDTH * _FINE, 3), _PAPER, dtype=np.uint8)
    lines, fallen = in_one_scale(stretches), [falls(stretch.equity) for stretch in stretches]
    upright = axis_over([1.0, *(value for line in lines for value in line)], _SPLIT - 15, _TOP, is_log=True)
    below = axis_over([0.0, *(value for line in fallen for value in line)], _FLOOR, _SPLIT + 10, room=0.04)
    for axis, levels in ((upright, round_levels(upright, 6)), (below, [v for v in below.ticks(3) if v <= 1e-9])):
        for level in levels:
            _box(sheet, _LEFT, axis.at(level), _RIGHT, axis.at(level) + 1.0, _GRID)
            words = f"{level:.4g}" if axis is upright else f"{level:.0%}"
            _write(sheet, words, _LEFT - 8 - _length(words), axis.at(level) - 5)
    n_days, before = sum(map(len, lines)), 0
    for stretch, line, fall in zip(stretches, lines, fallen, strict=True):
        _area(sheet, before, fall, n_days, below)
        _curve(sheet, before, line, n_days, upright, _DIM if stretch.name == DEVELOPMENT else _VAULT)
        before += len(line)
    days = [day for stretch in stretches for day in stretch.days]
    if days:
        _write(sheet, days[0], _LEFT, HEIGHT - 17)
        _write(sheet, days[-1], _RIGHT - _length(days[-1]), HEIGHT - 17)
    fine = sheet.reshape(HEIGHT, _FINE, WIDTH, _FINE, 3).astype(np.uint16)
    return packed((fine.sum(axis=(1, 3)) // _FINE**2).astype(np.uint8))


def packed(pixels: np.ndarray) -> bytes:
    """(height, width, 3) of bytes as a PNG (ISO/IEC 15948): three chunks, no filter."""
    height, width, _ = pixels.shape
    rows = np.concatenate((np.zeros((height, 1), dtype=np.uint8), pixels.reshape(height, width * 3)), axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    body = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def _places(first: int, values: Sequence[float], n_days: int, axis: Axis) -> tuple[FloatArray, FloatArray]:
    """Fine columns from the first value's to the last one's, and the fine row of the curve in each."""
    across = (_RIGHT - _LEFT) / max(1, n_days - 1)
    xs = (_LEFT + (first + np.arange(len(values))) * across) * _FINE
    columns = np.arange(np.floor(xs[0]), np.floor(xs[-1]) + 1.0)
    return columns, np.interp(columns, xs, np.array([axis.at(value) for value in values]) * _FINE)


def _curve(sheet: np.ndarray, first: int, values: Sequence[float], n_days: int, axis: Axis, colour: Colour) -> None:
    """A line about two pixels thick: in each column from where it comes to where it goes."""
    if not values:
        return
    columns, rows = _places(first, values, n_days, axis)
    before = np.concatenate((rows[:1], rows[:-1]))
    for column, low, high in zip(columns, np.minimum(before, rows), np.maximum(before, rows), strict=True):
        _box(sheet, column / _FINE - 0.5, low / _FINE - 1.0, column / _FINE + 1.0, high / _FINE + 1.0, colour)


def _area(sheet: np.ndarray, first: int, values: Sequence[float], n_days: int, axis: Axis) -> None:
    if not values:
        return
    for column, row in zip(*_places(first, values, n_days, axis), strict=True):
        _box(sheet, column / _FINE, axis.at(0.0), (column + 1) / _FINE, row / _FINE, _FALL)


def _box(sheet: np.ndarray, left: float, top: float, right: float, floor: float, colour: Colour) -> None:
    x0, y0, x1, y1 = (max(0, round(each * _FINE)) for each in (left, top, right, floor))
    sheet[y0:y1, x0:x1] = colour


def _length(words: str) -> int:
    return len(words) * 4 * _DOT


def _write(sheet: np.ndarray, words: str, left: float, top: float) -> None:
    for at, sign in enumerate(words):
        bits = f"{_SIGNS.get(sign, 0):015b}"
        for number, bit in enumerate(bits):
            if bit == "1":
                x, y = left + at * 4 * _DOT + number % 3 * _DOT, top + number // 3 * _DOT
                _box(sheet, x, y, x + _DOT, y + _DOT, _INK)
