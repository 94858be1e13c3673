"""Steady time continues the journal's axis, whatever happened to the wall clock in between."""

from hypothesis import given
from hypothesis import strategies as st

from swarmd.state.records.session import Session, SessionStatus
from swarmd.supervisor.clock import anchored, boot_id, boot_millis, wall_millis


def a_session(boot: str, anchor: int) -> Session:
    return Session(
        id="bt-20260101_000000Z",
        at=0,
        status=SessionStatus.OPEN,
        pid=1,
        boot_id=boot,
        anchor=anchor,
        wall=0,
        host="h",
        code_version="0",
        until_done=False,
        reason="",
    )


def test_in_the_same_boot_the_old_anchor_stands_even_if_the_wall_clock_was_set_back() -> None:
    day_ahead = wall_millis() - boot_millis() + 86_400_000
    assert anchored(a_session(boot_id(), day_ahead), last_at=0).anchor == day_ahead


def test_after_a_reboot_the_wall_clock_is_believed() -> None:
    clock = anchored(a_session("another boot", 0), last_at=0)
    assert abs(clock.now() - wall_millis()) < 5_000


@given(ahead=st.integers(min_value=1, max_value=10**12))
def test_time_never_runs_backwards_past_the_last_record(ahead: int) -> None:
    last_at = wall_millis() + ahead
    assert anchored(None, last_at).now() > last_at


def test_a_first_session_begins_near_utc() -> None:
    assert abs(anchored(None, 0).now() - wall_millis()) < 5_000
