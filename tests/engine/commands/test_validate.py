"""validate and ledger: what a person types, what comes back, with which exit code, and what an interruption leaves."""

import json

import pytest
from search_builders import a_market

from swarmd.cli import exit_code_of
from swarmd.state.store.files import Home
from swarmd.state.store.trial_ledger import Batch, Vintage, append_batch, ledger_path

QUESTION = ("--mode", "aggressive", "--prescreen", 60, "--trials", 8, "--surrogates", 19, "--max-drawdown", 0.95)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bars")
    a_market(folder)
    return folder / "NOISE.parquet"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SWARMD_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


def told(capsys, *arguments, code=0):
    """What the command prints: stdout as JSON where it was asked for, else (stdout, stderr)."""
    assert exit_code_of([str(argument) for argument in arguments]) == code
    out, err = capsys.readouterr()
    return json.loads(out) if "--json" in arguments else (out, err)


def test_p_with_its_error_and_the_maxima_come_as_one_document_and_again_from_what_was_kept(data, home, capsys):
    document = told(capsys, "validate", "--data", data, *QUESTION, "--json")
    surrogates = document["surrogates"]
    as_good = sum(score >= document["real"]["score"] for score in surrogates["maxima"])
    assert document["schema"] == "swarmd.validate/1"
    assert surrogates["as_good"] == as_good
    assert surrogates["searched"] == len(surrogates["maxima"])
    expected = as_good / surrogates["searched"] if as_good == 5 else (1 + as_good) / 20
    assert document["p_value"] == expected
    assert 0 < document["standard_error"] < 1
    # What was tried on the data is counted once: the answer is asked again, the market is not.
    again = told(capsys, "validate", "--data", data, *QUESTION, "--json")
    assert again == document
    assert (document["tried"], document["ledger"]["lines"]) == (68, 2)
    out, _ = told(capsys, "validate", "--data", data, *QUESTION)
    assert f"p          {document['p_value']:.4f}" in out


def test_another_seed_is_another_search_and_is_counted_too(data, home, capsys):
    first = told(capsys, "validate", "--data", data, *QUESTION, "--json")
    other = told(capsys, "validate", "--data", data, *QUESTION, "--seed", 7, "--json")
    assert other["question"] != first["question"]
    assert other["tried"] == 2 * first["tried"]


def test_an_interrupted_command_is_carried_on(data, home, capsys):
    whole = told(capsys, "validate", "--data", data, *QUESTION, "--json")
    path = home.results / "validate" / "NOISE" / "aggressive" / f"surrogates_{whole['question']}.json"
    kept = json.loads(path.read_bytes())
    path.write_text(json.dumps(kept | {"surrogates": kept["surrogates"][:3]}))
    assert told(capsys, "validate", "--data", data, *QUESTION, "--json") == whole


def test_the_quick_form_plans_fewer_and_says_by_what_it_tells(data, home, capsys):
    document = told(capsys, "validate", "--data", data, *QUESTION[:6], "--max-drawdown", 0.95, "--quick", "--json")
    assert document["surrogates"]["planned"] == 49
    assert document["told_by"] == ("stopped" if document["surrogates"]["as_good"] == 5 else "tail")


def test_a_search_that_finds_nothing_has_no_p_value_and_ends_with_1(data, home, capsys):
    document = told(capsys, "validate", "--data", data, *QUESTION, "--min-trades", 100_000, "--json", code=1)
    assert (document["p_value"], document["real"]["score"], document["tried"]) == (None, None, 60)
    out, _ = told(capsys, "validate", "--data", data, *QUESTION, "--min-trades", 100_000, code=1)
    assert "nothing to judge" in out


def test_a_person_is_told_what_to_mend(data, home, capsys):
    _, err = told(capsys, "validate", "--data", data.with_name("no.parquet"), *QUESTION, code=2)
    assert "no.parquet" in err
    _, err = told(capsys, "validate", "--data", data, "--mode", "agressive", code=2)
    assert "did you mean 'aggressive'" in err


# -- ledger -----------------------------------------------------------------------------------------------------------


def tried_once(home: Home, symbol: str, count: int, vintage: str, **fields) -> None:
    given = {"family": "mtf_ema", "interval": "5m", "phase": "prescreen", "run": "r", "code": "c", "data": "d"} | fields
    append_batch(home, Batch(symbol=symbol, vintage=Vintage.of(vintage), count=count, **given), 1_700_000_000_000)


def test_a_ledger_shows_what_was_tried_by_asset_family_and_vintage(home, capsys):
    out, _ = told(capsys, "ledger", "show")
    assert "nothing was tried yet" in out
    tried_once(home, "BTCUSDT", 250_000, "2023-01-01_2024-05-31")
    tried_once(home, "BTCUSDT", 200, "2023-01-01_2024-05-31", phase="refine", interval="1h")
    tried_once(home, "BTCUSDT", 50, "2025-01-01_2025-02-01")
    tried_once(home, "ETHUSDT", 7, "2025-01-01_2025-02-01", family="ema_cross")
    document = told(capsys, "ledger", "show", "--json")
    assert (document["schema"], document["tried"]) == ("swarmd.ledger/1", 250_257)
    btc = document["ledgers"][0]
    assert (btc["symbol"], btc["family"], btc["lines"], btc["tried"]) == ("BTCUSDT", "mtf_ema", 3, 250_250)
    assert btc["vintages"][0] == {
        "vintage": "2023-01-01_2024-05-31",
        "tried": 250_200,
        "batches": 2,
        "phases": {"prescreen": 250_000, "refine": 200},
        "intervals": ["1h", "5m"],
        "last": "2023-11-14T22:13:20.000Z",
    }
    assert told(capsys, "ledger", "show", "--symbol", "ETHUSDT", "--json")["tried"] == 7
    assert told(capsys, "ledger", "show", "--vintage", "2024-05-31_2024-12-31", "--json")["tried"] == 250_200
    out, _ = told(capsys, "ledger", "show", "--family", "mtf_ema")
    assert "250,000" in out
    assert "ETHUSDT" not in out


def test_a_ledger_that_was_changed_is_refused_with_its_line(home, capsys):
    for count in (1, 2, 3):
        tried_once(home, "BTCUSDT", count, "2023-01-01_2024-05-31")
    path = ledger_path(home, "BTCUSDT", "mtf_ema")
    path.write_bytes(path.read_bytes().replace(b'"count":2', b'"count":1'))
    _, err = told(capsys, "ledger", "show", code=2)
    assert "mtf_ema.jsonl line 2" in err


def test_a_vintage_that_is_none_is_refused_with_how_one_is_written(home, capsys):
    _, err = told(capsys, "ledger", "show", "--vintage", "2024", code=2)
    assert "2023-01-01_2024-05-31" in err
