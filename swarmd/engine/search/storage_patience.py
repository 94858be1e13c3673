"""Going on after a server that keeps a study was away: the patience of all servers, for what a lost study comes as."""

from collections.abc import Callable
from typing import TypeVar

from swarmd.engine.search.storage_contract import LOST
from swarmd.state.store import patience

_Result = TypeVar("_Result")

GIVE_UP_AFTER_S = patience.GIVE_UP_AFTER_S


def patiently(
    attempt: Callable[[], _Result],
    *,
    say: Callable[[str], None],
    safe_point: Callable[[], None],
    give_up_after_s: float = GIVE_UP_AFTER_S,
) -> _Result:
    """What `attempt` gives back, begun again while the server is lost; OutsideError if it stays away."""
    return patience.patiently(attempt, lost=LOST, say=say, safe_point=safe_point, give_up_after_s=give_up_after_s)
