"""A certificate on one screen of a terminal, a hundred columns wide: what the page says first, without its pictures.

Called by the command that shows a champion. Plain characters only; what a document may carry of control characters is
replaced, so that no terminal takes them for commands.
"""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from swarmd.engine.certificates.figures import asked, difference, many, percent, plain, shown, signed_percent
from swarmd.engine.certificates.reading import (
    Document,
    entries,
    number,
    numbers,
    part,
    rows,
    value,
    why_absent,
    words,
)
from swarmd.engine.certificates.verdict import failed, headline, sign_of, stretch, subject

WIDTH = 100
_COLUMN = 49
_BARS = " ▁▂▃▄▅▆▇█"
_BINS = 56


def certificate_text(document: Document) -> str:
    """Lines of at most `WIDTH` characters; never raises, whatever the document lacks or holds."""
    head = headline(document)
    commands = [each for each in entries(document, "reproduce") if isinstance(each, str)]
    lines = [
        *_wrapped(f"{subject(document)}: {head.name.upper()}"),
        *_wrapped(head.because),
        *_wrapped(head.expect),
        "",
        *_tables(document),
        "",
        *_named("vault", [stretch(document, "vault")]),
        *_named("chance", _chance(document)),
        *_named("expected", _forecast(document)),
        *_named("trials", _trials(document)),
        *_named("walked", _walked(document)),
        *_named("engine", _opinion(document)),
        *_named("costs", [f"{plain(number(document, 'costs', 'fee_bps'))} bps fee and "
                          f"{plain(number(document, 'costs', 'slippage_bps'))} bps slippage a side"]),
        *_named("data", [words(document, "data_snapshot_id") or "not told"]),
        *_named("code", [words(document, "code_version") or "not told"]),
        *_named("ledger", [words(document, "ledger", "head") or "not told"]),
        *_named("again", commands[:3] or ["not told"]),
    ]  # fmt: skip
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _tables(document: Document) -> list[str]:
    """Both tables side by side."""
    columns = []
    for title, name in (("evidence", "evidence"), ("strict table", "strict")):
        gates = rows(document, name, "gates")
        passed = f"{len(gates) - len(failed(gates))} of {len(gates)} pass" if gates else "none in the document"
        columns.append([f"{title}: {passed}", *(_gate(gate) for gate in gates)])
    return [f"{left:{_COLUMN}}  {right}" for left, right in zip_longest(*columns, fillvalue="")]


def _gate(gate: Document) -> str:
    name, found, threshold = words(gate, "name") or "unnamed", number(gate, "figure"), number(gate, "threshold")
    asks = f"{sign_of(gate)} {asked(threshold, name)}"
    verdict = "pass" if value(gate, "pass") is True else "FAIL"
    return f"  {_printable(name)[:21]:21} {shown(found, name)[:9]:>9} {_printable(asks)[:9]:>9} {verdict}"


def _chance(document: Document) -> list[str]:
    found = part(document, "surrogates")
    real = number(found, "real")
    heard = [each for each in numbers(found, "maxima") if each is not None]
    if real is None or not heard:
        return [why_absent(document, "surrogates")]
    p = part(document, "evidence", "p")
    search, vault, both = (percent(number(p, name)) for name in ("surrogates", "vault", "adjusted"))
    as_good, searched = plain(number(found, "as_good")), plain(number(found, "searched"))
    drawn, scale = _histogram(heard, real)
    return [
        drawn,
        scale,
        f"{as_good} of {searched} markets without an edge gave as much; p {search} (search), {vault} (vault), "
        f"{both} (both, adjusted)",
    ]


def _histogram(heard: Sequence[float], real: float) -> tuple[str, str]:
    """The surrogates' best scores in bars, the real market's place below them."""
    low, high = min(*heard, real), max(*heard, real)
    span = (high - low) or 1.0
    places = [min(_BINS - 1, int((each - low) / span * _BINS)) for each in (*heard, real)]
    *chance, mark = places
    counts = [chance.count(at) for at in range(_BINS)]
    most = max(counts)
    drawn = "".join(_BARS[-(-count * (len(_BARS) - 1) // most)] for count in counts)
    label = f"real market {plain(real)}"
    below = f"{' ' * mark}▲ {label}" if mark + len(label) < 80 else f"{label} ▲".rjust(mark + 1)
    return drawn, below


def _forecast(document: Document) -> list[str]:
    found = part(document, "evidence", "forecast")
    expected = number(found, "shrunken_annual_sharpe")
    if expected is None:
        return [why_absent(document, "evidence", "forecast")]
    error = number(found, "se_annual")
    raw, vault = (plain(number(found, name)) for name in ("raw_annual_sharpe", "vault_annual_sharpe"))
    return [
        f"annual Sharpe ratio {plain(expected)}"
        + (f" ± {plain(error)}" if error is not None else "")
        + f"; found {raw}, on the vault {vault}"
    ]


def _trials(document: Document) -> list[str]:
    dsr, pbo = part(document, "evidence", "dsr"), part(document, "evidence", "pbo")
    return [
        f"{plain(number(document, 'tried'))} tried, effective {plain(number(dsr, 'n_effective'))}; "
        f"deflated Sharpe ratio {plain(number(dsr, 'dsr'))}, PBO {percent(number(pbo, 'pbo'))}"
    ]


def _walked(document: Document) -> list[str]:
    found = part(document, "walk_forward")
    windows = rows(found, "windows")
    if not windows:
        return [why_absent(document, "walk_forward", "windows")]
    return [
        f"{many(len(windows), 'window')}, efficiency {plain(number(found, 'efficiency'))}, "
        f"{percent(number(found, 'share_of_profitable_windows'))} with a profit"
    ]


def _opinion(document: Document) -> list[str]:
    found = part(document, "second_opinion")
    if "agrees" not in found:
        return [f"no second opinion: {why_absent(document, 'second_opinion')}"]
    agrees = "agrees" if value(found, "agrees") is True else "DOES NOT AGREE"
    ours, theirs = (signed_percent(number(found, name)) for name in ("return", "their_return"))
    return [
        f"{words(found, 'engine') or 'another engine'} {agrees}: {plain(number(found, 'trades'))} trades here, "
        f"{plain(number(found, 'their_trades'))} there, return {ours} and {theirs}, "
        f"largest difference {difference(number(found, 'largest_difference'))}"
    ]


def _named(name: str, told: Sequence[str]) -> list[str]:
    lines = [line for each in told for line in _wrapped(each, WIDTH - 11)]
    return [f"{name if at == 0 else '':9}  {line}" for at, line in enumerate(lines)]


def _wrapped(told: str, width: int = WIDTH) -> list[str]:
    """Lines of that width; one that is short enough keeps its blanks, which a picture is made of."""
    plain_words = _printable(told)
    return [plain_words] if len(plain_words) <= width else textwrap.wrap(plain_words, width)


def _printable(told: str) -> str:
    return "".join(each if each.isprintable() else "?" for each in told)
