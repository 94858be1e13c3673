"""A parity file in a word or two, whatever lies there."""

import pytest

from swarmd.state.tracker_parity import parity_in_short

WHOLE = {"schema": "swarmd.parity/1", "checksum": "c", "executed": True, "parity": {"trades": 212, "equal": 212}}


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "212/212"),
        ({"parity": {"trades": 212, "equal": 209}}, "3 of 212 differ"),
        ({"executed": False}, "exported"),
        ({"parity": {"trades": "many"}}, "exported"),
        ({"parity": None}, "exported"),
        ({"checksum": "of the champion before"}, ""),
        ({"schema": "another/1"}, ""),
    ],
)
def test_it_is_told_as_far_as_it_is_of_this_champion_and_whole(changed: dict[str, object], told: str) -> None:
    assert parity_in_short(WHOLE | changed, "c") == told


def test_nothing_is_told_of_nothing() -> None:
    assert parity_in_short(None, "c") == ""
