#!/usr/bin/env python3
"""docs/reference/cli.md and exit-codes.md: every command out of click's own tree, in the order of `swarmd --help`."""

import re
from collections.abc import Iterator
from typing import Any

import click

from swarmd.cli import CONTEXT, VERBS, cli
from swarmd.state.work_order import ExitCode

HEAD = """\
# Commands

Made by `scripts/make_reference` from the commands themselves; change their help there, not this page. `swarmd COMMAND
--help` says the same on a terminal, and nothing here needs to be remembered: `eval "$(swarmd completion bash)"`
completes commands, options and names.

Every command takes `-h`, `--help`. Three things are the same everywhere:

- `--home DIR` is where a swarm keeps everything: before the command or behind it, else `$SWARMD_HOME`, else `./swarm`.
- `--json` prints one JSON document on stdout and nothing else there; what is said besides goes to stderr.
- [Exit codes](exit-codes.md): 0 done, 1 it failed, 2 you can mend it.

**All of them**
"""

EXIT_HEAD = """\
# Exit codes

Made by `scripts/make_reference` from the commands' help.

| code | means | who must move |
|---|---|---|
| 0 | it is done, or is so already | nobody |
| 1 | what was asked for failed, or found fault | the outside, or what was looked at: it says which |
| 2 | a wrong flag, file or name; one line says what, where, and what to do | you |
| 130 | interrupted (Ctrl-C) | nobody: what was finished is kept |

An error is one line on stderr that begins with `error:`, with no stack trace. Anything else is a fault of swarmd.

## By command

Where a command says more than the table above. `swarmd stop && …` and the like can rely on it.
"""

LANES_HEAD = """\
## Of a lane

What a run's process leaves with. Nobody types these: the daemon reads them, and a line of the run's log says why.

| code | name |
|---|---|
"""


def commands_page() -> str:
    parts = [HEAD, _contents()]
    for heading in dict.fromkeys(verb.heading for verb in VERBS.values()):
        parts.append(f"## {heading}")
        for name, verb in VERBS.items():
            if verb.heading == heading:
                parts += [_chapter(path, command) for path, command in _walk((name,))]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def exit_codes_page() -> str:
    rows = []
    for name in VERBS:
        for path, command in _walk((name,)):
            _, codes, _ = _epilog(command)
            if codes:
                rows.append(f"| {_link(path)} | {_cell(codes)} |")
    lanes = [f"| {code.value} | {code.name.lower().replace('_', ' ')} |" for code in ExitCode]
    table = "\n".join(["| command | exit codes |", "|---|---|", *rows])
    return f"{EXIT_HEAD}\n{table}\n\n{LANES_HEAD}" + "\n".join(lanes) + "\n"


def _contents() -> str:
    lines = []
    for heading in dict.fromkeys(verb.heading for verb in VERBS.values()):
        names = [name for name, verb in VERBS.items() if verb.heading == heading]
        lines.append(f"- {heading}: " + " · ".join(f"[{name}](#swarmd-{name})" for name in names))
    return "\n".join(lines)


def _walk(path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all below it, without the hidden ones; a group's in the order in which its help lists them."""
    command: click.Command = cli
    for name in path:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
    if command.hidden:
        return
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            yield from _walk((*path, name))


def _chapter(path: tuple[str, ...], command: click.Command) -> str:
    context = click.Context(command, info_name=" ".join(("swarmd", *path)), **CONTEXT)  # type: ignore[arg-type]
    usage = " ".join(part for part in command.collect_usage_pieces(context) if part)
    example, codes, more = _epilog(command)
    parts = [f"{'#' * (2 + len(path))} swarmd {' '.join(path)}", f"`{' '.join((path[-1], usage))}`", _help(command)]
    if isinstance(command, click.Group):
        names = [name for name in command.list_commands(context) if not command.commands[name].hidden]
        parts.append(" · ".join(_link((*path, name)) for name in names))
    parts.append(_options(command, context))
    if example:
        parts.append("```console\n" + "\n".join(example) + "\n```")
    parts += [_marked(more), f"*Exit codes:* {_marked(codes)}" if codes else ""]
    return "\n\n".join(part for part in parts if part)


def _help(command: click.Command) -> str:
    """Paragraphs as they are written; one that click is told not to wrap (``\\b``) stays a block."""
    paragraphs = (command.help or "").replace("\r", "").split("\n\n")
    told = []
    for paragraph in paragraphs:
        lines = [line.strip() for line in paragraph.splitlines()]
        if lines and lines[0] == "\b":
            told.append("```text\n" + "\n".join(line.rstrip() for line in paragraph.splitlines()[1:]) + "\n```")
        else:
            told.append(_marked(" ".join(line for line in lines if line)))
    return "\n\n".join(part for part in told if part)


def _epilog(command: click.Command) -> tuple[list[str], str, str]:
    """The examples, a line each; what is said of exit codes; and whatever else the epilog says."""
    text = command.epilog or ""
    text, _, codes = text.partition("Exit codes:")
    text = text.removeprefix("Example:").strip()
    example, rest = [], []
    for piece in re.split(r"\s{2,}", text):
        at = re.search(r"(?:\. (?=[A-Z])|, or (?=swarmd ))", piece)
        if not piece.startswith("swarmd "):
            rest.append(piece)
        elif at is None:
            example.append(piece.rstrip("."))
        else:
            example.append(piece[: at.start()])
            further = piece[at.end() :]
            (example if further.startswith("swarmd ") else rest).append(further)
    return example, codes.strip().rstrip("."), " ".join(rest).strip()


def _options(command: click.Command, context: click.Context) -> str:
    rows = []
    for param in command.get_params(context):
        if getattr(param, "hidden", False) or not {"--help", "--home", "--json"}.isdisjoint(param.opts):
            continue
        if isinstance(param, click.Argument):
            needed = "must be given" if param.required else ""
            rows.append((f"`{param.make_metavar(context).strip('[]')}`", _kind(param), needed, ""))
        elif isinstance(param, click.Option):
            rows.append((_names(param, context), _kind(param), _default(param), _marked(param.help or "")))
    shared = [f"`{name}`" for name in ("--home", "--json") if any(name in one.opts for one in command.params)]
    also = f"Also {' and '.join(shared)}." if shared else ""
    if not rows:
        return also
    lines = ["| argument, option | takes | default | meaning |", "|---|---|---|---|"]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join([*lines, "", also])


def _names(option: click.Option, context: click.Context) -> str:
    names = ", ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    if option.is_flag or option.count:
        return names
    # What may be given stands in the next column; a word of its own is shown, click's name for a type is not.
    return f"{names} `{option.metavar}`" if option.metavar else names


def _kind(param: click.Parameter) -> str:
    kind = param.type
    if isinstance(param, click.Option) and (param.is_flag or param.count):
        return "–"
    if isinstance(kind, click.Choice):
        told = " · ".join(f"`{getattr(choice, 'value', choice)}`" for choice in kind.choices)
    elif isinstance(kind, (click.IntRange, click.FloatRange)):
        told = f"number {_bounds(kind)}".strip()
    elif isinstance(kind, click.Path):
        told = "path"
    else:
        told = {"integer": "whole number", "float": "number", "text": "text"}.get(kind.name, kind.name)
    many = param.multiple if isinstance(param, click.Option) else param.nargs == -1
    return f"{told}; more than once" if many else told


def _bounds(kind: Any) -> str:
    low = None if kind.min is None else f"{'>' if kind.min_open else '≥'} {kind.min:g}"
    high = None if kind.max is None else f"{'<' if kind.max_open else '≤'} {kind.max:g}"
    return ", ".join(bound for bound in (low, high) if bound)


def _default(option: click.Option) -> str:
    value = option.default
    if option.required:
        return "must be given"
    if option.is_flag or callable(value) or value is None or value in ((), "") or type(value).__name__ == "Sentinel":
        return ""
    return f"`{getattr(value, 'value', value)}`"


def _link(path: tuple[str, ...]) -> str:
    return f"[swarmd {' '.join(path)}](cli.md#swarmd-{'-'.join(path)})"


def _marked(text: str) -> str:
    """Plain help text as Markdown: what would be markup is shown as it stands."""
    parts = re.split(r"(`[^`]*`)", re.sub(r"``([^`]+)``", r"`\1`", " ".join(text.split())))
    return "".join(part if part.startswith("`") else re.sub(r"([*_<>\[\]])", r"\\\1", part) for part in parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
