"""`swarmd strategies new`: a small strategy that works, and its test, to be changed into one's own."""

import json
from pathlib import Path

import click

from swarmd.engine.commands.faults import told_to_the_operator
from swarmd.state.errors import OperatorError


@click.command(epilog="Example: swarmd strategies new channel_break --dir mine")
@click.argument("name")
@click.option(
    "--dir", "folder", default=".", show_default=True, type=click.Path(file_okay=False, path_type=Path),
    help="Where the two files go; made when absent.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def new(name: str, folder: Path, as_json: bool) -> None:
    """Write NAME.py, a channel breakout that runs as it stands, and test_NAME.py, which holds it to the laws.

    Nothing is overwritten, and the strategy needs no other file: name it by --strategy DIR/NAME.py:ClassName.
    """
    from swarmd.engine.strategies.registry import strategies_listed
    from swarmd.engine.strategies.starter_files import class_name, starter_files

    with told_to_the_operator():
        files = {folder / file: text for file, text in starter_files(name).items()}
        for listed in strategies_listed():
            if listed.name == name:
                raise OperatorError(f"there is a strategy {name!r} already ({listed.place}); choose another name")
        for path in files:
            if path.exists():
                raise OperatorError(
                    f"{path} is there already, and nothing is overwritten; choose another name or --dir"
                )
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
    strategy, test = files
    reference = f"{strategy}:{class_name(name)}"
    if as_json:
        document = {"schema": "swarmd.strategy_files/1", "strategy": reference, "test": str(test)}
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(f"written  {strategy}\nwritten  {test}\n")
    click.echo(f"swarmd strategies check {reference}")
    click.echo(f"swarmd backtest --strategy {reference} --data BARS.parquet")
