"""Pages the swarm writes: the handoff, with the evidence of commands really run, and those the curator keeps true."""

import asyncio
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import orjson

from swarmd.agents.curator import OF_ASSETS, page_id
from swarmd.agents.pages.expected_outcomes import expected_outcomes
from swarmd.agents.pages.handoff import CommandOutput, handoff
from swarmd.agents.pages.knowledge import knowledge
from swarmd.agents.pages.tracker import shortlist, tracker
from swarmd.agents.pages.workflow_notes import with_notes
from swarmd.state.actions import WriteDocuments
from swarmd.state.errors import InvariantError, OutsideError
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.gauge import Document
from swarmd.state.records.record import Record
from swarmd.state.records.session import Session
from swarmd.state.store.files import Home, atomic_write
from swarmd.state.units import Millis, iso
from swarmd.state.view import View
from swarmd.supervisor.rule_pages import registry_page

_COMMAND_WITHIN_S = 20.0
_OUTPUT_MAX = 6_000


def write_run_meta(home: Home, campaign: Campaign, session: Session) -> None:
    """``results/<campaign>/run_meta.json``: the question as it was resolved, kept with its answers."""
    document = {
        "schema": "swarmd.run_meta/1",
        "campaign": campaign.id,
        "digest": campaign.digest,
        "file": campaign.file,
        "run_id": session.id,
        "started_at": iso(campaign.started_at),
        "host": session.host,
        "code_version": session.code_version,
        "settings": campaign.settings.model_dump(mode="json"),
    }
    path = home.results_of(campaign.id) / "run_meta.json"
    atomic_write(path, orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n", sync=True)


async def write_handoff(view: View, home: Home, reason: str, cause: str, *, now: Millis) -> list[Record]:
    """Run the commands a reader would run first, and render the page with what they said."""
    commands = [("status",), ("champion", "list"), ("query", "incidents")]
    if view.campaign is not None:
        commands.append(("summarize", view.campaign.id))
    # All at once: the cycle waits for them, and each takes about half a second of imports.
    evidence = await asyncio.gather(*(_run(home, *words) for words in commands))
    page = handoff(view, now, evidence=evidence)
    stamp = iso(now)
    path = _free(home.docs, f"HANDOFF_SWARM_RUN_{stamp[:10]}_{stamp[11:13]}{stamp[14:16]}Z")
    atomic_write(path, page.encode(), sync=True)
    atomic_write(home.docs / "HANDOFF_LATEST.md", page.encode())
    return [Document(id=home.relative(path), at=now, caused_by=(cause,), title="Handoff", reason=reason)]


# -- pages kept true to the records -----------------------------------------------------------------------------------

# The page as it is (empty where there is none), the View and the instant: the page as it should be.
Writer = Callable[[str, View, Millis], str]

WRITERS: Mapping[str, Writer] = {
    "AGENT_REGISTRY.md": lambda page, view, now: registry_page(view.policy),
    "BACKTEST_OPTIMIZE.md": with_notes,
    "KNOWLEDGE_BASE_BACKTEST.md": lambda page, view, now: knowledge(view, now),
    "WORKFLOW_EXPECTED_OUTCOMES_STATEFUL.md": lambda page, view, now: expected_outcomes(view, now),
    "phase2_candidates.txt": lambda page, view, now: shortlist(view),
    "pipeline_tracker.csv": lambda page, view, now: tracker(view),
}


async def write_documents(view: View, home: Home, action: WriteDocuments, cause: str, *, now: Millis) -> list[Record]:
    """Write each page anew, whole. Raises OutsideError at the first that cannot be written, InvariantError for a page
    nobody writes.
    """
    written: list[Record] = []
    for name in action.names:
        if name not in WRITERS:
            raise InvariantError(f"{cause} asks for the page {name!r}; those kept are {', '.join(WRITERS)}")
        campaign = view.campaign.id if view.campaign is not None else ""
        path = home.results_of(campaign) / name if name in OF_ASSETS else home.docs / name
        # In a thread: the registry parses our own sources, and no cycle waits for that longer than it must.
        text = await asyncio.to_thread(WRITERS[name], _standing(path), view, now)
        atomic_write(path, text.encode(errors="surrogateescape"))
        title = name.partition(".")[0].replace("_", " ").capitalize()
        written.append(
            Document(id=page_id(campaign, name), at=now, caused_by=(cause,), title=title, reason=action.reason)
        )
    return written


def _standing(path: Path) -> str:
    """The page as it is, empty where there is none. A person's bytes pass through unchanged, whatever they are."""
    try:
        return path.read_bytes().decode(errors="surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as cause:
        raise OutsideError(f"{path} cannot be read, so it is not written anew: {cause.strerror}") from cause


def _free(folder: Path, name: str) -> Path:
    """The page's name counts minutes; a second page of the same minute gets a number, so that none is overwritten."""
    path, number = folder / f"{name}.md", 1
    while path.exists():
        number += 1
        path = folder / f"{name}-{number}.md"
    return path


async def _run(home: Home, *words: str) -> CommandOutput:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "swarmd",
        "--home",
        str(home.root),
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=_plain_environment(),
    )
    told = " ".join(("swarmd", *words))
    try:
        output, _ = await asyncio.wait_for(process.communicate(), _COMMAND_WITHIN_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        return CommandOutput(command=told, exit_code=-1, output=f"no answer within {_COMMAND_WITHIN_S:g} s")
    text = output.decode(errors="replace").rstrip()
    if len(text) > _OUTPUT_MAX:
        text = text[:_OUTPUT_MAX] + f"\n… {len(text) - _OUTPUT_MAX} more characters"
    return CommandOutput(command=told, exit_code=process.returncode or 0, output=text)


def _plain_environment() -> dict[str, str]:
    """No colours and a fixed width, so that the page reads the same everywhere."""
    import os

    return {**os.environ, "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120"}


def latest_handoff(home: Home) -> Path:
    return home.docs / "HANDOFF_LATEST.md"
