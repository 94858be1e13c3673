"""The shape of an experiment file: every field with its type, default and bounds.

`experiment_file` reads it and points at line, column and field; what `space` may hold is in `space_tree`, since it
depends on the strategy. Durations are ms, costs basis points.
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from swarmd.state.records.campaign_settings import CostSettings, ScoreSettings
from swarmd.state.records.quantities import Day, Duration, Name, Symbol
from swarmd.state.records.record import Shape
from swarmd.state.units import millis_of_duration

SampledMethod = Literal["grid", "monte_carlo", "tpe"]
Method = Literal["grid", "monte_carlo", "tpe", "walk_forward"]
DEFAULT_TRIALS = 200
_BARS = " bars"


def _stretch(value: Any) -> Any:
    """`1000` and `1000 bars` count bars, `30d` is a time; kept as text until the interval of the bars is known."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value}{_BARS}"
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.endswith(_BARS) and text.removesuffix(_BARS).strip().isdigit():
        return f"{int(text.removesuffix(_BARS))}{_BARS}"
    try:
        millis_of_duration(text)
    except ValueError:
        raise ValueError(f"{value!r} is not a stretch; write 30d, 12h, or a whole number of bars") from None
    return text


Stretch = Annotated[str, BeforeValidator(_stretch)]
Trials = Annotated[int, Field(ge=1, le=1_000_000)]


def bars_in(stretch: str, interval_minutes: int) -> int:
    """How many bars a stretch spans. ValueError where the time is no whole number of them."""
    if stretch.endswith(_BARS):
        return int(stretch.removesuffix(_BARS))
    minutes = millis_of_duration(stretch) / 60_000
    if minutes % interval_minutes:
        raise ValueError(f"{stretch} is no whole number of bars of {interval_minutes} min; write a multiple")
    return int(minutes // interval_minutes)


class ExperimentData(Shape):
    """One file of bars, or several symbols under a root.

    `path` is the one file, counted from the experiment's folder; `symbol` renames it. `root` is the folder of several;
    `symbols` are those of them that are searched. `interval` is that of the bars, where the file does not tell it.
    `start` is the first instant that is used; `end` is the first that is not. `known_gaps` are days on which bars may
    be missing; `allow_gaps` is how many may be missing on any other.
    """

    path: str | None = None
    symbol: Symbol | None = None
    root: str | None = None
    symbols: tuple[Symbol, ...] = ()
    interval: str | None = None
    start: Day | None = None
    end: Day | None = None
    known_gaps: tuple[Day, ...] = ()
    allow_gaps: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _one_source(self) -> "ExperimentData":
        if (self.path is None) == (self.root is None):
            raise ValueError("give either path (one file of bars) or root with symbols (a folder of them)")
        if self.root is not None and not self.symbols:
            raise ValueError("root needs symbols; list at least one")
        if self.root is not None and self.symbol is not None:
            raise ValueError("symbol names the bars of one path; with root, list symbols")
        if self.path is not None and self.symbols:
            raise ValueError("symbols belong to root; a path is one symbol, which symbol may name")
        return self


class ExperimentStrategy(Shape):
    """`name` is one of `swarmd strategies list`; `file` is a person's own, `path/to/file.py:ClassName`, in its place.
    `mode` is one of its search spaces, the first unless it is given.
    """

    name: str | None = None
    file: str | None = None
    mode: str | None = None

    @model_validator(mode="after")
    def _one_strategy(self) -> "ExperimentStrategy":
        if self.name is not None and self.file is not None:
            raise ValueError("names two strategies; keep name or file")
        if self.name is None and self.file is None:
            raise ValueError("names no strategy; give name, or file: path/to/file.py:ClassName")
        return self

    @property
    def reference(self) -> str:
        return self.file if self.file is not None else str(self.name)


class SamplerSettings(Shape):
    """Optuna's TPE, argument by argument.

    `n_startup_trials` are drawn at random before it models anything; `n_ei_candidates` are weighed for each trial.
    `at_once` is how many trials are under way together: above 1 they depend on which of them ends first.
    """

    n_startup_trials: Annotated[int, Field(ge=1)] = 10
    n_ei_candidates: Annotated[int, Field(ge=1)] = 24
    at_once: Annotated[int, Field(ge=1, le=256)] = 1


class Procedure(Shape):
    """What is walked forward: a search, made anew in each window."""

    method: SampledMethod
    trials: Trials | None = None


class WalkForwardSettings(Shape):
    """Each window fits on `fit` bars (from the first bar on where `anchored`) and is scored on the `test` that follows.

    `purge` bars before a test are left out of its fit, since the outcome of a trade begun there reaches into the test;
    `embargo` bars after a test are neither tested nor fitted on by the next window.
    """

    fit: Stretch
    test: Stretch
    purge: Stretch = f"0{_BARS}"
    embargo: Stretch = f"0{_BARS}"
    anchored: bool = False
    procedure: Procedure


class TrialLimits(Shape):
    """`trial_timeout` for one attempt; `retries` after a loss that was not the strategy's, waiting `backoff` between
    (first and longest; doubled each time); `concurrency` in processes."""

    trial_timeout: Duration = 10 * 60_000
    retries: Annotated[int, Field(ge=0, le=100)] = 3
    backoff: tuple[Duration, Duration] = (5_000, 60_000)
    concurrency: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = "auto"


class ExperimentSettings(Shape):
    """`name` is the folder of the results. `method` is how vectors are chosen; `space` says what varies, the mode's
    ranges unless it is given; `params` fix others at a value that is not the baseline's. `trials` is how many are
    made (200), of a grid every point; `seed` is that of every draw. `constraints` are `min_` or `max_` before a metric,
    which a trial must keep to rank. `label` is a note for the reader.
    """

    name: Name
    data: ExperimentData
    strategy: ExperimentStrategy
    method: Method
    space: Any = Field(default_factory=dict)
    params: dict[str, float] = Field(default_factory=dict)
    trials: Trials | None = None
    seed: Annotated[int, Field(ge=0)] = 42
    sampler: SamplerSettings = SamplerSettings()
    walk_forward: WalkForwardSettings | None = None
    constraints: dict[str, float] = Field(default_factory=dict)
    score: ScoreSettings = ScoreSettings()
    costs: CostSettings = CostSettings()
    limits: TrialLimits = TrialLimits()
    label: str = ""

    @property
    def procedure(self) -> Procedure:
        """The search itself: of each window where it walks forward."""
        if self.walk_forward is not None:
            return self.walk_forward.procedure
        assert self.method != "walk_forward"
        return Procedure(method=self.method, trials=self.trials)
