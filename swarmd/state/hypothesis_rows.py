"""``swarmd query hypotheses``: the ledger, each claim beside what became of it, as plain rows.

A topic of ``query``, in a file of its own; like all of that it reads dictionaries, so that the command starts fast.
"""

from typing import TYPE_CHECKING, Any

from swarmd.state.units import iso

if TYPE_CHECKING:
    from swarmd.state.query import Facts, Picture

Row = dict[str, Any]


def hypothesis_rows(picture: "Picture", facts: "Facts") -> list[Row]:
    """One row a claim, in the order in which they were stated; ``judged_at`` is None until it is judged."""
    return [_row(row) for row in picture.rows("hypothesis")]


def _row(row: Row) -> Row:
    is_judged = row["status"] != "stated"
    return {
        "id": row["id"],
        "status": row["status"],
        "threshold": row["threshold"],
        "measured": row["measured"],
        "tried": row["tried"],
        "stated_at": iso(row["stated_at"]),
        "judged_at": row["at"] if is_judged else None,
        "claim": row["claim"],
        "verdict": row["verdict"],
    }
