#!/usr/bin/env python3
"""A table of Markdown and a figure in it, as the pages of `bench_engine` write them."""

from collections.abc import Iterable, Sequence

from bench_figures import Figure

DIRECTIONS = ("long", "long_short")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def told(figure: Figure | None, form: str = "{:.2f}", unit: str = "") -> str:
    if figure is None:
        return "not measured"
    median, best = form.format(figure.median), form.format(figure.best)
    return f"{median}{unit}" if median == best else f"{median}{unit} ({best})"
