#!/usr/bin/env python3
"""docs/reference/guards.md: every public statistic, its first words, its formula's home and its source."""

import ast
import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

HEAD = """\
# Guards, validation, metrics

Made by `scripts/make_reference` from the docstrings; change them there, not this page. What is applied where, with
formulas and worked examples, is told in [Guards](../guards.md); what a champion must show, in
[Validation](../VALIDATION.md).

Each is a pure function of arrays: no bars, no files. `from swarmd.engine import guards`, then
`guards.sharpe_ratio(…)`; shapes, units and errors are in its docstring (`help(guards.sharpe_ratio)`).
"""

PARTS = (
    ("Guards", "swarmd.engine.guards", "Tests of one candidate: returns in, figures and a verdict out."),
    ("Validation", "swarmd.engine.validation", "How data are split, and how a search is judged across the splits."),
    ("Metrics", "swarmd.engine.metrics", "What a finished run was worth, from its equity and its trades."),
)


def names_page() -> str:
    parts = [HEAD]
    for title, package, told in PARTS:
        parts += [f"## {title}", f"`{package}`. {told}", _table(importlib.import_module(package))]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _table(package: ModuleType) -> str:
    lines = ["| name | what it is | source | file |", "|---|---|---|---|"]
    for name, home, thing in _public(package):
        text = inspect.cleandoc(thing.__doc__ or "")
        file = f"engine/{package.__name__.rpartition('.')[2]}/{home}.py"
        lines.append(f"| `{name}` | {_cell(_first(text))} | {_cell(_source(thing, text))} | `{file}` |")
    return "\n".join(lines)


def _public(package: ModuleType) -> list[tuple[str, str, Any]]:
    """Name, file and object; of a package without a list, the public functions and classes its files define."""
    homes: dict[str, str] = getattr(package, "_HOMES", {})
    if homes:
        return [(name, homes[name], getattr(package, name)) for name in sorted(homes)]
    found = []
    for path in sorted(Path(str(package.__file__)).parent.glob("[a-z]*.py")):
        module = importlib.import_module(f"{package.__name__}.{path.stem}")
        nodes = [node for node in ast.parse(path.read_text()).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
        names = [node.name for node in nodes if not node.name.startswith("_")]
        found += [(name, path.stem, getattr(module, name)) for name in names]
    return sorted(found)


def _first(text: str) -> str:
    """The docstring's first paragraph."""
    return " ".join(text.split("\n\n")[0].split())


def _source(thing: Any, text: str) -> str:
    """What stands behind `Source:`, in the function's docstring, else in its file's."""
    for told in (text, inspect.cleandoc(inspect.getmodule(thing).__doc__ or "")):
        if found := re.search(r"\bSources?: (.+?)(?:\n\n|\Z)", told, re.DOTALL):
            return " ".join(found[1].split())
    return ""


def _cell(text: str) -> str:
    parts = re.split(r"(`[^`]*`)", re.sub(r"``([^`]+)``", r"`\1`", text))
    marked = [part if part.startswith("`") else re.sub(r"([*_<>\[\]])", r"\\\1", part) for part in parts]
    return "".join(marked).replace("|", "\\|")
