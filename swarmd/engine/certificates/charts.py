"""The pictures of a certificate, each of plain numbers: SVG out, with a title, a description and the champion's mark.

Colours come from the page's style, by class, so that a chart follows light, dark and print; nothing is told by colour
alone. A chart draws what it is given and computes no statistic; where it is given nothing, the page says why instead.
"""

from collections.abc import Sequence
from itertools import accumulate

from swarmd.engine.certificates.axes import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    axis_over,
    box_at,
    chart,
    dot_at,
    foot_ticks,
    label_at,
    level_lines,
    line_at,
    path_of,
    place,
    text_at,
    thinned,
)
from swarmd.engine.certificates.figures import asked, percent, plain

_FLOOR = HEIGHT - BOTTOM
Curve = Sequence[tuple[str, float]]
Place = Sequence[tuple[float, float]]


def equity_chart(development: Curve, vault: Curve) -> str:
    """Equity of both stretches on one line of days, 1.0 where the vault opens; development is dim."""
    # What has been lost but for dust cannot be scaled to end at 1.
    level = development[-1][1] if development and development[-1][1] > 1e-6 else 1.0
    before = [value / level for _, value in development]
    after = [value for _, value in vault]
    upright = axis_over([*before, *after, 1.0], _FLOOR, TOP, is_log=True)
    body = level_lines(upright, [(value, asked(value)) for value in upright.ticks(7)])
    body += _two_stretches(development, vault, before, after, upright)
    return chart(
        "equity",
        "Equity, development before the vault",
        f"End-of-day equity after costs. Development, which was searched, is dimmed and scaled to end at 1. On the "
        f"vault it goes from 1 to {plain(after[-1] if after else None)}.",
        body,
    )


def drawdown_chart(development: Curve, vault: Curve) -> str:
    """Fall below the highest equity so far, each stretch from its own start."""
    before, after = (_falls([value for _, value in curve]) for curve in (development, vault))
    upright = axis_over([*before, *after, 0.0], _FLOOR, TOP)
    body = level_lines(upright, [(value, asked(value, "max_drawdown")) for value in upright.ticks() if value <= 1e-9])
    body += _two_stretches(development, vault, before, after, upright)
    return chart(
        "drawdown",
        "Drawdown",
        f"Fall of end-of-day equity below its highest so far, each stretch from its own start. On the vault the "
        f"deepest is {percent(-min(after, default=0.0))}.",
        body,
    )


def surrogate_chart(maxima: Sequence[float], real: float) -> str:
    """A dot for the best score of each market without an edge, and the champion's mark beside them."""
    across = axis_over([*maxima, real], LEFT - 30, WIDTH - RIGHT - 4)
    columns: dict[int, int] = {}
    placed = []
    for value in sorted(maxima):
        column = int(across.at(value) // 6)
        placed.append((value, column * 6 + 3.0, columns.get(column, 0)))
        columns[column] = columns.get(column, 0) + 1
    tallest = max(columns.values(), default=1)
    rise = min(5.6, (_FLOOR - TOP - 34) / tallest)
    # Of few markets the picture is low.
    floor = min(_FLOOR, TOP + 44 + tallest * rise)
    body = line_at(LEFT - 30, floor, WIDTH - RIGHT, floor, "axis")
    body += "".join(
        dot_at(x, floor - 3.5 - height * rise, 2.6, "beaten" if value >= real else "chance", plain(value))
        for value, x, height in placed
    )
    x = across.at(real)
    body += line_at(x, TOP + 14, x, floor, "mark")
    body += f'<path d="M{place(x - 4)} {TOP + 10}h8l-4 7z" class="mark-head"/>'
    body += label_at(x, TOP + 8, f"the real market's best {plain(real)}", "mark-label")
    body += foot_ticks(across, [(value, asked(value)) for value in across.ticks()], floor)
    as_good = sum(value >= real for value in maxima)
    return chart(
        "surrogates",
        "The search on markets without an edge",
        f"Best score found on each of {len(maxima)} surrogate markets, {as_good} of them as good as the real market's "
        f"{plain(real)}.",
        body,
        round(floor) + BOTTOM,
    )


def deflation_chart(curve: Place, tried: float | None, effective: float | None, dsr: float | None) -> str:
    """Probability that the Sharpe ratio is real, against the number of trials it was the best of."""
    marks = [count for count in (tried, effective) if count is not None and count >= 1.0]
    lying = axis_over(
        [1.0, 10.0, *(max(1.0, count) for count, _ in curve), *marks], LEFT, WIDTH - RIGHT, room=0.02, is_log=True
    )
    upright = Axis(0.0, 1.0, _FLOOR, TOP + 22)
    body = level_lines(upright, [(value, asked(value)) for value in (0.0, 0.5, 1.0)])
    body += line_at(LEFT, upright.at(0.95), WIDTH - RIGHT, upright.at(0.95), "threshold")
    body += text_at(LEFT + 3, upright.at(0.95) + 11, "0.95", kind="tick")
    body += path_of([(lying.at(max(1.0, count)), upright.at(value)) for count, value in curve], "line")
    for row, (count, words) in enumerate([(tried, "ledger"), (effective, "effective")]):
        if count is None or count < 1.0:
            continue
        x = lying.at(count)
        body += line_at(x, TOP + 2 + 13 * row, x, _FLOOR, "mark" if row == 0 else "mark-thin")
        body += label_at(x, TOP + 2 + 13 * row, f"{words} {plain(count, 0)}", "mark-label")
    if dsr is not None and effective is not None:
        body += dot_at(
            lying.at(max(1.0, effective)), upright.at(dsr), 4, "mark-dot", f"deflated Sharpe ratio {plain(dsr)}"
        )
    body += foot_ticks(lying, [(value, asked(value)) for value in lying.ticks()])
    return chart(
        "deflation",
        "Deflated Sharpe ratio against the number of trials",
        f"Probability that the Sharpe ratio is above what the best of so many trials shows by chance. The ledger "
        f"counts {plain(tried)} trials, their effective number is {plain(effective, 0)}, and there it is {plain(dsr)}.",
        body,
    )


def neighbourhood_chart(
    x_name: str,
    x_values: Sequence[float],
    y_name: str,
    y_values: Sequence[float],
    cells: Sequence[Sequence[float | None]],
    centre: tuple[float, float] | None,
) -> str:
    """A map of Sharpe ratios around the champion's two parameters, its place framed; a cross is no valid vector."""
    known = [cell for row in cells for cell in row if cell is not None]
    strongest = max((abs(cell) for cell in known), default=0.0) or 1.0
    width, height = (WIDTH - RIGHT - LEFT) / len(x_values), (_FLOOR - TOP) / len(y_values)
    body = ""
    for up, y_value in enumerate(y_values):
        top = _FLOOR - (up + 1) * height
        for along, x_value in enumerate(x_values):
            left = LEFT + along * width
            row = cells[up] if up < len(cells) else ()
            cell = row[along] if along < len(row) else None
            said = f"{x_name} {plain(x_value)}, {y_name} {plain(y_value)}: {plain(cell)}"
            if cell is None:
                body += box_at(left, top, width, height, "no-cell", said)
                body += text_at(left + width / 2, top + height / 2 + 3.5, "×", anchor="middle", kind="tick")
            else:
                kind, strength = "gain" if cell > 0.0 else "loss", 0.08 + 0.92 * abs(cell) / strongest
                body += box_at(left, top, width, height, kind, said, opacity=min(0.99, strength))
    if centre is not None and centre[0] in x_values and centre[1] in y_values:
        left = LEFT + list(x_values).index(centre[0]) * width
        top = _FLOOR - (list(y_values).index(centre[1]) + 1) * height
        body += box_at(left, top, width, height, "frame", "the champion")
        body += dot_at(left + width / 2, top + height / 2, min(3.0, width / 2, height / 2), "mark-dot", "the champion")
    for at in _ends(len(x_values)):
        x, anchor = LEFT + (at + 0.5) * width, "middle"
        if len(plain(x_values[at])) * 3.0 > x - LEFT:
            x, anchor = LEFT, "start"
        elif x + len(plain(x_values[at])) * 3.0 > WIDTH - RIGHT:
            x, anchor = WIDTH - RIGHT, "end"
        body += text_at(x, _FLOOR + 13, plain(x_values[at]), anchor=anchor, kind="tick")
    for at in _ends(len(y_values)):
        body += text_at(LEFT - 5, _FLOOR - (at + 0.5) * height + 3.5, plain(y_values[at]), anchor="end", kind="tick")
    body += text_at(WIDTH / 2, HEIGHT - 4, f"{_short(x_name)} →", anchor="middle", kind="tick")
    body += text_at(LEFT, TOP - 6, f"↑ {_short(y_name)}", kind="tick")
    spread = f"from {plain(min(known))} to {plain(max(known))}" if known else "of no valid vector"
    return chart(
        "neighbourhood",
        "Sharpe ratio around the champion's parameters",
        f"Annual Sharpe ratio on development data, {spread}, as {x_name} and {y_name} move; the champion is framed.",
        body,
    )


def windows_chart(windows: Sequence[tuple[str, float | None, float | None]]) -> str:
    """For each window of the walk, what the procedure's choice earned in sample (dim) and behind it; × is undefined."""
    known = [value for _, inside, outside in windows for value in (inside, outside) if value is not None]
    upright = axis_over([*known, 0.0], _FLOOR, TOP)
    body = level_lines(upright, [(value, asked(value)) for value in upright.ticks()])
    body += line_at(LEFT, upright.at(0.0), WIDTH - RIGHT, upright.at(0.0), "axis")
    each = (WIDTH - RIGHT - LEFT) / len(windows)
    for number, (name, inside, outside) in enumerate(windows):
        for part, (value, kind) in enumerate(((inside, "dim-bar"), (outside, "bar"))):
            left = LEFT + number * each + each * (0.12 + 0.39 * part)
            said = f"{name}, {'out of' if part else 'in'} sample: {plain(value)}"
            if value is None:
                body += text_at(left + each * 0.19, upright.at(0.0) - 3, "×", anchor="middle", kind="tick")
                continue
            top, foot = sorted((upright.at(value), upright.at(0.0)))
            kind = "loss-bar" if part and value < 0.0 else kind
            body += box_at(left, top, each * 0.37, max(0.5, foot - top), kind, said)
    for number in _ends(len(windows)):
        x = LEFT + (number + 0.5) * each
        body += text_at(x, _FLOOR + 13, f"{number + 1}", anchor="middle", kind="tick")
    body += text_at((LEFT + WIDTH - RIGHT) / 2, _FLOOR + 25, "window", anchor="middle", kind="tick")
    kept = sum(1 for _, _, outside in windows if outside is not None and outside > 0.0)
    return chart(
        "windows",
        "The search walked forward",
        f"{len(windows)} windows, each searched again; {kept} of them above 0 out of sample.",
        body,
    )


def forecast_chart(figures: Sequence[tuple[str, float]], error: float | None) -> str:
    """Sharpe ratios from what was found to what is to be expected, one below the other; the last with its error."""
    last = figures[-1][1]
    spread = [last - error, last + error] if error is not None else []
    across = axis_over([0.0, *(value for _, value in figures), *spread], 12, WIDTH - 40)
    height = 36 * len(figures) + 26
    body = ""
    for row, (name, value) in enumerate(figures):
        is_last = row == len(figures) - 1
        y = 36 * row + 28
        body += text_at(12, y - 12, name, kind="label")
        body += line_at(across.at(0.0), y - 7, across.at(0.0), y + 7, "axis")
        if is_last and error is not None:
            body += line_at(across.at(last - error), y, across.at(last + error), y, "error")
        body += dot_at(
            across.at(value), y, 5 if is_last else 4, "mark-dot" if is_last else "dot", f"{name}: {plain(value)}"
        )
        body += text_at(across.at(value) + 9, y - 7 if is_last else y + 4, plain(value), kind="value")
    body += foot_ticks(across, [(value, asked(value)) for value in across.ticks()], height - 22)
    return chart(
        "forecast",
        "What was found and what to expect",
        "Annual Sharpe ratios: " + ", ".join(f"{name} {plain(value)}" for name, value in figures) + ".",
        body,
        height,
    )


def _two_stretches(
    development: Curve, vault: Curve, before: Sequence[float], after: Sequence[float], upright: Axis
) -> str:
    """Both lines over one axis of days, the day between them marked, the ends named."""
    n_before, n_after = len(before), len(after)
    lying = Axis(0.0, max(1.0, n_before + n_after - 1.0), LEFT, WIDTH - RIGHT)
    split = lying.at(max(0.0, n_before - 0.5)) if n_before else LEFT
    body = path_of(thinned([(lying.at(day), upright.at(value)) for day, value in enumerate(before)]), "dim-line")
    body += path_of(thinned([(lying.at(n_before + day), upright.at(value)) for day, value in enumerate(after)]), "line")
    if n_before and n_after:
        body += line_at(split, TOP - 8, split, _FLOOR, "split")
        body += label_at(split, TOP - 4, "vault" if split < WIDTH / 2 else "vault →", "mark-label")
    days = [day for day, _ in (*development, *vault)]
    ends = [(0, "start"), (len(days) - 1, "end")] if days else []
    body += "".join(
        text_at(LEFT if anchor == "start" else WIDTH - RIGHT, _FLOOR + 13, days[at][:10], anchor=anchor, kind="tick")
        for at, anchor in ends
    )
    if n_before and n_after and LEFT + 100 < split < WIDTH - RIGHT - 100:
        body += text_at(split, _FLOOR + 13, vault[0][0][:10], anchor="middle", kind="tick")
    return body


def _falls(equity: Sequence[float]) -> list[float]:
    peaks = accumulate(equity, max)
    return [value / peak - 1.0 if peak > 0.0 else 0.0 for value, peak in zip(equity, peaks, strict=True)]


def _ends(n: int) -> list[int]:
    """First, middle and last place, those that there are."""
    return sorted({0, n // 2, n - 1})


def _short(name: str) -> str:
    return name if len(name) <= 32 else f"{name[:31]}…"
