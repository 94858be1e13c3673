"""How a knowledge base in Postgres stands: counts, size, and whether entries and index agree. Never raises."""

from typing import Any

import psycopg

from swarmd.state.knowledge.postgres_tables import Connection


def health(connection: Connection, place: str) -> dict[str, Any]:
    """The common fields of ``contract.health``: backend, place, entries, domains, files, links, bytes, problems."""
    found: dict[str, Any] = {"backend": "postgres", "place": place, "bytes": 0, "problems": []}
    try:
        with connection.transaction():
            kinds: dict[str, dict[str, int]] = {}
            asked = (
                "SELECT domain, kind, count(*) FROM entry GROUP BY domain, kind"
                ' ORDER BY domain COLLATE "C", kind COLLATE "C"'
            )
            for domain, kind, n in connection.execute(asked):
                kinds.setdefault(domain, {})[kind] = n
            asked = (
                "SELECT (SELECT count(*) FROM words), (SELECT count(*) FROM file), (SELECT count(*) FROM link),"
                " (SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class"
                " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r')"
            )
            indexed, files, links, size = connection.execute(asked).fetchone() or (0, 0, 0, 0)
    except psycopg.Error as cause:
        found["problems"] = [f"{place} does not answer ({' '.join(str(cause).split())[:200]}); start it again"]
        return found
    entries = sum(n for of in kinds.values() for n in of.values())
    if entries != indexed:
        found["problems"] = [f"{entries} entries, and {indexed} in the index; ingest again"]
    return {**found, "entries": entries, "domains": kinds, "files": files, "links": links, "bytes": size}
