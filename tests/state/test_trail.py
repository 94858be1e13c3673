"""The trail of an id: with few lines of a journal, the same story as with all of them."""

import pytest
from builders import a_gauge, a_session, an_action, an_action_wished, an_incident
from scenarios.recorded import a_turbulent_world
from swarm_builders import Wisher

from swarmd.state.incident_story import incident_story
from swarmd.state.records.record import Record
from swarmd.state.store.codec import encode
from swarmd.state.store.lines import Line, line_of
from swarmd.state.story import Index, chain_of
from swarmd.state.trail import deeds_about, trail
from swarmd.supervisor.roster import ROSTER


def backward(lines: list[Line]) -> list[tuple[bytes, bytes]]:
    return [(line.id.encode(), line.content) for line in reversed(lines)]


def lines_of(*records: Record) -> list[Line]:
    return [line_of(encode(record, seq)[:-1]) for seq, record in enumerate(records, 1)]


@pytest.fixture(scope="module")
def lived() -> list[Line]:
    """What agents decided while much went wrong, with refusals among it."""
    greedy = Wisher(lambda view: [an_action_wished(lane="cpu9")], NAME="greedy")
    return list(a_turbulent_world(1, agents=[*ROSTER, greedy]).book.lines)


def test_every_id_of_a_turbulent_life_has_the_chain_it_has_in_the_whole_journal(lived: list[Line]) -> None:
    whole, back = Index(lived), backward(lived)
    of_kind: dict[str, list[str]] = {}
    for line in lived:
        of_kind.setdefault(line.kind, []).append(line.id)
    for named in of_kind.values():
        known = list(dict.fromkeys(named))
        for id in known[:: max(1, len(known) // 5)]:
            assert chain_of(Index(trail(back, id)), id) == chain_of(whole, id), id


def test_every_incident_has_the_story_it_has_in_the_whole_journal(lived: list[Line]) -> None:
    whole, back = Index(lived), backward(lived)
    incidents = dict.fromkeys(line.id for line in lived if line.kind == "incident")
    assert incidents
    for id in incidents:
        found = trail(back, id)
        words = deeds_about(found, id).encode()
        deeds = [line for line in lived if line.kind == "action" and words in line.content]
        both = {line.seq: line for line in [*found, *deeds]}
        assert incident_story(Index(both[seq] for seq in sorted(both)), id) == incident_story(whole, id), id


def test_only_the_newest_of_what_is_named_is_held(lived: list[Line]) -> None:
    gauges = [a_gauge("host.load1", float(at), at=at) for at in range(1, 50)]
    act = an_action("a1-0", at=60, caused_by=("host.load1",))
    lines = lines_of(*gauges, act, a_gauge("host.load1", 99.0, at=70))
    assert [line.seq for line in trail(backward(lines), "a1-0")] == [49, 50]


def test_what_ended_a_session_is_found_and_nothing_of_the_session_before() -> None:
    end = an_action_wished("end_session", reason="all done")
    lines = lines_of(
        an_action("a1-0", at=1, action=end),
        a_session(at=2),
        an_action("a8-0", at=3),
        an_action("a9-0", at=4, action=end),
        a_session(at=5, status="closed"),
    )
    assert [line.seq for line in trail(backward(lines), a_session().id)] == [2, 4, 5]


def test_deeds_are_looked_for_by_the_job_of_the_run_an_incident_befell() -> None:
    lines = lines_of(an_incident("majors.X.refine-a1"), an_incident("disk"))
    assert [deeds_about(lines, line.id) for line in lines] == ["majors.X.refine", "disk"]


def test_an_unknown_id_has_no_trail(lived: list[Line]) -> None:
    assert trail(backward(lived), "nobody") == []
