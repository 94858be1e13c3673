"""The tracker's last word on a crown is how the champion stands by now, not that there was one."""

from typing import Any

import pytest

from swarmd.state.tracker_champions import as_they_stand

ROW: dict[str, str | float | None] = {
    "Asset": "BTCUSDT", "Mode": "balanced", "Prod Ready": "YES", "Reason": "crowned: the niche was empty",
}  # fmt: skip
CROWNED = {"symbol": "BTCUSDT", "timeframe": "5m", "strategy": "mtf_ema", "mode": "balanced", "campaign": "c"}


def row(**champion: Any) -> tuple[str | float | None, str]:
    (found,) = as_they_stand([ROW], [CROWNED | champion], campaign="c", interval="5m")
    return found["Prod Ready"], str(found["Reason"]).removeprefix("crowned: the niche was empty")


@pytest.mark.parametrize("champion", [{}, {"status": "in_force", "origin": "rollback"}, {"timeframe": "15m"}])
def test_who_is_in_force_as_crowned_or_was_put_back_is_ready(champion: dict[str, str]) -> None:
    assert row(**champion) == ("YES", "")


def test_what_its_script_was_found_to_be_is_told_of_its_own_champion_alone() -> None:
    own, other = CROWNED | {"pine": "3 of 212 differ"}, CROWNED | {"pine": "212/212", "campaign": "d"}
    told = [as_they_stand([ROW | {"Pine": "exported"}], [who], campaign="c", interval="5m")[0] for who in (own, other)]
    assert [row["Pine"] for row in told] == ["3 of 212 differ", "exported"]


def test_who_fell_is_not_with_the_evidence() -> None:
    fell = {"status": "dethroned", "note": "the monitor: it fell", "e_value": 22.1, "days": 92}
    assert row(**fell) == ("NO", "; by now dethroned (the monitor: it fell); e 22.1 after 92 days")


def test_who_was_followed_by_another_names_him() -> None:
    other = {"campaign": "d", "mode": "aggressive", "status": "in_force", "origin": "manual", "note": "as traded"}
    assert row(**other) == ("NO", "; by now mtf_ema aggressive is in force, put in force by hand (as traded)")


def test_who_was_followed_by_a_better_one_of_a_campaign_stays_as_it_was() -> None:
    assert row(campaign="d", mode="aggressive") == ("YES", "")


def test_a_row_without_a_crown_is_left_alone() -> None:
    none = ROW | {"Prod Ready": "NO"}
    assert as_they_stand([none], [CROWNED | {"status": "dethroned"}], campaign="c", interval="5m") == [none]
