"""The question an order asks, in the engine's own terms: bars, strategy, space, costs, score, constraints.

Where the vault is kept for the guards, the phases before them get a question whose bars end where the vault begins:
what they cannot see they cannot use.

Every phase begins here, so that all of them read the settings alike. Data that is not what the preflight saw is
refused: a file replaced underfoot would otherwise give another result under the same name.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import Bars, load_bars
from swarmd.engine.market.bars_file import find_bars_file
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.feature_cache import cached_bars
from swarmd.engine.phases.desk import PREFLIGHT_FILE, Desk, read_document
from swarmd.engine.phases.places import share_folder as share_folder
from swarmd.engine.phases.places import work_folder as work_folder
from swarmd.engine.search.provenance import Provenance, provenance
from swarmd.engine.search.score import Constraints, ScoreRule
from swarmd.engine.search.space import Space, search_space
from swarmd.engine.search.split import SCREEN_SHARE, vault_start
from swarmd.engine.strategies.contract import BarStrategy, without_tp_progression
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.branches import CONSERVATIVE, DISPLACEMENT, displacement_of
from swarmd.state.records.campaign_settings import CampaignSettings, DataSettings
from swarmd.state.records.job import Phase
from swarmd.state.units import millis_of_iso
from swarmd.state.work_order import WorkOrder

# The folder of the bars under the home's cache.
CACHE_PART = "bars"
_WITHOUT_VAULT = (Phase.PRESCREEN, Phase.REFINE, Phase.SCREEN)


@dataclass(frozen=True, slots=True)
class Question:
    """All of an order that numbers depend on. `bars` reach to the end of what its phase may see, and what selection may
    not see begins at `vault_bar`: the vault, or what stands in for it."""

    symbol: str
    mode: str
    strategy: BarStrategy
    strategy_name: str
    space: Space
    costs: Costs
    rule: ScoreRule
    constraints: Constraints
    bars: Bars
    vault_bar: int
    origin: Provenance
    enforces_tp_progression: bool = True

    @property
    def development(self) -> Bars:
        """What selection may see."""
        return self.bars.between(0, self.vault_bar)


def symbol_folder(order: WorkOrder, desk: Desk) -> Path:
    return desk.home.results_of(order.campaign.name, order.symbol)


def mode_folder(order: WorkOrder, desk: Desk) -> Path:
    return desk.home.results_of(order.campaign.name, order.symbol, order.mode)


def mode_of(order: WorkOrder) -> str:
    """The strategy's mode: the chain's, unless the branch tries another."""
    return CONSERVATIVE if order.branch == CONSERVATIVE else order.mode


def question_of(order: WorkOrder, desk: Desk, *, displacement: int | None = None) -> Question:
    """The order's question with its bars loaded and compared with those of the preflight.

    The displacement that the order's branch holds fast, or the one given, is the only one of its space.

    Raises
    ------
    DataError
        If the bars cannot be read, or are not those the preflight saw.
    ValueError
        If strategy, mode or space are wrong.
    OperatorError
        If there was no preflight.
    """
    settings = order.campaign
    strategy = strategy_named(settings.strategy.name)
    if not settings.constraints.enforce_tp_progression:
        strategy = without_tp_progression(strategy)
    mode = mode_of(order)
    held = displacement_of(order.branch) if displacement is None else displacement
    ranges = settings.space if held is None else {**settings.space, DISPLACEMENT: (held,)}
    space = search_space(strategy.card, mode, ranges, is_grid=settings.search.procedure == "grid")
    bars = kept_bars_of(settings.data, order.symbol, desk)
    sha256 = bars.sha256()
    seen = read_document(symbol_folder(order, desk) / PREFLIGHT_FILE, made_by="preflight")
    if seen.get("data_sha256") != sha256:
        raise DataError(
            f"bars {order.symbol}: digest {sha256[:12]} is not {str(seen.get('data_sha256'))[:12]}, which the "
            "preflight saw; the file was changed since: put the old one back, or start a new campaign for the new data"
        )
    snapshot_id, vault_bar = bars.snapshot_id(), vault_start(bars.n_bars, settings.data.oos_share)
    if settings.is_strict and order.phase in _WITHOUT_VAULT:
        bars, vault_bar = bars.between(0, vault_bar), vault_start(vault_bar, SCREEN_SHARE)
    return Question(
        symbol=order.symbol,
        mode=mode,
        strategy=strategy,
        strategy_name=settings.strategy.name,
        space=space,
        costs=costs_of(settings),
        rule=ScoreRule(settings.score.primary, settings.score.weights),
        constraints=Constraints(settings.constraints.min_trades, settings.constraints.max_drawdown),
        bars=bars,
        vault_bar=vault_bar,
        origin=provenance(snapshot_id=snapshot_id, sha256=sha256, strategy_name=settings.strategy.name),
        enforces_tp_progression=settings.constraints.enforce_tp_progression,
    )


def costs_of(settings: CampaignSettings) -> Costs:
    return Costs(settings.costs.fee_bps, settings.costs.slippage_bps)


def bars_path(data: DataSettings, symbol: str) -> Path:
    """The file of the symbol under the root; a root that is a file is the one."""
    root = Path(data.root)
    return root if root.is_file() else find_bars_file(root, symbol)


def bars_of(data: DataSettings, symbol: str) -> Bars:
    """The asked stretch of a symbol, checked."""
    return load_bars(
        bars_path(data, symbol),
        symbol=symbol,
        interval=data.interval,
        start_ms=None if data.start is None else millis_of_iso(data.start),
        end_ms=None if data.end is None else millis_of_iso(data.end),
        known_gaps=data.known_gaps,
        allow_gaps=data.allow_gaps,
    )


def kept_bars_of(data: DataSettings, symbol: str, desk: Desk) -> Bars:
    """The same bars by way of the home's cache, which all lanes and phases of one data set share.

    The preflight does without: what it decodes itself is what a cached entry is then held against.
    """
    return cached_bars(
        desk.home.cache / CACHE_PART,
        bars_path(data, symbol),
        symbol=symbol,
        interval=data.interval,
        start_ms=None if data.start is None else millis_of_iso(data.start),
        end_ms=None if data.end is None else millis_of_iso(data.end),
        known_gaps=data.known_gaps,
        allow_gaps=data.allow_gaps,
        say=desk.say,
    )


def digest_of(document: object) -> str:
    """Digest of plain values: canonical JSON (sorted keys, no blanks) under SHA-256, in hex."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
