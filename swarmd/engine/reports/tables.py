"""Tables of a report: months as a heat map, the deepest falls, trades; their heads sort where a script may run.

Cells are markup with the exact value beside the readable one, as in the certificates; the script sorts by that value.
"""

from collections.abc import Iterable, Mapping, Sequence

from swarmd.engine.certificates.figures import many, percent, signed_percent
from swarmd.engine.certificates.markup import escaped, figure
from swarmd.engine.reports.calendar import Fall
from swarmd.engine.reports.instants import minute
from swarmd.engine.reports.material import RECORD, Stretch, Trade

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
Month = tuple[int, int]


def sortable(head: Sequence[str], lines: Iterable[Sequence[str]], *, caption: str = "", kind: str = "lines") -> str:
    """Cells are markup already; a script, where one may run, sorts by a click on a head."""
    top = "".join(f'<th scope="col">{escaped(each)}</th>' for each in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines)
    said = f"<caption>{escaped(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table class="sortable {kind}">{said}<thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def heat_map(months: Mapping[Month, float], years: Mapping[Month, float], vault_first: str | None) -> str:
    """A row a year, a cell a month, the fuller the further from 0; months with days of the vault are underlined."""
    strongest = max((abs(each) for each in months.values()), default=0.0) or 1.0
    opened = (int(vault_first[:4]), int(vault_first[5:7])) if vault_first else (9999, 1)
    head = "".join(f'<th scope="col">{each}</th>' for each in ("", *MONTHS, "Year"))
    body = ""
    for year in sorted({year for year, _ in months}):
        cells = "".join(
            _cell(months.get((year, month)), strongest, is_vault=(year, month) >= opened) for month in range(1, 13)
        )
        whole = years.get((year, 0))
        body += (
            f'<tr><th scope="row">{year}</th>{cells}<td class="whole">{figure(whole, signed_percent(whole))}</td></tr>'
        )
    return f'<div class="scroll"><table class="heat"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(change: float | None, strongest: float, *, is_vault: bool) -> str:
    if change is None:
        return "<td></td>"
    kind = ("up" if change >= 0.0 else "down") + (" of-vault" if is_vault else "")
    # The root: else one strong month leaves all others pale.
    strength = round(52.0 * (abs(change) / strongest) ** 0.5)
    return f'<td class="{kind}" style="--s:{strength}%">{figure(change, _short(change))}</td>'


def _short(change: float) -> str:
    """Percent without its sign, to a decimal: thirteen columns must fit."""
    share = change * 100.0
    return f"{share:.0f}" if abs(share) >= 99.95 else f"{share:.1f}"


def falls_table(falls: Sequence[tuple[str, Fall]]) -> str:
    """The deepest falls of each stretch, the deepest first."""
    lines = [
        (
            name, escaped(fall.start), escaped(fall.trough), escaped(fall.end or "still below"),
            figure(-fall.depth, percent(-fall.depth)), figure(float(fall.days)),
        )
        for name, fall in falls
    ]  # fmt: skip
    return _by_stretch(("from", "trough", "until", "depth", "days"), lines)


def trades_table(shown: Sequence[tuple[Stretch, Trade]]) -> str:
    lines = [
        (
            stretch.name, figure(float(each.number)), "long" if each.is_long else "short", _instant(each.entry_ms),
            figure(each.entry_price, price(each.entry_price)), _instant(each.exit_ms),
            figure(each.exit_price, price(each.exit_price)), _signed(each.return_), figure(float(each.bars_held)),
            escaped(each.reason.replace("_", " ")),
        )
        for stretch, each in shown
    ]  # fmt: skip
    return _by_stretch(("#", "side", "in", "at", "out", "at", "return", "bars", "why out"), lines)


def _by_stretch(head: Sequence[str], lines: Sequence[tuple[str, ...]]) -> str:
    """Lines that begin with the name of their stretch, which nobody needs to read where there is but one record."""
    if {line[0] for line in lines} == {RECORD}:
        return sortable(head, (line[1:] for line in lines))
    return sortable(("stretch", *head), ((escaped(line[0]), *line[1:]) for line in lines))


def ends_of(stretches: Sequence[Stretch], most: int) -> tuple[list[tuple[Stretch, Trade]], str]:
    """The first and last trades of each stretch, and a sentence that says what was left out."""
    shown: list[tuple[Stretch, Trade]] = []
    said = []
    for stretch in stretches:
        trades = stretch.trades
        is_all = len(trades) <= 2 * most
        shown += [(stretch, each) for each in (trades if is_all else (*trades[:most], *trades[-most:]))]
        named = "" if stretch.name == RECORD else f"{stretch.name}: "
        counted = many(len(trades), "trade")
        said.append(named + (f"all {counted}" if is_all else f"the first and last {most} of {counted}"))
    return shown, "; ".join(said)


def price(level: float) -> str:
    """Five digits that count, whatever the coin costs."""
    return f"{level:,.2f}" if abs(level) >= 1000.0 else f"{level:.5g}"


def _instant(instant_ms: int) -> str:
    return f'<data value="{instant_ms}">{minute(instant_ms)}</data>'


def _signed(change: float) -> str:
    return f'<span class="{"won" if change > 0.0 else "lost"}">{figure(change, signed_percent(change))}</span>'
