"""Crown: a finalist that passed every gate takes its niche, if it is strictly better than whoever holds it.

Writes `champions/<SYMBOL>_<timeframe>.json`, the old one to `backup/` first, and then what other programs want of it.
Crowning the same one twice changes nothing.
"""

from pathlib import Path
from typing import Any, Literal

from swarmd.engine.champions.champion import ChampionFile, champion_path, read_champion, write_champion
from swarmd.engine.champions.changes import dethroning_of, read_changes
from swarmd.engine.champions.niche import alone_with
from swarmd.engine.phases.desk import Desk, read_document
from swarmd.engine.phases.export import NOTHING, Exported, leave_exports
from swarmd.engine.phases.guards import GUARDS_FILE
from swarmd.engine.phases.question import question_of, work_folder
from swarmd.engine.phases.report import tell_report
from swarmd.engine.phases.screen import SCREEN_FILE
from swarmd.engine.phases.validate import CERTIFICATE_FILE
from swarmd.state.errors import OperatorError
from swarmd.state.records.job import Phase
from swarmd.state.records.result import Figure, ResultSummary
from swarmd.state.units import iso
from swarmd.state.work_order import WorkOrder


def crown(order: WorkOrder, desk: Desk) -> ResultSummary:
    """Compare with the champion in force and replace it; fails where the challenger is not strictly better.

    The challenger is who passed the judge that the campaign crowns on: the screen, the guards, or the evidence.

    Raises
    ------
    OperatorError
        If its verdict is missing, is a no, or is of other data; or if the champion in force is damaged.
    """
    question = question_of(order, desk)
    judge, name = _judge_of(order)
    certificate = work_folder(order, desk.home) / name
    screened = read_document(certificate, made_by=judge)
    if screened.get("data_sha256") != question.origin.data_sha256:
        raise OperatorError(f"{certificate} is of other data; run the {judge} again")
    if screened.get("verdict") not in ("pass", "champion", "gold"):
        raise OperatorError(f"{certificate} says {screened.get('verdict')!r}; only what passed can be crowned")
    desk.expect(1)
    desk.safe_point()
    challenger = ChampionFile(
        symbol=question.symbol,
        timeframe=screened["interval"],
        strategy=question.strategy_name,
        mode=question.mode,
        parameters=screened["params"],
        metrics={
            "development": screened["development"]["metrics"],
            "vault": screened["vault"]["metrics"],
            "gates": {gate["name"]: gate["figure"] for gate in _gates(screened)},
            **_forecast(screened),
        },
        score=screened["score"],
        created_at=iso(desk.now()),
        run_id=order.run,
        campaign=order.campaign.name,
        trial_id=screened["trial"],
        snapshot_id=screened["data_snapshot_id"],
        data_sha256=screened["data_sha256"],
        git_commit=screened["git_sha"],
        code_version=screened["code_version"],
        tried=screened["tried"],
        certificate=desk.home.relative(certificate),
    )
    path = champion_path(desk.home.champions, challenger.symbol, challenger.timeframe)
    with alone_with(path):
        incumbent = read_champion(path)
        if incumbent is not None and incumbent.says_the_same(challenger):
            exported = leave_exports(incumbent, screened, desk)
            return _summary(incumbent, desk, path, "pass", "is in force already", exported)
        if incumbent is not None and challenger.score <= incumbent.score:
            return _summary(
                challenger,
                desk,
                path,
                "fail",
                f"not crowned: its score {challenger.score:.4f} is not above the {incumbent.score:.4f} of the champion "
                f"in force (trial {incumbent.trial_id} of {incumbent.campaign})",
            )
        # Its own days since have spoken against it, and no crowning of the same claim is news to them.
        fallen = dethroning_of(read_changes(path.parent), path.stem, challenger.claim)
        if fallen is not None:
            told = f"not crowned: the monitor dethroned this very champion on {fallen.at[:10]}"
            return _summary(challenger, desk, path, "fail", told)
        crowned = write_champion(path, challenger)
    desk.advance(1)
    # Who was not crowned has its report from the judgement.
    tell_report(order, desk)
    before = "the niche was empty" if incumbent is None else f"the champion before had {incumbent.score:.4f}"
    exported = leave_exports(crowned, screened, desk)
    return _summary(crowned, desk, path, "pass", f"crowned with score {crowned.score:.4f}; {before}", exported)


def _judge_of(order: WorkOrder) -> tuple[str, str]:
    """The phase whose word crowns, and the file in which it stands."""
    if order.campaign.asks_evidence:
        return Phase.VALIDATE.value, CERTIFICATE_FILE
    return ("guards", GUARDS_FILE) if order.campaign.is_strict else ("screen", SCREEN_FILE)


def _gates(judged: dict[str, Any]) -> list[dict[str, Any]]:
    """Of a certificate those of the evidence; the strict table stands in the file itself."""
    gates: list[dict[str, Any]] = judged["evidence"]["gates"] if "evidence" in judged else judged["gates"]
    return gates


def _forecast(judged: dict[str, Any]) -> dict[str, dict[str, float | int | None]]:
    """What is expected of the champion from now on; its monitor holds it to that."""
    if "evidence" not in judged:
        return {}
    told = judged["evidence"]["forecast"]
    return {"forecast": {"annual_sharpe": told["shrunken_annual_sharpe"], "standard_error": told["se_annual"]}}


def _summary(
    champion: ChampionFile,
    desk: Desk,
    path: Path,
    verdict: Literal["pass", "fail"],
    told: str,
    exported: Exported = NOTHING,
) -> ResultSummary:
    figures: dict[str, Figure] = {
        "symbol": champion.symbol,
        "timeframe": champion.timeframe,
        "strategy": champion.strategy,
        "mode": champion.mode,
        "score": champion.score,
        "annual_sharpe": champion.metrics["development"]["annual_sharpe"],
        "oos_annual_sharpe": champion.metrics["vault"]["annual_sharpe"],
        # One of the screen's gates, none of the strict table.
        "psr": champion.metrics["gates"].get("psr"),
        "tried": champion.tried,
        "trial": champion.trial_id,
        "crowned": verdict == "pass",
        "path": desk.home.relative(path),
        "checksum": champion.checksum,
        "pine": exported.pine,
    }
    return ResultSummary(
        verdict=verdict,
        headline=f"{champion.symbol} {champion.timeframe} {champion.mode}: {told}{exported.told}",
        figures=figures,
        artifacts=(desk.home.relative(path), *exported.artifacts) if verdict == "pass" else (),
    )
