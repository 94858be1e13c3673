"""``swarmd query``: what is true now, or was known at an instant of the past, with the daemon alive or dead.

Starts fast: no pydantic, no numba, and rich only for a table on a terminal.
"""

import sys
import time
from typing import Any

import click
import orjson

from swarmd.state.errors import OperatorError
from swarmd.state.query import TOPICS, head, query_document
from swarmd.state.store.files import Home
from swarmd.state.store.lines import Damage
from swarmd.state.store.walks import Follower
from swarmd.state.story import NOISE, event, events
from swarmd.state.units import Millis, millis_of_iso
from swarmd.supervisor.commands.options import home_option, json_option, print_document
from swarmd.supervisor.recall import past, present, trials

_LOOK_EVERY_S = 0.25
_EVENTS_SHOWN = 200
_DAMAGES_TOLD = 5
_FROM_FILES = ("events", "trials", "notices")

Row = dict[str, Any]


@click.command(
    epilog="Example: swarmd query lanes     swarmd query --json | jq .jobs     "
    "swarmd query jobs --at 2026-01-31T03:00Z     Exit codes: 0 done, 2 there is no journal, or a wrong topic or time."
)
@click.argument("topic", required=False, type=click.Choice([*TOPICS, *_FROM_FILES]))
@click.option("--follow", is_flag=True, help="Print new events as they come, until Ctrl-C.")
@click.option(
    "--at",
    "at_text",
    metavar="TIME",
    help="The past as it was known at that instant (ISO-8601, UTC unless it says so).",
)
@home_option
@json_option
def query(topic: str | None, follow: bool, at_text: str | None, home: Home, as_json: bool) -> None:
    """Show the continuity state, or one TOPIC of it. With the daemon dead it tells what the journal holds."""
    require_journal(home)
    if follow:
        if at_text or topic not in (None, "events"):
            raise OperatorError("--follow prints new events; give it no other topic and no --at")
        _follow(home, as_json)
        return
    at = _instant(at_text)
    with_lines = topic == "events"
    read = present(home, with_lines=with_lines) if at is None else past(home, at, with_lines=with_lines)
    tell_damages(read.damages)
    if read.note:
        click.echo(f"journal: {read.note}", err=True)
    picture, facts = read.picture, read.facts
    if topic is None:
        document = query_document(picture, facts)
    else:
        rows = (
            events(read.lines)
            if topic == "events"
            else trials(home, picture, at)
            if topic == "trials"
            else _notices(home, at)
            if topic == "notices"
            else TOPICS[topic](picture, facts)
        )
        document = head(picture, facts) | {"topic": topic, "total": len(rows), "rows": rows}
    if as_json:
        print_document("query", document)
    elif topic is None:
        _print_state(document, is_past=facts.is_past)
    else:
        _print_rows(topic, document["rows"][-_EVENTS_SHOWN:], document["total"])


def _notices(home: Home, at: Millis | None) -> list[Row]:
    """What became of messages to people, by the file of those who deliver."""
    from swarmd.supervisor.notices.ledger import rows

    return [row for row in rows(home) if at is None or millis_of_iso(row["at"]) <= at]


def require_journal(home: Home) -> None:
    if not home.journal.is_dir():
        raise OperatorError(
            f"there is no journal in {home.journal}; start with `swarmd start CAMPAIGN`, "
            "or name the home with --home DIR"
        )


def tell_damages(damages: list[Damage]) -> None:
    """On stderr: what of the journal could not be used for the answer."""
    for damage in damages[:_DAMAGES_TOLD]:
        line = f" line {damage.line}" if damage.line else ""
        click.echo(f"journal: {damage.segment}{line}: {damage.reason}", err=True)
    if len(damages) > _DAMAGES_TOLD:
        click.echo(f"journal: {len(damages) - _DAMAGES_TOLD} more damaged places", err=True)


def _instant(text: str | None) -> Millis | None:
    if text is None:
        return None
    try:
        at = millis_of_iso(text)
    except (ValueError, OverflowError):
        raise OperatorError(f"--at {text!r} is not a time; write it like 2026-01-31T09:30:00Z") from None
    if at < 0:
        raise OperatorError(f"--at {text!r} is before 1970, where the clocks of journals begin")
    return at


# -- showing --------------------------------------------------------------------------------------------------------


def _follow(home: Home, as_json: bool) -> None:
    follower = Follower(home.journal)
    try:
        while True:
            for line in follower.fresh():
                if line.said["kind"] not in NOISE:
                    told = event(line.said)
                    click.echo(orjson.dumps(told).decode() if as_json else event_line(told))
            sys.stdout.flush()
            time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        return


def event_line(told: Row) -> str:
    return f"{told['at']}  {told['agent']:<22}  {told['text']}"


def _print_state(document: Row, *, is_past: bool) -> None:
    daemon, campaign = document["daemon"], document["campaign"]
    verb = " was" if is_past else ""
    who = f"daemon{verb} alive, pid {daemon['pid']}, cycle {daemon['cycle']}"
    who = who if daemon["alive"] else f"daemon{verb} not running"
    click.echo(f"{document['run_id'] or 'no session yet'}  as of {document['as_of']}  {who}")
    if campaign:
        click.echo(f"campaign {campaign['name']}: {campaign['status']}, stage {campaign['stage']}")
    click.echo("jobs: " + ", ".join(f"{count} {name}" for name, count in document["jobs"].items()))
    incidents = document["incidents"]
    for title, rows in (
        ("lanes", [row | {"progress": _progress_text(row["progress"])} for row in document["lanes"]]),
        ("next steps", document["next_steps"]),
        ("agents", [{"name": name, **row} for name, row in document["agents"].items()]),
        ("incidents", [_shown(row) for row in [*incidents["open"], *incidents["closed_last"]]]),
        ("champions", [_shown(row) for row in document["champions"]]),
    ):
        if rows:
            click.echo()
            _print_rows(title, rows, len(rows))


_LONG = ("caused_by", "evidence", "checksum", "path", "expected", "remedy", "after")


def _shown(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in _LONG}


def _progress_text(progress: Row | None) -> str:
    if not progress:
        return ""
    eta = f", {progress['eta_s']:.0f} s left" if progress["eta_s"] is not None else ""
    return f"{progress['done']}/{progress['total']} {progress['unit']}, {progress['rate']:.3g}/s{eta}"


def _print_rows(title: str, rows: list[Row], total: int) -> None:
    if title == "events":
        for row in rows:
            click.echo(event_line(row))
    elif not rows:
        click.echo(f"no {title}")
    else:
        columns = list(dict.fromkeys(name for row in rows for name in _shown(row)))
        cells = [[_cell(row.get(name)) for name in columns] for row in rows]
        if sys.stdout.isatty():
            _print_table(title, columns, cells)
        else:
            _print_columns(columns, cells)
    if total > len(rows):
        click.echo(f"… the last {len(rows)} of {total}; --json gives all", err=True)


def _cell(value: Any) -> str:
    if value is None or value == []:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def _print_columns(columns: list[str], cells: list[list[str]]) -> None:
    widths = [max(len(name), *(len(row[i]) for row in cells)) for i, name in enumerate(columns)]
    for row in [columns, *cells]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_table(title: str, columns: list[str], cells: list[list[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(*columns, title=title, title_justify="left", box=None, header_style="bold")
    for row in cells:
        table.add_row(*map(escape, row))
    Console().print(table)
