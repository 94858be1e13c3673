"""The campaign file: YAML in, resolved settings out, or every mistake in it at once with line, column and field.

``swarmd start`` and ``swarmd config`` read it here. What needs the data or the strategies to be looked at is in
``campaign_checks``; the settings themselves, with their defaults and limits, in ``state/records/campaign_settings``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from swarmd.state.pipeline import judging_phase
from swarmd.state.records.backend import BackendSettings
from swarmd.state.records.campaign_settings import CampaignSettings, ValidationSettings
from swarmd.state.records.claim import MEASURED, StatedClaim
from swarmd.state.records.search_settings import SearchSettings
from swarmd.state.settings_file import SettingsFileError, nearest, problems_of, sound_part, text_of
from swarmd.state.units import millis_of_iso
from swarmd.state.yaml_places import Document, Place, Problem, Trail, dotted, read_yaml

# Closed sets of the engine, which may not be imported here; a test holds them equal: intervals of bars, and the metrics
# that are known of every trial and may hence rank them.
INTERVALS = ("1m", "3m", "5m", "15m", "30m", "45m", "1h", "2h", "4h", "6h", "8h", "12h", "1d")
SCORE_METRICS = ("total_trades", "total_return", "annual_sharpe", "max_drawdown", "win_rate", "profit_factor")

# What stands in for a broken section, so that the rest can be looked at.
_STAND_INS: dict[str, Any] = {
    "name": "x",
    "data": {"root": "-", "interval": "5m"},
    "assets": {"tiers": {"X": ["X"]}},
    "strategy": {"name": "-", "modes": ["x"]},
}

_DURATION = r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d)\s*$"
_SIZE = r"^\d+(\.\d+)?(B|KiB|MiB|GiB|TiB)$"


class CampaignFileError(SettingsFileError):
    """The file cannot be used; ``problems`` are all that was found, in the order of the file."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        super().__init__(file, problems, listed_by=f"swarmd config check {file}")


@dataclass(frozen=True, slots=True)
class CampaignFile:
    """A file that was read without fault: its resolved settings, and where each of them is written."""

    path: Path
    settings: CampaignSettings
    document: Document

    def problem(self, path: Trail, text: str) -> Problem:
        return Problem(self.document.place_of(path), dotted(path), text)


def read_campaign(path: Path) -> CampaignFile:
    """Read, check and resolve. A relative ``data.root`` counts from the file's folder. Raises CampaignFileError."""
    text, problems = text_of(path, kind="campaign file")
    if problems:
        raise CampaignFileError(str(path), problems)
    document = read_yaml(text)
    problems += document.problems
    if not problems and not isinstance(document.value, dict):
        what = "is empty" if document.value is None else "is not a table of fields"
        problems.append(Problem(Place(1, 1), "", f"the file {what}; it needs at least name, data, assets and strategy"))
    if isinstance(document.value, dict):
        broken: set[str] = set()
        try:
            settings = CampaignSettings.model_validate(document.value)
        except ValidationError as error:
            problems += problems_of(error, document, CampaignSettings)
            settings, broken, _ = sound_part(document.value, error, CampaignSettings, _STAND_INS)
        file = CampaignFile(path, _resolved(settings, path), document)
        problems += _sense(file)
        if not broken & {"search", "space"}:
            problems += _search_sense(file)
        if not broken & {"search", "space", "validation", "assets"}:
            problems += _judgement_sense(file)
        if not broken & {"hypotheses", "assets", "strategy", "validation"}:
            problems += _claims_sense(file)
        if not problems:
            return file
    raise CampaignFileError(str(path), problems)


def schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors."""
    written = CampaignSettings.model_json_schema(mode="validation")
    # Read by a validator of their own, which a schema cannot see: these may be written with a unit.
    limits = written["$defs"]["LimitSettings"]["properties"]
    budget = written["$defs"]["BudgetSettings"]["properties"]
    for measure, pattern in (
        (limits["run_timeout"], _DURATION),
        (limits["disk_free_min"], _SIZE),
        *((each, _DURATION) for each in limits["backoff"]["prefixItems"]),
        (budget["device_time"]["additionalProperties"], _DURATION),
    ):
        number = {key: measure.pop(key) for key in ("type", "exclusiveMinimum", "minimum") if key in measure}
        measure["anyOf"] = [number, {"type": "string", "pattern": pattern}]
    for measure, pattern in ((budget["wall"], _DURATION), (budget["disk"], _SIZE)):
        measure["anyOf"].insert(1, {"type": "string", "pattern": pattern})
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "swarmd campaign", **written}


def _resolved(settings: CampaignSettings, path: Path) -> CampaignSettings:
    """Paths made absolute: the runs read the settings from another directory."""
    folder = path.absolute().parent
    root = (folder / Path(settings.data.root).expanduser()).resolve()
    strategy = settings.strategy
    if ".py:" in strategy.name:
        file, _, name = strategy.name.rpartition(":")
        strategy = strategy.model_copy(update={"name": f"{(folder / Path(file).expanduser()).resolve()}:{name}"})
    data = settings.data.model_copy(update={"root": str(root)})
    claims = tuple(_of_strategy(each, settings.strategy.name, strategy.name) for each in settings.hypotheses)
    return settings.model_copy(update={"data": data, "strategy": strategy, "hypotheses": claims})


def _of_strategy(claim: StatedClaim, written: str, resolved: str) -> StatedClaim:
    """A claim that names the strategy names it as it is resolved."""
    if claim.scope.strategy != written:
        return claim
    return claim.model_copy(update={"scope": claim.scope.model_copy(update={"strategy": resolved})})


# -- what each field allows and all of them together do not ---------------------------------------------------------


def _sense(file: CampaignFile) -> list[Problem]:
    settings = file.settings
    problems: list[Problem] = []
    if settings.data.interval not in INTERVALS:
        text = f"{settings.data.interval!r} is not an interval; {nearest(settings.data.interval, INTERVALS)}"
        problems.append(file.problem(("data", "interval"), text))
    ranked: list[tuple[Trail, str]] = [(("score", "primary"), settings.score.primary)]
    ranked += [(("score", "weights", name), name) for name in settings.score.weights]
    for path, name in ranked:
        if name not in SCORE_METRICS:
            problems.append(file.problem(path, f"{name!r} is not a metric to rank by; {nearest(name, SCORE_METRICS)}"))
    days: list[tuple[Trail, str | None]] = [(("data", name), getattr(settings.data, name)) for name in ("start", "end")]
    days += [(("data", "known_gaps", index), day) for index, day in enumerate(settings.data.known_gaps)]
    instants: dict[Trail, int] = {}
    for path, day in days:
        if day is None:
            continue
        try:
            instants[path] = millis_of_iso(day)
        except ValueError:
            problems.append(file.problem(path, f"{day!r} is not a day; write it as 2023-01-31"))
    start, end = instants.get(("data", "start")), instants.get(("data", "end"))
    if start is not None and end is not None and start >= end:
        text = f"{settings.data.end} is not after data.start {settings.data.start}; end is exclusive, give a later day"
        problems.append(file.problem(("data", "end"), text))
    for index, mode in enumerate(settings.strategy.modes):
        if mode in settings.strategy.modes[:index]:
            problems.append(file.problem(("strategy", "modes", index), f"{mode!r} is listed twice; list it once"))
    first, cap = settings.limits.backoff
    if first > cap:
        text = f"begins with {first} ms, above its cap of {cap} ms; write the shorter one first"
        problems.append(file.problem(("limits", "backoff"), text))
    problems += _price_sense(file)
    for name, entry in settings.space.items():
        if isinstance(entry, tuple) and not entry:
            problems.append(file.problem(("space", name), "has no values; list at least one"))
        elif not isinstance(entry, tuple) and entry.log and entry.low <= 0:
            text = f"low {entry.low:g} cannot be searched on a logarithmic scale; give a low above 0, or log: false"
            problems.append(file.problem(("space", name), text))
        elif not isinstance(entry, tuple) and entry.type == "int" and (entry.low % 1 or entry.high % 1):
            problems.append(file.problem(("space", name), "is of type int: give whole numbers for low and high"))
    return problems


def _price_sense(file: CampaignFile) -> list[Problem]:
    """What money asks of the prices, and what prices of nodes ask of the backend."""
    budget, backend = file.settings.limits.budget, file.settings.backend
    found = []
    if budget.total is not None and budget.cost_per_hour is None and not backend.is_priced:
        text = f"total {budget.total:g} cannot be kept without a price; add cost_per_hour"
        found.append(file.problem(("limits", "budget"), text))
    if backend.kind == "local":
        for name in ("address", "cost_per_hour", "nodes"):
            if getattr(backend, name) != BackendSettings.model_fields[name].default:
                text = "belongs to a cluster, and the kind is local; set kind: ray, or leave it out"
                found.append(file.problem(("backend", name), text))
    return found


def _search_sense(file: CampaignFile) -> list[Problem]:
    """What one method of search asks, and another has no use for. A default may be written out: it asks nothing."""
    search, usual = file.settings.search, SearchSettings()
    walks = search.method == "walk_forward"
    found = []
    if not walks and search.walk_forward != usual.walk_forward:
        text = f"belongs to method walk_forward, and the method is {search.method}"
        found.append(file.problem(("search", "walk_forward"), text))
    if search.procedure == "grid":
        for name, told in (("trials", "counts draws"), ("rungs", "counts trials")):
            if getattr(search.refine, name) != getattr(usual.refine, name):
                text = f"{told}, and a grid tries every point of its space; leave it out"
                found.append(file.problem(("search", "refine", name), text))
        if search.reoptimize != usual.reoptimize and file.settings.validation.crown_on != "screen":
            text = "counts draws, and a grid tries every point of its space, the second time too; leave it out"
            found.append(file.problem(("search", "reoptimize"), text))
        if not file.settings.space:
            where: Trail = ("search", "walk_forward", "procedure") if walks else ("search", "method")
            found.append(file.problem(where, "a grid needs a space; give at least one parameter its values"))
    if walks and search.refine.workers > 1:
        text = "must be 1 where a search is walked forward: its windows run one by one"
        found.append(file.problem(("search", "refine", "workers"), text))
    return found


def _judgement_sense(file: CampaignFile) -> list[Problem]:
    """What one way of crowning asks of the search, and what belongs to another."""
    search, validation, usual = file.settings.search, file.settings.validation, SearchSettings()
    found = []
    belongs = f"belongs to validation.crown_on source_strict, and it is {validation.crown_on}"
    if file.settings.asks_evidence:
        # Evidence walks the search through windows too; it searches no second time.
        if search.reoptimize.trials != usual.reoptimize.trials:
            found.append(file.problem(("search", "reoptimize", "trials"), belongs))
        if search.refine.workers > 1 and search.method != "walk_forward":
            text = (
                "must be 1 where evidence crowns: surrogates repeat the search trial for trial, and several workers "
                "never make the same trials twice; or set validation.crown_on to screen or source_strict"
            )
            found.append(file.problem(("search", "refine", "workers"), text))
    else:
        if search.reoptimize != usual.reoptimize and not file.settings.is_strict:
            found.append(file.problem(("search", "reoptimize"), belongs))
        if validation.surrogates != ValidationSettings().surrogates:
            text = f"belongs to validation.crown_on evidence or both, and it is {validation.crown_on}"
            found.append(file.problem(("validation", "surrogates"), text))
    if file.settings.assets.important is not None and not file.settings.is_strict:
        found.append(file.problem(("assets", "important"), belongs))
    return found


def _claims_sense(file: CampaignFile) -> list[Problem]:
    """What a hypothesis names must be in this very file, and be measured by what judges here."""
    settings, found = file.settings, []
    judge = judging_phase(settings)
    measured = sorted(metric.value for metric in MEASURED[judge])
    for index, claim in enumerate(settings.hypotheses):
        at: Trail = ("hypotheses", index)
        for name, listed, known in (
            ("assets", claim.scope.assets, settings.symbols()),
            ("modes", claim.scope.modes, settings.strategy.modes),
        ):
            found += [
                file.problem((*at, "scope", name, place), f"{each!r} is not in this file; {nearest(each, known)}")
                for place, each in enumerate(listed)
                if each not in known
            ]
        if claim.scope.strategy and claim.scope.strategy != settings.strategy.name:
            text = (
                f"{claim.scope.strategy!r} is not searched here: the strategy is {settings.strategy.name}; leave it out"
            )
            found.append(file.problem((*at, "scope", "strategy"), text))
        if claim.metric.value not in measured:
            text = f"{claim.metric.value!r} is not measured by {judge.value}; {nearest(claim.metric.value, measured)}"
            found.append(file.problem((*at, "metric"), text))
        if claim in settings.hypotheses[:index]:
            found.append(file.problem(at, "is stated twice; state it once"))
    return found
