"""Runs that need no judgement: the guard leaves out none that breaks a rule, whatever it remembers of before."""

from random import Random
from typing import Any

from builders import a_beat, a_node, a_policy, a_run, a_session, a_view

from swarmd.agents.operation_hang_guard import _about
from swarmd.agents.rules.pulse import hang_of, well_until
from swarmd.agents.rules.well import runs_to_judge
from swarmd.state.projection import Projection
from swarmd.state.records.beat import Beat
from swarmd.state.records.record import Record
from swarmd.state.records.run import RunAlive

_INSTANTS = (0, 1, 500, 4_000, 9_999, 10_000, 10_001, 60_000, 600_000)


def drawn_beat(chance: Random, run: str) -> Beat:
    is_ready = chance.random() < 0.7
    return a_beat(
        run,
        at=chance.choice(_INSTANTS),
        is_ready=is_ready,
        done=chance.choice((0, 5)),
        progress_at=chance.choice(_INSTANTS),
        heartbeat_at=chance.choice(_INSTANTS),
        excused=chance.choice((0, 0, 3_000)),
        heartbeat_excused=chance.choice((0, 0, 3_000)),
        overslept=chance.choice((0, 0, 3_000)),
        ready_at=chance.choice(_INSTANTS) if is_ready else 0,
        ready_excused=chance.choice((0, 3_000)),
        process_state=chance.choice("SSRT"),
        state_since=chance.choice(_INSTANTS),
    )


def drawn_run(chance: Random, number: int) -> Any:
    more: dict[str, Any] = {"id": f"run-{number}", "job": f"job-{number}", "slot": number, "lane": f"cpu{number}"}
    more |= {"ordered_at": chance.choice(_INSTANTS), "node": chance.choice(("", "n1", "n2"))}
    status = chance.choice(("starting", "running", "running", "running", "stopping"))
    if status != "starting":
        more |= {"launched_at": chance.choice(_INSTANTS)}
    if status == "stopping":
        more |= {"stop_asked_at": chance.choice(_INSTANTS), "killed_at": chance.choice((0, 4_000, 60_000))}
    return a_run(status=status, **more)


def test_well_until_is_the_last_instant_at_which_nothing_is_wrong() -> None:
    chance, policy = Random(1), a_policy()
    n_hanging = 0
    for number in range(400):
        run = drawn_run(chance, number)
        if not isinstance(run, RunAlive):
            continue
        beat, watched = drawn_beat(chance, run.id) if chance.random() < 0.9 else None, chance.choice(_INSTANTS)
        until = well_until(run, beat, policy=policy, watched_since=watched)
        assert hang_of(run, beat, policy=policy, watched_since=watched, now=until) is None
        assert hang_of(run, beat, policy=policy, watched_since=watched, now=until + 1) is not None
        n_hanging += 1
    assert n_hanging > 100


def test_what_is_remembered_leaves_out_nobody_there_is_something_to_say_of() -> None:
    chance, projection, now = Random(2), Projection(), 0
    projection.apply(a_policy())
    projection.apply(a_session())
    n_judged = n_spared = 0
    for step in range(600):
        number = chance.randrange(12)
        known = projection.view().runs.get(f"run-{number}")
        moved: list[Record] = []
        if known is None:
            moved.append(drawn_run(chance, number))
        elif chance.random() < 0.7:
            moved.append(drawn_beat(chance, known.id))
        else:
            trouble, is_alive = chance.choice(("", "", "not heard")), chance.random() < 0.7
            moved.append(a_node(chance.choice(("n1", "n2")), at=step, is_alive=is_alive, since=now, trouble=trouble))
        for record in moved:
            projection.apply(record)
        now += chance.choice((0, 1, 700, 9_000))
        view = projection.view()
        watched = view.session.at if view.session is not None else 0
        wishes_of_all = [wish for run in view.open_runs() for wish in _about(view, run, watched, now)]
        asked = runs_to_judge(view, now)
        assert [wish for run in asked for wish in _about(view, run, watched, now)] == wishes_of_all
        n_judged, n_spared = n_judged + len(asked), n_spared + len(view.open_runs()) - len(asked)
    assert n_judged > 100
    assert n_spared > 100


def test_a_picture_made_by_hand_is_judged_as_well() -> None:
    run = a_run(status="running")
    view = a_view(runs=[run], policy=a_policy(), sessions=[a_session()])
    assert runs_to_judge(view, 1 << 50) == [run]
