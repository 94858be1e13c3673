"""Records to lines and back, for every kind there is; old lines load for ever."""

import json
import re
from pathlib import Path

import pytest
from builders import (
    a_beat,
    a_campaign,
    a_champion,
    a_claim,
    a_cycle,
    a_device,
    a_document,
    a_failure,
    a_fastest,
    a_finding,
    a_gauge,
    a_hypothesis,
    a_job,
    a_lane,
    a_lesson,
    a_monitoring,
    a_node,
    a_policy,
    a_refusal,
    a_request,
    a_result,
    a_run,
    a_session,
    a_source,
    a_step,
    a_throughput,
    an_action,
    an_authored_hypothesis,
    an_errand,
    an_incident,
    the_scores,
)
from hypothesis import given
from hypothesis import strategies as st

from swarmd.state.errors import InvariantError, OperatorError
from swarmd.state.records.campaign import CAMPAIGN_MOVES, Campaign
from swarmd.state.records.champion import CHAMPION_MOVES
from swarmd.state.records.errand import ERRAND_MOVES
from swarmd.state.records.hypothesis import HYPOTHESIS_MOVES
from swarmd.state.records.incident import INCIDENT_MOVES
from swarmd.state.records.job import JOB_MOVES
from swarmd.state.records.lane import LANE_MOVES
from swarmd.state.records.monitoring import MONITORING_MOVES
from swarmd.state.records.record import Record
from swarmd.state.records.request import REQUEST_MOVES
from swarmd.state.records.run import RUN_MOVES
from swarmd.state.records.session import SESSION_MOVES
from swarmd.state.records.source import SOURCE_MOVES
from swarmd.state.records.step import STEP_MOVES
from swarmd.state.store.codec import KINDS, VERSIONS, decode, encode
from swarmd.state.store.raw import line_of
from swarmd.state.store.tables import MOVES

SAMPLES = Path(__file__).parents[2] / "samples"
ONE_OF_EACH: tuple[Record, ...] = (
    an_action(), a_beat(), a_campaign(), a_champion(), a_cycle(), a_document(), a_failure(), a_finding(), a_gauge(),
    an_incident(),
    a_job(), a_lane(), a_policy(), a_refusal(), a_request(), a_result(), a_run(), a_run(status="starting"),
    a_run(status="failed", exit_code=1), the_scores(), a_session(), a_source(), a_step(),
    a_monitoring(), a_throughput(), a_throughput(against="", mark=None), a_fastest(), a_hypothesis(), a_device(),
    a_lesson(), an_errand(), an_authored_hypothesis(), a_request("state", subject="next", claim=a_claim()),
    a_node(devices=[{"index": 0}]),
)  # fmt: skip


@pytest.mark.parametrize("record", ONE_OF_EACH, ids=lambda record: type(record).__name__)
def test_a_record_comes_back_as_it_was(record: Record) -> None:
    record = record.model_copy(update={"at": 1_769_851_800_250, "caused_by": ("a1-1", 'r ü\n"1')})
    line = encode(record, 7)
    assert line.count(b"\n") == 1
    assert decode(line_of(line[:-1]).said) == record


def test_every_kind_has_a_version_an_example_here_and_a_sample_line() -> None:
    kinds = set(KINDS)
    assert kinds == set(VERSIONS) == {record.KIND for record in ONE_OF_EACH}
    assert {path.stem.rsplit("-v", 1)[0] for path in SAMPLES.glob("*-v1.jsonl")} == kinds


def test_a_line_looks_as_the_interface_says() -> None:
    line = encode(a_gauge(at=1_769_851_800_250, caused_by=("x",)), 3)
    said = json.loads(line)
    crc = said.pop("crc")
    assert said == {
        "seq": 3,
        "at": "2026-01-31T09:30:00.250Z",
        "kind": "gauge",
        "v": 1,
        "id": "host.cpu_util",
        "caused_by": ["x"],
        "data": {"value": 0.5},
    }
    assert re.fullmatch("[0-9a-f]{8}", crc)


@given(
    at=st.integers(0, 4_102_444_800_000),
    text=st.text(),
    value=st.floats(allow_nan=False, allow_infinity=False),
    seq=st.integers(1, 2**60),
)
def test_any_text_number_and_instant_survives(at: int, text: str, value: float, seq: int) -> None:
    for record in (a_finding(at=at, text=text), a_gauge(id=text, at=at, value=value)):
        line = line_of(encode(record, seq)[:-1])
        assert line.seq == seq
        assert decode(line.said) == record


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.jsonl")), ids=lambda path: path.stem)
def test_lines_of_every_released_version_load(sample: Path) -> None:
    lines = sample.read_bytes().splitlines()
    assert lines
    for content in lines:
        kind = decode(line_of(content).said).KIND
        assert sample.name.startswith(f"{kind}-v")


@pytest.mark.parametrize(
    ("change", "told"),
    [({"v": 2}, "this one knows version 1"), ({"kind": "dream"}, "this one knows no such kind")],
)
def test_an_unknown_future_is_refused_clearly(change: dict[str, object], told: str) -> None:
    said = line_of(encode(a_gauge(), 1)[:-1]).said | change
    with pytest.raises(OperatorError, match=told):
        decode(said)


def test_a_line_whose_shape_does_not_fit_is_our_bug() -> None:
    said = line_of(encode(a_gauge(), 9)[:-1]).said | {"data": {"value": 1.0, "colour": "red"}}
    with pytest.raises(InvariantError, match=r"gauge 'host.cpu_util' \(seq 9\).*colour"):
        decode(said)


def test_the_plain_lifecycles_are_those_of_the_records() -> None:
    tables = {
        "campaign": CAMPAIGN_MOVES, "hypothesis": HYPOTHESIS_MOVES, "incident": INCIDENT_MOVES, "job": JOB_MOVES,
        "lane": LANE_MOVES, "champion": CHAMPION_MOVES, "monitoring": MONITORING_MOVES, "request": REQUEST_MOVES,
        "run": RUN_MOVES, "session": SESSION_MOVES, "errand": ERRAND_MOVES,
        "source": SOURCE_MOVES, "step": STEP_MOVES,
    }  # fmt: skip
    plain = {kind: {str(k): {str(s) for s in v} for k, v in table.moves.items()} for kind, table in tables.items()}
    assert plain == MOVES
    statuses = {kind for kind, record in ((r.KIND, r) for r in ONE_OF_EACH) if hasattr(record, "status")}
    assert statuses == set(MOVES)


def test_a_campaign_of_before_there_were_rungs_is_read_as_one_without() -> None:
    (old,) = (SAMPLES / "campaign-v1.jsonl").read_bytes().splitlines()
    before = line_of(old).said
    campaign = decode(before)
    assert isinstance(campaign, Campaign)
    assert campaign.settings.rungs() == ()
    assert a_campaign().settings.rungs() == (50, 100), "today's default"
    assert "rungs" not in before["data"]["settings"]["search"]["refine"], "what was read is left as it was"
