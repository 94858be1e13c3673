"""Entries and documents for tests of the knowledge base: only what matters is named."""

from typing import Any

from swarmd.state.knowledge.entry import Entry, Hit


def an_entry(id: str = "note:one", text: str = "", **fields: Any) -> Entry:
    return Entry(**{"id": id, "domain": "general", "kind": "note", "title": "", "text": text, **fields})


def ids(hits: list[Hit]) -> list[str]:
    return [hit.entry.id for hit in hits]


def marked(hit: Hit) -> str:
    return "".join(f"[{piece.text}]" if piece.is_match else piece.text for piece in hit.snippet)
