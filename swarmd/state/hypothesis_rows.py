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
        "campaign": row["campaign"],
        # Records of before claims could be stated by a person have none of these.
        "origin": row.get("origin", "standard"),
        "metric": row.get("metric", "oos_annual_sharpe"),
        "comparison": row.get("comparison", "above"),
        "threshold": row["threshold"],
        "among": row.get("among", "every"),
        "assets": [*row["scope"]["assets"]] if row.get("scope") else [],
        "modes": [*row["scope"]["modes"]] if row.get("scope") else [],
        "measured": row["measured"],
        "held": row.get("held", 0),
        "judged": row.get("n", 0),
        "tried": row["tried"],
        "stated_at": iso(row["stated_at"]),
        "judged_at": row["at"] if is_judged else None,
        "claim": row["claim"],
        "rationale": row.get("rationale", ""),
        "verdict": row["verdict"],
        "evidence": [*row.get("evidence", ())],
    }
