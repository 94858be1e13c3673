"""What became of champions after their campaign, on the tracker's rows: fallen, followed, exported, compared.

Like the tracker it takes plain dictionaries, so that `query` starts fast.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from swarmd.state.champion_words import standing_in_words

Row = dict[str, str | float | None]


def as_they_stand(
    rows: Iterable[Row], champions: Iterable[Mapping[str, Any]], *, campaign: str, interval: str
) -> list[Row]:
    """The rows, with ``NO`` and the reason where the one that this campaign crowned has fallen or was followed, and in
    ``Pine`` what its script was found to be."""
    of_asset = {each["symbol"]: each for each in champions if each["timeframe"] == interval}
    return [_row(row, of_asset.get(str(row["Asset"])), campaign) for row in rows]


def _row(row: Row, champion: Mapping[str, Any] | None, campaign: str) -> Row:
    if champion is None or row["Prod Ready"] != "YES":
        return row
    status, origin = champion.get("status", "in_force"), champion.get("origin", "crowned")
    is_own = (champion["campaign"], champion["mode"]) == (campaign, row["Mode"])
    if (status, origin) == ("in_force", "crowned") or (status == "in_force" and is_own):
        return row | {"Pine": champion["pine"]} if is_own and champion.get("pine") else row
    stands = standing_in_words(
        status,
        origin=origin,
        note=champion.get("note", ""),
        e_value=champion.get("e_value"),
        days=champion.get("days", 0),
    )
    who = "" if is_own else f"{champion['strategy']} {champion['mode']} is "
    return row | {"Prod Ready": "NO", "Reason": f"{row['Reason']}; by now {who}{stands}"}
