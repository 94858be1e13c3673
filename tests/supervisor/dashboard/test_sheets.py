"""Tables as files for a spreadsheet."""

import csv
import io

from dashboard_home import Client

from swarmd.supervisor.dashboard.sheets import csv_of


async def test_a_table_is_given_as_csv_in_the_order_and_with_the_filter_of_the_page(client: Client) -> None:
    answer = await client().get("/api/csv/lanes", params={"sort": "-done"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="lanes.csv"'
    rows = [*csv.DictReader(io.StringIO(answer.text))]
    page = (await client().get("/api/table/lanes", params={"sort": "-done"})).json()["rows"]
    assert [row["id"] for row in rows] == [row["id"] for row in page]
    assert [row["done"] for row in rows] == ["40", "12", "", ""]
    few = await client().get("/api/csv/jobs", params={"filter": "ETHusdt quarantined"})
    assert [row["phase"] for row in csv.DictReader(io.StringIO(few.text))] == ["preflight"]
    assert (await client(None).get("/api/csv/lanes")).status_code == 401
    assert (await client().get("/api/csv/nothing")).status_code == 400


def test_a_text_that_a_spreadsheet_would_run_is_told_as_text_and_a_number_as_a_number() -> None:
    told = csv_of([{"name": "=1+2", "n": -3.5}, {"name": "a, b", "n": None, "more": [1]}])
    assert [*csv.reader(io.StringIO(told))] == [["name", "n", "more"], ["'=1+2", "-3.5", ""], ["a, b", "", "[1]"]]
