"""What a champion claims, made again: its certificate's own arithmetic, its data, its runs, its ledger, its surrogates.

For `swarmd champion verify`. Each check says what was compared and whether it holds; one that cannot be made here says
why and is neither. Equal means the same bits.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swarmd.engine.champions.champion import ChampionFile
from swarmd.engine.guards.adjusted_p import adjusted_p_values
from swarmd.engine.guards.combined_p import combined_p_value
from swarmd.engine.guards.gate import Gate
from swarmd.engine.guards.online_discoveries import online_fdr
from swarmd.engine.market.surrogates import surrogate_market
from swarmd.engine.market.timeframes import parse_interval
from swarmd.engine.phases.desk import Desk
from swarmd.engine.phases.question import question_of
from swarmd.engine.phases.replayed_champion import Basis, bars_after, bars_since, replayed
from swarmd.engine.phases.surrogate_share import coins_seed
from swarmd.engine.phases.surrogates import drift_kept, market_search_of
from swarmd.engine.phases.vault_evidence import vault_evidence
from swarmd.engine.search.provenance import provenance
from swarmd.engine.search.searched_market import searched_market
from swarmd.engine.strategies.registry import strategy_named
from swarmd.engine.validation.whole_search import WholeSearch
from swarmd.state.errors import OperatorError
from swarmd.state.store.discovery_ledger import read_discoveries
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import LedgerName, head_of, place_of, read_ledger
from swarmd.state.work_order import WorkOrder

_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Check:
    """One claim; `holds` is None where it could not be put to the test, which is no failure."""

    name: str
    holds: bool | None
    told: str


def of_certificate(champion: ChampionFile, basis: Basis) -> Iterator[Check]:
    """What follows from the certificate alone: gates from figures, p-values from one another, the champion's copy."""
    document = basis.document
    evidence = document.get("evidence")
    decisive = document["gates"] if evidence is None else evidence["gates"]
    tables = {"gates": decisive} if evidence is None else {"evidence": decisive, "strict": document["strict"]["gates"]}
    for name, table in tables.items():
        wrong = [told["name"] for told in table if _gate(told).passes != told["pass"]]
        passed = sum(_gate(told).passes for told in table)
        told = f"{passed} of {len(table)} gates pass by their own figures"
        yield Check(f"{name} table", not wrong, told + (f"; told otherwise: {', '.join(wrong)}" if wrong else ""))
    copied = {told["name"]: told["figure"] for told in decisive}
    yield same_documents("gates in the champion's file", champion.metrics.get("gates"), copied)
    for name, stretch in (("development", basis.development), ("vault", basis.vault)):
        yield same_documents(f"{name} metrics in the champion's file", champion.metrics.get(name), stretch.metrics)
    if evidence is None:
        yield Check("evidence", None, "the certificate is of a campaign that did not ask for evidence")
        return
    yield from _p_values(document, evidence)
    forecast = evidence["forecast"]
    wanted = {"annual_sharpe": forecast["shrunken_annual_sharpe"], "standard_error": forecast["se_annual"]}
    yield same_documents("forecast in the champion's file", champion.metrics.get("forecast"), wanted)
    verdict = _verdict(document, evidence)
    yield Check("verdict", document["verdict"] == verdict, f"{document['verdict']}; its gates come to {verdict}")


def of_runs(champion: ChampionFile, basis: Basis, path: Path) -> Iterator[Check]:
    """The data's digest, and the finalist run again on both stretches of it."""
    end = basis.vault.last_ms + parse_interval(champion.timeframe) * _MINUTE_MS
    bars = bars_since(champion, path, basis.development.first_ms, end)
    digest = bars.sha256()
    is_same = digest == champion.data_sha256
    yield Check(
        "data", is_same, f"{path}: {bars.n_bars} bars, digest {digest[:12]}, claimed {champion.data_sha256[:12]}"
    )
    version = provenance(snapshot_id=bars.snapshot_id(), sha256=digest, strategy_name=champion.strategy).code_version
    told = "the code that crowned it" if version == champion.code_version else f"crowned by {champion.code_version}"
    yield Check("code", True if version == champion.code_version else None, f"{version}: {told}")
    if not is_same:
        yield Check("runs", None, "not made: on other data other figures are no wonder")
        return
    start = bars_after(bars, basis.development.last_ms)
    inside = replayed(champion, bars.between(0, start), 0, costs=basis.costs)
    yield same_documents("development run", inside.metrics.as_json(), basis.development.metrics)
    outside = replayed(champion, bars, start, costs=basis.costs)
    yield same_documents("vault run", outside.metrics.as_json(), basis.vault.metrics)
    if "evidence" in basis.document:
        direction = strategy_named(champion.strategy).card.mode(champion.mode).direction
        p = vault_evidence(bars.between(start, bars.n_bars), outside, direction).p_value()
        yield _equal("p of the vault", p, basis.document["evidence"]["p"]["vault"])


def of_ledger(basis: Basis, home: Home) -> Check:
    """The last line of the trial ledger that the certificate counted is still in the chain, where it was."""
    told = basis.document.get("ledger")
    if told is None:
        return Check("ledger", None, "the certificate names no ledger")
    try:
        name = LedgerName.of(told["path"])
        entries, place = read_ledger(home, name), place_of(home, name)
    except OperatorError as broken:
        return Check("ledger", False, str(broken))
    lines, where = int(told["lines"]), f"{place} line {told['lines']}"
    if len(entries) < lines:
        return Check("ledger", False, f"{place} has {len(entries)} lines and had {lines} when it was counted")
    head = head_of(entries[:lines], name)
    if head != told["head"]:
        return Check("ledger", False, f"{where} has digest {head[:12]}, and {str(told['head'])[:12]} was counted")
    return Check("ledger", True, f"{where} of {len(entries)} is the one that was counted, {told['tried']:,} tried")


def of_discoveries(basis: Basis, home: Home) -> Check:
    """The test stands in the stream of all that the home ever asked, where it stood, and had the level it was given."""
    if "evidence" not in basis.document:
        return Check("discoveries", None, "the certificate was not charged to the stream of discoveries")
    told, p = basis.document["evidence"]["fdr"], basis.document["evidence"]["p"]["adjusted"]
    try:
        stream = [found.tested.p for found in read_discoveries(home)[: told["test"]]]
    except OperatorError as broken:
        return Check("discoveries", False, str(broken))
    if len(stream) < told["test"] or stream[-1] != p:
        there = f"p {stream[-1]:.4g} is there" if len(stream) == told["test"] else f"{len(stream)} tests are there"
        return Check("discoveries", False, f"test {told['test']} had p {p:.4g}, and {there}")
    found = online_fdr(stream, told["fdr"], told["method"])
    level, rejected = float(found.levels[-1]), bool(found.rejected[-1])
    holds = (level, rejected) == (told["level"], told["rejected"])
    return Check("discoveries", holds, f"test {told['test']}, level {level:.4g}, {told['level']:.4g} claimed")


def of_surrogates(
    basis: Basis, order: WorkOrder, desk: Desk, count: int, *, advance: Callable[[], None] = lambda: None
) -> Iterator[Check]:
    """The first `count` surrogate markets, searched again: each score must be the one that was kept."""
    told = basis.document.get("surrogates")
    if told is None:
        yield Check("surrogates", None, "the certificate is of a search without surrogates")
        return
    question = question_of(order, desk)
    search = market_search_of(question, order.campaign.search)
    columns, drift = search.drawn(), drift_kept(question, search)
    for number, kept in enumerate(told["maxima"][:count]):
        market = surrogate_market(question.development, seed=coins_seed(order.campaign), number=number, drift=drift)
        found = searched_market(market, search, columns, before=desk.safe_point)
        advance()
        yield _equal(f"surrogate {number}", None if found.pick is None else found.score, kept)


def _p_values(document: Mapping[str, Any], evidence: Mapping[str, Any]) -> Iterator[Check]:
    told, surrogates = evidence["p"], document["surrogates"]
    whole = WholeSearch(
        best=surrogates["real"],
        planned=surrogates["planned"],
        is_quick=told["told_by"] == "tail",
        scores=tuple(-math.inf if score is None else score for score in surrogates["maxima"]),
    )
    settled = whole.is_settled and len(whole.scores) == surrogates["searched"] == len(surrogates["maxima"])
    counted = f"{whole.as_good} of {len(whole.scores)} as good as {surrogates['real']:.4f}"
    claimed = f"{surrogates['as_good']} of {surrogates['searched']} claimed"
    holds = settled and whole.as_good == surrogates["as_good"]
    yield Check("surrogates counted", holds, f"{counted}, {claimed}")
    yield _equal("p of the search", whole.p_value().p, told["surrogates"])
    combined = combined_p_value([told["surrogates"], told["vault"]])
    yield _equal("p combined", combined, told["combined"])
    adjusted = float(adjusted_p_values([combined, *[1.0] * (told["finalists"] - 1)], "holm")[0])
    yield _equal("p adjusted", adjusted, told["adjusted"])
    asked = [[gate["figure"], gate["threshold"]] for gate in evidence["gates"] if gate["name"] == "p"]
    yield same_documents("p at its gate", asked, [[told["adjusted"], told["alpha"]]])


def _verdict(document: Mapping[str, Any], evidence: Mapping[str, Any]) -> str:
    passes_strict = all(_gate(told).passes for told in document["strict"]["gates"])
    carries = all(_gate(told).passes for told in evidence["gates"])
    if document["crown_on"] == "both":
        carries = carries and passes_strict
    return ("gold" if passes_strict else "champion") if carries else "no"


def _gate(told: Mapping[str, Any]) -> Gate:
    return Gate(told["name"], told["meaning"], told["figure"], told["comparison"], told["threshold"])


def same_documents(name: str, mine: Any, claimed: Any) -> Check:
    """Two documents, compared as the JSON they are; names the first fields that differ."""
    if isinstance(mine, Mapping) and isinstance(claimed, Mapping):
        here, there = json.loads(json.dumps(dict(mine))), json.loads(json.dumps(dict(claimed)))
        differing = [key for key in {**here, **there} if here.get(key, ...) != there.get(key, ...)]
        told = "; ".join(f"{key} {here.get(key)!r}, claimed {there.get(key)!r}" for key in differing[:3])
        return Check(name, not differing, told or f"{len(there)} figures, the same bits")
    return Check(name, mine == claimed, f"{mine}, claimed {claimed}")


def _equal(name: str, mine: float | None, claimed: float | None) -> Check:
    return Check(name, mine == claimed, f"{mine!r}" if mine == claimed else f"{mine!r}, claimed {claimed!r}")
