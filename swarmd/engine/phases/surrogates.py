"""The whole-search surrogate test of one asset: the real market searched once, then surrogate after surrogate.

`swarmd validate` runs it, and a campaign's phase can. Every score is kept in `surrogates_<question>.json` as soon as it
is known: a run that was killed is taken up at the surrogate it was at, and a changed question has a file of its own.
Development bars only; the vault is not opened here.
"""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmd.engine.kernel.gpu import ScreenEngine
from swarmd.engine.market.surrogates import sample_drift, surrogate_market
from swarmd.engine.phases.desk import Desk, check_disk
from swarmd.engine.phases.question import Question, digest_of
from swarmd.engine.search.searched_market import Found, MarketSearch, searched_market
from swarmd.engine.validation.whole_search import WholeSearch
from swarmd.state.errors import OperatorError
from swarmd.state.records.search_settings import SearchSettings

SCHEMA = "swarmd.surrogates/1"

# Told of an evaluation batch of the real market once it is done: which part of the search, and how many vectors.
Evaluated = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class SurrogatePlan:
    """How many surrogates are searched at most, of which seed, and whether the Normal tail tells p."""

    planned: int
    seed: int
    is_quick: bool = False


@dataclass(frozen=True, slots=True)
class Surrogates:
    """What came of it: the question's digest, what the real search found, and the surrogates' scores in order.

    `real` and each of `searched` hold plain values; a score of null means that no vector met the constraints. `whole`
    is None where the real search found nothing: there is no p-value then.
    """

    question: str
    identity: dict[str, Any]
    real: dict[str, Any]
    searched: tuple[dict[str, Any], ...]
    whole: WholeSearch | None
    path: Path


def market_search_of(question: Question, search: SearchSettings) -> MarketSearch:
    """The search that the phases prescreen and refine make of this question, by one worker."""
    refine = search.refine
    return MarketSearch(
        strategy=question.strategy,
        mode=question.mode,
        space=question.space,
        costs=question.costs,
        rule=question.rule,
        constraints=question.constraints,
        combos=search.prescreen.combos,
        combos_seed=search.prescreen.seed,
        trials=refine.trials,
        trials_seed=refine.seed,
        # What is walked forward does without seeds, at the end as well.
        warm_start=refine.warm_start if search.method == "tpe" else 0,
        method=search.procedure,
        pick=refine.pick,
        prunes=refine.prune == "median",
    )


def drift_kept(question: Question, search: MarketSearch) -> float:
    """What the surrogates keep of the market's drift: all of it where only rising prices can be traded."""
    return 0.0 if search.may_sell_short else sample_drift(question.development)


def identity_of(question: Question, search: MarketSearch, *, seed: int) -> dict[str, Any]:
    """All that the surrogates' scores depend on, as plain values; `seed` is the coins'."""
    return {
        **search.identity(),
        "enforce_tp_progression": question.enforces_tp_progression,
        "development_sha256": question.development.sha256(),
        "code_version": question.origin.code_version,
        "surrogates": {"seed": seed, "drift": drift_kept(question, search)},
    }


def search_surrogates(
    question: Question,
    search: MarketSearch,
    plan: SurrogatePlan,
    folder: Path,
    desk: Desk,
    *,
    engine: ScreenEngine = "cpu",
    evaluated: Evaluated = lambda part, count: None,
) -> Surrogates:
    """Search the development bars, then their surrogates until the p-value is settled; carries on where it was.

    `evaluated` hears of the real market's evaluations before their result is kept, and hears nothing of surrogates:
    they are not looks at the data. Killed in between, the search is repeated and told again, since it was made again.

    Raises
    ------
    OperatorError
        If the file of an earlier run cannot be read.
    """
    bars = question.development
    drift = drift_kept(question, search)
    identity = identity_of(question, search, seed=plan.seed)
    digest = digest_of(identity)[:12]
    path = folder / f"surrogates_{digest}.json"
    kept = _kept(path, digest)
    columns = search.drawn()
    desk.expect(plan.planned + 1)

    def keep(real: dict[str, Any], searched: list[dict[str, Any]]) -> None:
        desk.write_json(
            path,
            {"schema": SCHEMA, "question": digest, "identity": identity, "real": real, "surrogates": searched},
            sync=True,
        )

    if kept is not None:
        desk.skip(1)
    else:
        found = searched_market(bars, search, columns, engine=engine, before=desk.safe_point)
        for part, count in (("prescreen", found.prescreened), ("refine", found.trials)):
            if count:
                evaluated(part, count)
        kept = {"real": _document(found), "surrogates": []}
        keep(kept["real"], [])
        desk.advance(1)
    real, searched = kept["real"], list(kept["surrogates"])
    if real["score"] is None:
        return Surrogates(digest, identity, real, (), None, path)
    whole = WholeSearch(
        best=real["score"],
        planned=plan.planned,
        is_quick=plan.is_quick,
        scores=tuple(_number(each["score"]) for each in searched),
    )
    desk.skip(len(whole.scores))
    while not whole.is_settled:
        market = surrogate_market(bars, seed=plan.seed, number=len(searched), drift=drift)
        found = searched_market(market, search, columns, engine=engine, before=desk.safe_point)
        searched.append(_document(found))
        keep(real, searched)
        whole = whole.heard([found.score])
        desk.work(1)
    return Surrogates(digest, identity, real, tuple(searched[: len(whole.scores)]), whole, path)


def _document(found: Found) -> dict[str, Any]:
    pick = found.pick
    if pick is None:
        return {"score": None, "tried": found.tried}
    return {
        "score": found.score,
        "peak": pick.peak.score,
        "finalist": pick.document() | {"score": pick.trial.score, "params": dict(pick.trial.params)},
        "tried": found.tried,
    }


def _number(score: float | None) -> float:
    return -math.inf if score is None else score


def _kept(path: Path, digest: str) -> dict[str, Any] | None:
    """What an earlier run has kept; None when there was none."""
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as cause:
        check_disk(path, cause)
        raise OperatorError(
            f"{path} cannot be read ({cause}); remove it, and its surrogates are searched anew"
        ) from cause
    if not isinstance(document, dict) or document.get("schema") != SCHEMA or document.get("question") != digest:
        raise OperatorError(
            f"{path} is not {SCHEMA} of question {digest}; remove it, and its surrogates are searched anew"
        )
    return document
