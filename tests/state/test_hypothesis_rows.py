from pathlib import Path

from builders import a_hypothesis
from swarm_builders import a_home

from swarmd.state.query import TOPICS, Facts, Picture
from swarmd.state.store.journal import Journal
from swarmd.state.store.raw import read_journal


def test_the_ledger_shows_each_claim_beside_what_became_of_it(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    journal, _ = Journal.open(home.journal)
    with journal:
        other = "majors.ETHUSDT.balanced"
        judged = {"status": "not_supported", "measured": 0.3, "tried": 250_200, "verdict": "screen said no"}
        journal.append([a_hypothesis(), a_hypothesis(other), a_hypothesis(other, at=90_000, **judged)])
        journal.commit()
    rows = TOPICS["hypotheses"](Picture(read_journal(home.journal).folded()), Facts(now=0))
    assert [(row["id"], row["status"], row["judged_at"]) for row in rows] == [
        ("majors.BTCUSDT.balanced", "stated", None),
        (other, "not_supported", "1970-01-01T00:01:30.000Z"),
    ]
    assert (rows[1]["measured"], rows[1]["threshold"], rows[1]["verdict"]) == (0.3, 0.8, "screen said no")
