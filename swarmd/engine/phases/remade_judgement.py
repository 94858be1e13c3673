"""A champion's search and its judgement made again from the bars, in a folder that nobody keeps.

For `swarmd champion verify --judgement`: the finalist is looked for again, then everything that the certificate tells
of it on both stretches is computed anew, by the very functions that judged it. The ledgers of the home are not written:
nothing here is a new trial, and the vault is shown to nobody it was not opened for.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from swarmd.engine.guards.probabilistic_sharpe import sharpe_evidence
from swarmd.engine.kernel.prices import day_end_bars
from swarmd.engine.metrics.daily import daily_returns
from swarmd.engine.phases.champion_checks import Check, same_documents
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.neighbourhood import MAP_UNITS, neighbourhood_map
from swarmd.engine.phases.question import Question, mode_folder, question_of
from swarmd.engine.phases.replayed_champion import Basis
from swarmd.engine.phases.sampled_search import SAMPLED, deflation, overfitting, sampled_search, superior_ability
from swarmd.engine.phases.strict_judgement import Inside, Plan, judged_inside, judged_outside, planned
from swarmd.engine.phases.surrogates import market_search_of
from swarmd.engine.search.searched_market import searched_market
from swarmd.state.store.files import Home
from swarmd.state.work_order import WorkOrder

# What the search itself is worth to whoever watches: a unit of the bar.
_SEARCH_UNITS = 1


def of_judgement(basis: Basis, order: WorkOrder, desk: Desk, *, advance: Callable[[], None]) -> Iterator[Check]:
    """The search, then every part of the certificate that follows from the bars alone, each the same bits or not."""
    told = basis.document
    if "evidence" not in told:
        yield Check("judgement", None, "the certificate is of a campaign that did not ask for evidence")
        return
    question = question_of(order, desk)
    params, settings = told["params"], order.campaign
    plan = planned(question, params, settings)
    desk.expect(_SEARCH_UNITS + plan.units + SAMPLED + MAP_UNITS)

    search = market_search_of(question, settings.search)
    found = searched_market(question.development, search, search.drawn(), before=desk.safe_point).pick
    advance()
    again = None if found is None else {"params": dict(found.trial.params), "score": found.trial.score}
    yield same_documents("search finds the finalist", again, {"params": params, "score": told["score"]})

    inside = _in_nobodys_home(question, plan, order, desk)
    yield from _parts("", inside.document(), told, but={"walk_forward": ("file", "windows")})
    yield same_documents("neighbourhood map", neighbourhood_map(question, params, desk), told["neighbourhood"])
    evidence, sample = told["evidence"], sampled_search(question, inside.run, desk, seed=settings.search.prescreen.seed)
    yield same_documents("overfitting (PBO)", overfitting(sample), evidence["pbo"])
    yield same_documents("superior ability (SPA)", superior_ability(sample, seed=plan.seed), evidence["spa"])
    days = sharpe_evidence(daily_returns(inside.run.equity, day_end_bars(question.development.open_time)))
    deflated = deflation(sample, days, tried=told["tried"])
    yield same_documents("deflation (DSR)", deflated, evidence["dsr"])

    outside = judged_outside(question, plan, inside, desk)
    yield from _parts("vault: ", outside.document(), told, but={"regimes": ("table",)})
    table = {gate.name: gate.figure for gate in outside.gates}
    claimed = {gate["name"]: gate["figure"] for gate in told["strict"]["gates"]}
    yield same_documents("strict figures", table, claimed)


def _in_nobodys_home(question: Question, plan: Plan, order: WorkOrder, desk: Desk) -> Inside:
    """The walk keeps its studies, and the ledger what was tried, in a home that is gone afterwards."""
    with TemporaryDirectory(prefix="swarmd-verify-") as folder:
        elsewhere = replace(desk, home=Home(Path(folder)))
        return judged_inside(question, plan, mode_folder(order, elsewhere), order, elsewhere)


def _parts(
    place: str, mine: Mapping[str, Any], told: Mapping[str, Any], *, but: Mapping[str, tuple[str, ...]]
) -> Iterator[Check]:
    """Each part of a document, without what the certificate tells in another form."""
    for name, part in mine.items():
        left_out = but.get(name, ())
        yield same_documents(
            f"{place}{name.replace('_', ' ')}", _without(part, left_out), _without(told[name], left_out)
        )


def _without(part: Any, left_out: tuple[str, ...]) -> Any:
    plain = json.loads(json.dumps(part))
    return {key: value for key, value in plain.items() if key not in left_out} if isinstance(plain, dict) else plain
