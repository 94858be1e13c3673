"""One question with a budget: what a person asked for, resolved to the last default.

The settings mirror the campaign file (``supervisor/campaign_file.py`` reads it and points at line, column and field);
the record adds where the campaign stands. Durations are ms, sizes bytes, costs basis points.
"""

from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from swarmd.state.lifecycle import Lifecycle
from swarmd.state.records.backend import Backend, BackendSettings
from swarmd.state.records.claim import StatedClaim
from swarmd.state.records.ledger import LedgerSettings
from swarmd.state.records.record import Ratio, Record, Shape
from swarmd.state.records.storage import StorageSettings
from swarmd.state.units import Millis, millis_of_duration

_SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}


def _duration(value: Any) -> Any:
    return millis_of_duration(value) if isinstance(value, str) else value


def _size(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    for unit in sorted(_SIZES, key=len, reverse=True):
        if value.endswith(unit):
            return round(float(value.removesuffix(unit)) * _SIZES[unit])
    raise ValueError(f"{value!r} is not a size; write a number and a unit: 512MiB, 5GiB")


def _day(value: Any) -> Any:
    """YAML reads 2023-01-01 as a date; the settings keep ISO text."""
    return value.isoformat() if hasattr(value, "isoformat") else value


Duration = Annotated[Millis, Field(gt=0), BeforeValidator(_duration)]
Size = Annotated[int, Field(ge=0), BeforeValidator(_size)]
Day = Annotated[str, BeforeValidator(_day)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Symbol = Annotated[str, Field(pattern=r"^[A-Z0-9][A-Z0-9_-]{0,31}$")]


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


class StrategySettings(Shape):
    """``name`` is one of `swarmd strategies list`, or ``path/to/file.py:ClassName``; ``modes`` are the search spaces of
    its card, each searched for each asset.
    """

    name: str
    modes: Annotated[tuple[Name, ...], Field(min_length=1)]  # each becomes part of paths


class PrescreenSettings(Shape):
    """``combos`` is how many vectors are drawn; ``seed`` is that of the draw; ``top`` is how many are kept."""

    combos: Annotated[int, Field(ge=1, le=50_000_000)] = 250_000
    seed: Annotated[int, Field(ge=0)] = 42
    top: Annotated[int, Field(ge=1, le=100_000)] = 500


def _word_or_list(value: Any) -> str:
    return "word" if isinstance(value, str) else "list"


# Told apart beforehand: of a list with a mistake in it nobody wants to hear that it is not the word.
Rungs = Annotated[
    Annotated[Literal["auto"], Tag("word")] | Annotated[tuple[Annotated[int, Field(ge=1)], ...], Tag("list")],
    Discriminator(_word_or_list),
]
# From so many trials on, ``auto`` makes rungs: half of fewer tells too little of an asset.
_RUNGS_FROM = 100


class RefineSettings(Shape):
    """``trials`` are made in all, by Optuna's ``sampler``. ``warm_start`` is how many of the prescreen's best come
    first; ``seed`` is that of the trials. ``pick`` says which trial stands for the search: the middle of the best
    neighbourhood, or the highest score.

    ``rungs`` are the trial counts after which an asset is compared with its cohort, and goes on or stops; ``[]`` gives
    each asset all its trials, ``auto`` is a quarter and a half of them from 100 trials and two assets on.

    ``prune: median`` gives a trial up that does worse on the first third of the bars than half of those before it.
    With several ``workers`` the trials depend on which of them ends first: another run makes others.
    """

    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    rungs: Rungs = "auto"
    sampler: Literal["tpe"] = "tpe"
    warm_start: Annotated[int, Field(ge=0)] = 20
    pick: Literal["cluster", "peak"] = "cluster"
    prune: Literal["off", "median"] = "off"
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    seed: Annotated[int, Field(ge=0)] = 42

    @field_validator("rungs")
    @classmethod
    def _climbing(cls, rungs: tuple[int, ...] | str, info: ValidationInfo) -> tuple[int, ...] | str:
        if isinstance(rungs, str) or not rungs:
            return rungs
        for lower, upper in pairwise(rungs):
            if upper <= lower:
                raise ValueError(f"{upper} does not come after {lower}; list the trial counts in rising order")
        if (trials := info.data.get("trials")) is not None and rungs[-1] >= trials:
            raise ValueError(
                f"{rungs[-1]} is not below trials {trials}; list only the counts before the last, or raise trials"
            )
        return rungs


class WalkSettings(Shape):
    """``windows`` tests lie end to end at the end of the development bars, each after a stretch to search on that is
    ``fit`` times as long (and begins at the first bar where ``anchored``); ``purge`` bars before and ``embargo`` bars
    after a test are left out. ``procedure`` is what searches each window anew, with ``refine.trials``.
    """

    windows: Annotated[int, Field(ge=2, le=100)] = 6
    fit: Annotated[float, Field(ge=0.5, le=50)] = 3.0
    anchored: bool = False
    purge: Annotated[int, Field(ge=0)] = 0
    embargo: Annotated[int, Field(ge=0)] = 0
    procedure: Literal["tpe", "grid", "monte_carlo"] = "tpe"


class ReoptimizeSettings(Shape):
    """``trials`` on all development bars are the second search, of ``crown_on: source_strict``.

    ``window_trials`` are made in each window when a judgement walks the procedure forward, that of evidence as well.
    """

    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 300
    window_trials: Annotated[int, Field(ge=1, le=1_000_000)] = 40


class SearchSettings(Shape):
    """``method`` is how the refinement searches: Optuna's ``tpe``, every point of a ``grid``, seeded draws
    (``monte_carlo``), or a search that is walked forward besides, as ``walk_forward`` says.
    """

    prescreen: PrescreenSettings = PrescreenSettings()
    refine: RefineSettings = RefineSettings()
    method: Literal["tpe", "grid", "monte_carlo", "walk_forward"] = "tpe"
    walk_forward: WalkSettings = WalkSettings()
    reoptimize: ReoptimizeSettings = ReoptimizeSettings()

    @property
    def procedure(self) -> Literal["tpe", "grid", "monte_carlo"]:
        """The search itself: of each window where it is walked forward."""
        return self.walk_forward.procedure if self.method == "walk_forward" else self.method


class SpaceRange(Shape):
    """An override of one parameter's range."""

    low: float
    high: float
    type: Literal["int", "float"] = "float"
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> "SpaceRange":
        if self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g}; exchange them")
        return self


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
        if not climbs or refine.trials < _RUNGS_FROM or len(self.symbols()) < 2:
            return ()
        return refine.trials // 4, refine.trials // 2


class CampaignStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    STOPPED = "stopped"
    DONE = "done"
    CANCELLED = "cancelled"


CAMPAIGN_MOVES = Lifecycle(
    {
        CampaignStatus.ACTIVE: frozenset(
            {CampaignStatus.PAUSED, CampaignStatus.STOPPED, CampaignStatus.DONE, CampaignStatus.CANCELLED}
        ),
        CampaignStatus.PAUSED: frozenset({CampaignStatus.ACTIVE, CampaignStatus.STOPPED, CampaignStatus.CANCELLED}),
        CampaignStatus.STOPPED: frozenset({CampaignStatus.ACTIVE, CampaignStatus.CANCELLED}),
        CampaignStatus.DONE: frozenset({CampaignStatus.ACTIVE}),  # a job of it is tried again
        CampaignStatus.CANCELLED: frozenset(),
    }
)


class Spent(Shape):
    """What a campaign has used up: ``wall`` time of daemons, and lane time by kind of device (``cpu``, ``gpu``).

    ``nodes_cost`` is the money for the nodes of a cluster, each for the time it was there.
    """

    wall: Millis = 0
    device_time: dict[str, Millis] = Field(default_factory=dict)
    nodes_cost: float = 0.0


class Campaign(Record):
    """``id`` is the campaign's name; ``digest`` that of its resolved settings; ``data.root`` is absolute by now.

    ``started_at`` is when the present session took it up, ``spent`` what the sessions before it used up.
    Version 2 has rungs; a campaign of version 1 was planned without. ``places`` are the assets that a person moved
    in the queue, each with what stands for its tier's position.
    """

    KIND: ClassVar[str] = "campaign"
    VERSION: ClassVar[int] = 2

    settings: CampaignSettings
    digest: str
    file: str
    status: CampaignStatus
    started_at: Millis
    reason: str = ""
    spent: Spent = Spent()
    places: dict[str, int] = Field(default_factory=dict)
