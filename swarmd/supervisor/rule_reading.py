"""The facts of a rule page, read off an agent's source: the tables it looks at, what it may wish, the limits it reads.

Follows the calls from ``decide`` through the rules it uses, function by function. A page nobody writes by hand cannot
be forgotten when a rule changes. `scripts/make_agent_registry` keeps the facts in ``rule_facts.json``, and a test holds
them to be the newest: a daemon that parsed some sixty files itself needed 0.3 s and 13 MiB for it.
"""

import ast
import importlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType

from swarmd.agents import orchestration_consensus
from swarmd.agents.contract import Agent
from swarmd.state import actions
from swarmd.state.records import policy as policy_module
from swarmd.state.records.policy import Policy
from swarmd.state.units import spoken
from swarmd.state.view import View
from swarmd.supervisor.roster import ROSTER
from swarmd.supervisor.rule_pages import RuleFacts, Rules

_RULES = ("swarmd.agents.rules", "swarmd.agents.pages")
_UNITS = ("_MIB", "_GIB")  # a unit is no limit
_TABLES = tuple(name for name in View.__dataclass_fields__ if name != "policy")


def rules_as_written() -> Rules:
    """The facts of every agent and of the arbiter, as the code says them now."""
    agents = {agent.NAME: facts_of(agent) for agent in ROSTER}
    arbiter = facts_of(orchestration_consensus, begins="arbitrate")
    return Rules(units=_units(), agents={**agents, orchestration_consensus.NAME: arbiter})


def facts_of(agent: Agent | ModuleType, *, begins: str = "decide") -> RuleFacts:
    """What the agent's code does. ``begins`` names its function."""
    seen = _Seen()
    _follow(importlib.import_module(f"swarmd.agents.{agent.NAME}"), begins, seen)
    return RuleFacts(
        watches=tuple(name for name in _TABLES if name in seen.tables),
        wishes=tuple(sorted(seen.wishes)),
        limits=tuple(name for name in Policy.model_fields if name in seen.limits),
        figures=tuple((home, name, value) for (home, name), value in sorted(seen.figures.items())),
    )


@dataclass(slots=True)
class _Seen:
    """What was met on the way: ``done`` are names already followed, by module."""

    done: set[tuple[str, str]] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    wishes: set[str] = field(default_factory=set)
    limits: set[str] = field(default_factory=set)
    figures: dict[tuple[str, str], str] = field(default_factory=dict)


def _follow(module: ModuleType, name: str, seen: _Seen) -> None:
    """Everything that the function, class or constant of this name says, and what it leads to in turn."""
    if (module.__name__, name) in seen.done:
        return
    seen.done.add((module.__name__, name))
    own, imported = _names_of(module)
    if name in imported:
        home, original = imported[name]
        if home.startswith(_RULES):
            _follow(importlib.import_module(home), original, seen)
        return
    if name not in own:
        return
    value = getattr(module, name, None)
    if name.isupper() and name not in _UNITS and isinstance(value, int | float) and not isinstance(value, bool):
        seen.figures[module.__name__.rpartition(".")[2], name] = _spoken_figure(own[name], value)
    for node in ast.walk(own[name]):
        _note(module, node, seen, imported)


def _note(module: ModuleType, node: ast.AST, seen: _Seen, imported: Mapping[str, tuple[str, str]]) -> None:
    match node:
        case ast.Call(func=ast.Name(id=called)) if imported.get(called, ("", ""))[0] == actions.__name__:
            seen.wishes.add(getattr(actions, called).model_fields["kind"].default)
        case ast.Attribute(value=ast.Name(id="view"), attr=asked):
            seen.tables |= _tables_behind(asked)
        case ast.Attribute(value=ast.Name(id="policy") | ast.Attribute(attr="policy"), attr=limit):
            seen.limits.add(limit)
        case ast.Name(id=other):
            _follow(module, other, seen)
        case _:
            pass


@cache
def _names_of(module: ModuleType) -> tuple[Mapping[str, ast.AST], Mapping[str, tuple[str, str]]]:
    """What the module defines, by name, and what it imports: name to (module, its name there)."""
    own: dict[str, ast.AST] = {}
    imported: dict[str, tuple[str, str]] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                own[name] = node
            case ast.Assign(targets=targets):
                own |= {name: node for target in targets for name in _targets(target)}
            case ast.AnnAssign(target=ast.Name(id=name)):
                own[name] = node
            case ast.ImportFrom(module=str(home), names=names):
                imported |= {each.asname or each.name: (home, each.name) for each in names}
            case _:
                pass
    return own, imported


def _targets(target: ast.expr) -> Iterator[str]:
    if isinstance(target, ast.Name):
        yield target.id
    elif isinstance(target, ast.Tuple):
        for each in target.elts:
            yield from _targets(each)


@cache
def _tables_behind(asked: str) -> frozenset[str]:
    """The tables behind a question asked of the View: itself, where it is one."""
    if asked in _TABLES:
        return frozenset({asked})
    method = _questions().get(asked)
    if method is None:
        return frozenset()
    inside = (
        node.attr
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    )
    return frozenset().union(*(_tables_behind(each) for each in inside if each != asked))


@cache
def _questions() -> Mapping[str, ast.FunctionDef]:
    """The methods of the View by name, from the files of the classes it is made of."""
    questions: dict[str, ast.FunctionDef] = {}
    for part in reversed(View.__mro__[:-1]):
        shape = _names_of(importlib.import_module(part.__module__))[0][part.__name__]
        assert isinstance(shape, ast.ClassDef)
        questions |= {each.name: each for each in shape.body if isinstance(each, ast.FunctionDef)}
    return questions


# -- figures in words -------------------------------------------------------------------------------------------------


def _spoken_figure(node: ast.AST, value: int | float) -> str:
    is_duration = isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "Millis"
    return spoken(round(value)) if is_duration else f"{value:g}"


def _units() -> dict[str, str]:
    """The policy's fields as they are written: a duration and a count are both ``int`` once they are read."""
    shape = _names_of(policy_module)[0]["Policy"]
    assert isinstance(shape, ast.ClassDef)
    return {ast.unparse(n.target): ast.unparse(n.annotation) for n in shape.body if isinstance(n, ast.AnnAssign)}
