"""What goes to whom and when: routing, allowance, digest, tries; and what of the records is worth a message."""

from collections.abc import Sequence
from typing import Any

from builders import a_campaign, a_champion, a_job, a_view, an_incident, the_settings

from swarmd.state.records.campaign_settings import NotifySettings
from swarmd.state.units import HOUR, MINUTE, SECOND
from swarmd.supervisor.notices import ledger
from swarmd.supervisor.notices.due import Message, Record, Tried, messages_due
from swarmd.supervisor.notices.events import Notice, notices

NOW = 10 * HOUR


def a_notice(n: int, level: Any = "warning", event: Any = "incident", at: int = NOW - MINUTE) -> Notice:
    return Notice(f"n{n}", at + n, level, event, f"title {n}", f"text {n}")


def due(found: Sequence[Notice], record: Record | None = None, now: int = NOW, **channel: Any) -> list[Message]:
    asked = NotifySettings.model_validate({"url": "json#00000000", **channel})
    return messages_due([asked], found, {"json#00000000": record or Record(since=0)}, now)


def ids(messages: Sequence[Message]) -> list[list[str]]:
    return [[each.id for each in message.notices] for message in messages]


def test_what_is_worth_a_message_has_an_id_that_stays() -> None:
    done = a_campaign(status="done", reason="5 jobs settled", at=50, started_at=7)
    lost = a_job(status="quarantined", attempt=3, at=40, reason="3 runs lost")
    view = a_view(
        campaigns=[done],
        jobs=[lost, a_job("ETHUSDT")],
        incidents=[an_incident(opened_at=30), an_incident(id="x/poison_job", signature="poison_job")],
        champions=[a_champion(since=60)],
    )
    found = notices(view)
    assert [(each.level, each.event, each.at) for each in found] == [
        ("warning", "incident", 30), ("error", "job", 40), ("info", "campaign", 50), ("info", "champion", 60),
    ]  # fmt: skip
    renewed = a_view(campaigns=[a_campaign(status="done", reason="5 jobs settled", at=99, started_at=98)])
    assert [each.id for each in notices(renewed)] == [found[2].id], "taken up again it has nothing new to tell"
    more = a_view(campaigns=[a_campaign(status="done", reason="6 jobs settled", at=99)])
    assert [each.id for each in notices(more)] != [found[2].id]


def test_each_notice_goes_to_who_asks_for_its_level_and_its_event() -> None:
    found = [a_notice(1, "info", "campaign"), a_notice(2), a_notice(3, "error", "job")]
    assert ids(due(found)) == [["n1"], ["n2"], ["n3"]]
    assert ids(due(found, levels=["error"])) == [["n3"]]
    assert ids(due(found, events=["campaign"])) == [["n1"]]
    assert ids(due(found, Record(since=NOW))) == [], "what befell before the channel was asked for is no news"
    assert due(found, now=NOW)[0].title == "swarmd: title 1"


def test_what_was_sent_is_not_sent_again_and_what_failed_is_tried_with_growing_waits_and_not_for_ever() -> None:
    def after(status: str, tries: int, ago: int) -> list[Message]:
        return due([a_notice(1)], Record(0, {"n1": Tried(status, NOW - ago, tries)}))

    assert after("sent", 1, HOUR) == []
    assert after("given_up", 6, HOUR) == []
    assert after("failed", 1, 9 * SECOND) == []
    assert after("failed", 1, 10 * SECOND)[0].tries == 2
    assert after("failed", 3, 39 * SECOND) == []
    assert after("failed", 3, 40 * SECOND)[0].tries == 4


def test_many_at_once_and_what_the_allowance_holds_back_go_as_one() -> None:
    many = [a_notice(n) for n in range(5)]
    (one,) = due(many)
    assert len(one.notices) == 5
    assert one.title == "swarmd: 5 notices, the last: title 4"
    assert one.text.splitlines()[0] == "[warning] title 0: text 0"
    spent = Record(0, sent_at=[NOW - 50 * MINUTE, NOW - 10 * MINUTE])
    assert due(many[:1], spent, at_most="2/h") == []
    assert ids(due(many[:2], spent, at_most="3/h")) == [["n0", "n1"]]
    assert ids(due(many[:1], spent, at_most="2/h", now=NOW + 11 * MINUTE)) == [["n0"]]


def test_a_digest_waits_but_for_what_is_grave() -> None:
    found = [a_notice(1, at=NOW - 20 * MINUTE), a_notice(2), a_notice(3, "error")]
    assert ids(due(found, digest="1h")) == [["n3"]]
    later = ids(due(found, digest="1h", now=NOW + 41 * MINUTE))
    assert later == [["n1", "n2", "n3"]]
    assert ids(due(found[:2], digest="1h")) == []


def test_a_campaign_asks_the_same_question_whoever_is_told_of_it() -> None:
    from swarmd.supervisor.question import digest

    assert digest(the_settings()) == digest(the_settings(notify=[{"url": "json://here"}]))


def test_the_ledger_is_read_as_it_was_written_and_a_torn_line_is_a_try_made_again(tmp_path: Any) -> None:
    from swarmd.state.store.files import Home

    home = Home(tmp_path)
    home.prepare()
    message = Message("json#00000000", (a_notice(1), a_notice(2)), 1)
    ledger.append(home, [ledger.begun("json#00000000", 5), *ledger.told(message, "sent", "", NOW)])
    with ledger.path_of(home).open("ab") as file:
        file.write(b'{"channel":"json#0')
    ledger.append(home, ledger.told(Message("json#00000000", (a_notice(3),), 2), "failed", "no answer", NOW))
    record = ledger.records(ledger.lines(home))["json#00000000"]
    assert record.since == 5
    assert {name: (each.status, each.tries) for name, each in record.tried.items()} == {
        "n1": ("sent", 1), "n2": ("sent", 1), "n3": ("failed", 2),
    }  # fmt: skip
    assert len(record.sent_at) == 1, "two notices in one message are one of the hour's allowance"
    assert [(row["id"], row["status"]) for row in ledger.rows(home)] == [
        ("n1", "sent"), ("n2", "sent"), ("n3", "failed"),
    ]  # fmt: skip
    assert ledger.path_of(home).stat().st_mode & 0o777 == 0o600


def test_that_nobody_can_be_told_is_worth_no_cycle(tmp_path: Any) -> None:
    from swarmd.state.store.files import Home
    from swarmd.supervisor.effects.notify import NoticeDesk

    asked = a_campaign(settings=the_settings(notify=[{"url": "json#00000000"}]))
    desk = NoticeDesk(Home(tmp_path / "nowhere"))
    desk.look(a_view(campaigns=[asked]), NOW, is_last=True)  # no folder to write in: it says so in the log, and goes on
    assert not (tmp_path / "nowhere").exists()


def test_a_ledger_cut_to_its_newest_lines_forgets_no_notice_that_would_be_due_again(tmp_path: Any) -> None:
    from swarmd.state.store.files import Home

    home = Home(tmp_path)
    home.prepare()
    found = [ledger.begun("json#00000000", 5)]
    for number in range(7_000):
        found += ledger.told(Message("json#00000000", (a_notice(number),), 1), "sent", "", NOW)
    assert ledger.is_long(found)
    ledger.shortened(home, found, {"n7", "n6999"})
    record = ledger.records(ledger.lines(home))["json#00000000"]
    assert record.since == 5
    assert {"n7", "n6999"} <= record.tried.keys()
    assert "n8" not in record.tried
    assert len(ledger.lines(home)) == 4_002


def test_a_ledger_that_was_removed_is_begun_anew(tmp_path: Any) -> None:
    from swarmd.state.store.files import Home
    from swarmd.supervisor.effects.notify import NoticeDesk

    home = Home(tmp_path)
    home.prepare()
    view = a_view(campaigns=[a_campaign(settings=the_settings(notify=[{"url": "json#00000000"}]))])
    desk = NoticeDesk(home)
    for now in (NOW, NOW + HOUR):
        desk.look(view, now)
        assert [line["status"] for line in ledger.lines(home)] == [ledger.BEGUN]
        ledger.path_of(home).unlink()
