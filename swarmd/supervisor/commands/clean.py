"""``swarmd clean``: what is old and needed by nobody goes; what went, and what stays and why, is told in bytes.

Works with the daemon alive or dead: it touches nothing the daemon writes. Asked twice it finds nothing the second time.
"""

import contextlib
import os
import shutil
from pathlib import Path

import click

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.store.compaction import compact
from swarmd.state.store.files import Home, lock_file, lock_holder
from swarmd.state.store.raw import reaches_back_to
from swarmd.state.units import HOUR, Millis, millis_of_duration, spoken
from swarmd.supervisor.commands.options import home_option, json_option, print_document
from swarmd.supervisor.commands.query import require_journal
from swarmd.supervisor.retention import Findings, find, old_experiments, size_of

# The daemon listens to a run for some minutes after its end, and looks at nothing older.
_LEAST: Millis = HOUR
_LOCK = "clean.lock"


@click.command(
    epilog="Example: swarmd clean --dry-run     In a crontab: 0 4 * * 0 swarmd --home /srv/swarm clean     "
    "Champions and results of campaigns are never touched. Exit codes: 0 done, 1 something could not be removed, "
    "2 a wrong duration."
)
@click.option("--older-than", "age", default="30d", show_default=True, metavar="DURATION", help="What counts as old.")
@click.option("--experiments", is_flag=True, help="Remove old results of `swarmd run` as well.")
@click.option("--dry-run", is_flag=True, help="Tell what would go, and remove nothing.")
@home_option
@json_option
def clean(age: str, experiments: bool, dry_run: bool, home: Home, as_json: bool) -> None:
    """Remove outboxes and logs of runs long ended, and journal segments that a snapshot stands for."""
    if not (experiments and home.results.is_dir()):  # experiments need no daemon, and a home of theirs has no journal
        require_journal(home)
    older_than = _age(age)
    lock = lock_file(home.run_dir / _LOCK, {"pid": os.getpid()})
    if lock is None:
        pid = lock_holder(home.run_dir / _LOCK).get("pid", "?")
        raise OperatorError(f"another clean is at work on {home.root} (pid {pid}); wait for it")
    try:
        found = _find(home, older_than, with_experiments=experiments)
        sizes = {kind: sum(map(size_of, paths)) for kind, paths in found.going.items()}
        trouble = "" if dry_run else _remove(home, found)
        _tell(home, found, sizes, older_than, is_dry=dry_run, as_json=as_json)
        if trouble:
            raise OutsideError(trouble)
    finally:
        with contextlib.suppress(OSError):
            (home.run_dir / _LOCK).unlink()
        os.close(lock)


def _age(text: str) -> Millis:
    try:
        older_than = millis_of_duration(text)
    except ValueError as wrong:
        raise OperatorError(f"--older-than: {wrong}") from None
    if older_than < _LEAST:
        raise OperatorError(f"--older-than {text} is too young: the daemon may still listen to runs ended within 1h")
    return older_than


def _find(home: Home, older_than: Millis, *, with_experiments: bool) -> Findings:
    from swarmd.state.projection import Projection
    from swarmd.supervisor.clock import wall_millis

    now = wall_millis()
    view = Projection.from_journal(home.journal).view()
    found = find(home, view, older_than=older_than, now=now)
    if with_experiments:
        old_experiments(home, view, found, before=now - older_than)
    return found


def _remove(home: Home, found: Findings) -> str:
    """Everything that can be; what could not, in one line. The journal last, for that alone cannot be made again."""
    journal = {*found.segments.leftovers, *found.segments.segments, *found.segments.copies}
    stuck: list[str] = []
    for kind, paths in found.going.items():
        for path in paths:
            if path not in journal:
                stuck += _removed_alone(path) if kind == "experiments" else _removed(path)
    if journal:
        compact(home.journal, found.segments)
    more = f" (and {len(stuck) - 1} more)" if len(stuck) > 1 else ""
    return f"{stuck[0]}{more}; give yourself the right, and ask again" if stuck else ""


def _removed_alone(path: Path) -> list[str]:
    """With its folder's lock held: an experiment begun again in this moment finds itself refused, not robbed."""
    lock = lock_file(path / ".lock", {"run": "swarmd clean", "pid": os.getpid()})
    if lock is None:
        return [f"cannot remove {path}: its experiment runs again"]
    try:
        return _removed(path)
    finally:
        os.close(lock)


def _removed(path: Path) -> list[str]:
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        return [f"cannot remove {path}: {error.strerror}"]
    return []


def _tell(
    home: Home, found: Findings, sizes: dict[str, int], older_than: Millis, *, is_dry: bool, as_json: bool
) -> None:
    history_from = reaches_back_to(home.journal)
    if as_json:
        document = {
            "home": str(home.root),
            "older_than_s": older_than / 1000,
            "dry_run": is_dry,
            "removed": {kind: {"count": len(found.going[kind]), "bytes": size} for kind, size in sizes.items()},
            "bytes": sum(sizes.values()),
            "paths": [home.relative(path) for paths in found.going.values() for path in paths],
            "kept": found.staying,
            "journal": {"ends": found.segments.why_not_more, "history_from": history_from or None},
        }
        print_document("clean", document)
        return
    from swarmd.supervisor.standing import size

    verb = "would go" if is_dry else "removed"
    for kind, total in sizes.items():
        click.echo(f"{verb}: {len(found.going[kind])} {kind}, {size(total)}")
        # Results are what somebody waited for: those are named, one by one.
        for path in found.going[kind] if kind == "experiments" else ():
            click.echo(f"  {home.relative(path)}")
    if not sizes:
        click.echo(f"nothing older than {spoken(older_than)} may go")
    else:
        click.echo(f"{verb} in all: {size(sum(sizes.values()))}")
    for why, count in found.staying.items():
        click.echo(f"stays: {count} old ones, because {why}")
    if home.journal.is_dir():
        click.echo(f"journal: {found.segments.why_not_more}")
    if found.segments.segments and is_dry:
        click.echo("with those segments goes their history: `query --at`, `replay` and `explain` cannot reach there")
    if history_from:
        click.echo(f"history was removed up to {history_from}: `query --at` and `replay` reach back to there")
