"""What a certificate says first, in plain words: the verdict, why, and what to expect.

Both forms, the page and the terminal's, begin with these sentences. They are made of the document's figures alone.
"""

from dataclasses import dataclass

from swarmd.engine.certificates.figures import asked, day, many, percent, plain, signed_percent
from swarmd.engine.certificates.reading import Document, number, part, rows, value, words

# The verdict's word in the document, and what people are told.
_TOLD = {"gold": "Gold champion", "champion": "Champion", "no": "Not a champion"}


@dataclass(frozen=True, slots=True)
class Headline:
    """`kind` is gold, champion, no or unknown; `name` its word for people, `because` a sentence, `expect` another."""

    kind: str
    name: str
    because: str
    expect: str


def headline(document: Document) -> Headline:
    kind = words(document, "verdict") or ""
    kind = kind if kind in _TOLD else "unknown"
    return Headline(kind, _TOLD.get(kind, "No verdict"), _because(document, kind), _expect(document, kind))


def subject(document: Document) -> str:
    """`BTCUSDT 5m, mtf_ema balanced`."""
    market = " ".join(filter(None, (words(document, "symbol"), words(document, "interval"))))
    rule = " ".join(filter(None, (words(document, "strategy"), words(document, "mode"))))
    return ", ".join(filter(None, (market, rule))) or "unnamed"


def stretch(document: Document, name: str) -> str:
    """`2024-01-01 to 2024-12-31, 105,408 bars` of development or vault."""
    of = part(document, name)
    if not of:
        return "no such stretch in the document"
    first, last = day(number(of, "first_open_ms")), day(number(of, "last_open_ms"))
    return f"{first} to {last}, {many(number(of, 'bars'), 'bar')}"


def failed(gates: list[Document]) -> list[Document]:
    return [gate for gate in gates if value(gate, "pass") is not True]


def told(gate: Document) -> str:
    return words(gate, "meaning") or words(gate, "name") or "unnamed gate"


def sign_of(gate: Document) -> str:
    """How figure and threshold are compared, as one reads it."""
    return {">=": "≥", "<=": "≤"}.get(sign := words(gate, "comparison") or "", sign)


def _because(document: Document, kind: str) -> str:
    evidence, strict = rows(document, "evidence", "gates"), rows(document, "strict", "gates")
    lost = failed(evidence)
    if kind == "unknown":
        return "The document carries no verdict."
    if kind == "no":
        if not evidence:
            return "The document holds no evidence gate, and without evidence nothing is crowned."
        if not lost:
            lost = failed(strict)
            if words(document, "crown_on") in ("both", "source_strict") and lost:
                return f"The evidence passes; the strict table, which was asked too, fails {_list(lost)}."
            return f"All {len(evidence)} evidence gates pass, and the verdict is no all the same: see the gates."
        return (
            f"{many(len(lost), 'evidence gate')} of {len(evidence)} fail{'s' if len(lost) == 1 else ''}: {_list(lost)}."
        )
    passed = (
        f"All {len(evidence)} evidence gates pass"
        if evidence and not lost
        else f"{len(evidence) - len(lost)} of {len(evidence)} evidence gates pass"
    )
    if kind == "gold":
        return f"{passed}, and so does every gate of the strict table. {_chance(document)}"
    missed = failed(strict)
    also = f" It misses {many(len(missed), 'gate')} of the strict table ({_list(missed)})." if missed else ""
    return f"{passed}. {_chance(document)}{also}"


def _chance(document: Document) -> str:
    """How often chance alone would have looked as good."""
    as_good, searched = number(document, "surrogates", "as_good"), number(document, "surrogates", "searched")
    combined, alpha = number(document, "evidence", "p", "combined"), number(document, "evidence", "p", "alpha")
    said = []
    if as_good is not None and searched:
        said.append(
            f"The same search found something as good in {plain(as_good)} of {plain(searched)} markets without an edge."
        )
    if combined is not None:
        least = f", asked is at most {asked(alpha, 'p')}" if alpha is not None else ""
        said.append(f"Search and vault together: p = {percent(combined)}{least}.")
    return " ".join(said)


def _expect(document: Document, kind: str) -> str:
    forecast = part(document, "evidence", "forecast")
    shrunken, raw = number(forecast, "shrunken_annual_sharpe"), number(forecast, "raw_annual_sharpe")
    metrics = part(document, "vault", "metrics")
    said = []
    if kind == "no":
        # One would read like a promise that nothing stands behind.
        said.append("There is no forecast for what is not crowned.")
    elif shrunken is not None:
        beside = f", not the {plain(raw)} of the data it was chosen on" if raw is not None else ""
        said.append(f"Expect an annual Sharpe ratio of about {plain(shrunken)}{beside}.")
    if (made := number(metrics, "total_return")) is not None:
        fall = number(metrics, "max_drawdown")
        with_fall = f", with a largest drawdown of {percent(fall)}" if fall is not None else ""
        trades = number(metrics, "total_trades")
        over = f" over {many(trades, 'trade')}" if trades is not None else ""
        said.append(f"On the vault, {_seen(document)}, it made {signed_percent(made)}{over}{with_fall}.")
    return " ".join(said) or "The document holds no forecast."


def _seen(document: Document) -> str:
    """Whether the vault is still what it is called: told by the gate that counts what was tried on its days."""
    counted = [gate for gate in rows(document, "evidence", "gates") if words(gate, "name") == "searched_in_vault"]
    if not counted:
        return "which this search has not seen"
    tried = number(counted[0], "figure")
    return "which no search has seen" if tried == 0.0 else f"on days of which {plain(tried)} vectors had been tried"


def _list(gates: list[Document]) -> str:
    names = [told(gate) for gate in gates]
    if len(names) > 3:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
