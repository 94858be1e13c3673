"""Commands that are really run for a page, and what they said: which, bounded in time and length, without secrets.

Called by `swarmd handoff`, never from a cycle. Each command is a process of its own in our group, so that who ends us
ends it too. What is shown is cut in the middle: how a command began and how it ended both matter.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from swarmd.agents.pages.verification import CommandOutput
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.champion import Champion
from swarmd.state.store.files import Home
from swarmd.state.store.ledger_place import url_path
from swarmd.state.view import View
from swarmd.supervisor.redaction import redacted, secrets_of

_AT_ONCE = 2
_OUTPUT_MAX = 4_000
_SHORT = 700
_CHAMPIONS_MAX = 3
_FILES_MAX = 3
_SUFFIXES = (".parquet", ".csv", ".feather")


@dataclass(frozen=True, slots=True)
class Check:
    """``words`` as given to `swarmd`; ``shows`` what it can tell; ``length`` how much of what it says is kept."""

    words: tuple[str, ...]
    shows: str
    within_s: float
    length: int = _OUTPUT_MAX


def checks_for(view: View, home: Home) -> list[Check]:
    """What a reader would run first: only commands that have something to say here."""
    campaign = view.campaign
    checks: list[Check] = []
    if view.sessions:
        shows = "every decision of the journal comes out the same when it is made again"
        checks.append(Check(("replay",), shows, 60.0))
    checks += _champions(view)
    if campaign is not None:
        checks += _data(campaign, view)
    if url_path(home).exists() or any(home.state.joinpath("ledger").glob("*/*.jsonl")):
        checks.append(
            Check(("ledger", "show"), "how much was tried behind the results; every chain of lines holds", 30.0)
        )
    if campaign is not None and view.results:
        checks.append(Check(("summarize", campaign.id), "totals and the best of what was searched", 30.0))
    checks.append(Check(("query", "--json"), "the continuity state, as programs read it", 30.0, _SHORT))
    return checks


def _champions(view: View) -> Iterator[Check]:
    in_force = [each for each in view.champions.values() if each.is_in_force]
    newest = sorted(in_force, key=_since, reverse=True)[:_CHAMPIONS_MAX]
    for champion in sorted(newest, key=lambda each: each.id):
        shows = f"the figures of {champion.id} come out the same from its data, code and certificate"
        yield Check(("champion", "verify", champion.symbol, champion.timeframe), shows, 120.0)


def _since(champion: Champion) -> tuple[int, str]:
    return champion.since, champion.id


def _data(campaign: Campaign, view: View) -> Iterator[Check]:
    """Of the assets that have a champion first: their files as they lie there now."""
    data = campaign.settings.data
    crowned = {champion.symbol for champion in view.champions.values() if champion.campaign == campaign.id}
    symbols = sorted(campaign.settings.symbols(), key=lambda symbol: symbol not in crowned)
    files = (Path(data.root) / f"{symbol}{suffix}" for symbol in symbols for suffix in _SUFFIXES)
    allowed = [word for day in data.known_gaps for word in ("--known-gap", day)]
    if data.allow_gaps:
        allowed += ["--allow-gaps", str(data.allow_gaps)]
    there = [str(path) for path in files if path.is_file()][:_FILES_MAX]
    if there:
        words = ("data", "validate", *there, "--interval", data.interval, *allowed)
        yield Check(words, "the bars are fit to be searched", 60.0)


def run_checks(home: Home, checks: Iterable[Check], *, within_s: float) -> list[CommandOutput]:
    """All of them, two at a time, in the order they were given. What does not answer in time is ended and told."""
    until = time.monotonic() + within_s
    hidden = secrets_of()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda check: _ran(home, check, until, hidden), checks))


def _ran(home: Home, check: Check, until: float, hidden: tuple[str, ...]) -> CommandOutput:
    began = time.monotonic()
    told = " ".join(("swarmd", *check.words))
    limit = min(check.within_s, until - began)
    if limit <= 0:
        return CommandOutput(
            redacted(told, hidden), None, "not run: the time for all commands was up", 0.0, check.shows
        )
    code: int | None = None
    # In a group of our own making nothing could be left behind when we are ended: so in ours.
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "swarmd", "--home", str(home.root), *check.words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_plain_environment(),
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit)
            code, text = process.returncode, output.decode(errors="replace")
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            text = f"no answer within {limit:.0f} s, so it was ended"
    took = time.monotonic() - began
    return CommandOutput(
        redacted(told, hidden), code, shortened(redacted(text, hidden), check.length), took, check.shows
    )


def _plain_environment() -> dict[str, str]:
    """No colours and a fixed width, so that the page reads the same everywhere."""
    return {**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120"}


def shortened(text: str, most: int) -> str:
    """Its beginning and its end, cut at lines where there are some, with how much is missing in between."""
    text = text.strip("\n")
    if len(text) <= most:
        return text
    head, tail = text[: most * 2 // 3], text[-(most // 3) :]
    head = head[: head.rfind("\n")] if "\n" in head else head
    tail = tail[tail.find("\n") + 1 :] if "\n" in tail else tail
    return f"{head}\n… {len(text) - len(head) - len(tail):,} characters left out …\n{tail}"
