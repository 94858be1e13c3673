"""A campaign side by side: a row for each asset and mode with what came of it, its figures and its equity.

Rows in, page out; `campaign_text` says the same in Markdown. Whoever calls has read the documents and the equity files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from swarmd.engine.certificates.axes import axis_over
from swarmd.engine.certificates.figures import asked, many, percent, plain, signed_percent
from swarmd.engine.certificates.markup import absent, escaped, figure, picture, said
from swarmd.engine.certificates.reading import number, numbers
from swarmd.engine.reports.account_sections import full
from swarmd.engine.reports.curves import small_equity
from swarmd.engine.reports.frame import (
    ACROSS,
    BOTTOM,
    TOP,
    foot,
    levels,
    lying,
    mark_at,
    strokes,
    upright_line,
    wide,
    words_at,
)
from swarmd.engine.reports.material import Material, Stretch
from swarmd.engine.reports.outcome import Outcome, outcome_of
from swarmd.engine.reports.plain_text import block, safe, table
from swarmd.engine.reports.shell import page
from swarmd.engine.reports.tables import sortable

_ORDER = ("gold", "champion", "pass", "no", "fail", "unknown", "none")
# More of them are no picture any more; the table has all.
_MOST_MULTIPLES, _MOST_NAMED = 120, 12


@dataclass(frozen=True, slots=True)
class Row:
    """One asset and mode. `href` leads to its page, where there is one; `lane_seconds` is what its runs took, by the
    clock, where that is still known."""

    material: Material
    stretches: tuple[Stretch, ...] = ()
    href: str = ""
    lane_seconds: float | None = None

    @property
    def link(self) -> str:
        """The way to its page as an attribute holds it; a name with a colon in it is no scheme."""
        return escaped(quote(self.href))

    @property
    def name(self) -> str:
        return " ".join(filter(None, (self.material.symbol, self.material.mode)))

    @property
    def outcome(self) -> Outcome:
        return outcome_of(self.material)

    @property
    def figures(self) -> Mapping[str, float | None]:
        """What the table compares, by the names of its heads."""
        judged, known = self.material.judged, self.material.judged or self.material.search or self.material.prescreen
        is_crowned = self.outcome.kind in ("gold", "champion")
        forecast = number(judged, "evidence", "forecast", "shrunken_annual_sharpe")
        return {
            "score": number(judged, "score"),
            "Sharpe dev": number(judged, "development", "metrics", "annual_sharpe"),
            "Sharpe vault": number(judged, "vault", "metrics", "annual_sharpe"),
            # One would read like a promise that nothing stands behind.
            "forecast": forecast if is_crowned else None,
            "p": number(judged, "evidence", "p", "adjusted"),
            "drawdown": number(judged, "vault", "metrics", "max_drawdown"),
            "trades": number(judged, "vault", "metrics", "total_trades"),
            "tried": number(known, "tried"),
            "lane time": self.lane_seconds,
        }

    @property
    def chance(self) -> float | None:
        """What the search finds where there is nothing: the score that one in twenty surrogates reaches."""
        found = sorted(each for each in numbers(self.material.certificate, "surrogates", "maxima") if each is not None)
        return found[min(len(found) - 1, int(0.95 * len(found)))] if found else None


def ranked(rows: Sequence[Row]) -> list[Row]:
    """Champions first, then by the Sharpe ratio on the vault, then by name."""

    def rank(row: Row) -> tuple[int, float, str]:
        sharpe = row.figures["Sharpe vault"]
        return _ORDER.index(row.outcome.kind), -(sharpe if sharpe is not None else -1e9), row.name

    return sorted(rows, key=rank)


def campaign_page(name: str, rows: Sequence[Row], command: str = "") -> str:
    """The page of all of them; never raises, whatever a document lacks."""
    found = ranked(rows)
    body = (
        f'<header><h1>{escaped(name)}</h1><p class="lead">{escaped(headline(found))}</p></header>'
        + _table(found)
        + _multiples(found)
        + _scatter(found)
        + (full("This page again", f"<pre>{escaped(command)}</pre>") if command else "")
    )
    return page(f"{name}: {headline(found)}", body)


def campaign_text(name: str, rows: Sequence[Row], command: str = "") -> str:
    """The table in Markdown, champions first, with why the others are none."""
    found = ranked(rows)
    lines = [f"# {safe(name)}", "", safe(headline(found)), ""]
    if found:
        heads = list(found[0].figures)
        lines += table(
            ("asset", "came out", *heads),
            [
                (safe(row.name), safe(row.outcome.name), *(_told(head, row.figures[head]) for head in heads))
                for row in found
            ],
        )
        lines += ["", *(f"* {safe(row.name)}: {safe(row.outcome.because)}" for row in found)]
    if command:
        lines += ["", "This page again:", "", *block(command)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def headline(rows: Sequence[Row]) -> str:
    kinds = [row.outcome.kind for row in rows]
    crowned = [row.name for row in rows if row.outcome.kind in ("gold", "champion", "pass")]
    judged = sum(kind in ("gold", "champion", "pass", "no", "fail") for kind in kinds)
    named = f": {', '.join(crowned[:5])}{' and more' if len(crowned) > 5 else ''}" if crowned else ""
    return (
        f"{many(len(rows), 'asset and mode', 'assets and modes')}, {judged} judged, "
        f"{len(crowned) or 'none'} passed{named}."
    )


def _told(head: str, found: float | None) -> str:
    if found is None:
        return "–"
    if head in ("p", "drawdown"):
        return percent(found)
    return f"{found:,.0f} s" if head == "lane time" else plain(found)


def _table(rows: Sequence[Row]) -> str:
    if not rows:
        return full("Side by side", absent("no asset has a result yet"))
    lines = []
    for row in rows:
        shown = f'<a href="{row.link}">{escaped(row.name)}</a>' if row.href else escaped(row.name)
        verdict = f'<span class="verdict {row.outcome.kind}">{escaped(row.outcome.name)}</span>'
        lines.append((shown, verdict, *(figure(found, _told(head, found)) for head, found in row.figures.items())))
    why = "".join(f"<li>{escaped(row.name)}: {escaped(row.outcome.because)}</li>" for row in rows)
    return full(
        "Side by side",
        sortable(("asset", "came out", *rows[0].figures), lines, kind="lines compare"),
        said(
            "Drawdown and trades are the vault's. A forecast stands for champions alone. Tried: vectors behind the "
            "result, every phase. Lane time: what its runs took by the clock, where their outboxes are still there.",
            "quiet",
        ),
        f"<details><summary>Why</summary><ul>{why}</ul></details>",
    )


def _multiples(rows: Sequence[Row]) -> str:
    shown = [row for row in rows if row.stretches][:_MOST_MULTIPLES]
    if not shown:
        return full("Equity", absent("no finalist has run"))
    cells = []
    for row in shown:
        inner = (
            f"{small_equity(f'Equity of {row.name}', row.stretches)}<p><strong>{escaped(row.name)}</strong><br>"
            f"{escaped(row.outcome.name)}, {escaped(_ends(row))}</p>"
        )
        cells.append(f'<a href="{row.link}">{inner}</a>' if row.href else f"<div>{inner}</div>")
    left_out = f" The first {_MOST_MULTIPLES} of {len(rows)}." if len(rows) > _MOST_MULTIPLES else ""
    return full(
        "Equity",
        f'<div class="multiples">{"".join(cells)}</div>',
        said(
            "Grey: development, which the search has seen. Blue: the vault. Logarithmic, each on its own axis; the "
            f"line across is 1, where the vault opens.{left_out}",
            "quiet",
        ),
    )


def _ends(row: Row) -> str:
    last = row.stretches[-1]
    return (
        f"{signed_percent(last.equity[-1] - 1.0)} on the {last.name}" if last.equity else f"no day on the {last.name}"
    )


def _scatter(rows: Sequence[Row], height: int = 320) -> str:
    """Sharpe ratio found against Sharpe ratio seen; a whisker from what the same search finds by chance."""
    title = "Found and seen again"
    known = [
        (row, inside, outside)
        for row in rows
        if (inside := row.figures["Sharpe dev"]) is not None and (outside := row.figures["Sharpe vault"]) is not None
    ]
    if not known:
        return full(title, absent("nothing was judged"))
    chances = [row.chance for row, _, _ in known if row.chance is not None]
    span = axis_over([0.0, *(inside for _, inside, _ in known), *chances], 0.0, ACROSS, room=0.06)
    across = lying(span.low, span.high)
    upright = axis_over([0.0, *(outside for _, _, outside in known)], height - BOTTOM - 12, TOP, room=0.08)
    below = levels(upright, [(value, asked(value)) for value in upright.ticks(6)])
    below += upright_line(across.at(0.0), TOP, height - BOTTOM - 12, "axis")
    low, high = max(across.low, upright.low), min(across.high, upright.high)
    drawn = strokes([((across.at(low), upright.at(low)), (across.at(high), upright.at(high)))], "split")
    above = ""
    for row, inside, outside in known:
        if (chance := row.chance) is not None:
            y = upright.at(outside)
            drawn += strokes([((across.at(chance), y), (across.at(inside), y))], "dim-thin")
            above += mark_at(
                across.at(chance), upright.at(outside), "tick", "chance-tick", f"by chance {plain(chance)}"
            )
        words = f"{row.name}: {plain(inside)} found, {plain(outside)} on the vault"
        above += mark_at(across.at(inside), upright.at(outside), "ring", f"point {row.outcome.kind}", words)
        if len(known) <= _MOST_NAMED:
            x = across.at(inside)
            anchor = "start" if x < 250.0 else "end" if x > 750.0 else "middle"
            above += words_at(x, upright.at(outside) - 9, row.name, anchor=anchor)
    above += foot([(across.at(value), asked(value)) for value in across.ticks(6)], height - 19)
    drawn_whole = wide(
        "found", title, f"{len(known)} finalists: annual Sharpe ratio on development data against the vault.", height,
        below=below, stretched=drawn,
        above=above + foot([(ACROSS / 2, "Sharpe ratio on development data")], height - 4),
    )  # fmt: skip
    return full(
        title,
        picture(
            drawn_whole,
            "Annual Sharpe ratio on development data (across) against the vault (upright); green rings passed. On the "
            "dashed line the vault keeps what was found. The short bar at the end of a ring's line is the score that "
            "the same search reaches on one in twenty surrogate markets, where there is nothing to find: a ring left "
            "of it is what chance finds.",
        ),
    )
