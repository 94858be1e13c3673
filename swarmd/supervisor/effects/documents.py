"""Pages the curator keeps true, written whole from the records; one that would say the same is left as it is.

The handoff is none of these: it takes commands that are really run, and hence a process of its own (`errands`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import orjson

from swarmd.agents.curator import OF_ASSETS, page_id
from swarmd.agents.pages.expected_outcomes import expected_outcomes
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


# -- pages kept true to the records -----------------------------------------------------------------------------------

# The page as it is (empty where there is none) and the View: the page as it should be.
Writer = Callable[[str, View], str]

WRITERS: Mapping[str, Writer] = {
    "AGENT_REGISTRY.md": lambda page, view: registry_page(view.policy),
    "BACKTEST_OPTIMIZE.md": with_notes,
    "KNOWLEDGE_BASE_BACKTEST.md": lambda page, view: knowledge(view),
    "WORKFLOW_EXPECTED_OUTCOMES_STATEFUL.md": lambda page, view: expected_outcomes(view),
    "phase2_candidates.txt": lambda page, view: shortlist(view),
    "pipeline_tracker.csv": lambda page, view: tracker(view),
}


def write_documents(view: View, home: Home, action: WriteDocuments, cause: str, *, now: Millis) -> list[Record]:
    """Write each page anew, whole. Raises OutsideError at the first that cannot be written, InvariantError for a page
    nobody writes.
    """
    written: list[Record] = []
    for name in action.names:
        if name not in WRITERS:
            raise InvariantError(f"{cause} asks for the page {name!r}; those kept are {', '.join(WRITERS)}")
        campaign = view.campaign.id if view.campaign is not None else ""
        path = home.results_of(campaign) / name if name in OF_ASSETS else home.docs / name
        before = _standing(path)
        text = WRITERS[name](before, view)
        if text != before or not path.exists():
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
