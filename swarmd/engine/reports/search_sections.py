"""The parts of an asset's page about its search: how much was tried, how it went, and which parameters mattered."""

from swarmd.engine.certificates.figures import plain
from swarmd.engine.certificates.markup import absent, card, escaped, figure, picture, said, table
from swarmd.engine.certificates.reading import Document, number, part, rows, words
from swarmd.engine.reports import searching
from swarmd.engine.reports.account_sections import full
from swarmd.engine.reports.material import Material


def search(material: Material) -> str:
    if not material.prescreen and not material.search:
        return ""
    return (
        '<div class="cards">'
        + _how_much(material)
        + _importance(material)
        + "</div>"
        + _progress(material)
        + _vectors(material)
    )


def finalist_params(material: Material) -> Document:
    """The vector that was judged, or that the search chose; empty where there is none."""
    if found := part(material.judged, "params"):
        return found
    chosen = number(material.search, "finalist")
    return next(
        (part(each, "params") for each in rows(material.search, "trials") if number(each, "number") == chosen), {}
    )


def _how_much(material: Material) -> str:
    lines = [(escaped(name), figure(count)) for name, count in searching.overview(material.prescreen, material.search)]
    judged = material.judged
    if (tried := number(judged, "tried")) is not None:
        lines.append(("tried behind the verdict, every phase", figure(tried)))
    if (told := number(judged, "ledger", "tried")) is not None:
        lines.append(("on these days, by all campaigns (ledger)", figure(told)))
    missing = "" if material.search else absent("the search has not ended, or was never begun")
    return card("How much was tried", table(("", ""), lines), missing)


def _importance(material: Material) -> str:
    title = "Which parameters mattered"
    if material.importance is None:
        return card(title, absent(material.missing.get("importance", "the search has no trials")))
    return card(
        title,
        searching.importance_bars(material.importance),
        said(
            f"PED-ANOVA of {plain(material.importance.n_trials)} trials of the search: how much of what sets the best "
            "tenth apart goes with each parameter. In sample: it describes this search, and promises nothing.",
            "quiet",
        ),
    )


def _progress(material: Material) -> str:
    trials = rows(material.search, "trials")
    if not any(number(each, "score") is not None for each in trials):
        return "" if not material.search else full("The search, trial by trial", absent("no trial has a score"))
    finalist = number(material.search, "finalist")
    judged = number(material.judged, "trial") if material.judged else finalist
    return full(
        "The search, trial by trial",
        picture(
            searching.progress_chart(trials, finalist if judged is None else judged),
            "Score on development data by trial, the line the best so far. Grey dots broke a constraint; the ring is "
            "the finalist.",
        ),
    )


def _vectors(material: Material) -> str:
    screened, trials = rows(material.prescreen, "top"), rows(material.search, "trials")
    vectors = screened or [each for each in trials if number(each, "score") is not None]
    space = part(material.prescreen if screened else material.search, "space")
    drawn = searching.parallel_chart(space, vectors, finalist_params(material))
    if not drawn:
        return ""
    most = min(len(vectors), searching.MOST_LINES)
    source = "of the prescreen" if screened else f"of the search ({words(material.search, 'search') or 'trials'})"
    return full(
        "The best vectors",
        picture(
            drawn,
            f"The best {plain(most)} vectors {source}, one line each through its parameters; the blue ones are their "
            "best tenth, the orange one is the finalist. Lines that part between two axes leave both free; a waist "
            "is a value that all good ones share.",
        ),
    )
