"""Python source into a page of its API, by `ast` alone: modules, classes, functions, signatures, docstrings, imports.

Nothing is ever imported or run. A symbol is defined under its full name and under its short ones, so that
`evaluate_many` and `cpu.evaluate_many` lead to `swarmd.engine.kernel.cpu.evaluate_many`.
"""

import ast
import warnings
from pathlib import PurePath

from swarmd.state.knowledge.readers.page import Page, Section

_Callable = ast.FunctionDef | ast.AsyncFunctionDef
_Symbol = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_MOST_SIGNATURE = 400


def read(text: str, name: str) -> Page:
    """The page. Raises ValueError for what this Python cannot parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        module = module_of(name)
        top = Section(
            "", module, text=[ast.get_docstring(tree) or ""], defines=_names(module), line=1, modules=[module]
        )
        page = Page([top], _imports(tree, module))
        _members(page, tree.body, top, module)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as cause:
        raise ValueError(f"no Python of this version: {type(cause).__name__}: {cause}") from None
    return page


def module_of(name: str) -> str:
    """`swarmd.state.units` for `swarmd/state/units.py`, as far up as the root that is read."""
    parts = list(PurePath(name).with_suffix("").parts)
    if parts and parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(part for part in parts if part not in ("..", "/", "src"))


def _members(page: Page, body: list[ast.stmt], within: Section, prefix: str) -> None:
    for node in body:
        if isinstance(node, _Symbol):
            full = f"{prefix}.{node.name}"
            section = Section(
                f"{within.anchor}.{node.name}".lstrip("."), node.name, (*within.under, within.title), within.anchor,
                [_signature(node), ast.get_docstring(node) or ""], defines=_names(full), line=node.lineno,
            )  # fmt: skip
            if any(one.anchor == section.anchor for one in page.sections[-200:]):
                section.anchor += f"-{node.lineno}"  # a property and its setter, an overload
            page.sections.append(section)
            if isinstance(node, ast.ClassDef):
                section.mentions += [_written(base) for base in node.bases]
                _members(page, node.body, section, full)
        elif isinstance(node, (ast.If, ast.Try)):
            _members(page, [*node.body, *node.orelse], within, prefix)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            _constant(within, node, prefix)


def _constant(within: Section, node: ast.Assign | ast.AnnAssign, prefix: str) -> None:
    """Names given a value are told with their owner: `HALF_LIFE = 90 * DAY`."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    if names:
        within.text.append(_written(node)[:200])
        within.defines += [f"{prefix}.{name}" for name in names] + [name for name in names if len(name) > 3]


def _signature(node: _Symbol) -> str:
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(_written(base) for base in node.bases)
        return f"class {node.name}({bases})" if bases else f"class {node.name}"
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    gives = f" -> {_written(node.returns)}" if node.returns else ""
    return f"{word} {node.name}({_written(node.args)}){gives}"[:_MOST_SIGNATURE]


def _written(node: ast.AST) -> str:
    return ast.unparse(node)[:_MOST_SIGNATURE]


def _names(full: str) -> list[str]:
    """`a.b.c.d`, and how others write it: `c.d`, `d`."""
    parts = full.split(".")
    return list(dict.fromkeys([full, ".".join(parts[-2:]), parts[-1]]))


def _imports(tree: ast.Module, module: str) -> list[str]:
    """Modules named anywhere in the file; a relative one against this module's own place."""
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: -node.level] if node.level else []
            found.append(".".join([*above, *((node.module,) if node.module else ())]))
    return [name for name in dict.fromkeys(found) if name]
