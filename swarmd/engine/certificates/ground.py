"""The parts of the page about a champion's surroundings: its parameters' neighbours, and the search in other windows.

As in `sections`: a document in, a card out, and a reason where there is nothing to show.
"""

from collections.abc import Callable

from swarmd.engine.certificates import charts
from swarmd.engine.certificates.figures import day, percent, plain
from swarmd.engine.certificates.markup import absent, card, escaped, figure, picture, table
from swarmd.engine.certificates.reading import Document, entries, number, numbers, part, rows, why_absent, words

# A neighbourhood or a walk of more is no picture any more.
_MOST_CELLS, _MOST_WINDOWS = 60, 60


def neighbourhood(document: Document) -> str:
    title = "Plateau or needle?"
    found = part(document, "neighbourhood")
    across, up = numbers(found, "x", "values"), numbers(found, "y", "values")
    cells = [numbers(row) for row in entries(found, "annual_sharpe")]
    x_values, y_values = ([each for each in axis if each is not None] for axis in (across, up))
    beside = _sensitivity(document)
    if not x_values or not y_values or len(x_values) < len(across) or len(y_values) < len(up):
        return card(title, absent(why_absent(document, "neighbourhood")), beside)
    if max(len(x_values), len(y_values)) > _MOST_CELLS:
        return card(title, absent(f"the map has more than {_MOST_CELLS} values along an axis"), beside)
    centre = numbers(found, "centre")
    mark = (centre[0], centre[1]) if len(centre) == 2 and centre[0] is not None and centre[1] is not None else None
    x_name, y_name = words(found, "x", "name") or "x", words(found, "y", "name") or "y"
    known = [cell for row in cells for cell in row if cell is not None]
    return card(
        title,
        picture(
            charts.neighbourhood_chart(x_name, x_values, y_name, y_values, cells, mark),
            f"Annual Sharpe ratio on development data, {plain(min(known, default=None))} to "
            f"{plain(max(known, default=None))}: the fuller the colour, the larger; red is a loss. The champion is "
            "framed. Even colour around it is a plateau; a lone full square is luck.",
        ),
        beside,
    )


def _sensitivity(document: Document) -> str:
    found = part(document, "sensitivity")
    if not found:
        return absent(why_absent(document, "sensitivity"))
    if (reason := words(found, "undefined_because")) is not None:
        return absent(reason)
    return table(
        ("", ""),
        [
            ("neighbours' relative variance", figure(number(found, "variance"), percent(number(found, "variance")))),
            (
                "what nine in ten neighbours keep",
                figure(number(found, "p10_ratio"), percent(number(found, "p10_ratio"))),
            ),
            (
                "neighbours that could be evaluated",
                f"{figure(number(found, 'n_valid'))} of {figure(number(found, 'n_given'))}",
            ),
            ("their coefficient of variation", figure(number(found, "cv"))),
        ],
    ) + _steps_aside(rows(found, "beside"))


def _steps_aside(neighbours: list[Document]) -> str:
    if not neighbours:
        return ""
    lines = [
        (
            escaped(words(row, "parameter") or "unnamed"),
            figure(number(row, "value"), _exactly(number(row, "value"))),
            figure(number(row, "annual_sharpe")),
        )
        for row in neighbours[:_MOST_CELLS]
    ]
    caption = "One step aside in each parameter, annual Sharpe ratio on development data."
    return table(("parameter", "value", "Sharpe"), lines, caption=caption)


def _exactly(setting: float | None) -> str:
    return plain(None) if setting is None else f"{setting:.6g}"


def walk_forward(document: Document) -> str:
    title = "Does the search keep what it finds?"
    found = part(document, "walk_forward")
    windows = rows(found, "windows")
    if not windows:
        return card(title, absent(why_absent(document, "walk_forward", "windows")))
    bars = [(_window_name(at, row), _inside(row), _outside(row)) for at, row in enumerate(windows)]
    efficiency = number(found, "efficiency")
    reason = words(found, "undefined_because") or words(found, "efficiency_undefined_because")
    drawn = (
        picture(
            charts.windows_chart(bars),
            "In each window the search was made again on the bars in sample (grey); its choice was then scored on the "
            f"bars behind them (blue, red below 0). {_measure(windows)}",
        )
        if len(windows) <= _MOST_WINDOWS
        else absent(f"there are more than {_MOST_WINDOWS} windows")
    )
    worst = number(found, "worst_window", "number")
    lost = number(found, "worst_window", "total_return")
    return card(
        title,
        drawn,
        table(
            ("", ""),
            [
                (
                    "efficiency: earned per bar out of sample over in sample",
                    figure(efficiency) if efficiency is not None or reason is None
                    else f"undefined: {escaped(reason)}",
                ),
                (
                    "windows with a profit",
                    figure(
                        number(found, "share_of_profitable_windows"),
                        percent(number(found, "share_of_profitable_windows")),
                    ),
                ),
                ("worst window", f"{figure(None if worst is None else worst + 1)}: {figure(lost, percent(lost))}"),
            ],
        ),
        table(
            ("window", "in", "out", "Sharpe", "trades"),
            [
                (
                    escaped(name),
                    _or_dash(inside, plain),
                    _or_dash(number(row, "oos_return"), percent),
                    _or_dash(number(row, "oos_annual_sharpe"), plain),
                    _or_dash(number(row, "trades"), plain),
                )
                for (name, inside, _), row in zip(bars, windows, strict=True)
            ][:_MOST_WINDOWS],
            caption="In: what the choice showed in sample. Out: return out of sample, with its annual Sharpe ratio.",
            kind="lines",
        ),
    )  # fmt: skip


def _or_dash(found: float | None, told: Callable[[float | None], str]) -> str:
    return "–" if found is None else figure(found, told(found))


def _inside(row: Document) -> float | None:
    sharpe = number(row, "is_annual_sharpe")
    return sharpe if sharpe is not None else number(row, "is_return")


def _outside(row: Document) -> float | None:
    """In the measure that is known in sample."""
    is_sharpe = "is_annual_sharpe" in row or "is_return" not in row
    return number(row, "oos_annual_sharpe" if is_sharpe else "oos_return")


def _measure(windows: list[Document]) -> str:
    is_sharpe = "is_annual_sharpe" in windows[0] or "is_return" not in windows[0]
    return "Annual Sharpe ratios." if is_sharpe else "Returns, as fractions."


def _window_name(at: int, row: Document) -> str:
    """`1: 2023-07-01`, by the first day out of sample, an instant or written out."""
    first = words(row, "first") or day(number(row, "first_ms") or number(row, "first"))
    return f"{at + 1}: {first[:10]}"
