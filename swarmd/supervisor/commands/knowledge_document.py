"""How the knowledge commands print JSON: as every command does, with escapes for what a terminal would obey.

A document of strangers may hold such characters, and nobody can know that the reader of our JSON is no terminal.
"""

from typing import Any

import click
import orjson

from swarmd.state.knowledge.snippet import harmless_json


def print_document(name: str, fields: dict[str, Any]) -> None:
    """``{"schema": "swarmd.<name>/1", …}`` on stdout and nothing else."""
    document = {"schema": f"swarmd.{name}/1", **fields}
    click.echo(harmless_json(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()))


def print_line(name: str, fields: dict[str, Any]) -> None:
    """The same on one line, for a command that prints one after another."""
    click.echo(harmless_json(orjson.dumps({"schema": f"swarmd.{name}/1", **fields}).decode()))
