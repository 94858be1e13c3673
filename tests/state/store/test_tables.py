"""What the tables forget, what they copy, and the answers that a View is given with them."""

from builders import a_job, a_run

from swarmd.state.projection import Projection
from swarmd.state.store.tables import RETENTION, Tables


def test_the_oldest_that_are_over_are_forgotten_one_for_one_and_what_is_open_stays() -> None:
    tables, last = Tables[int](), RETENTION["incident"].last
    for number in range(last + 20):
        tables.put("incident", f"i{number}", "open", number)
    assert len(tables.table("incident")) == last + 20
    for number in range(last + 20):
        tables.put("incident", f"i{number}", "closed", number)
    assert [*tables.table("incident")] == [f"i{number}" for number in range(20, last + 20)]


def test_a_renewed_record_is_counted_once() -> None:
    tables, last = Tables[int](), RETENTION["run"].last
    for _ in range(3):
        for number in range(last):
            tables.put("run", f"r{number}", "done", number)
    assert len(tables.table("run")) == last


def test_a_table_that_was_parted_goes_on_without_what_somebody_holds() -> None:
    tables: Tables[int] = Tables()
    tables.put("gauge", "a", "", 1)
    mine = tables.table("gauge")
    tables.part("gauge")
    tables.put("gauge", "a", "", 2)
    assert mine == {"a": 1}
    assert tables.table("gauge") == {"a": 2}


def test_the_last_one_put_says_what_was_forgotten_for_it() -> None:
    tables, last = Tables[int](), RETENTION["action"].last
    for number in range(last + 1):
        assert tables.gone == ""
        tables.put("action", f"a{number}", "", number)
    assert tables.gone == "a0"


def test_open_runs_and_unsettled_jobs_stay_those_of_their_view() -> None:
    projection, job = Projection(), a_job(attempt=1)
    projection.apply(job)
    projection.apply(a_run(job.id))
    before = projection.view()
    projection.apply(a_run(job.id, status="done", exit_code=0))
    projection.apply(job.model_copy(update={"status": "done"}))
    projection.apply(a_job("ETHUSDT"))
    after = projection.view()
    assert [run.id for run in before.open_runs()] == [f"{job.id}-a1"]
    assert before.unsettled_jobs == before.begun_jobs == (job,)
    assert after.open_runs() == []
    assert [each.symbol for each in after.unsettled_jobs] == ["ETHUSDT"]
    assert after.begun_jobs == ()


def test_the_beat_of_an_open_run_is_kept_however_many_came_and_ended_since() -> None:
    """A thousand lanes with short runs beside one long one: forgotten, it would be taken for a run that never began."""
    tables, last = Tables[int](), RETENTION["beat"].last
    tables.put("run", "long", "running", 0)
    tables.put("beat", "long", "", 0)
    for number in range(2 * last):
        tables.put("run", f"short-{number}", "running", number)
        tables.put("beat", f"short-{number}", "", number)
        tables.put("run", f"short-{number}", "done", number)
    beats = tables.table("beat")
    assert "long" in beats
    assert len(beats) == last
    assert f"short-{2 * last - 1}" in beats
    assert "short-0" not in beats


def test_where_every_run_is_open_every_beat_is_kept() -> None:
    tables, many = Tables[int](), RETENTION["beat"].last + 50
    for number in range(many):
        tables.put("run", f"r{number}", "running", number)
        tables.put("beat", f"r{number}", "", number)
    assert len(tables.table("beat")) == many


def test_a_run_of_days_that_ends_last_is_forgotten_last() -> None:
    tables, last = Tables[int](), RETENTION["run"].last
    tables.put("run", "long", "running", 0)
    for number in range(last):
        tables.put("run", f"r{number}", "lost", number)
    tables.put("run", "long", "lost", 1)
    assert tables.gone == "r0"
    assert [*tables.table("run")][-1] == "long"
