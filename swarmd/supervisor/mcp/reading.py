"""What is known, for agents: topics of the journal, the chain behind an id, champions, knowledge, the handoff page.

Everything is read; nothing is kept between two calls. Raises OperatorError with what to do where a name is unknown.
"""

from pathlib import Path
from typing import Any

import orjson

from swarmd.state.errors import OperatorError
from swarmd.state.query import TOPICS, head, query_document
from swarmd.state.store.files import Home
from swarmd.state.store.lines import Damage
from swarmd.state.story import events
from swarmd.supervisor.asking import known_name
from swarmd.supervisor.glance import newest_handoff
from swarmd.supervisor.mcp.answers import Champion, Explained, KnowledgeFound, KnowledgeHit, Page
from swarmd.supervisor.mcp.bounds import ROWS_MAX, clean, fitting, text
from swarmd.supervisor.recall import present

EVENTS = "events"
_FILE_MAX = 1 << 20
_PAGE_MAX = 64_000


def require_journal(home: Home) -> None:
    if not home.journal.is_dir():
        raise OperatorError(f"there is no swarm in {home.root} yet; a campaign begins one (campaign_draft, then run)")


def state(home: Home) -> dict[str, Any]:
    """The continuity state, as ``swarmd query --json`` prints it."""
    require_journal(home)
    read = present(home, with_lines=False)
    document: dict[str, Any] = clean({"schema": "swarmd.query/1", **query_document(read.picture, read.facts)})
    return document


def page(home: Home, topic: str, *, offset: int, limit: int, contains: str) -> Page:
    require_journal(home)
    if topic != EVENTS:
        known_name(topic, TOPICS, "topic", "the tool's description")
    read = present(home, with_lines=topic == EVENTS)
    rows = events(read.lines) if topic == EVENTS else TOPICS[topic](read.picture, read.facts)
    if contains:
        rows = [row for row in rows if contains.lower() in orjson.dumps(row, default=str).decode().lower()]
    chosen = fitting(rows[offset : offset + min(limit, ROWS_MAX)])
    after = offset + len(chosen)
    said = head(read.picture, read.facts)
    return Page(
        topic=topic,
        as_of=said["as_of"],
        source=said["source"],
        total=len(rows),
        rows=chosen,
        next_offset=after if after < len(rows) else None,
    )


def explained(home: Home, id: str) -> Explained:
    from swarmd.state.incident_story import incident_story
    from swarmd.state.story import Index, chain_of
    from swarmd.supervisor.commands.explain import lines_about

    require_journal(home)
    damages: list[Damage] = []
    index = Index(lines_about(home, id, damages))
    chain = chain_of(index, id)
    kept = fitting(chain[:ROWS_MAX])
    return Explained(id=id, chain=kept, incident=clean(incident_story(index, id)), is_cut=len(kept) < len(chain))


def champion_rows(home: Home) -> list[dict[str, Any]]:
    if not home.journal.is_dir():
        return []
    read = present(home, with_lines=False)
    return TOPICS["champions"](read.picture, read.facts)


def champion(home: Home, id: str) -> Champion:
    rows = {row["id"]: row for row in champion_rows(home)}
    known_name(id, rows, "champion", "champions_list")
    row = rows[id]
    file = document(home, row["path"])
    named = (file or {}).get("certificate")
    certificate = document(home, named) if isinstance(named, str) else named
    return Champion(id=id, record=clean(row), file=clean(file), certificate=clean(certificate))


def certificate(home: Home, id: str) -> dict[str, Any]:
    found = champion(home, id).certificate
    if found is None:
        raise OperatorError(f"champion {id} has no certificate: it was crowned on the screen, or set by hand")
    return found


def document(home: Home, path: str) -> dict[str, Any] | None:
    """A JSON file below the home; None where there is none, or it is none."""
    place = home.inside(Path(path) if Path(path).is_absolute() else home.root / path)
    try:
        if place.stat().st_size > _FILE_MAX:
            return {"left_out": f"{path} has {place.stat().st_size:,} bytes, more than {_FILE_MAX:,}"}
        said = orjson.loads(place.read_bytes())
    except (OSError, ValueError):
        return None
    return said if isinstance(said, dict) else None


def handoff(home: Home) -> str:
    written = newest_handoff(home)
    if written is None:
        raise OperatorError(f"no handoff page was written in {home.docs} yet; the end of a campaign or a stop does")
    return text(written.read_text(errors="replace"), most=_PAGE_MAX)


def knowledge(home: Home, question: str, *, domain: str, limit: int) -> KnowledgeFound:
    from swarmd.state.knowledge.opening import address, database_path, open_knowledge

    if address(home) is None and not database_path(home).exists():
        return KnowledgeFound(question=question, hits=[])
    with open_knowledge(home) as base:
        found = base.search(question, domain=domain or None, limit=limit)
        hits = [
            KnowledgeHit(
                id=hit.entry.id,
                domain=hit.entry.domain,
                kind=hit.entry.kind,
                title=text(hit.entry.title),
                text=text(hit.entry.text, most=4_000),
                source=text(hit.entry.source),
                evidence=list(hit.entry.evidence),
                score=hit.score,
            )
            for hit in found
        ]
        return KnowledgeFound(question=question, hits=hits, suggestion=None if hits else base.suggestion(question))


def knowledge_entry(home: Home, id: str) -> dict[str, Any]:
    from swarmd.state.knowledge.entry import as_fields
    from swarmd.state.knowledge.opening import address, database_path, open_knowledge

    if address(home) is not None or database_path(home).exists():
        with open_knowledge(home) as base:
            if (entry := base.entry(id)) is not None:
                fields: dict[str, Any] = clean(as_fields(entry))
                return fields
    raise OperatorError(f"the knowledge base has no entry {id!r}; knowledge_search finds those there are")
