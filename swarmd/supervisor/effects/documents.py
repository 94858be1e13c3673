"""Pages the swarm writes: the handoff, with the evidence of commands really run."""

import asyncio
import sys
from pathlib import Path

import orjson

from swarmd.agents.pages.handoff import CommandOutput, handoff
from swarmd.state.records.campaign import Campaign
from swarmd.state.records.gauge import Document
from swarmd.state.records.record import Record
from swarmd.state.records.session import Session
from swarmd.state.store.files import Home, atomic_write
from swarmd.state.units import Millis, iso
from swarmd.state.view import View

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
