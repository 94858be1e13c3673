"""``swarmd query``: what is true now, from the journal and the published views, with the daemon alive or dead.

Starts fast: no pydantic, no numba, and rich only for a table on a terminal.
"""

import sys
import time
from pathlib import Path
from typing import Any

import click
import orjson

from swarmd.state.errors import OperatorError
from swarmd.state.query import TOPICS, Facts, Picture, head, query_document
from swarmd.state.store.files import Home, is_locked, lock_holder
from swarmd.state.store.publishers import AGENTS, CONTROL_FILE, state_file
from swarmd.state.store.raw import Damage, Follower, Line, Reading, history, put, read_journal
from swarmd.state.store.tables import Tables
from swarmd.state.story import NOISE, event, events
from swarmd.state.units import Millis, iso, millis_of_iso
from swarmd.supervisor.commands.options import home_option, json_option, print_document

_LOOK_EVERY_S = 0.25
_EVENTS_SHOWN = 200
_DAMAGES_TOLD = 5
_FROM_FILES = ("events", "trials")

Row = dict[str, Any]


@click.command(
    epilog="Example: swarmd query lanes     swarmd query --json | jq .jobs     "
    "Exit codes: 0 done, 2 there is no journal, or a wrong topic or time."
)
@click.argument("topic", required=False, type=click.Choice([*TOPICS, *_FROM_FILES]))
@click.option("--follow", is_flag=True, help="Print new events as they come, until Ctrl-C.")
@click.option("--at", "at_text", metavar="TIME", help="The state at that instant (ISO-8601, UTC unless it says so).")
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
    tables, lines, damages = _read(home, at, with_lines=topic == "events")
    tell_damages(damages)
    picture = Picture(tables)
    facts = _facts(home, picture, tables, at)
    if topic is None:
        document = query_document(picture, facts)
    else:
        rows = (
            events(lines)
            if topic == "events"
            else _trials(home)
            if topic == "trials"
            else TOPICS[topic](picture, facts)
        )
        document = head(picture, facts) | {"topic": topic, "total": len(rows), "rows": rows}
    if as_json:
        print_document("query", document)
    elif topic is None:
        _print_state(document)
    else:
        _print_rows(topic, document["rows"][-_EVENTS_SHOWN:], document["total"])


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


# -- reading --------------------------------------------------------------------------------------------------------


def _instant(text: str | None) -> Millis | None:
    try:
        return None if text is None else millis_of_iso(text)
    except ValueError:
        raise OperatorError(f"--at {text!r} is not a time; write it like 2026-01-31T09:30:00Z") from None


def _read(home: Home, at: Millis | None, *, with_lines: bool) -> tuple[Tables[Line], list[Line], list[Damage]]:
    """The tables, and every line where events are asked for. The past is folded from the first line on."""
    if at is None and not with_lines:
        reading: Reading = read_journal(home.journal)
        return reading.folded(), [], reading.damages
    lines, damages = history(home.journal)
    if at is not None:
        until = iso(at)  # one fixed format, so texts compare as instants do
        lines = [line for line in lines if line.said["at"] <= until]
    tables: Tables[Line] = Tables()
    for line in lines:
        put(tables, line)
    return tables, lines, damages


def _facts(home: Home, picture: Picture, tables: Tables[Line], at: Millis | None) -> Facts:
    if at is not None:
        return Facts(now=at)
    last = max((line.said["at"] for line in tables), default="1970-01-01T00:00:00.000Z")
    is_alive = is_locked(home.daemon_lock)
    published = {name: document for name in _files() if (document := _document(home.state / name))}
    session = picture.session
    now = millis_of_iso(last)
    if is_alive and session is not None and session["boot_id"] == _boot_id():
        now = session["anchor"] + time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
    pid = lock_holder(home.daemon_lock).get("pid") if is_alive else None
    return Facts(now=now, is_alive=is_alive, pid=pid, published=published)


def _files() -> list[str]:
    return [CONTROL_FILE, *(state_file(agent) for agent in AGENTS)]


def _document(path: Path) -> Row | None:
    try:
        document = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return document if isinstance(document, dict) and "updated_at" in document else None


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _trials(home: Home) -> list[Row]:
    """The trials of every run, as the runs wrote them; a torn last line is left out."""
    rows: list[Row] = []
    for path in sorted(home.outbox.glob("*/trials.jsonl")):
        for line in path.read_bytes().split(b"\n")[:-1]:
            try:
                said = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(said, dict):
                rows.append({"run": path.parent.name, **said})
    return rows


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


def _print_state(document: Row) -> None:
    daemon, campaign = document["daemon"], document["campaign"]
    who = f"daemon alive, pid {daemon['pid']}, cycle {daemon['cycle']}" if daemon["alive"] else "daemon not running"
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
        return f"{value:.6g}"
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
