"""The second look at an experiment file: what its fields, each sound by its type, mean together.

The strategy's card, the space within its limits, the bars, the windows. Called by `experiment_file` with whatever could
be read: fields that are broken are left out, and the others are looked at none the less. Findings, never exceptions.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from swarmd.engine.experiments.bounds import bound_of, bounds_of
from swarmd.engine.experiments.experiment import Experiment, trials_asked
from swarmd.engine.experiments.settings import ExperimentSettings, bars_in
from swarmd.engine.experiments.space_tree import MOST_VALUES, SpaceTree, space_tree
from swarmd.engine.kernel.costs import Costs
from swarmd.engine.market.bars import Bars, load_bars
from swarmd.engine.market.bars_file import SUFFIXES, find_bars_file
from swarmd.engine.market.faults import DataError
from swarmd.engine.market.gaps import parse_known_gap
from swarmd.engine.market.timeframes import INTERVALS
from swarmd.engine.metrics.summary import METRIC_NAMES
from swarmd.engine.search.score import ScoreRule
from swarmd.engine.search.space import Space
from swarmd.engine.search.vectors import Vectors, drawn_vectors, grid_vectors, points_of
from swarmd.engine.search.windows import Window, windows_of
from swarmd.engine.strategies.contract import BarStrategy
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.settings_file import nearest
from swarmd.state.units import millis_of_iso
from swarmd.state.yaml_places import Document, Problem, Trail, dotted


@dataclass(slots=True)
class Check:
    """The second look: what the sections mean together.

    `broken` sections have a field that is wrong by its type and was left out; `lost` ones went as a whole.
    """

    path: Path
    settings: ExperimentSettings
    document: Document
    broken: set[str]
    lost: set[str]
    problems: list[Problem] = field(default_factory=list)

    def wrong(self, path: Trail, text: str) -> None:
        place = self.document.place_of(path)
        # Of a whole section its name: what it holds may begin a line further down.
        if len(path) == 1 or text.startswith(("is not a parameter", "is not a constraint", "is not a field")):
            place = self.document.keys.get(path, place)
        self.problems.append(Problem(place, dotted(path), text))

    def experiment(self) -> Experiment | None:
        settings = self.settings
        for check in (self._constraints, self._score, self._limits, self._method):
            check()
        strategy = self._strategy() if "strategy" not in self.lost else None
        spaces = self._spaces(strategy) if strategy is not None else None
        vectors = self._vectors(strategy, spaces) if strategy is not None and spaces is not None else None
        bars = self._bars() if "data" not in self.lost else {}
        windows = self._windows(bars) if "walk_forward" not in self.broken else {}
        if self.problems or self.broken or strategy is None or spaces is None:
            return None
        return Experiment(
            path=self.path,
            settings=settings,
            strategy=strategy,
            mode=self._mode(strategy),
            procedure=settings.procedure,
            spaces=spaces,
            vectors=vectors,
            bars=bars,
            windows=windows,
            bounds=bounds_of(settings.constraints),
            rule=ScoreRule(settings.score.primary, settings.score.weights),
            costs=Costs(settings.costs.fee_bps, settings.costs.slippage_bps),
        )

    # -- sections of their own -------------------------------------------------------------------------------------

    def _constraints(self) -> None:
        for name, limit in self.settings.constraints.items():
            try:
                bound_of(name, limit)
            except ValueError as refusal:
                self.wrong(("constraints", name), str(refusal))

    def _score(self) -> None:
        ranked: list[tuple[Trail, str]] = [(("score", "primary"), self.settings.score.primary)]
        ranked += [(("score", "weights", name), name) for name in self.settings.score.weights]
        for path, name in ranked:
            if name not in METRIC_NAMES:
                self.wrong(path, f"{name!r} is not a metric to rank by; {nearest(name, METRIC_NAMES)}")

    def _limits(self) -> None:
        first, cap = self.settings.limits.backoff
        if first > cap:
            self.wrong(("limits", "backoff"), f"begins with {first} ms, above its cap of {cap} ms; exchange them")

    def _method(self) -> None:
        """`walk_forward` and the method that needs it, and `trials` where there is something to count."""
        settings = self.settings
        if "method" in self.broken:
            return
        walks = settings.method == "walk_forward"
        if not walks and self.document.value.get("walk_forward") is not None:
            self.wrong(("walk_forward",), f"belongs to method walk_forward, and the method is {settings.method}")
        if "walk_forward" in self.broken:
            return
        if walks and settings.walk_forward is None:
            self.wrong(
                ("method",), "walk_forward needs its section: walk_forward: {fit: 180d, test: 30d, procedure: …}"
            )
        if walks and settings.trials is not None:
            self.wrong(("trials",), "counts the trials of each window; write it as walk_forward.procedure.trials")
        for path, trials, method in (
            (("trials",), settings.trials, settings.method),
            (
                ("walk_forward", "procedure", "trials"),
                None if settings.walk_forward is None else settings.walk_forward.procedure.trials,
                None if settings.walk_forward is None else settings.walk_forward.procedure.method,
            ),
        ):
            if method == "grid" and trials is not None:
                self.wrong(path, "a grid tries every point of its space; leave trials out")

    # -- the strategy and its space --------------------------------------------------------------------------------

    def _strategy(self) -> BarStrategy | None:
        asked = self.settings.strategy
        key = "file" if "file" in (self.document.value.get("strategy") or {}) else "name"
        path: Trail = ("strategy", key)
        if key == "file" and ".py:" not in asked.reference:
            self.wrong(path, f"{asked.reference!r} names no class; give path/to/file.py:ClassName")
            return None
        try:
            strategy = strategy_named(asked.reference)
        except ValueError as refusal:
            self.wrong(path, " ".join(str(refusal).split()))
            return None
        card = strategy.card
        if asked.mode is not None and asked.mode not in card.modes:
            self.wrong(
                ("strategy", "mode"), f"{asked.mode!r} is not a mode of {card.name}; {nearest(asked.mode, card.modes)}"
            )
        return strategy

    def _mode(self, strategy: BarStrategy) -> str:
        asked = self.settings.strategy.mode
        return asked if asked is not None and asked in strategy.card.modes else next(iter(strategy.card.modes))

    def _spaces(self, strategy: BarStrategy) -> tuple[Space, ...] | None:
        card = strategy.card
        n_before = len(self.problems)
        self._params(strategy)
        tree = space_tree(self.settings.space, card)
        for path, text in tree.problems:
            self.wrong(path, text)
        for way in tree.ways:
            for name, axis in way.items():
                if name in self.settings.params:
                    self.wrong(("params", name), f"{name} is in the space as well ({dotted(axis.path)}); keep one")
        if len(self.problems) > n_before or {"method", "walk_forward", "params"} & self.broken:
            return None
        if self.settings.method == "walk_forward" and self.settings.walk_forward is None:
            return None
        method = self.settings.procedure.method
        spaces = tree.spaces(card, self._mode(strategy), self.settings.params, is_grid=method == "grid")
        problem = next(_unsearchable(method, tree, spaces, strategy), None)
        if problem is not None:
            self.wrong(*problem)
            return None
        return spaces

    def _vectors(self, strategy: BarStrategy, spaces: tuple[Space, ...]) -> Vectors | None:
        procedure = self.settings.procedure
        try:
            match procedure.method:
                case "grid":
                    return grid_vectors(spaces, strategy)
                case "monte_carlo":
                    return drawn_vectors(spaces, strategy, trials_asked(procedure), self.settings.seed)
                case "tpe":
                    drawn_vectors(spaces, strategy, 1, self.settings.seed)  # only whether there is anything at all
        except ValueError as refusal:
            self.wrong(("space",), str(refusal).removeprefix("space: "))
        return None

    def _params(self, strategy: BarStrategy) -> None:
        limits = {spec.name: spec for spec in strategy.card.params}
        for name, value in self.settings.params.items():
            if name not in limits:
                self.wrong(("params", name), f"is not a parameter of {strategy.card.name}; {nearest(name, limits)}")
            elif refusal := limits[name].refusal(value):
                self.wrong(("params", name), refusal)

    # -- the bars and their windows --------------------------------------------------------------------------------

    def _bars(self) -> dict[str, Bars]:
        data = self.settings.data
        n_before = len(self.problems)
        if data.interval is not None and data.interval not in INTERVALS:
            self.wrong(
                ("data", "interval"), f"{data.interval!r} is not an interval; {nearest(data.interval, INTERVALS)}"
            )
        instants = {name: self._instant(("data", name), getattr(data, name)) for name in ("start", "end")}
        for index, day in enumerate(data.known_gaps):
            try:
                parse_known_gap(day)
            except ValueError:
                self.wrong(("data", "known_gaps", index), f"{day!r} is not a day; write it as 2023-01-31")
        start, end = instants["start"], instants["end"]
        if start is not None and end is not None and start >= end:
            self.wrong(("data", "end"), f"{data.end} is not after data.start {data.start}; end is exclusive")
        sources = list(self._sources())
        if len(self.problems) > n_before or "data" in self.broken:
            # Bars read by half of what is said of them would be blamed for the other half.
            for place, _, file in sources:
                if not file.is_file():
                    self.wrong(place, f"{file}: no such file; check the path")
            return {}
        bars: dict[str, Bars] = {}
        for place, symbol, file in sources:
            try:
                bars[symbol] = load_bars(
                    file, symbol=symbol, interval=data.interval, start_ms=start, end_ms=end,
                    known_gaps=data.known_gaps, allow_gaps=data.allow_gaps,
                )  # fmt: skip
            except OSError as cause:
                self.wrong(place, f"{file}: {cause.strerror}; check the path and its permissions")
            except DataError as refusal:
                self.wrong(place, " ".join(str(refusal).split()))
        return bars

    def _sources(self) -> Iterator[tuple[Trail, str, Path]]:
        """Each symbol's file, and where the experiment names it; what is not there is told."""
        data = self.settings.data
        if data.path is not None:
            yield ("data", "path"), data.symbol or Path(data.path).stem, Path(data.path)
            return
        root = Path(str(data.root))
        if not root.is_dir():
            self.wrong(
                ("data", "root"),
                f"{root}: there is no such folder; name the folder that holds one bars file per symbol",
            )
            return
        there = sorted({path.stem for path in root.iterdir() if path.suffix.lower() in SUFFIXES})
        for index, symbol in enumerate(data.symbols):
            place = ("data", "symbols", index)
            if symbol in data.symbols[:index]:
                self.wrong(place, f"{symbol} is listed twice; list it once")
            elif symbol not in there:
                self.wrong(place, f"no bars of {symbol} in {root}; {nearest(symbol, there)}")
            else:
                yield place, symbol, find_bars_file(root, symbol)

    def _instant(self, path: Trail, day: str | None) -> int | None:
        if day is None:
            return None
        try:
            return millis_of_iso(day)
        except (ValueError, OverflowError):
            self.wrong(path, f"{day!r} is not a day; write it as 2023-01-31")
            return None

    def _windows(self, bars: dict[str, Bars]) -> dict[str, tuple[Window, ...]]:
        asked = self.settings.walk_forward
        if asked is None:
            return {}
        windows = {}
        for symbol, series in bars.items():
            stretches = {}
            for name in ("fit", "test", "purge", "embargo"):
                try:
                    stretches[name] = bars_in(getattr(asked, name), series.interval_minutes)
                except ValueError as refusal:
                    self.wrong(("walk_forward", name), str(refusal))
            if len(stretches) < 4:
                continue
            try:
                windows[symbol] = windows_of(series.n_bars, **stretches, anchored=asked.anchored)
            except ValueError as refusal:
                self.wrong(("walk_forward",), f"{symbol}: {refusal}")
        return windows


def _unsearchable(
    method: str, tree: SpaceTree, spaces: tuple[Space, ...], strategy: BarStrategy
) -> Iterator[tuple[Trail, str]]:
    """Why the method cannot search the spaces, with where to mend it."""
    if method == "tpe" and len(spaces) > 1:
        yield ("space",), f"tpe searches one space and these alternatives make {len(spaces)}; use grid or monte_carlo"
    if method != "grid":
        return
    if not any(tree.ways):
        yield ("space",), "a grid needs a space; give at least one parameter its values"
    for way in tree.ways:
        for axis in way.values():
            if points_of([(axis.spec,)]) is None:
                yield axis.path, "is a range without values; for a grid add step or points, or list the values"
    n_points = points_of(spaces)
    if n_points is not None and n_points > MOST_VALUES:
        yield ("space",), f"expands to {n_points:,} points, more than {MOST_VALUES:,}; take fewer, or monte_carlo"
