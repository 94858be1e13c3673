"""Pine's words: literals, comments and inputs, safe whatever a champion's fields hold.

Used by the files that write scripts. What comes from outside (a campaign's name, a run's id) reaches a script through
these functions alone, so no quote or line break of it can become code.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from decimal import Decimal

from swarmd.engine.strategies.contract import Params, ParamSpec


def on_one_line(text: str) -> str:
    """The text without control characters and line ends of any alphabet; a run of them becomes one blank."""
    told = "".join(" " if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") else each for each in text)
    return " ".join(told.split())


def quoted(text: str) -> str:
    """A string literal. Single quotes: what is quoted most is JSON."""
    escaped = on_one_line(text).replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def commented(lines: Iterable[str]) -> str:
    """Each line as a comment."""
    return "".join(f"// {on_one_line(line)}".rstrip() + "\n" for line in lines)


def number(value: float | int) -> str:
    """Every digit of it and no exponent, so that the script computes with the same bits."""
    if isinstance(value, int):
        return str(value)
    told = format(Decimal(repr(value)), "f")
    return told if "." in told else f"{told}.0"


def inputs(params: Params, specs: Iterable[ParamSpec], *, ranges: Mapping[str, tuple[float, float]]) -> str:
    """One input a parameter, with the champion's value and the card's limits; `ranges` narrows them for Pine's sake."""
    return "".join(_input(spec, params[spec.name], ranges.get(spec.name)) for spec in specs)


def _input(spec: ParamSpec, value: float | int, narrowed: tuple[float, float] | None) -> str:
    kind = "float" if spec.kind == "float" else "int"
    given = [number(value), quoted(spec.name)]
    if spec.kind == "choice":
        given.append(f"options=[{', '.join(number(choice) for choice in spec.choices)}]")
    else:
        low, high = narrowed or (spec.low, spec.high)
        cast = float if kind == "float" else int
        given += [f"{end}={number(cast(at))}" for end, at in (("minval", low), ("maxval", high)) if at is not None]
    unit = f" ({spec.unit})" if spec.unit else ""
    given += [f"tooltip={quoted(spec.meaning + unit)}", "group='champion'"]
    return f"{spec.name} = input.{kind}({', '.join(given)})\n"
