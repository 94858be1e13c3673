#!/usr/bin/env python3
"""docs/reference/campaign.md and experiment.md: the settings as their classes have them, field by field."""

import inspect
import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from swarmd.engine.experiments.settings import ExperimentSettings, Stretch
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.quantities import Day, Duration, Name, Size, Symbol

CAMPAIGN_HEAD = """\
# The campaign file

Made by `scripts/make_reference` from `swarmd/state/records/campaign_settings.py`; change the docstrings there, not
this page.

One YAML file is one question: `swarmd start FILE`. Only `name`, `data.root`, `assets.tiers`, `strategy.name` and
`strategy.modes` must be given. `swarmd config check FILE` tells every mistake at once, with line, column, field and
the nearest name that exists; `swarmd config schema` prints the JSON Schema for an editor. The file as it was
resolved, to the last default, lies with the results (`run_meta.json`).

```yaml
name: first
data: {root: bars, interval: 15m}
assets: {tiers: {TIER1: [EDGE, NOISE]}}
strategy: {name: mtf_ema, modes: [aggressive]}
```

A started campaign's file cannot be changed into another question under the same name; only what is no part of the
question may be (`limits.budget`, `limits.spares`, `notify`: [ADR
0009](../adr/0009-a-budget-is-no-part-of-the-question.md)). A *duration* is a number with a unit above zero (`90s`,
`30m`, `2h`, `14d`), a *size* likewise (`512MiB`, `5GiB`), an *instant* ISO-8601 in UTC (`2023-01-01`,
`2023-01-01T06:00Z`). A *name* has at most 64 letters, digits, hyphens and underscores, a *symbol* at most 32,
capitals.
"""

EXPERIMENT_HEAD = """\
# The experiment file

Made by `scripts/make_reference` from `swarmd/engine/experiments/settings.py`; change the docstrings there, not this
page.

One YAML file is one search of your own: `swarmd run FILE`; [how to write one](../experiments.md), with the space and
the methods. `swarmd run FILE --dry-run` checks it, `swarmd run --schema` prints the JSON Schema.
"""

# The words for a type that has a name of its own in the source.
_WORDS: tuple[tuple[Any, str], ...] = (
    (Duration, "duration"),
    (Size, "size"),
    (Day, "instant"),
    (Name, "name"),
    (Symbol, "symbol"),
    (Stretch, "number of bars, or a duration"),
)
_PLAIN = {str: "text", int: "whole number", float: "number", bool: "`true` · `false`", Any: "see below"}


def campaign_page() -> str:
    return _page(CAMPAIGN_HEAD, CampaignSettings)


def experiment_page() -> str:
    return _page(EXPERIMENT_HEAD, ExperimentSettings)


def _page(head: str, settings: type[BaseModel]) -> str:
    """The plain fields first, then a chapter for each that holds others."""
    hints = get_type_hints(settings, include_extras=True)
    plain = [name for name in settings.model_fields if _inside(hints[name]) is None]
    parts = [head, "## The fields at the top", _told(settings), _table(settings, "", plain)]
    for name in settings.model_fields:
        inside = _inside(hints[name])
        if inside is not None:
            parts += _chapter(name, inside, hints[name], depth=2)
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _chapter(path: str, settings: type[BaseModel], hint: Any, *, depth: int) -> Iterator[str]:
    hints = get_type_hints(settings, include_extras=True)
    plain = [name for name in settings.model_fields if _inside(hints[name]) is None]
    yield f"{'#' * depth} {path}"
    yield "A list of these." if get_origin(_bare(hint)) is tuple else ""
    yield "A table of these, by name." if get_origin(_bare(hint)) is dict else ""
    yield _told(settings)
    prefix = {tuple: f"{path}[].", dict: f"{path}.NAME."}.get(get_origin(_bare(hint)), f"{path}.")
    yield _table(settings, prefix, plain)
    for name in settings.model_fields:
        inside = _inside(hints[name])
        if inside is not None:
            yield from _chapter(f"{path}.{name}", inside, hints[name], depth=min(depth + 1, 4))


def _told(settings: type[BaseModel]) -> str:
    """What the docstring says besides the meanings of single fields, which stand in the table."""
    if "__doc__" not in vars(settings) or not settings.__doc__:
        return ""
    text = re.sub(r"``([^`]+)``", r"`\1`", inspect.cleandoc(settings.__doc__))
    meanings, left = _meanings(settings), " ".join(text.split())
    for meaning in meanings.values():
        left = left.replace(meaning, "")
    is_in_the_table = meanings.keys() >= settings.model_fields.keys()
    return "" if is_in_the_table and not re.search(r"[a-z]{4,} [a-z]{3,} [a-z]{2,}", left) else text


@cache
def _page_of_records() -> Any:
    """The script beside this one: it knows how to find the clause of a docstring that tells of a field."""
    loader = SourceFileLoader("make_records_page", str(Path(__file__).with_name("make_records_page")))
    module = module_from_spec(spec_from_loader(loader.name, loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    return module


def _meanings(settings: type[BaseModel]) -> dict[str, str]:
    said: dict[str, str] = _page_of_records()._meanings(settings)
    return said


def _table(settings: type[BaseModel], prefix: str, names: list[str]) -> str:
    if not names:
        return ""
    hints = get_type_hints(settings, include_extras=True)
    meanings = _meanings(settings)
    lines = ["| field | takes | default | meaning |", "|---|---|---|---|"]
    for name in names:
        field = settings.model_fields[name]
        takes = ", ".join([_words(hints[name]), *dict.fromkeys(_limits(hints[name]))])
        row = (f"`{prefix}{name}`", takes, _default(field, hints[name]), meanings.get(name, ""))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return "\n".join(lines)


def _inside(hint: Any) -> type[BaseModel] | None:
    """The settings that a field holds, one or a list of them; None where it holds plain values.

    Alternatives of settings and plain values (a range or a list, as in ``space``) are plain: their words say both.
    """
    bare = _bare(hint)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return bare
    if get_origin(bare) is tuple and get_args(bare)[1:] == (...,):
        return _inside(get_args(bare)[0])
    members = [one for one in get_args(bare) if one is not type(None)] if _is_union(bare) else []
    return _inside(members[0]) if len(members) == 1 else None


def _is_union(bare: Any) -> bool:
    return get_origin(bare) in (Union, UnionType)


def _bare(hint: Any) -> Any:
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return hint


def _words(hint: Any) -> str:
    for alias, words in _WORDS:
        if hint == alias:
            return words
    bare = _bare(hint)
    origin, members = get_origin(bare), get_args(bare)
    if origin is Literal:
        return " · ".join(f"`{member}`" for member in members)
    if origin is tuple:
        if members[-1] is ...:
            return f"list of {_words(members[0])}"
        return "[" + ", ".join(_words(member) for member in members) + "]"
    if origin is dict:
        return f"table: {_words(members[0])} to {_words(members[1])}"
    if _is_union(bare):
        return ", or ".join(_words(member) for member in members if member is not type(None))
    if isinstance(bare, type) and issubclass(bare, StrEnum):
        return " · ".join(f"`{member.value}`" for member in bare)
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return "{" + ", ".join(bare.model_fields) + "}"
    return _PLAIN.get(bare, getattr(bare, "__name__", str(bare)))


def _limits(hint: Any) -> list[str]:
    """Bounds that stand in the annotation, whatever it is wrapped in: of a list's items as well."""
    found: list[str] = []
    if any(hint == alias for alias, _ in _WORDS):
        return found  # the page's head says what such a thing looks like
    if get_origin(hint) is Annotated:
        inner, *metadata = get_args(hint)
        found += _limits(inner)
        for one in metadata:
            found += _limits_of(one.metadata if isinstance(one, FieldInfo) else [one])
        return found
    for member in get_args(hint):
        if member is not ... and get_origin(hint) is not Literal:
            found += _limits(member)
    return found


def _limits_of(metadata: list[Any]) -> list[str]:
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    found = []
    for one in metadata:
        for name, sign in signs.items():
            if (value := getattr(one, name, None)) is not None:
                found.append(f"{sign} {value:,}" if isinstance(value, int) else f"{sign} {value:g}")
        if (shortest := getattr(one, "min_length", None)) is not None:
            found.append(f"at least {shortest}")
        if (longest := getattr(one, "max_length", None)) is not None:
            found.append(f"at most {longest:,}")
        if (pattern := getattr(one, "pattern", None)) is not None:
            found.append(f"as `{pattern}`")
    return found


def _default(field: FieldInfo, hint: Any) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), "", {}):
        return "–"
    return f"`{_written(value, hint)}`"


def _written(value: Any, hint: Any) -> str:
    if hint == Duration:
        return _duration(value)
    if hint == Size:
        return _size(value)
    if isinstance(value, tuple):
        hints = get_args(_bare(hint))
        return "[" + ", ".join(_written(one, hints[0]) for one in value) + "]"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return yaml.safe_dump(value, default_flow_style=True, width=1_000).strip()
    if isinstance(value, bool):
        return str(value).lower()
    return str(getattr(value, "value", value))


def _duration(millis: int) -> str:
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if millis % size == 0 and millis:
            return f"{millis // size}{unit}"
    return f"{millis}ms"


def _size(n_bytes: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if n_bytes % size == 0 and n_bytes:
            return f"{n_bytes // size}{unit}"
    return f"{n_bytes}B"
