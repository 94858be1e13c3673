"""What the journal learns of champions is what their files say: crowned, followed, dethroned, edited, taken away."""

import json
from pathlib import Path
from typing import Any

import pytest
from builders import a_champion as a_record
from builders import a_monitoring, a_view

from swarmd.engine.champions.champion import checksum_of, content_at, read_champion, write_champion
from swarmd.engine.champions.changes import Change, append_change, read_changes
from swarmd.engine.champions.succession import backups_of, dethrone
from swarmd.state.records.champion import Champion
from swarmd.state.store.files import Home
from swarmd.state.units import SECOND, Millis
from swarmd.supervisor.sensors.champion_files import document_of, lines_of
from swarmd.supervisor.sensors.champions import ChampionWatch
from tests.champion_builders import a_champion

NICHE = "BTCUSDT_5m"
WHY = "the monitor: 92 days with a Sharpe ratio of -1.20 where 1.50 was forecast: e = 22.1"


class Watched:
    """A folder of champions and what the journal knows of them; ``look`` takes what is new."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder)
        self.home.prepare()
        self.path = self.home.champions / f"{NICHE}.json"
        self.known: dict[str, Champion] = {}
        self.monitorings: list[Any] = []
        self.watch, self.now = ChampionWatch(), 1_000

    def look(self, after: Millis = SECOND) -> list[Champion]:
        self.now += after
        view = a_view(champions=list(self.known.values()), monitorings=self.monitorings)
        found = [record for record in self.watch.observe(view, self.home, now=self.now) if isinstance(record, Champion)]
        self.known |= {record.id: record for record in found}
        return found

    def stands(self) -> tuple[str, str, str]:
        champion = self.known[NICHE]
        return champion.status.value, champion.origin, champion.note

    def crown(self, **changed: Any) -> None:
        write_champion(self.path, a_champion(**changed))

    def fall(self, *, follows: bool = False) -> None:
        fallen = read_champion(self.path)
        assert fallen is not None
        heir = backups_of(self.path, read_changes(self.home.champions))[0] if follows else None
        evidence = {"e": 22.1, "n_days": 92}
        dethrone(self.path, fallen, heir, at="2026-03-01T00:00:00.000Z", reason=WHY, evidence=evidence)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "home")


def test_a_crowned_champion_is_known_by_its_file_and_told_once(watched: Watched) -> None:
    watched.crown()
    (champion,) = watched.look()
    assert champion == a_record(
        id=NICHE, at=2_000, since=2_000, mode="aggressive", annual_sharpe=2.0, oos_annual_sharpe=0.0, tried=10,
        campaign="c", checksum=champion.checksum, promise=1.5,
    )  # fmt: skip
    assert champion.has_promise
    assert watched.look() == []
    assert watched.look() == []


def test_what_the_campaign_told_of_it_stays_its_cause_and_gains_its_promise(watched: Watched) -> None:
    watched.crown()
    checksum = json.loads(watched.path.read_text())["checksum"]
    crowned = a_record(
        at=500, since=500, caused_by=("a7-0",), mode="aggressive", annual_sharpe=2.0, oos_annual_sharpe=0.0, tried=10,
        campaign="c", checksum=checksum,
    )  # fmt: skip
    watched.known = {NICHE: crowned}
    (champion,) = watched.look()
    assert (champion.caused_by, champion.since, champion.promise) == (("a7-0",), 500, 1.5)


def test_one_put_in_force_by_hand_or_put_back_is_told_as_that_with_the_reason(watched: Watched) -> None:
    watched.crown()
    watched.look()
    watched.crown(origin="manual", note="as traded on the desk", mode="balanced")
    (champion,) = watched.look()
    assert watched.stands() == ("in_force", "manual", "as traded on the desk")
    assert champion.since == champion.at == watched.now
    watched.crown(origin="rollback", note="fills worse than replayed")
    watched.look()
    assert watched.stands() == ("in_force", "rollback", "fills worse than replayed")


def test_one_that_was_dethroned_is_told_at_once_with_the_evidence(watched: Watched) -> None:
    watched.crown()
    watched.look()
    watched.monitorings = [a_monitoring(status="running", order="a9-1", ended_at=0)]
    watched.fall()
    (champion,) = watched.look(after=1)
    assert watched.stands() == ("dethroned", "crowned", WHY)
    assert (champion.e_value, champion.days, champion.told_at) == (22.1, 92, watched.now)
    assert champion.caused_by == ("a9-1",)
    watched.monitorings = []
    assert watched.look() == []
    assert watched.look() == []


def test_the_one_that_follows_is_in_force_with_the_story_of_the_fallen_and_figures_of_its_own(watched: Watched) -> None:
    watched.crown(score=1.0)
    watched.crown(score=2.0)
    watched.look()
    watched.known[NICHE] = watched.known[NICHE].model_copy(update={"e_value": 3.0, "days": 9, "told_at": 5})
    watched.fall(follows=True)
    (champion,) = watched.look(after=1)
    assert watched.stands() == ("in_force", "rollback", f"follows one that was dethroned: {WHY}")
    assert (champion.score, champion.e_value, champion.days, champion.told_at) == (1.0, None, 0, 0)


def test_a_fallen_claim_that_still_lies_there_is_dethroned_until_a_person_puts_it_back(watched: Watched) -> None:
    watched.crown()
    watched.look()
    content = content_at(watched.path)
    watched.fall()
    assert content is not None
    watched.path.write_bytes(content)
    watched.look()
    assert watched.stands() == ("dethroned", "crowned", WHY)
    watched.path.unlink()
    watched.crown(origin="rollback", note="I know better")
    watched.look()
    assert watched.stands() == ("in_force", "rollback", "I know better")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not JSON"),
        (b'{"schema": "swarmd.cha', "not JSON"),
        (b"[]", "its schema is not swarmd.champion/1"),
        (b'{"schema": "swarmd.champion/2"}', "its schema is not swarmd.champion/1"),
        (b'{"schema": "swarmd.champion/1", "score": NaN}', "NaN is no number"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_what_does_not_hold_is_believed_at_the_second_look(watched: Watched, content: bytes, told: str) -> None:
    watched.crown()
    watched.look()
    whole = watched.path.read_bytes()
    watched.path.write_bytes(content)
    # Half-written: whoever writes may be done in a moment.
    assert watched.look(after=1) == []
    watched.path.write_bytes(whole)
    assert watched.look() == []
    watched.path.write_bytes(content)
    assert watched.look(after=1) == []
    (champion,) = watched.look()
    assert champion.status.value == "damaged"
    assert told in champion.note
    assert champion.strategy == "mtf_ema"
    assert watched.look() == []
    watched.path.write_bytes(whole)
    (champion,) = watched.look(after=1)
    assert champion.is_in_force
    assert champion.since == watched.now


def test_a_figure_changed_by_hand_breaks_the_checksum(watched: Watched) -> None:
    watched.crown()
    watched.look()
    told = json.loads(watched.path.read_text()) | {"score": 99.0}
    watched.path.write_text(json.dumps(told))
    watched.look(after=1)
    watched.look()
    status, _, note = watched.stands()
    assert status == "damaged"
    assert note.endswith("it was changed by hand or damaged")
    # Sealed anew it holds, whoever sealed it: the checksum tells of accidents and not of forgers.
    watched.path.write_text(json.dumps(told | {"checksum": checksum_of(told)}))
    (champion,) = watched.look(after=1)
    assert (champion.status.value, champion.score) == ("in_force", 99.0)


def test_one_of_another_niche_a_folder_and_a_huge_file_are_damaged_and_read_no_further(watched: Watched) -> None:
    watched.crown()
    (watched.home.champions / "ETHUSDT_5m.json").write_bytes(watched.path.read_bytes())
    (watched.home.champions / "SOLUSDT_5m.json").mkdir()
    (watched.home.champions / "XRPUSDT_5m.json").write_bytes(b" " * ((1 << 20) + 1))
    (watched.home.champions / ".BTCUSDT_5m.json.1-a").write_bytes(b"{")
    watched.look()
    watched.look()
    notes = {name: champion.note for name, champion in watched.known.items() if champion.status.value == "damaged"}
    assert notes == {
        "ETHUSDT_5m": "it is the champion of BTCUSDT_5m",
        "SOLUSDT_5m": "no file but something else lies there",
        "XRPUSDT_5m": "it has 1048577 bytes, and no champion has more than 1048576",
    }


def test_a_field_that_is_missing_is_damage_though_the_checksum_holds(watched: Watched) -> None:
    told = {"schema": "swarmd.champion/1", "symbol": "BTCUSDT", "timeframe": "5m"}
    watched.path.write_text(json.dumps(told | {"checksum": checksum_of(told)}))
    watched.look()
    watched.look()
    assert watched.known[NICHE].status.value == "damaged"
    assert "a field is missing or wrong" in watched.known[NICHE].note


def test_a_file_taken_away_without_a_line_is_gone_and_nobody_knows_why(watched: Watched) -> None:
    watched.crown()
    watched.look()
    watched.path.unlink()
    assert watched.look(after=1) == []
    watched.look()
    status, _, note = watched.stands()
    assert (status, note) == ("gone", "its file was taken away, and no line of changes.jsonl says why")
    assert watched.look() == []


def test_lines_that_cannot_be_read_are_passed_over_and_a_torn_one_is_none_yet(watched: Watched) -> None:
    change = Change("2026-01-01T00:00:00.000Z", NICHE, "dethroned", "a", None, "claim", WHY, {"e": 22.1, "n_days": 92})
    append_change(watched.home.champions, change)
    whole = (watched.home.champions / "changes.jsonl").read_bytes()
    for noise in (b"not json\n", b"[]\n", b'{"niche": 3}\n', b'{"evidence": []}\n'):
        (line,) = lines_of(noise + whole + noise + whole[:40])[NICHE]
        assert (line.change, line.after, line.claim, line.e_value, line.days) == ("dethroned", None, "claim", 22.1, 92)


def test_claims_and_checksums_are_those_of_the_engine(watched: Watched) -> None:
    for changed in ({}, {"origin": "manual", "note": "ü"}, {"certificate": "results/c/x.json"}, {"git_commit": "é"}):
        watched.crown(**changed)
        champion = read_champion(watched.path)
        assert champion is not None
        assert document_of(watched.path.read_bytes(), NICHE).claim == champion.claim


def test_the_parity_of_its_script_is_learned_when_it_changes_and_forgotten_with_another_champion(
    watched: Watched,
) -> None:
    parity = watched.home.exports / "pine" / f"{NICHE}.parity.json"
    parity.parent.mkdir()

    def is_found(**fields: Any) -> None:
        told = {"schema": "swarmd.parity/1", "checksum": content_checksum(watched.path), **fields}
        parity.write_text(json.dumps(told))

    watched.crown()
    watched.look()
    assert watched.known[NICHE].pine == ""
    is_found(executed=False)
    watched.look()
    assert watched.known[NICHE].pine == "exported"
    assert watched.look() == []
    is_found(executed=True, parity={"trades": 212, "equal": 209})
    watched.look()
    assert watched.known[NICHE].pine == "3 of 212 differ"
    parity.write_text("[ torn")
    watched.look()
    assert watched.known[NICHE].pine == ""
    is_found(executed=True, parity={"trades": 212, "equal": 212})
    watched.crown(score=2.5, trial_id=9)
    watched.look()
    assert watched.known[NICHE].pine == "", "the file is of the champion before"


def content_checksum(path: Path) -> str:
    return str(json.loads(path.read_bytes())["checksum"])
