"""What a campaign names that must exist: the bars of each asset, the strategy, its modes and parameters.

Looked at before anything starts, so that a typing error costs a second and not a night. Strategies are known to the
engine alone, which may not be imported here: its own command is asked in a process of its own.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.records.search_settings import SpaceRange
from swarmd.state.settings_file import nearest
from swarmd.state.storage_address import missing_extra
from swarmd.state.yaml_places import Problem
from swarmd.supervisor.campaign_file import CampaignFile, CampaignFileError
from swarmd.supervisor.engine_answers import engine_document

# As the engine has it; a test holds them equal.
MOST_POINTS = 20_000
BARS_SUFFIXES = (".parquet", ".csv", ".feather")

Card = Mapping[str, Any]


def check_campaign(file: CampaignFile) -> None:
    """Raises CampaignFileError with everything the campaign names and nobody has."""
    problems = data_problems(file)
    if extra := missing_extra(file.settings.storage):
        text = f"{extra} needs the extra: pip install 'swarmd[{extra}]'"
        problems.append(file.problem(("storage", "kind"), text))
    try:
        cards = cards_for(file.settings.strategy.name)
    except OperatorError as refusal:
        problems.append(file.problem(("strategy", "name"), str(refusal)))
    else:
        problems += strategy_problems(file, cards)
    if problems:
        raise CampaignFileError(str(file.path), problems)


def data_problems(file: CampaignFile) -> list[Problem]:
    """The data root, and one bars file for each symbol."""
    root = Path(file.settings.data.root)
    try:
        there = sorted({path.stem for path in root.iterdir() if path.suffix.lower() in BARS_SUFFIXES})
    except OSError as cause:
        what = "there is no such folder" if isinstance(cause, FileNotFoundError) else (cause.strerror or "unreadable")
        text = f"{root}: {what}; name the folder that holds one bars file per symbol (SYMBOL.parquet, .csv or .feather)"
        return [file.problem(("data", "root"), text)]
    problems = []
    for tier, symbols in file.settings.assets.tiers.items():
        for index, symbol in enumerate(symbols):
            if symbol not in there:
                text = f"no bars of {symbol} in {root}; {nearest(symbol, there)}"
                problems.append(file.problem(("assets", "tiers", tier, index), text))
    return problems


def cards_for(name: str) -> dict[str, Card]:
    """The cards to look `name` up in: that of a user's own file alone, else all that have a name.

    A file is run for its card, in the other process. What is wrong with it raises OperatorError.
    """
    return {name: engine_document("strategies", "show", name)} if ".py:" in name else strategy_cards()


def strategy_cards() -> dict[str, Card]:
    """The strategies on bars by name, as the engine tells of them; one of the same name on ticks is another."""
    try:
        cards = engine_document("strategies", "list")["strategies"]
        return {card["name"]: card for card in cards if card["on"] == "bars"}
    except (KeyError, TypeError) as cause:
        raise OutsideError(f"the engine's list of strategies is not readable: {cause!r}") from cause


def strategy_problems(file: CampaignFile, cards: Mapping[str, Card]) -> list[Problem]:
    """Name, modes, and the ranges of ``space`` against the limits on the strategy's card."""
    wanted = file.settings.strategy
    if wanted.name not in cards:
        text = f"{wanted.name!r} is not a strategy; {nearest(wanted.name, cards)}"
        return [file.problem(("strategy", "name"), text)]
    card = cards[wanted.name]
    problems = []
    modes = _names(card["modes"])
    for index, mode in enumerate(wanted.modes):
        if mode not in modes:
            text = f"{mode!r} is not a mode of {card['name']}; {nearest(mode, modes)}"
            problems.append(file.problem(("strategy", "modes", index), text))
    params = {param["name"]: param for param in card["params"]}
    is_grid = file.settings.search.procedure == "grid"
    for name, entry in file.settings.space.items():
        if name not in params:
            text = f"is not a parameter of {card['name']}; {nearest(name, params)}"
            problem = file.problem(("space", name), text)
            place = file.document.keys.get(("space", name), problem.place)
            problems.append(Problem(place, problem.field, problem.text))
            continue
        text = _refusal(params[name], entry) or (_not_on_a_grid(params[name], entry) if is_grid else "")
        if text:
            problems.append(file.problem(("space", name), text))
    if is_grid and not problems and (n_points := math.prod(_n_values(file.settings.space.values()))) > MOST_POINTS:
        text = f"makes a grid of {n_points:,} points, more than {MOST_POINTS:,}; list fewer values, or take monte_carlo"
        problems.append(file.problem(("space",), text))
    return problems


def _refusal(param: Card, entry: SpaceRange | tuple[float, ...]) -> str:
    """Why this range or list may not be searched; empty when it may."""
    choices = param.get("choices") or ()
    if choices and isinstance(entry, SpaceRange):
        return f"takes one of {_listed(choices)}; give a list of those"
    values = (entry.low, entry.high) if isinstance(entry, SpaceRange) else entry
    low, high = param.get("low"), param.get("high")
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    for value in values:
        if choices and value not in choices:
            return f"{value:g} is not one of {_listed(choices)}"
        if not choices and not low <= value <= high:
            return f"{value:g} lies outside {low:g} to {high:g}, the limits of {param['name']}"
        if param.get("kind") == "int" and value % 1:
            return f"{value:g} is not a whole number, which {param['name']} must be"
    return ""


def _not_on_a_grid(param: Card, entry: SpaceRange | tuple[float, ...]) -> str:
    """Why the range has no points to try one by one; empty when it has."""
    if isinstance(entry, tuple) or entry.low == entry.high or "int" in (param.get("kind"), entry.type):
        return ""
    return "is a range without values; for a grid list them"


def _n_values(entries: Iterable[SpaceRange | tuple[float, ...]]) -> Iterator[int]:
    """How many values each parameter of a grid has."""
    for entry in entries:
        yield len(set(entry)) if isinstance(entry, tuple) else int(entry.high) - int(entry.low) + 1


def _names(listed: Any) -> list[str]:
    """Names out of a list of names, a list of things with a name, or a table by name."""
    return [each["name"] if isinstance(each, dict) else str(each) for each in listed]


def _listed(choices: Any) -> str:
    return ", ".join(f"{choice:g}" if isinstance(choice, int | float) else str(choice) for choice in choices)
