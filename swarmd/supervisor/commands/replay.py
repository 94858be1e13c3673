"""``swarmd replay``: decide a journal again, cycle by cycle, and tell every decision that differs.

The fold and the comparison are ``supervisor/replaying``; here are the files, the options and the telling.
"""

import contextlib
import difflib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.state.store.lines import Damage, Line
from swarmd.state.store.raw import history, reaches_back_to
from swarmd.state.store.snapshot import BASE, SNAPSHOT, read_reach, read_snapshot
from swarmd.state.units import iso
from swarmd.supervisor.commands.options import home_option, json_option, print_document
from swarmd.supervisor.commands.query import require_journal, tell_damages

if TYPE_CHECKING:
    from swarmd.supervisor.replay_report import Found, Report
    from swarmd.supervisor.replaying import Snapshot

# From how many lines on a terminal is shown how far it is.
_LONG = 100_000
_SHOWN = 100

Row = dict[str, Any]


@click.command(
    epilog="Example: swarmd replay     swarmd replay bt-20260131_093000Z --json     swarmd replay --journal copy/     "
    "Exit codes: 0 nothing differs, 1 something does, 2 there is no journal, or nothing in it is called that."
)
@click.argument("run_id", metavar="[RUN_ID]", required=False, default="")
@click.option("--journal", "directory", metavar="DIR", help="The journal to read (default: the one of the home).")
@home_option
@json_option
def replay(run_id: str, directory: str | None, home: Home, as_json: bool) -> None:
    """Decide every cycle of the journal again and tell each decision that differs: none should.

    RUN_ID is a session (bt-…), or a run: only its cycles are decided again. The journal is only read.
    """
    if directory is None:
        require_journal(home)
    folder = home.journal if directory is None else Path(directory)
    lines, damages, removed = _history(folder)
    wanted = _wanted(lines, run_id)
    tell_damages(damages)

    from swarmd.supervisor.replaying import Replay
    from swarmd.supervisor.roster import ROSTER

    replaying = Replay(
        ROSTER,
        snapshots=_snapshots(folder) if damages or removed else (),
        damages=frozenset(f"{damage.segment}:{damage.line}" for damage in damages if damage.segment != SNAPSHOT),
        **wanted,
    )
    for line in _shown(lines):
        replaying.feed(line)
    report = replaying.finish()
    if as_json:
        print_document("replay", _document(folder, run_id, len(lines), report) | {"removed_before": removed or None})
    else:
        if removed:
            click.echo(f"not replayed: what was before {removed}; `swarmd clean` removed it")
        _tell(folder, len(lines), report)
    if report.n_differences:
        raise click.exceptions.Exit(1)


# -- reading ----------------------------------------------------------------------------------------------------------


def _history(folder: Path) -> tuple[list[Line], list[Damage], str]:
    """Every line that is left, the damages, and the instant before which ``swarmd clean`` removed history."""
    if not folder.is_dir():
        raise OperatorError(f"there is no journal in {folder}; name the folder that holds 000001.jsonl")
    lines, damages = history(folder)
    removed = reaches_back_to(folder)
    if removed:
        # What the base stands for comes first, and is a picture and no history.
        reach = read_reach(folder / BASE)
        lines = [line for line in lines if reach is None or line.seq > reach.seq]
    if not lines:
        raise OperatorError(f"the journal {folder} holds no sound line; name the folder that holds 000001.jsonl")
    return lines, damages, removed


def _wanted(lines: list[Line], id: str) -> dict[str, str]:
    """``session`` or ``run``, as the journal knows the id. Raises OperatorError where it knows none of that name."""
    if not id:
        return {}
    known = {line.id: line.kind for line in lines if line.kind in ("session", "run")}
    if id not in known:
        near = difflib.get_close_matches(id, known, n=3, cutoff=0.4)
        hint = f"; did you mean {', '.join(near)}?" if near else "; `swarmd query runs` lists the runs"
        raise OperatorError(f"no session and no run of the journal is called {id!r}{hint}")
    return {known[id]: id}


def _snapshots(folder: Path) -> "list[Snapshot]":
    """Where lines are lost or removed, what a snapshot kept of them lets the replay go on after it."""
    from swarmd.supervisor.replaying import Snapshot

    found = []
    for name in (BASE, SNAPSHOT):
        with contextlib.suppress(ValueError):  # one that cannot be trusted is among the damages
            if (read := read_snapshot(folder / name)) is not None:
                found.append(Snapshot(read[0].seq, [*read[1]], is_base=name == BASE))
    return found


def _shown(lines: list[Line]) -> Iterator[Line]:
    """The lines, and on a terminal how far they are read, how fast, and how long it will take."""
    if len(lines) < _LONG or not sys.stderr.isatty():
        yield from lines
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("replay"), BarColumn(), MofNCompleteColumn(), TextColumn("lines, {task.fields[rate]:,.0f}/s, eta"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        task = progress.add_task("replay", total=len(lines), rate=0.0)
        for number, line in enumerate(lines):
            if number % 1_000 == 0:
                progress.update(task, completed=number, rate=progress.tasks[0].speed or 0.0)
            yield line


# -- telling ----------------------------------------------------------------------------------------------------------


def _document(folder: Path, run_id: str, n_lines: int, report: "Report") -> Row:
    return {
        "journal": str(folder),
        "run_id": run_id or None,
        "lines": n_lines,
        "cycles": report.cycles,
        "quiet_cycles": report.quiet,
        "cut_off_cycles": report.cut_off,
        "unseen_cycles": report.unseen,
        "decisions": report.decisions,
        "n_differences": report.n_differences,
        "differences": [_row(found) for found in report.differences],
        "not_replayed": [
            {"first_seq": each.first_seq, "last_seq": each.last_seq, "cycles": each.cycles, "because": each.because}
            for each in report.stretches
        ],
        "sessions": report.sessions,
    }


def _row(found: "Found") -> Row:
    each = found.difference
    return {
        "cycle": found.cycle,
        "at": iso(found.at),
        "session": found.session,
        "code_version": found.code_version,
        "quiet": found.is_quiet,
        "agent": each.agent,
        "what": each.what,
        "how": each.how,
        "fields": each.fields,
        "then": each.then or None,
        "now": each.now or None,
        "reason_then": each.reason_then or None,
        "reason_now": each.reason_now or None,
    }


def _tell(folder: Path, n_lines: int, report: "Report") -> None:
    for found in report.differences[:_SHOWN]:
        _tell_difference(found)
    if report.n_differences > _SHOWN:
        click.echo(f"… {report.n_differences - _SHOWN:,} more; --json gives the first 1,000")
    for each in report.stretches:
        click.echo(
            f"not replayed: {_counted(each.cycles, 'cycle')} in lines {each.first_seq} to {each.last_seq}: "
            f"{each.because}; what they decided from is not all there any more"
        )
    if report.cut_off:
        click.echo(f"{_counted(report.cut_off, 'cycle')} cut off while being written: what is there was compared")
    if report.unseen:
        click.echo(
            f"{_counted(report.unseen, 'cycle')} left no trace to decide from: quiet ones, or turns that were lost"
        )
    click.echo(
        f"{folder}: {_counted(n_lines, 'line')}, {_counted(report.cycles, 'cycle')} that decided and "
        f"{report.quiet:,} quiet, {_counted(report.decisions, 'decision')} decided again: "
        + (f"{_counted(report.n_differences, 'difference')}" if report.n_differences else "0 differences")
    )
    if report.n_differences:
        _tell_versions(report)


def _tell_difference(found: "Found") -> None:
    each = found.difference
    where = f"a quiet cycle before c{found.cycle}" if found.is_quiet else f"c{found.cycle}"
    fields = f" in {', '.join(each.fields)}" if each.fields else ""
    click.echo(f"{where}  {iso(found.at)}  {each.agent}: {each.what}, {each.how}{fields}")
    for title, told, reason in (("then", each.then, each.reason_then), ("now ", each.now, each.reason_now)):
        click.echo(f"  {title}  {told or 'nothing'}" + (f": {reason}" if reason else ""))


def _tell_versions(report: "Report") -> None:
    """Other rules decide otherwise, and rightly so: whose they were is the first thing to ask."""
    from swarmd import __version__

    counts = Counter((found.session, found.code_version) for found in report.differences)
    for (session, version), count in counts.items():
        click.echo(
            f"  {_counted(count, 'difference')} in {session}, written by swarmd {version}; this is {__version__}"
        )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
