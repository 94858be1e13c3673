"""Which knowledge base a home has, and opening it: SQLite in HOME/knowledge.db, or Postgres where an address is given.

The address comes from $SWARMD_KNOWLEDGE_URL, else from HOME/knowledge.url (mode 0600, written by `knowledge move`).
It holds a password, so nothing prints it: ``place_of`` is what people are told.
"""

import os
from pathlib import Path
from urllib.parse import urlsplit

from swarmd.state.errors import OperatorError, OutsideError
from swarmd.state.knowledge.contract import KnowledgeBase
from swarmd.state.store.files import Home, atomic_write

VARIABLE = "SWARMD_KNOWLEDGE_URL"
SCHEMES = ("postgresql", "postgres")


def database_path(home: Home) -> Path:
    return home.root / "knowledge.db"


def url_path(home: Home) -> Path:
    return home.root / "knowledge.url"


def address(home: Home) -> str | None:
    """The Postgres address in force, None for SQLite. Raises OperatorError where one is given and is none."""
    said = os.environ.get(VARIABLE, "").strip()
    if said:
        return checked_url(said, f"${VARIABLE}")
    try:
        text = url_path(home).read_text().strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as cause:
        raise OperatorError(f"cannot read {url_path(home)}: {cause}; remove it, or move the knowledge again") from None
    return checked_url(text, str(url_path(home))) if text else None


def checked_url(url: str, where: str) -> str:
    """The address, if it is one; the message never holds it, for it may hold a password."""
    try:
        parts = urlsplit(url)
        is_sound = parts.scheme in SCHEMES and not any(letter.isspace() or ord(letter) < 32 for letter in url)
        _ = parts.port
    except ValueError:
        is_sound = False
    if not is_sound:
        raise OperatorError(f"{where} is no address of a Postgres; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    return url


def place_of(url: str | None, home: Home) -> str:
    """Where the knowledge lies, for people: without the password, and without parameters that may hold one."""
    if url is None:
        return str(database_path(home))
    parts = urlsplit(url)
    user = f"{parts.username}@" if parts.username else ""
    port = f":{parts.port}" if parts.port else ""
    return f"postgresql://{user}{parts.hostname or ''}{port}{parts.path}"


def open_knowledge(home: Home) -> KnowledgeBase:
    """The knowledge base of this home, made where it is missing.

    Raises OperatorError where the settings or an extra are wrong, OutsideError where the store cannot be reached.
    """
    return open_at(home, address(home))


def open_at(home: Home, url: str | None) -> KnowledgeBase:
    """The one at this address; None is the home's own SQLite file."""
    if url is None:
        from swarmd.state.knowledge.sqlite import SqliteKnowledge

        return SqliteKnowledge(database_path(home))
    from swarmd.state.knowledge.postgres import PostgresKnowledge

    return PostgresKnowledge(url, place_of(url, home))


def remember(home: Home, url: str | None) -> None:
    """From now on this home's knowledge is there; the address is readable by its owner alone."""
    if url is not None:
        atomic_write(url_path(home), url.encode() + b"\n", sync=True)
        return
    try:
        url_path(home).unlink(missing_ok=True)
    except OSError as cause:
        raise OutsideError(f"cannot remove {url_path(home)}: {cause.strerror}") from cause
