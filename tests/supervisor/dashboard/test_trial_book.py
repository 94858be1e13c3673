"""Trials as outboxes grow: nothing twice, nothing torn, and what a later attempt wrote stands."""

from pathlib import Path

from dashboard_home import write_trials
from swarm_builders import a_home

from swarmd.supervisor.dashboard.studies import axes, best_so_far
from swarmd.supervisor.dashboard.trial_book import TrialBook

RUN = "c.BTC.m.refine-a1"


def test_it_reads_on_where_it_stopped_and_waits_for_the_rest_of_a_torn_line(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    book = TrialBook(home)
    assert not book.look()
    path = write_trials(home, RUN, range(5), is_torn=True)
    assert book.look()
    assert (len(book), book.is_behind) == (5, False)
    with path.open("a") as page:
        page.write('ial/1", "number": 5, "score": 1.5, "params": {}}\n')
    assert book.look()
    assert not book.look()
    assert [row["number"] for row in book.newest(0, 10)["rows"]] == [5, 4, 3, 2, 1, 0]


def test_a_long_outbox_is_read_in_steps(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    write_trials(home, RUN, range(2_000))
    book = TrialBook(home)
    n_looks = 0
    while book.look(most=50_000):
        n_looks += 1
    assert n_looks > 5
    assert len(book) == 2_000
    assert [number for number, *_ in book.scores([RUN])] == list(range(2_000))


def test_a_later_attempt_speaks_for_a_trial_that_both_made(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    write_trials(home, RUN, range(4))
    write_trials(home, "c.BTC.m.refine-a2", range(2, 6), score=100.0)
    book = TrialBook(home)
    book.look()
    told = book.scores([RUN, "c.BTC.m.refine-a2"])
    assert [(number, score) for number, score, *_ in told] == [(0, 0), (1, 1), (2, 102), (3, 103), (4, 104), (5, 105)]
    assert [row["score"] for row in book.rows((run, place) for *_, run, place in told)] == [0, 1, 102, 103, 104, 105]


def test_a_page_goes_over_from_one_run_to_the_next(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    write_trials(home, "a-a1", range(3))
    write_trials(home, "b-a1", range(3))
    book = TrialBook(home)
    book.look()
    pages = [book.newest(cursor, 2)["rows"] for cursor in (0, 2, 4)]
    told = [(row["run"], row["number"]) for page in pages for row in page]
    assert told == [("b-a1", 2), ("b-a1", 1), ("b-a1", 0), ("a-a1", 2), ("a-a1", 1), ("a-a1", 0)]


def test_a_file_that_is_gone_or_begun_anew_is_forgotten(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    path = write_trials(home, RUN, range(9))
    book = TrialBook(home)
    book.look()
    path.unlink()
    write_trials(home, RUN, range(2))
    book.look()
    assert len(book) == 2
    path.unlink()
    path.parent.rmdir()
    book.look()
    assert len(book) == 0


def test_damaged_lines_are_left_out(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    path = write_trials(home, RUN, range(2))
    with path.open("a") as page:
        page.write('[]\n{"number": "x"}\n\x00\n{"number": 7, "score": null}\n')
    book = TrialBook(home)
    book.look()
    assert [row["number"] for row in book.newest(0, 9)["rows"]] == [7, 1, 0]


def test_the_best_so_far_rises_and_ends_where_the_search_stands() -> None:
    assert best_so_far([(0, 1.0), (1, float("nan")), (2, 3.0), (3, 2.0)]) == [(0, 1.0), (2, 3.0), (3, 3.0)]
    assert best_so_far([]) == []


def test_axes_have_ranges_or_words() -> None:
    assert axes([{"n": 3, "w": "b", "f": True}, {"n": 1, "w": "a", "f": False}]) == [
        {"name": "n", "low": 1, "high": 3, "words": None},
        {"name": "w", "low": 0, "high": 1, "words": ["a", "b"]},
        {"name": "f", "low": 0, "high": 1, "words": ["False", "True"]},
    ]
