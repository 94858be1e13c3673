"""The two files a new strategy begins with: a copy of `starter.py` under its own name, and its test.

Text in, text out; where they are written is the command's business.
"""

import inspect
import keyword
import re

from swarmd.engine.strategies import starter

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 40

_TEST = '''\
"""Holds `{name}` to the laws that every strategy obeys, and to what it is meant to do: `pytest test_{name}.py`."""

from pathlib import Path

import pytest

from swarmd.engine.laws.suite import LAWS, exam_of, finding_of
from swarmd.engine.market.bars import Bars, bars_from_arrays
from swarmd.engine.strategies.registry import strategy_named

STRATEGY = strategy_named(f"{{Path(__file__).with_name('{name}.py')}}:{made}")
EXAM = exam_of(STRATEGY)
HOUR_MS = 3_600_000


@pytest.mark.parametrize("law", LAWS)
def test_it_obeys_the_law(law: str) -> None:
    finding = finding_of(law, EXAM)
    where = f"bar {{finding.bar}}, {{finding.time}}, mode {{finding.mode}}, {{finding.params}}"
    assert finding.holds, f"{{finding.told}} ({{where}})"


def bars_of(*closes: float) -> Bars:
    """Hourly bars that open at the close before them and reach no further than their open and close."""
    opens = [closes[0], *closes[:-1]]
    highs = [max(pair) for pair in zip(opens, closes, strict=True)]
    lows = [min(pair) for pair in zip(opens, closes, strict=True)]
    times = [hour * HOUR_MS for hour in range(len(closes))]
    return bars_from_arrays("HAND", 60, times, opens, highs, lows, closes, [1.0] * len(closes))


def test_a_close_above_the_channel_buys_at_the_next_open_and_one_below_it_sells() -> None:
    bars = bars_of(100.0, 100.0, 100.0, 100.0, 100.0, 105.0, 104.0, 104.0, 90.0, 91.0)
    events = STRATEGY.events(bars, {{"entry": 4, "leave": 3, "sl": 0.5}})
    assert list(zip(events.bar.tolist(), events.side.tolist(), strict=True)) == [(6, 1), (9, -1)]
'''


def starter_files(name: str) -> dict[str, str]:
    """File names and contents for a strategy of that name.

    Raises
    ------
    ValueError
        If the name cannot be that of a Python file and class.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > _LONGEST:
        raise ValueError(
            f"{name!r} cannot name a strategy; give small letters, digits and single underscores between them, such as "
            f"channel_break (at most {_LONGEST})"
        )
    made = class_name(name)
    text = inspect.getsource(starter)
    if re.search(rf"\b{made}\b", text + _TEST):
        raise ValueError(f"a strategy {name!r} would have a class {made}, a name its own file uses; choose another")
    text = text.replace('name="starter"', f'name="{name}"').replace("this_file.py", f"{name}.py")
    return {f"{name}.py": text.replace("Starter", made), f"test_{name}.py": _TEST.format(name=name, made=made)}


def class_name(name: str) -> str:
    """`channel_break` as a class: `ChannelBreak`."""
    return "".join(part.capitalize() for part in name.split("_"))
