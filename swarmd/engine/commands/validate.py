"""`swarmd validate`: would this search have found something this good where nothing is to be found?"""

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from swarmd.engine.commands.search_flags import (
    SearchFlags,
    home_in_force,
    order_by_hand,
    prune_flag,
    search_flags,
    settings_of,
    wall_ms,
)
from swarmd.state.errors import OperatorError
from swarmd.state.records.job import Phase
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import head_of, place_of

if TYPE_CHECKING:  # numba comes in only when the command runs
    from collections.abc import Iterator

    from swarmd.engine.phases.question import Question
    from swarmd.engine.phases.surrogates import Surrogates
    from swarmd.state.work_order import AskedEngine, WorkOrder

SCHEMA = "swarmd.validate/1"


@click.command(
    epilog="Example: swarmd validate --data data/bars_5m/BTCUSDT.parquet --mode aggressive --prescreen 200000"
    " --trials 200 --surrogates 199 --known-gap 2023-03-24 --known-gap 2023-12-31     Exit codes: 0 the p-value is"
    " told, 1 the search found nothing to judge, 2 a mistake you can mend."
)
@search_flags
@click.option(
    "--prescreen", "combos", default=250_000, show_default=True, type=click.IntRange(1), help="Combinations to screen."
)
@click.option("--trials", default=200, show_default=True, type=click.IntRange(1), help="Trials of the refinement.")
@click.option(
    "--surrogates", type=click.IntRange(19, 9999),
    help="Search so many surrogate markets at most; fewer where five are as good.  [default: 199, or 49 with --quick]",
)  # fmt: skip
@click.option("--quick", is_flag=True, help="Tell p by the Normal tail of few surrogates: a look, not a verdict.")
@click.option("--seed", default=42, show_default=True, type=click.IntRange(0), help="Of the searches and of the coins.")
@prune_flag
@click.option(
    "--oos-share", default=1 / 3, show_default="1/3", type=click.FloatRange(0.05, 0.9, min_open=True, max_open=True),
    help="Last part of the data, the vault: not looked at here.",
)  # fmt: skip
@click.option(
    "--engine", type=click.Choice(["auto", "cpu", "gpu"]), default="auto", show_default=True, help="What prescreens."
)
@click.option("--campaign", default="validate", show_default=True, help="Name under which results are kept.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def validate(
    combos: int,
    trials: int,
    surrogates: int | None,
    quick: bool,
    seed: int,
    prune: str,
    oos_share: float,
    engine: "AskedEngine",
    campaign: str,
    as_json: bool,
    **flags: Any,
) -> int:
    """The p-value of a whole search: search the data, then surrogate markets in which a coin turns every bar.

    Prescreen, refinement and pick are run on the development data and, exactly so, on each surrogate. p is the share
    of surrogates in which the search finds as much; it stops after five of them. An interrupted command is carried on
    by the same one. What was tried on the data itself goes into the trial ledger (`swarmd ledger show`).
    """
    from swarmd.engine.commands.by_hand import log_to_stderr, run_phases

    log_to_stderr()
    search = {
        "prescreen": {"combos": combos, "seed": seed},
        "refine": {"trials": trials, "seed": seed, "prune": prune, "rungs": []},
    }
    settings = settings_of(SearchFlags(**flags), campaign=campaign, search=search, oos_share=oos_share)
    home = home_in_force()
    for _ in run_phases((Phase.PREFLIGHT,), settings, home):
        pass
    order = order_by_hand(settings, Phase.REFINE, home, threads=1, engine=engine)
    planned = surrogates or (49 if quick else 199)
    question, outcome = _searched(order, home, planned=planned, seed=seed, is_quick=quick)
    document = _document(question, outcome, home)
    if as_json:
        click.echo(json.dumps(document, indent=2, allow_nan=False))
    else:
        _print(document)
    return 1 if outcome.whole is None else 0


def _searched(
    order: "WorkOrder", home: Home, *, planned: int, seed: int, is_quick: bool
) -> tuple["Question", "Surrogates"]:
    import os

    from swarmd.engine.backtest import screen_engine
    from swarmd.engine.commands.by_hand import progress_desk
    from swarmd.engine.phases.folder import alone_in
    from swarmd.engine.phases.question import question_of
    from swarmd.engine.phases.surrogates import SurrogatePlan, market_search_of, search_surrogates
    from swarmd.engine.phases.tried import note_tried

    folder = home.results_of(order.campaign.name, order.symbol, order.mode)
    holder = {"run": order.run, "pid": os.getpid()}
    with (
        _told_by_whom(),
        alone_in(folder, holder, should_yield=lambda: False),
        progress_desk(home, f"{order.symbol} {order.mode}: surrogates", window_seconds=600.0) as desk,
    ):
        question = question_of(order, desk)
        outcome = search_surrogates(
            question,
            market_search_of(question, order.campaign.search),
            SurrogatePlan(planned=planned, seed=seed, is_quick=is_quick),
            folder,
            desk,
            engine=screen_engine(question.strategy, order.engine, say=desk.say),
            evaluated=lambda phase, count: note_tried(
                question, home, phase=phase, count=count, run=order.run, at=wall_ms(), folder=folder
            ),
        )
    return question, outcome


@contextmanager
def _told_by_whom() -> "Iterator[None]":
    """The same seam as the phases run by hand have: a wrong question is for the person who asked it."""
    try:
        yield
    except ValueError as refusal:
        raise OperatorError(str(refusal)) from refusal


def _document(question: "Question", outcome: "Surrogates", home: Home) -> dict[str, Any]:
    from swarmd.engine.market.timeframes import interval_name
    from swarmd.engine.phases.tried import ledger_of, tried_so_far, vintage_of

    name, entries = ledger_of(question, home)
    whole = outcome.whole
    told = None if whole is None else whole.p_value()
    n_tried = tried_so_far(question, home)
    return {
        "schema": SCHEMA,
        "symbol": question.symbol,
        "interval": interval_name(question.bars.interval_minutes),
        "question": outcome.question,
        **question.origin.document(seed=outcome.identity["surrogates"]["seed"], tried=n_tried),
        "development": {"bars": question.vault_bar, "vintage": str(vintage_of(question))},
        "search": outcome.identity,
        "real": outcome.real,
        "p_value": None if told is None else told.p,
        "standard_error": None if told is None else told.standard_error,
        "told_by": None if told is None else told.told_by,
        "surrogates": {
            "planned": None if whole is None else whole.planned,
            "searched": len(outcome.searched),
            "as_good": None if whole is None else whole.as_good,
            "maxima": [each["score"] for each in outcome.searched],
        },
        "ledger": {
            "path": place_of(home, name),
            "lines": len(entries),
            "head": head_of(entries, name),
            "tried": n_tried,
        },
        "results": str(outcome.path),
    }


def _print(document: dict[str, Any]) -> None:
    real, surrogates = document["real"], document["surrogates"]
    search = document["search"]
    click.echo(f"{document['symbol']} {document['interval']}  {search['strategy']} {search['mode']}")
    if document["p_value"] is None:
        click.echo(f"nothing    none of {real['tried']} vectors meets the constraints, so there is nothing to judge")
    else:
        finalist = real["finalist"]
        told = {
            "stopped": "stopped, since five were",
            "counted": "all that were planned",
            "tail": "told by the Normal tail",
        }
        click.echo(f"real       score {real['score']:.3f}: trial {finalist['trial']}, {_spoken(finalist['params'])}")
        click.echo(f"surrogates {_spread([m for m in surrogates['maxima'] if m is not None])}")
        click.echo(
            f"p          {document['p_value']:.4f} +- {document['standard_error']:.4f}: {surrogates['as_good']} of "
            f"{surrogates['searched']} as good ({told[document['told_by']]})"
        )
    ledger = document["ledger"]
    click.echo(f"tried      {ledger['tried']:,} on days of {document['development']['vintage']} (trial ledger)")
    click.echo(f"results    {document['results']}")


def _spread(maxima: list[float]) -> str:
    """Least, middle and largest score of the surrogates in which anything was found."""
    if not maxima:
        return "nothing was found in any"
    ordered = sorted(maxima)
    return f"scores {ordered[0]:.3f} to {ordered[-1]:.3f}, median {ordered[len(ordered) // 2]:.3f}"


def _spoken(params: dict[str, float]) -> str:
    return "  ".join(f"{name}={value:.6g}" for name, value in params.items())
