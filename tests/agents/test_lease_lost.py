"""A campaign's lease that is lost is an incident of its own, and nothing tries to make it again."""

from builders import a_source, a_view

from swarmd.agents import session_state_manager
from swarmd.state.actions import OpenIncident, RebuildSource
from swarmd.state.records.incident import Signature


def test_a_lost_lease_is_told_with_who_owns_the_campaign_and_is_not_rebuilt() -> None:
    lost = a_source("lease/majors", status="damaged", note="campaign 'majors' is owned by two:/home")
    wishes = session_state_manager.decide(a_view(sources=[lost]), 10_000)
    (told,) = [wish for wish in wishes if isinstance(wish, OpenIncident) and wish.subject == lost.id]
    assert told.signature is Signature.LEASE_LOST
    assert "owned by two:/home" in told.reason
    assert not [wish for wish in wishes if isinstance(wish, RebuildSource)]
