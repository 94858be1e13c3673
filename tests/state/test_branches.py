"""A crown whose guards said no says for what it waits, and no other job does."""

from typing import Any

import pytest

from swarmd.state.branches import awaits_branches

CROWN = {"phase": "crown", "status": "queued", "after": ["guards"], "branch": None}
GUARDS = {"phase": "guards", "status": "failed"}


@pytest.mark.parametrize(
    ("crown", "guards", "waits"),
    [
        ({}, {}, True),
        ({"status": "skipped"}, {}, False),
        ({"branch": "conservative"}, {}, False),
        ({"phase": "guards"}, {}, False),
        ({"after": []}, {}, False),
        ({}, {"status": "quarantined"}, False),
        ({}, {"status": "queued"}, False),
        ({}, {"phase": "screen"}, False),
    ],
)
def test_only_a_chain_s_own_crown_behind_a_no_awaits_branches(
    crown: dict[str, Any], guards: dict[str, Any], waits: bool
) -> None:
    told = awaits_branches(CROWN | crown, {"guards": GUARDS | guards})
    assert told == ("held: the guards said no, and what is tried once more comes to its end first" if waits else "")


def test_a_crown_of_a_journal_without_branches_awaits_none() -> None:
    old = {key: value for key, value in CROWN.items() if key != "branch"}
    assert awaits_branches(old, {"guards": GUARDS | {"phase": "screen"}}) == ""
    assert awaits_branches(old, {}) == ""
