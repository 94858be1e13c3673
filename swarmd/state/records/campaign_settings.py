"""A campaign's settings, resolved to the last default.

They mirror the campaign file (``supervisor/campaign_file.py`` reads it and points at line, column and field). Durations
are ms, sizes bytes, costs basis points. What is searched and how is told in ``search_settings``.
"""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from swarmd.state.records.backend import Backend, BackendSettings
from swarmd.state.records.claim import StatedClaim
from swarmd.state.records.ledger import LedgerSettings
from swarmd.state.records.quantities import Day, Duration, Name, Size, Symbol
from swarmd.state.records.record import Ratio, Shape
from swarmd.state.records.search_settings import RUNGS_FROM_TRIALS, SearchSettings, SpaceRange, StrategySettings
from swarmd.state.records.storage import StorageSettings


class DataSettings(Shape):
    """Bars, and which of them. ``root`` is the folder of one file an asset, counted from the file's own folder;
    ``interval`` is that of the bars on which is traded. ``start`` is the first instant that is used; ``end`` is the
    first that is not. ``known_gaps`` are days on which bars may be missing; ``allow_gaps`` is how many may be missing
    on any other. ``oos_share`` is the part at the end that is the vault, which no search sees.
    """

    root: str
    interval: str = "5m"
    start: Day | None = None
    end: Day | None = None
    known_gaps: tuple[Day, ...] = ()
    allow_gaps: Annotated[int, Field(ge=0)] = 0
    oos_share: Annotated[float, Field(gt=0.05, lt=0.9)] = 1 / 3


class AssetSettings(Shape):
    """``tiers`` are lists of symbols, and run in the order they are written; ``batch_size`` bounds how many assets are
    open at once.

    ``important`` assets are tried with other displacements where the guards said no; those of the first tier, unless
    they are listed (``[]`` for none).
    """

    tiers: dict[str, tuple[Symbol, ...]]
    batch_size: Annotated[int, Field(ge=1)] = 6
    important: tuple[Symbol, ...] | None = None

    @field_validator("tiers")
    @classmethod
    def _each_symbol_once(cls, tiers: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        seen: set[str] = set()
        for tier, symbols in tiers.items():
            for symbol in symbols:
                if symbol in seen:
                    raise ValueError(f"{symbol} is listed twice (again in {tier}); list each asset in one tier")
                seen.add(symbol)
        if not seen:
            raise ValueError("no asset is listed; write at least one symbol in one tier")
        return tiers

    @field_validator("important")
    @classmethod
    def _of_some_tier(cls, important: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        tiers: dict[str, tuple[str, ...]] = info.data.get("tiers", {})
        known = {symbol for symbols in tiers.values() for symbol in symbols}
        for symbol in important or ():
            if known and symbol not in known:
                raise ValueError(f"{symbol} is in no tier; list it in one, or leave it out")
        return important


class ConstraintSettings(Shape):
    """What a trial must keep to rank. ``min_trades`` is of the stretch that is searched; ``max_drawdown`` is a share of
    the highest equity so far. ``enforce_tp_progression`` leaves out vectors whose targets do not rise, half an average
    true range apart; it concerns strategies with several targets.
    """

    min_trades: Annotated[int, Field(ge=1)] = 30
    max_drawdown: Ratio = 0.35
    enforce_tp_progression: bool = True


class ScoreSettings(Shape):
    """``primary`` is the metric that ranks a trial; ``weights`` are added to it, each times its own metric."""

    primary: str = "annual_sharpe"
    weights: dict[str, float] = Field(default_factory=lambda: {"max_drawdown": -0.25})


class CostSettings(Shape):
    """Of each side of a trade. ``fee_bps`` is charged on the notional; ``slippage_bps`` moves the fill against you."""

    fee_bps: Annotated[float, Field(ge=0, le=1000)] = 5.0
    slippage_bps: Annotated[float, Field(ge=0, le=1000)] = 2.0


class ValidationSettings(Shape):
    """What a finalist must show before it is crowned.

    ``crown_on: evidence``: the whole search is run again on up to ``surrogates`` markets in which nothing is to be
    found; its p-value and that of the vault together are at most ``alpha``. ``both``: and the table ``strict`` besides.

    ``crown_on: source_strict``: the soft screen on the last third of the development bars, then a second search on all
    of them, and the table ``strict`` on the vault.

    ``crown_on: screen``: out-of-sample soft gates and the probabilistic Sharpe ratio at ``alpha``, on the vault.

    ``paths`` is how many Monte Carlo paths the tables' figures rest on.
    """

    crown_on: Literal["evidence", "source_strict", "both", "screen"] = "evidence"
    screen: Literal["source_soft"] = "source_soft"
    strict: Literal["source_strict"] = "source_strict"
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.01
    surrogates: Annotated[int, Field(ge=19, le=9_999)] = 199
    paths: Annotated[int, Field(ge=2_000, le=1_000_000)] = 2_000


NoticeLevel = Literal["info", "warning", "error"]
NoticeEvent = Literal["campaign", "champion", "incident", "job"]


class NotifySettings(Shape):
    """A channel: where messages go (an Apprise address; ``${NAME}`` is taken from the environment), and which.

    ``digest`` gathers what is no error for so long and sends it as one; ``at_most`` bounds the messages of a minute,
    an hour or a day (``10/h``), beyond which they wait and go as one. On record stands a label for the address.
    """

    url: Annotated[str, Field(min_length=3, max_length=2_048)]
    levels: Annotated[tuple[NoticeLevel, ...], Field(min_length=1)] = ("info", "warning", "error")
    events: Annotated[tuple[NoticeEvent, ...], Field(min_length=1)] = ("campaign", "champion", "incident", "job")
    digest: Duration | None = None
    at_most: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,4}/[mhd]$")] = "10/h"


class TargetSettings(Shape):
    """``cpu_util`` is the share of the processors that lanes are filled up to. ``gpu_util`` is the share of the time in
    which a graphics processor computes that its lanes are filled up to.
    """

    cpu_util: Ratio = 0.90
    gpu_util: Ratio = 0.80


class BudgetSettings(Shape):
    """What the campaign may use up; without a figure there is no limit.

    ``wall`` is the time a daemon works on it, ``total`` the money at ``cost_per_hour`` of that time (any currency),
    ``device_time`` the lane time by kind of device, ``disk`` the size to which the home may grow. ``grace`` is the
    share of a spent budget by which running work may still overrun before it is asked to stop. What the nodes of a
    cluster cost besides stands in ``backend``.
    """

    wall: Duration | None = None
    cost_per_hour: Annotated[float, Field(ge=0)] | None = None
    total: Annotated[float, Field(gt=0)] | None = None
    device_time: dict[Literal["cpu", "gpu"], Duration] = Field(default_factory=dict)
    disk: Size | None = None
    grace: Ratio = 0.05


class LimitSettings(Shape):
    """``max_lanes`` is how many runs may work at once; ``auto`` asks the machine. ``gpu_lanes`` is how many more may
    work on each graphics processor; 0 leaves them alone. ``run_timeout`` is after how long a run is ended and replaced.
    ``max_attempts`` is how often a job is lost before it is quarantined; ``backoff`` is the first and the longest wait
    between two attempts. ``spares`` are processes kept warm for the next runs. ``disk_free_min`` is the room below
    which nothing is started. ``handoff_every`` is how often a working campaign's handoff page is written besides that
    of each end.
    """

    max_lanes: Annotated[int, Field(ge=1, le=4096)] | Literal["auto"] = "auto"
    gpu_lanes: Annotated[int, Field(ge=0, le=8)] = 2
    run_timeout: Duration = 2 * 3_600_000
    max_attempts: Annotated[int, Field(ge=1)] = 5
    backoff: tuple[Duration, Duration] = (1_000, 60_000)
    spares: Annotated[int, Field(ge=0, le=64)] = 1
    disk_free_min: Size = 1 << 30
    handoff_every: Duration = 6 * 3_600_000
    budget: BudgetSettings = BudgetSettings()


class CampaignSettings(Shape):
    """``name`` is the folder of the results, and stands for the question: another question is another name. ``space``
    overrides the range of a parameter in every mode, or lists its values. ``label`` is a note for the reader.
    """

    name: Name
    data: DataSettings
    assets: AssetSettings
    strategy: StrategySettings
    search: SearchSettings = SearchSettings()
    space: dict[str, SpaceRange | tuple[float, ...]] = Field(default_factory=dict)
    constraints: ConstraintSettings = ConstraintSettings()
    score: ScoreSettings = ScoreSettings()
    costs: CostSettings = CostSettings()
    validation: ValidationSettings = ValidationSettings()
    targets: TargetSettings = TargetSettings()
    limits: LimitSettings = LimitSettings()
    backend: Backend = BackendSettings()
    storage: StorageSettings = StorageSettings()
    ledger: LedgerSettings = LedgerSettings()
    notify: tuple[NotifySettings, ...] = ()
    hypotheses: tuple[StatedClaim, ...] = ()
    label: str = ""

    def symbols(self) -> tuple[str, ...]:
        return tuple(symbol for tier in self.assets.tiers.values() for symbol in tier)

    @property
    def asks_evidence(self) -> bool:
        """Whether the whole search is priced by surrogates, and the vault is kept for that judgement."""
        return self.validation.crown_on in ("evidence", "both")

    @property
    def is_strict(self) -> bool:
        """Whether the pipeline has its second phase, and the vault is kept for it."""
        return self.validation.crown_on == "source_strict"

    def important(self) -> tuple[str, ...]:
        listed = self.assets.important
        return next(iter(self.assets.tiers.values()), ()) if listed is None else listed

    def rungs(self) -> tuple[int, ...]:
        """The trial counts at which each search pauses before its last trial, ``auto`` made into figures."""
        refine = self.search.refine
        if not isinstance(refine.rungs, str):
            return refine.rungs
        # The first points of a grid tell little of the others, and what is walked forward is walked to the end.
        climbs = self.search.method in ("tpe", "monte_carlo")
        if not climbs or refine.trials < RUNGS_FROM_TRIALS or len(self.symbols()) < 2:
            return ()
        return refine.trials // 4, refine.trials // 2
