"""`swarmd query nodes` and the screen: how each node stands, in a row."""

from io import StringIO

from builders import a_lane, a_node, a_policy, a_run, a_view, an_incident
from rich.console import Console

from swarmd.state.node_rows import node_rows
from swarmd.state.query import Facts, Picture
from swarmd.state.records.record import Record
from swarmd.state.store.codec import encode
from swarmd.state.store.raw import Line, line_of
from swarmd.state.store.tables import Tables
from swarmd.state.telling import told
from swarmd.supervisor.screen_nodes import nodes

RESTS = an_incident("n3", "node_rests", id="n3@0/node_rests", cause="node n3 lost 5 runs")
RECORDS: list[Record] = [
    a_node("n1"), a_node("n2", is_alive=False, trouble="health check failed"), a_node("n3"),
    a_node("n4", trouble="not heard"), a_lane("cpu0", node="n1"), a_lane("cpu1", node="n2", status="held"),
    a_run(lane="cpu0", node="n1"), RESTS,
]  # fmt: skip


def test_each_node_has_a_row_with_its_standing_lanes_and_runs() -> None:
    tables: Tables[Line] = Tables()
    for seq, record in enumerate(RECORDS, start=1):
        line = line_of(encode(record, seq)[:-1])
        tables.put(line.kind, line.id, line.status, line)
    rows = node_rows(Picture(tables), Facts(now=0))
    assert [(row["id"], row["standing"], row["lanes"], row["runs"]) for row in rows] == [
        ("n1", "there", 1, 1), ("n2", "gone", 0, 0), ("n3", "resting", 0, 0), ("n4", "unheard", 0, 0)
    ]  # fmt: skip
    assert rows[2]["trouble"] == "node n3 lost 5 runs"


def test_the_screen_shows_those_with_trouble_first_and_what_a_line_says_names_the_node() -> None:
    view = a_view(nodes=[a_node("n1"), RECORDS[1]], lanes=RECORDS[4:6], policy=a_policy(on_nodes=True))
    console = Console(file=StringIO(), width=120)
    for part in nodes(view, 1_000):
        console.print(part)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.index("n2") < text.index("n1 ")
    assert "1 of 2 there" in text
    assert nodes(a_view(), 0) == []
    said = line_of(encode(RECORDS[6], 1)[:-1]).said
    assert " in cpu0 on node n1 (attempt 1) runs" in told(said)
