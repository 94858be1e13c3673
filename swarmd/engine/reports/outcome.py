"""What came of an asset, in one sentence that stands first: a champion, or why not, or how far it came.

Made of the documents' figures alone, by the last phase that has said something; the page, the Markdown and the
campaign's table begin with the same words.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from swarmd.engine.certificates import verdict as certified
from swarmd.engine.certificates.figures import many, plain
from swarmd.engine.certificates.reading import Document, entries, number, rows, value, words
from swarmd.engine.reports.material import Material


@dataclass(frozen=True, slots=True)
class Outcome:
    """`kind` is gold, champion, pass, no, fail or none; `name` its word, `because` a sentence, `expect` another."""

    kind: str
    name: str
    because: str
    expect: str = ""


def outcome_of(material: Material) -> Outcome:
    if (damage := material.missing.get("documents")) is not None:
        return Outcome("none", "Unreadable", f"{damage}.")
    if material.certificate:
        head = certified.headline(material.certificate)
        because = " ".join(filter(None, (head.because, _in_force(material))))
        return Outcome(head.kind, head.name, because, head.expect)
    if material.guards:
        return _judged(material, material.guards, "the strict table")
    if material.screen:
        return _judged(material, material.screen, "the screen")
    if material.search:
        return _searched(material)
    if material.prescreen:
        return _screened(material.prescreen)
    if value(material.preflight, "verdict") == "fail":
        return Outcome("none", "No search", f"The preflight refused the data: {refusal(material.preflight)}.")
    if material.preflight:
        return Outcome("none", "No result yet", "The data are fit to use; no search has ended yet.")
    return Outcome("none", "No result", "No phase has left anything here.")


def refusal(preflight: Document) -> str:
    """The first problem that the preflight found, in its own words."""
    return next((each for each in entries(preflight, "problems") if isinstance(each, str)), "it did not say why")


def _judged(material: Material, document: Document, by: str) -> Outcome:
    gates = rows(document, "gates")
    lost = certified.failed(gates)
    stand_in = words(document, "stands_for_the_vault")
    where = f" What is called the vault here is {stand_in}: the vault itself stays shut." if stand_in else ""
    if value(document, "verdict") == "pass":
        because = f"It passes {by}: all {len(gates)} gates.{where}"
        return Outcome("pass", f"Passes {by}", " ".join(filter(None, (because, _in_force(material)))))
    named = "; ".join(_missed(gate) for gate in lost[:3])
    more = f"; and {len(lost) - 3} more" if len(lost) > 3 else ""
    return Outcome(
        "fail", "Not a champion", f"It fails {len(lost)} of {len(gates)} gates of {by}: {named}{more}.{where}"
    )


def _missed(gate: Document) -> str:
    asked = f"{certified.sign_of(gate)} {plain(number(gate, 'threshold'))}"
    return f"{certified.told(gate)} {plain(number(gate, 'figure'))} (asked {asked})"


def _searched(material: Material) -> Outcome:
    trials = rows(material.search, "trials")
    finalist = number(material.search, "finalist")
    if finalist is None:
        return Outcome(
            "none",
            "No finalist",
            f"None of {many(len(trials), 'trial')} meets the constraints ({_constraints(material)}).",
        )
    score = next((number(each, "score") for each in trials if number(each, "number") == finalist), None)
    return Outcome(
        "none", "Not judged", f"The search chose trial {plain(finalist)} with the score {plain(score)} on development "
        "data; nothing has judged it yet, so nothing is known of how it fares on days it has not seen."
    )  # fmt: skip


def _constraints(material: Material) -> str:
    asked = value(material.search, "constraints")
    if not isinstance(asked, Mapping):
        return "not told"
    least, deepest = number(asked, "min_trades"), number(asked, "max_drawdown")
    return f"at least {plain(least)} trades, a drawdown of at most {plain(deepest)}"


def _screened(prescreen: Document) -> Outcome:
    tried, valid = number(prescreen, "tried"), number(prescreen, "valid")
    if not entries(prescreen, "top"):
        return Outcome("none", "No finalist", f"None of {plain(tried)} screened vectors meets the constraints.")
    met = f"{plain(valid)} of {plain(tried)} screened vectors meet the constraints"
    return Outcome("none", "Not searched", f"{met}; the search has not ended yet.")


def _in_force(material: Material) -> str:
    """Whether it holds its niche, or who does."""
    champion, judged = material.champion, material.judged
    if not champion:
        return ""
    mine = ("trial", "params", "data_sha256")
    theirs = ("trial_id", "parameters", "data_sha256")
    if all(value(judged, one) == value(champion, other) for one, other in zip(mine, theirs, strict=True)):
        return "It is in force."
    return (
        f"In force in its niche is another: trial {plain(number(champion, 'trial_id'))} of "
        f"{words(champion, 'campaign')}, score {plain(number(champion, 'score'))}."
    )
