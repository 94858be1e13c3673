"""The same report as Markdown, for a terminal and for whoever reads diffs: verdict, gates, account, trades, search.

Figures are those of the page; pictures become a line of blocks. Nothing a document holds is live in it.
"""

import math

from swarmd.engine.certificates.figures import day, percent, plain, shown, signed_percent
from swarmd.engine.certificates.reading import Document, entries, number, part, rows, value, words
from swarmd.engine.certificates.verdict import sign_of, told
from swarmd.engine.reports import calendar, searching, tables
from swarmd.engine.reports.asset_page import title_of
from swarmd.engine.reports.instants import minute
from swarmd.engine.reports.material import VAULT, Material
from swarmd.engine.reports.outcome import outcome_of
from swarmd.engine.reports.plain_text import block, code, safe, spark, table
from swarmd.engine.reports.search_sections import finalist_params

_FIGURES = (
    "total_trades", "total_return", "annual_return", "annual_sharpe", "annual_sortino", "max_drawdown", "calmar",
    "win_rate", "profit_factor", "exposure", "avg_trade_return", "avg_bars_held", "top10_share",
)  # fmt: skip
_FALLS, _TRADES = 5, 5


def asset_text(material: Material) -> str:
    """Markdown with a line's end behind it."""
    head = outcome_of(material)
    lines = [
        f"# {safe(title_of(material))}: {safe(head.name)}",
        "",
        safe(head.because),
        *(["", safe(head.expect)] if head.expect else []),
        *_gates(material),
        *_figures(material),
        *_account(material),
        *_trades(material),
        *_search(material),
        *_origin(material),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _gates(material: Material) -> list[str]:
    """Every table of gates, the last word first."""
    lines: list[str] = []
    for title, gates in (
        ("Evidence", rows(material.certificate, "evidence", "gates")),
        ("Strict table", rows(material.certificate, "strict", "gates")),
        ("Guards", rows(material.guards, "gates")),
        ("Screen", rows(material.screen, "gates")),
    ):
        if not gates:
            continue
        passed = sum(value(gate, "pass") is True for gate in gates)
        lines += ["", f"## {title}: {passed} of {len(gates)} gates pass", ""]
        if title == "Screen":
            lines += [_opened(material.screen), ""]
        lines += table(
            ("gate", "figure", "threshold", ""),
            [
                (
                    safe(told(gate)), shown(number(gate, "figure"), words(gate, "name") or ""),
                    f"{sign_of(gate)} {shown(number(gate, 'threshold'), words(gate, 'name') or '')}",
                    "pass" if value(gate, "pass") is True else "**fail**",
                )
                for gate in gates
            ],
        )  # fmt: skip
    return lines


def _opened(screen: Document) -> str:
    if (stand_in := words(screen, "stands_for_the_vault")) is None:
        return "The vault was opened once, for this one."
    return f"The vault stays shut until the guards: what is called the vault here is {safe(stand_in)}, opened once."


def _figures(material: Material) -> list[str]:
    judged, screen = material.judged, material.screen
    if not judged:
        return []
    columns = [("development", part(judged, "development", "metrics")), ("vault", part(judged, "vault", "metrics"))]
    factor = number(screen, "stress", "cost_factor")
    if judged is screen and factor is not None:
        columns.append((f"fee and slippage times {factor:g}", part(screen, "stress", "metrics")))
    return [
        "", "## Figures", "",
        f"Development {_days(judged, 'development')}; vault {_days(judged, 'vault')}. After costs.", "",
        *table(
            ("", *(name for name, _ in columns)),
            [(name, *(shown(number(of, name), name) for _, of in columns)) for name in _FIGURES],
        ),
    ]  # fmt: skip


def _days(document: Document, name: str) -> str:
    of = part(document, name)
    return f"{day(number(of, 'first_open_ms'))} to {day(number(of, 'last_open_ms'))} ({plain(number(of, 'bars'))} bars)"


def _account(material: Material) -> list[str]:
    stretches = [each for each in material.stretches if each.days]
    lines = ["", "## Equity", ""]
    if not stretches:
        return [*lines, f"Not shown: {safe(material.missing.get('run', 'no finalist has run'))}."]
    for each in stretches:
        level = [math.log(max(value, 1e-9)) for value in each.equity]
        lines += [f"    {each.name:<12} {spark(level, 60)} {plain(each.equity[-1])}"]
    months, years = calendar.months(stretches), calendar.years(stretches)
    opened = material.stretch(VAULT)
    lines += ["", "Logarithmic, after costs, from 1 on each stretch.", "", "## Months, percent", ""]
    lines += table(
        ("", *tables.MONTHS, "year"),
        [
            (
                str(year),
                *(
                    "" if (change := months.get((year, month))) is None else f"{change * 100.0:.1f}"
                    for month in range(1, 13)
                ),
                f"{years[year, 0] * 100.0:.1f}",
            )
            for year in sorted({year for year, _ in months})
        ],
    )
    if opened is not None and opened.days:
        lines += ["", f"Days from {opened.days[0]} on are the vault's."]
    falls = calendar.deepest_falls(stretches, _FALLS)
    if falls:
        lines += ["", "## Deepest falls, by the ends of days", ""]
        lines += table(
            ("stretch", "from", "trough", "until", "depth", "days"),
            [
                (name, fall.start, fall.trough, fall.end or "still below", percent(fall.depth), str(fall.days))
                for name, fall in falls
            ],
        )
    return lines


def _trades(material: Material) -> list[str]:
    ends, said = tables.ends_of(material.stretches, _TRADES)
    if not ends:
        return []
    return [
        "", "## Trades", "", f"Shown: {said}.", "",
        *table(
            ("stretch", "#", "side", "in", "at", "out", "at", "return", "why out"),
            [
                (
                    stretch.name, str(each.number), "long" if each.is_long else "short", minute(each.entry_ms),
                    tables.price(each.entry_price), minute(each.exit_ms), tables.price(each.exit_price),
                    signed_percent(each.return_), safe(each.reason.replace("_", " ")),
                )
                for stretch, each in ends
            ],
        ),
    ]  # fmt: skip


def _search(material: Material) -> list[str]:
    counted = searching.overview(material.prescreen, material.search)
    if (tried := number(material.judged, "tried")) is not None:
        counted.append(("tried behind the verdict, every phase", tried))
    if (tried := number(material.judged, "ledger", "tried")) is not None:
        counted.append(("on these days, by all campaigns (ledger)", tried))
    if not counted:
        return []
    lines = ["", "## The search", "", *table(("", "count"), [(name, plain(count)) for name, count in counted])]
    if material.importance is None:
        return [
            *lines,
            "",
            f"Importance of parameters not told: {safe(material.missing.get('importance', 'no trials'))}.",
        ]
    ranked = sorted(material.importance.shares.items(), key=lambda each: (-each[1], each[0]))
    return [
        *lines, "",
        f"Which parameters set the best tenth of {material.importance.n_trials} trials apart (PED-ANOVA, in sample):",
        "",
        *table(("parameter", "share"), [(safe(name), percent(share)) for name, share in ranked]),
    ]  # fmt: skip


def _origin(material: Material) -> list[str]:
    document = material.judged or material.search or material.prescreen or material.preflight
    lines = ["", "## Where it comes from", ""]
    params = finalist_params(material)
    costs = part(document, "costs")
    told_of = [
        *((safe(name), code(found)) for name, found in params.items()),
        ("trial", plain(number(document, "trial"))),
        ("score", plain(number(document, "score"), 4)),
        ("fee, slippage", f"{plain(number(costs, 'fee_bps'))} and {plain(number(costs, 'slippage_bps'))} bps a side"),
        ("data", code(words(document, "data_snapshot_id") or "not told")),
        ("data digest (sha256)", code(words(document, "data_sha256") or "not told")),
        ("code", code(words(document, "code_version") or "not told")),
        ("commit", code(words(document, "git_sha") or "not told")),
        ("seed", plain(number(document, "seed"))),
    ]
    lines += table(("", ""), [(name, found) for name, found in told_of if found != "undefined"])
    if material.description:
        lines += ["", "The strategy, in its author's words:", "", *block(material.description)]
    commands = [each for each in entries(document, "reproduce") if isinstance(each, str)]
    if commands:
        lines += ["", "Made again, and checked, by:", "", *block("\n".join(commands))]
    return [*lines, "", "This page again:", "", *block(material.command)] if material.command else lines
