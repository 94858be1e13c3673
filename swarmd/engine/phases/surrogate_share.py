"""A share of the surrogate markets behind a finalist: so many of them searched as the real one was, one after another.

One job of a campaign; several lanes search different shares at once. Each score is kept in the share's own folder as
soon as it is known, so that a killed run goes on at the market it was at. `heard_scores` puts the shares together again
in the order of their numbers: that order, and neither who searched nor when, is what the p-value follows from.
Development bars only.
"""

import math
from pathlib import Path
from typing import Any

from swarmd.engine.backtest import screen_engine
from swarmd.engine.market.surrogates import surrogate_market
from swarmd.engine.phases.desk import Desk, read_document
from swarmd.engine.phases.question import Question, digest_of, mode_folder, question_of, share_folder, work_folder
from swarmd.engine.phases.refine import ALL_TRIALS_FILE
from swarmd.engine.phases.surrogates import drift_kept, identity_of, market_search_of
from swarmd.engine.search.searched_market import searched_market
from swarmd.engine.validation.whole_search import WholeSearch
from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.job import Phase
from swarmd.state.records.result import ResultSummary
from swarmd.state.surrogates import EXCEEDANCES, shares
from swarmd.state.work_order import WorkOrder

SHARE_FILE = "surrogates.json"
SCHEMA = "swarmd.surrogate_share/1"


def surrogates(order: WorkOrder, desk: Desk) -> ResultSummary:
    """Search what is left of the order's share; stops early where it alone settles the answer.

    Raises
    ------
    OperatorError
        If there is no finished search of this very data, or the order names no share.
    """
    if order.surrogates is None:
        raise OperatorError(f"{order.job}: the order names no surrogate markets; queue it with the number of the first")
    question = question_of(order, desk)
    search = market_search_of(question, order.campaign.search)
    first, count = order.surrogates
    real = real_score(refined(order, desk, question))
    identity = identity_of(question, search, seed=coins_seed(order.campaign))
    folder = work_folder(order, desk.home)
    path = folder / SHARE_FILE
    found = _kept(path, question=digest_of(identity), first=first)
    desk.expect(count)
    desk.skip(len(found))
    columns = search.drawn() if len(found) < count else {}
    engine = screen_engine(question.strategy, order.engine, say=desk.say)
    drift = drift_kept(question, search)
    artifact = desk.home.relative(path)
    while len(found) < count and _as_good(found, real) < EXCEEDANCES:
        market = surrogate_market(
            question.development, seed=coins_seed(order.campaign), number=first + len(found), drift=drift
        )
        searched = searched_market(market, search, columns, engine=engine, before=desk.safe_point)
        found.append(None if searched.pick is None else searched.score)
        document = {"schema": SCHEMA, "question": digest_of(identity), "identity": identity, "first": first}
        artifact = desk.write_json(path, {**document, "real": real, "scores": found}, sync=True)
        desk.work(1)
    as_good = _as_good(found, real)
    last = first + len(found) - 1
    return ResultSummary(
        verdict="pass",
        headline=f"{order.symbol} {order.mode}: surrogate markets {first} to {last}: {as_good} of {len(found)} as good "
        f"as {real:.3f}",
        figures={"first": first, "searched": len(found), "as_good": as_good, "real": real},
        artifacts=(artifact,),
    )


def heard_scores(order: WorkOrder, desk: Desk, question: Question, real: float) -> WholeSearch:
    """The real search beside all surrogates searched without a gap from the first.

    Raises
    ------
    OperatorError
        If shares are missing before the answer is settled, or one is of another question.
    """
    settings = order.campaign
    search = market_search_of(question, settings.search)
    digest = digest_of(identity_of(question, search, seed=coins_seed(settings)))
    planned = settings.validation.surrogates
    whole = WholeSearch(best=real, planned=planned, exceedances=EXCEEDANCES)
    folder = mode_folder(order, desk)
    for first, _ in shares(planned):
        if whole.is_settled:
            break
        path = share_folder(folder, first) / SHARE_FILE
        kept = _kept(path, question=digest, first=first)
        if not kept:
            raise OperatorError(f"{path} is not there; search the surrogate markets from number {first} on first")
        whole = whole.heard(-math.inf if score is None else score for score in kept)
    if not whole.is_settled:
        raise OperatorError(
            f"{folder}: {len(whole.scores)} of {planned} surrogates have a score; search the rest first"
        )
    return whole


def coins_seed(settings: CampaignSettings) -> int:
    """One campaign, one set of coins: another seed of the search makes other surrogates."""
    return settings.search.refine.seed


def refined(order: WorkOrder, desk: Desk, question: Question) -> dict[str, Any]:
    """What the refinement has left, of this very data and with a finalist. OperatorError otherwise."""
    path = mode_folder(order, desk) / ALL_TRIALS_FILE
    document = read_document(path, made_by=Phase.REFINE.value)
    if document.get("data_sha256") != question.origin.data_sha256 or document.get("mode") != question.mode:
        raise OperatorError(f"{path} answers another question; run refine again")
    if document.get("finalist") is None:
        raise OperatorError(f"{path} has no valid trial to judge; widen the search and refine again")
    return document


def real_score(document: dict[str, Any]) -> float:
    """What the pick of the real search was picked by; its surrogates are asked by the same."""
    return float(document["pick"]["neighbourhood_mean"])


def _as_good(scores: list[float | None], real: float) -> int:
    return sum(score is not None and score >= real for score in scores)


def _kept(path: Path, *, question: str, first: int) -> list[float | None]:
    """Scores of an earlier run of the same share; none where there was none."""
    if not path.is_file():
        return []
    document = read_document(path, made_by=Phase.SURROGATES.value)
    if (document.get("schema"), document.get("question"), document.get("first")) != (SCHEMA, question, first):
        raise OperatorError(f"{path} answers another question; remove it, and its markets are searched anew")
    scores: list[float | None] = document["scores"]
    return scores
