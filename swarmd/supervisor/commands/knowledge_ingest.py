"""``swarmd knowledge ingest``: documents into the knowledge base, once or as they change.

Exit code 1 where a file could not be read: then what is known of it may be old. What is passed over by intent (binary,
too large, a link, another kind) is counted, told, and no failure.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.knowledge.domains import resolved
from swarmd.state.knowledge.opening import open_knowledge
from swarmd.state.knowledge.snippet import plain
from swarmd.state.store.files import Home
from swarmd.state.units import spoken
from swarmd.supervisor.commands.knowledge_document import print_document, print_line
from swarmd.supervisor.commands.knowledge_embed import keep_up
from swarmd.supervisor.commands.options import home_option, json_option

_WORDS = {
    "link": "symbolic links, not followed",
    "special": "pipes, sockets or devices",
    "hidden": "hidden",
    "other-kind": "of no kind that is read",
    "binary": "binary",
    "too-large": "too large",
    "unreadable": "unreadable",
}


@click.command(
    epilog="Example: swarmd knowledge ingest docs README.md     "
    "swarmd knowledge ingest src --domain engine --watch     "
    "Exit codes: 0 done, 1 some files could not be read, 2 no such place, or one outside --root."
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--root", type=click.Path(path_type=Path), metavar="DIR", help="Refuse what lies outside of it.")
@click.option("--domain", metavar="DOMAIN", help="The domain of all of it; else each section's own words tell.")
@click.option("--max-bytes", type=click.IntRange(1, 1 << 27), default=8 << 20, show_default=True, help="Of one file.")
@click.option("--watch", is_flag=True, help="Go on, and read what changes, until Ctrl-C.")
@home_option
@json_option
def ingest(
    paths: tuple[Path, ...],
    root: Path | None,
    domain: str | None,
    max_bytes: int,
    watch: bool,
    home: Home,
    as_json: bool,
) -> None:
    """Read documents: Markdown, HTML, reST, notebooks, Python (its API, never run), plain text. Twice is harmless."""
    from swarmd.state.knowledge.ingest import Asked, asked
    from swarmd.state.knowledge.ingest import ingest as ingest_all

    named = resolved(domain) if domain and domain.strip() else None
    places: list[Asked] = [asked(path, root=root, domain=named, most_bytes=max_bytes) for path in paths]
    failed, embedder = 0, None
    with open_knowledge(home) as base:
        for place in places:
            began = time.monotonic()
            with _progress(place) as told:
                outcome = ingest_all(base, place, told)
            failed += outcome.failed
            embedder = keep_up(base, embedder)
            _tell(place, outcome, round((time.monotonic() - began) * 1000), as_json=as_json, is_line=watch)
    if watch:
        _watch(home, places, as_json=as_json)
    if failed:
        raise click.exceptions.Exit(1)


def _watch(home: Home, places: list[Any], *, as_json: bool) -> None:
    """Until a signal says enough. A store that stops answering is asked again, later and later."""
    from contextlib import ExitStack

    from swarmd.state.knowledge.ingest import changes, update
    from swarmd.state.knowledge.ingest import ingest as ingest_all

    with _until_told() as is_over, ExitStack() as stack:
        waits = [(place, stack.enter_context(changes(place))) for place in places]
        if not as_json:
            click.echo(f"watching {', '.join(plain(str(place.place)) for place in places)} until Ctrl-C")
        # What changed between the reading and the watching is seen now, and once more after every failure.
        pending: dict[int, set[Path] | None] = dict.fromkeys(range(len(waits)))
        pause, embedder = 1.0, None
        while not is_over():
            try:
                for number, paths in list(pending.items()):
                    began = time.monotonic()
                    place = waits[number][0]
                    with open_knowledge(home) as base:
                        outcome = ingest_all(base, place) if paths is None else update(base, place, paths)
                        embedder = keep_up(base, embedder)
                    del pending[number]
                    if outcome.read or outcome.forgotten_files or outcome.failed:
                        _tell(place, outcome, round((time.monotonic() - began) * 1000), as_json=as_json, is_line=True)
                pause = 1.0
            except (OutsideError, OperatorError) as cause:
                click.echo(f"{cause}; trying again in {pause:.0f} s", err=True)
                time.sleep(pause)
                pause = min(pause * 2, 60.0)
                pending.update(dict.fromkeys(range(len(waits))))
                continue
            for number, (_, wait) in enumerate(waits):
                found = wait(0.5 / len(waits))
                if found is None or found:
                    pending[number] = found


@contextmanager
def _until_told() -> Iterator[Callable[[], bool]]:
    """Whether INT or TERM has come; the batch at hand is written to its end."""
    come: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        come.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(come)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress(place: Any) -> Iterator[Callable[[Any], None]]:
    """A line on a terminal: files, sections, rate, and how long yet; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from swarmd.state.knowledge.walk import Found, files_below

    total = sum(isinstance(found, Found) for found in files_below(place.place, place.most_bytes))
    began = last = time.monotonic()

    def told(outcome: Any) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < 0.2:
            return
        last = now
        done = outcome.read + outcome.same
        sections = outcome.changed.added + outcome.changed.changed + outcome.changed.same
        rate = sections / max(now - began, 1e-3)
        left = round((now - began) / max(done, 1) * max(total - done, 0) * 1000)
        line = f"{done:,} of {total:,} files, {sections:,} sections, {rate:,.0f}/s, {spoken(left)} left"
        click.echo(f"\r{line:<78}", nl=False, err=True)

    try:
        yield told
    finally:
        click.echo(f"\r{'':<78}\r", nl=False, err=True)


def _tell(place: Any, outcome: Any, took: int, *, as_json: bool, is_line: bool) -> None:
    changed = outcome.changed
    if as_json:
        fields = {
            "place": str(place.place), "root": str(place.root), "took_ms": took,
            "files": {"read": outcome.read, "same": outcome.same, "forgotten": outcome.forgotten_files},
            "sections": {"added": changed.added, "changed": changed.changed, "same": changed.same,
                         "forgotten": changed.gone + outcome.forgotten},
            "passed_over": dict(outcome.passed), "failed": outcome.failed,
            "named": [{"path": str(one.path), "why": one.why, "told": one.told} for one in outcome.named],
            "read_as_plain_text": {"count": outcome.n_troubles, "files": [
                {"path": path, "why": why} for path, why in outcome.troubles]},
        }  # fmt: skip
        if is_line:
            print_line("knowledge_ingest", _printable(fields))
        else:
            print_document("knowledge_ingest", _printable(fields))
        return
    click.echo(
        f"{plain(str(place.place))}: {outcome.read:,} files read, {outcome.same:,} as they were, "
        f"{outcome.forgotten_files:,} gone; sections: {changed.added:,} added, {changed.changed:,} changed, "
        f"{changed.same:,} the same, {changed.gone + outcome.forgotten:,} forgotten; {spoken(took)}"
    )
    if outcome.passed:
        told = ", ".join(f"{n:,} {_WORDS[why]}" for why, n in sorted(outcome.passed.items()))
        click.echo(f"passed over: {told}")
    for one in outcome.named:
        click.echo(
            f"  {_WORDS[one.why].partition(',')[0]}: {plain(str(one.path))} {plain(one.told)}".rstrip(), err=True
        )
    for path, why in outcome.troubles:
        click.echo(f"  read as plain text: {plain(path)} ({plain(why)})", err=True)


def _printable(value: Any) -> Any:
    """Names of files may hold what is no UTF-8, which no JSON may."""
    if isinstance(value, dict):
        return {key: _printable(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_printable(one) for one in value]
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
