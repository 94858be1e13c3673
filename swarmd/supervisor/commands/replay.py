"""``swarmd replay``: decide a journal again, cycle by cycle, and tell every decision that differs.

The fold and the comparison are ``supervisor/replaying``; here are the files, the options and the telling.
"""

import contextlib
import difflib
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.state.store.lines import Damage, Line
from swarmd.state.store.raw import reaches_back_to, walk
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
    "Exit codes: 0 nothing differs but what other rules decided, 1 something does, 2 no journal, or no such RUN_ID."
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
    there = _survey(folder)
    wanted = _wanted(there, run_id)
    tell_damages(there.damages)

    from swarmd.supervisor.replaying import Replay
    from swarmd.supervisor.roster import ROSTER
    from swarmd.supervisor.rules_digest import rules_digest

    replaying = Replay(
        ROSTER,
        snapshots=_snapshots(folder) if there.damages or there.removed else (),
        damages=frozenset(f"{damage.segment}:{damage.line}" for damage in there.damages if damage.segment != SNAPSHOT),
        rules=rules_digest(),
        **wanted,
    )
    for line in _shown(_lines(folder, there), there.n_lines):
        replaying.feed(line)
    report = replaying.finish()
    if as_json:
        document = _document(folder, run_id, there.n_lines, report)
        print_document("replay", document | {"removed_before": there.removed or None})
    else:
        if there.removed:
            click.echo(f"not replayed: what was before {there.removed}; `swarmd clean` removed it")
        _tell(folder, there.n_lines, report)
    if report.n_differences > report.n_expected:
        raise click.exceptions.Exit(1)


# -- reading ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Survey:
    """What a journal holds, from a first walk through it: the replay must know of every damage before it begins.

    ``begins_after`` is the last line that ``swarmd clean`` removed, ``removed`` its instant; ``known`` has the kind of
    each id that can be asked for.
    """

    begins_after: int
    removed: str
    n_lines: int = 0
    last_seq: int = 0
    known: dict[str, str] = field(default_factory=dict)
    damages: list[Damage] = field(default_factory=list)


def _survey(folder: Path) -> _Survey:
    if not folder.is_dir():
        raise OperatorError(f"there is no journal in {folder}; name the folder that holds 000001.jsonl")
    # What the base stands for comes first, and is a picture and no history.
    reach = read_reach(folder / BASE)
    there = _Survey(0 if reach is None else reach.seq, reaches_back_to(folder))
    for line in walk(folder, there.damages):
        if line.seq > there.begins_after:
            there.n_lines += 1
            there.last_seq = line.seq
            if line.kind in ("session", "run"):
                there.known[line.id] = line.kind
    if not there.n_lines:
        raise OperatorError(f"the journal {folder} holds no sound line; name the folder that holds 000001.jsonl")
    return there


def _lines(folder: Path, there: _Survey) -> Iterator[Line]:
    """The lines of the survey, one after the other: a daemon may have written on meanwhile."""
    for line in walk(folder, []):
        if line.seq > there.last_seq:
            return
        if line.seq > there.begins_after:
            yield line


def _wanted(there: _Survey, id: str) -> dict[str, str]:
    """``session`` or ``run``, as the journal knows the id. Raises OperatorError where it knows none of that name."""
    if not id:
        return {}
    if id not in there.known:
        near = difflib.get_close_matches(id, there.known, n=3, cutoff=0.4)
        hint = f"; did you mean {', '.join(near)}?" if near else "; `swarmd query runs` lists the runs"
        raise OperatorError(f"no session and no run of the journal is called {id!r}{hint}")
    return {there.known[id]: id}


def _snapshots(folder: Path) -> "list[Snapshot]":
    """Where lines are lost or removed, what a snapshot kept of them lets the replay go on after it."""
    from swarmd.supervisor.replaying import Snapshot

    found = []
    for name in (BASE, SNAPSHOT):
        with contextlib.suppress(ValueError):  # one that cannot be trusted is among the damages
            if (read := read_snapshot(folder / name)) is not None:
                found.append(Snapshot(read[0].seq, [*read[1]], is_base=name == BASE))
    return found


def _shown(lines: Iterator[Line], n_lines: int) -> Iterator[Line]:
    """The lines, and on a terminal how far they are read, how fast, and how long it will take."""
    if n_lines < _LONG or not sys.stderr.isatty():
        yield from lines
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("replay"), BarColumn(), MofNCompleteColumn(), TextColumn("lines, {task.fields[rate]:,.0f}/s, eta"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        task = progress.add_task("replay", total=n_lines, rate=0.0)
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
        "n_expected": report.n_expected,
        "rules": report.rules,
        "rules_of_today": report.rules_of_today,
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
        if report.is_by_other_rules(session):
            rules = f"{report.rules[session]}, now {report.rules_of_today}"
            told = f"{session} was decided by other rules ({rules}): {_counted(count, 'difference')} expected"
        else:
            told = f"{_counted(count, 'difference')} in {session}, written by swarmd {version}; this is {__version__}"
        click.echo(f"  {told}")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
