"""Champions are held to their promises in time and never twice at once, and what became of each is said once."""

from typing import Any

import pytest
from builders import (
    a_champion,
    a_finding,
    a_monitoring,
    a_policy,
    a_session,
    a_view,
    an_incident,
)

from swarmd.agents.champion_keeper import LEAST_BETWEEN, decide
from swarmd.agents.orchestration_consensus import arbitrate
from swarmd.state.actions import Action, CloseIncident, EndSession, MonitorChampions, OpenIncident, Say
from swarmd.state.units import HOUR, MINUTE

NICHE = "BTCUSDT_5m"
PROMISED = {"promise": 2.0, "since": 1_000}


def wishes(now: int, **tables: Any) -> list[Action]:
    tables.setdefault("champions", [a_champion(**PROMISED)])
    return decide(a_view(**tables), now)


def asks(now: int, **tables: Any) -> list[str]:
    return [wish.reason for wish in wishes(now, **tables) if isinstance(wish, MonitorChampions)]


def test_a_champion_with_a_promise_that_was_never_held_to_it_is_monitored_at_once() -> None:
    (wish,) = wishes(2_000)
    assert wish == MonitorChampions(
        niches=(NICHE,), reason="1 champion in force with a promise, never held to it", caused_by=(NICHE,)
    )


@pytest.mark.parametrize(
    "champion", [{"promise": None}, {"promise": 0.0}, {"promise": -1.0}, {"promise": 2.0, "status": "dethroned"},
                 {"promise": 2.0, "status": "gone"}, {"promise": 2.0, "status": "damaged"}]
)  # fmt: skip
def test_where_nothing_was_promised_or_nobody_is_in_force_nobody_is_asked(champion: dict[str, Any]) -> None:
    assert asks(2_000, champions=[a_champion(**champion)]) == []


def test_without_an_open_session_nothing_is_wished() -> None:
    assert wishes(2_000, sessions=[a_session(status="closed")]) == []


def test_the_next_monitoring_is_due_an_hour_after_the_last_began() -> None:
    last = [a_monitoring(began_at=2_000, ended_at=9_000)]
    assert asks(2_000 + HOUR - 1, monitorings=last) == []
    assert asks(2_000 + HOUR, monitorings=last) == [
        "1 champion in force with a promise, last held to it 3600000 ms ago (every 3600000 ms)"
    ]
    often = a_policy(champions_every=5 * MINUTE)
    assert asks(2_000 + 5 * MINUTE, monitorings=last, policy=often) != []


def test_while_one_is_under_way_no_other_is_wished_however_long_it_takes() -> None:
    assert asks(99 * HOUR, monitorings=[a_monitoring(status="running", ended_at=0)]) == []


def test_a_new_champion_is_monitored_sooner_but_not_within_a_minute_of_the_last() -> None:
    last = [a_monitoring(began_at=2_000, ended_at=9_000)]
    new = [a_champion(promise=2.0, since=2_001)]
    assert asks(9_000 + LEAST_BETWEEN - 1, monitorings=last, champions=new) == []
    (why,) = asks(9_000 + LEAST_BETWEEN, monitorings=last, champions=new)
    assert why == f"{NICHE} came into force 66999 ms ago, after the last monitoring began"
    assert asks(9_000 + LEAST_BETWEEN, monitorings=last, champions=[a_champion(promise=2.0, since=2_000)]) == []


def test_one_that_came_to_nothing_with_its_session_is_begun_anew_and_one_of_this_session_waits_its_hour() -> None:
    failed = [a_monitoring(status="failed", began_at=2_000, ended_at=3_000, outcome="no answer, exit code unknown")]
    later = 3_000 + LEAST_BETWEEN
    (why,) = asks(later, monitorings=failed, sessions=[a_session(at=2_500)])
    assert why == "the last came to nothing with the session before: no answer, exit code unknown"
    assert asks(later, monitorings=failed, sessions=[a_session(at=1_000)]) == []


def test_a_monitoring_is_not_begun_in_the_cycle_in_which_the_session_ends() -> None:
    view = a_view(champions=[a_champion(**PROMISED)])
    leaving = EndSession(reason="the campaign is done")
    verdict = arbitrate(view, [("main", leaving), *(("champion_keeper", wish) for wish in decide(view, 2_000))], 2_000)
    assert [action.kind for _, action in verdict.taken] == ["end_session"]
    assert "0 monitorings are begun" in verdict.refused[0][2]


# -- what is said -----------------------------------------------------------------------------------------------------


def said(now: int = 2_000, **tables: Any) -> dict[str, str]:
    tables.setdefault("monitorings", [a_monitoring(began_at=1_500, ended_at=1_800)])
    return {wish.topic: wish.reason for wish in wishes(now, **tables) if isinstance(wish, Say)}


FALLEN = a_champion(status="dethroned", note="the monitor: e = 22.1", e_value=22.1, days=92, promise=2.0)
STORY = (
    "BTCUSDT_5m: mtf_ema balanced is dethroned (the monitor: e = 22.1); the niche is empty, the loader gives the "
    "baseline"
)


def test_a_dethroned_champion_is_told_once_and_is_no_incident() -> None:
    assert said(champions=[FALLEN]) == {NICHE: STORY}
    told = a_finding(id=f"champion_keeper/{NICHE}", agent="champion_keeper", text=STORY)
    assert wishes(2_000, champions=[FALLEN], findings=[told]) == []
    moved = FALLEN.model_copy(update={"e_value": 23.0, "days": 93})
    assert wishes(2_000, champions=[moved], findings=[told]) == []


def test_the_word_is_taken_back_when_somebody_is_crowned_there() -> None:
    told = a_finding(id=f"champion_keeper/{NICHE}", agent="champion_keeper", text=STORY)
    assert said(champions=[a_champion(**PROMISED)], findings=[told]) == {NICHE: ""}


@pytest.mark.parametrize(
    ("champion", "text"),
    [
        ({"origin": "manual", "note": "as traded"}, "in force, put in force by hand (as traded)"),
        ({"origin": "rollback", "note": "follows one that fell"}, "in force, put back (follows one that fell)"),
    ],
)
def test_who_was_put_there_by_other_than_a_campaign_is_told_with_the_reason(
    champion: dict[str, Any], text: str
) -> None:
    assert said(champions=[a_champion(**champion)]) == {NICHE: f"{NICHE}: mtf_ema balanced is {text}"}


def test_a_monitoring_that_failed_or_could_not_weigh_somebody_is_told_until_one_can() -> None:
    failed = a_monitoring(status="failed", began_at=1_500, ended_at=1_800, outcome="no answer, exit code 2: no bars")
    (text,) = said(monitorings=[failed], sessions=[a_session(at=1_000)]).values()
    assert text.startswith("champions could not be held to their promises: no answer, exit code 2: no bars;")
    blind = a_monitoring(began_at=1_500, ended_at=1_800, unseen=("BTCUSDT_5m: its rows have another digest",))
    told = said(monitorings=[blind])
    assert told == {"monitoring": "1 champion could not be weighed: BTCUSDT_5m: its rows have another digest"}
    finding = a_finding(id="champion_keeper/monitoring", agent="champion_keeper", text=told["monitoring"])
    assert said(findings=[finding]) == {"monitoring": ""}


# -- files that do not hold -------------------------------------------------------------------------------------------


def test_a_damaged_file_is_an_incident_that_names_the_way_back_and_ends_when_one_is_in_force() -> None:
    damaged = a_champion(status="damaged", since=1_000, note="it was changed by hand")
    (wish,) = wishes(2_000, champions=[damaged])
    assert isinstance(wish, OpenIncident)
    assert (wish.subject, wish.signature.value) == (NICHE, "champion_damaged")
    assert wish.reason == "champions/BTCUSDT_5m.json does not hold: it was changed by hand"
    assert "`swarmd champion rollback BTCUSDT 5m --reason WHY`" in wish.remedy
    opened = an_incident(NICHE, "champion_damaged", id=wish.incident, opened_at=2_000)
    assert wishes(3_000, champions=[damaged], incidents=[opened]) == []

    (close,) = wishes(5_000, champions=[a_champion(since=4_000)], incidents=[opened])
    assert close == CloseIncident(
        incident=wish.incident, reason=f"{NICHE} is in force 3000 ms later", caused_by=(wish.incident, NICHE)
    )
    gone = a_champion(status="gone", since=4_000)
    assert [each.is_verified for each in wishes(5_000, champions=[gone], incidents=[opened])
            if isinstance(each, CloseIncident)] == [False]  # fmt: skip
