"""`swarmd champion`: set, rollback, history, verify and monitor as a person types them, on one that was crowned."""

import json
import os
import signal
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from swarmd.cli import exit_code_of
from swarmd.engine.champions.champion import checksum_of, read_champion, write_champion
from swarmd.engine.champions.changes import read_changes
from swarmd.engine.champions.loader import ChampionLoader
from tests.champion_builders import PARAMETERS, a_champion
from tests.champion_home import INTERVAL, SYMBOL, crowned_home

NICHE = f"{SYMBOL}_{INTERVAL}"
BY_HAND = ("--symbol", SYMBOL, "--timeframe", INTERVAL, "--strategy", "mtf_ema", "--params", json.dumps(PARAMETERS))


@pytest.fixture(scope="module")
def once_crowned(tmp_path_factory):
    return crowned_home(tmp_path_factory.mktemp("crowned"))


@pytest.fixture
def crowned(once_crowned, tmp_path, monkeypatch):
    """A copy of the home with its champion, to be changed."""
    place = once_crowned.copied_to(tmp_path)
    monkeypatch.setenv("SWARMD_HOME", str(place.root))
    return place


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty one."""
    monkeypatch.setenv("SWARMD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def told(capsys, *arguments, code=0):
    """What the command prints: stdout as JSON where it was asked for, else (stdout, stderr)."""
    capsys.readouterr()
    assert exit_code_of(["champion", *map(str, arguments)]) == code
    out, err = capsys.readouterr()
    return json.loads(out) if "--json" in arguments else (out, err)


def edited(path, **fields):
    """The JSON file with other fields; a champion's checksum is left as it was."""
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def failed(capsys, *arguments):
    return told(capsys, "verify", SYMBOL, *arguments, "--json", code=1)["failed"]


# -- set --------------------------------------------------------------------------------------------------------------


def test_a_champion_set_by_flags_is_in_force_and_says_that_a_person_did_it(home, capsys):
    document = told(capsys, "set", *BY_HAND, "--mode", "aggressive", "--reason", "as traded", "--json")
    champion = read_champion(home / "champions" / f"{NICHE}.json")
    assert champion.document() == document
    assert (champion.origin, champion.note, champion.tried) == ("manual", "as traded", 0)
    assert ChampionLoader(home / "champions").load(SYMBOL, INTERVAL).meta["champion"]["origin"] == "manual"
    assert told(capsys, "list", "--json")["champions"][0]["origin"] == "manual"
    assert told(capsys, "history", SYMBOL, "--json")["changes"][0]["reason"] == "as traded"


def test_a_file_set_keeps_what_it_claims_and_the_one_before_goes_to_backup(home, tmp_path, capsys):
    told(capsys, "set", *BY_HAND, "--reason", "first")
    elsewhere = tmp_path / "elsewhere" / f"{NICHE}.json"
    theirs = write_champion(elsewhere, a_champion(symbol=SYMBOL, timeframe=INTERVAL, parameters=PARAMETERS))
    out, _ = told(capsys, "set", elsewhere, "--reason", "from the other machine")
    assert "is in force, set by hand: from the other machine" in out
    champion = read_champion(home / "champions" / f"{NICHE}.json")
    assert champion.says_the_same(theirs)
    assert told(capsys, "list", "--json")["champions"][0]["backups"] == 1


def test_an_edited_file_is_refused_with_its_old_checksum_and_taken_without_one(home, tmp_path, capsys):
    file = tmp_path / f"{NICHE}.json"
    write_champion(file, a_champion(symbol=SYMBOL, timeframe=INTERVAL, parameters=PARAMETERS))
    edited(file, score=9.0)
    assert "changed by hand or damaged" in told(capsys, "set", file, "--reason", "r", code=2)[1]
    edited(file, checksum="")
    assert told(capsys, "set", file, "--reason", "r", "--json")["score"] == 9.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--symbol", SYMBOL), "--timeframe, --strategy missing"),
        ((*BY_HAND, "--mode", "agressive"), "aggressive"),
        ((*BY_HAND[:-1], '{"L_fst": 3}'), "L_fast"),
        ((*BY_HAND[:-1], "{"), "not JSON"),
        ((*BY_HAND[:-1], "[]"), "give a JSON object"),
        ((*BY_HAND[:2], "--timeframe", "7m", *BY_HAND[4:]), "7m"),
        (("--symbol", "../x", *BY_HAND[2:]), "cannot be part of a file's name"),
    ],
)
def test_what_cannot_be_set_is_refused_with_the_reason(home, capsys, arguments, said):
    _, err = told(capsys, "set", *arguments, "--reason", "r", code=2)
    assert said in err
    assert not list(home.glob("champions/*.json"))


def test_a_reason_is_asked_for(home, capsys):
    assert "--reason" in told(capsys, "set", *BY_HAND, code=2)[1]
    assert "say why" in told(capsys, "set", *BY_HAND, "--reason", " ", code=2)[1]


# -- rollback and history ---------------------------------------------------------------------------------------------


def test_a_rollback_brings_the_crowned_one_back_and_the_history_tells_it_all(crowned, capsys):
    was = read_champion(crowned.champion)
    told(capsys, "set", *BY_HAND, "--reason", "a try")
    out, _ = told(capsys, "rollback", NICHE, "--reason", "fills were worse")
    assert "is in force again" in out
    now = read_champion(crowned.champion)
    assert now.says_the_same(was)
    assert (now.origin, now.note) == ("rollback", "fills were worse")
    history = told(capsys, "history", NICHE, "--json")
    assert [change["change"] for change in history["changes"]] == ["crowned", "manual", "rollback"]
    assert all(change["came_about"] for change in history["changes"])
    assert [backup["origin"] for backup in history["backups"]] == ["manual", "crowned"]
    assert "fills were worse" in told(capsys, "history", NICHE)[0]


def test_with_nothing_to_go_back_to_a_rollback_is_refused(crowned, capsys):
    assert "no backup to go back to" in told(capsys, "rollback", SYMBOL, "--reason", "r", code=2)[1]
    assert "no single champion for NOBODY" in told(capsys, "rollback", "NOBODY", "--reason", "r", code=2)[1]


# -- verify -----------------------------------------------------------------------------------------------------------


def test_a_crowned_champion_holds_down_to_its_surrogates(crowned, capsys):
    before = {path: path.read_bytes() for path in crowned.root.rglob("*") if path.is_file()}
    document = told(capsys, "verify", SYMBOL, INTERVAL, "--surrogates", 2, "--json")
    checks = {check["name"]: check["holds"] for check in document["checks"]}
    assert document["holds"]
    assert set(checks.values()) == {True}
    assert {"checksum", "data", "development run", "vault run", "ledger", "p of the vault", "surrogate 1"} <= set(
        checks
    )
    after = {path: path.read_bytes() for path in crowned.root.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before


def test_the_whole_judgement_is_made_again_in_a_folder_nobody_keeps(crowned, capsys, tmp_path):
    """And a certificate whose other figures were made prettier is told by each of them."""
    before = {path: path.read_bytes() for path in crowned.root.rglob("*") if path.is_file()}
    checks = told(capsys, "verify", SYMBOL, "--judgement", "--json")["checks"]
    after = {path: path.read_bytes() for path in crowned.root.rglob("*") if path.is_file()}
    assert {path: after[path] for path in before} == before
    remade = {
        "search finds the finalist", "walk forward", "sensitivity", "neighbourhood map", "overfitting (PBO)",
        "superior ability (SPA)", "deflation (DSR)", "vault: stress", "vault: regimes", "strict figures",
    }  # fmt: skip
    assert {check["name"]: check["holds"] for check in checks if check["name"] in remade} == dict.fromkeys(remade, True)
    assert not [check for check in checks if check["holds"] is False]

    prettier = crowned.copied_to(tmp_path / "prettier")
    document = json.loads(prettier.certificate.read_text())
    document["evidence"]["pbo"]["probability_of_loss"] = 0.0
    document["walk_forward"]["share_of_profitable_windows"] = 1.01
    document["neighbourhood"]["annual_sharpe"][0][0] = 9.0
    prettier.certificate.write_text(json.dumps(document))
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWARMD_HOME", str(prettier.root))
        assert failed(capsys, "--judgement") == ["walk forward", "neighbourhood map", "overfitting (PBO)"]


def test_one_crowned_on_the_screen_is_verified_as_far_as_it_claims_and_has_no_promise(tmp_path, monkeypatch, capsys):
    screened = crowned_home(tmp_path, "screen")
    monkeypatch.setenv("SWARMD_HOME", str(screened.root))
    document = told(capsys, "verify", SYMBOL, "--surrogates", 1, "--json")
    checks = {check["name"]: check["holds"] for check in document["checks"]}
    unasked = {"evidence", "ledger", "discoveries", "surrogates"}
    assert {name for name, holds in checks.items() if holds is None} == unasked
    assert {checks[name] for name in ("gates table", "data", "development run", "vault run")} == {True}
    screened.let_days_pass(10, is_alive=True)
    assert "nothing was forecast" in told(capsys, "monitor")[0]


def test_an_edited_champion_is_told_as_such(crowned, capsys):
    edited(crowned.champion, score=99.0)
    assert failed(capsys) == ["checksum"]
    assert "changed by hand or damaged" in told(capsys, "verify", SYMBOL, code=1)[0]


def test_a_champion_edited_with_a_fresh_checksum_no_longer_has_that_certificate(crowned, capsys):
    edited(crowned.champion, score=99.0)
    edited(crowned.champion, checksum=checksum_of(json.loads(crowned.champion.read_text())))
    assert failed(capsys) == ["certificate"]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda told: told["evidence"]["p"].update(vault=1e-9), {"p combined", "p of the vault"}),
        (lambda told: told["evidence"]["p"].update(adjusted=1e-9), {"p adjusted", "p at its gate"}),
        (lambda told: told["surrogates"]["maxima"].__setitem__(0, 99.0), {"surrogates counted", "p of the search"}),
        (lambda told: told["vault"]["metrics"].update(annual_sharpe=9.0), {"vault run"}),
        (lambda told: told["evidence"]["gates"][2].update(figure=0.99), {"evidence table", "verdict"}),
        (
            lambda told: told["evidence"]["forecast"].update(shrunken_annual_sharpe=0.1),
            {"forecast in the champion's file"},
        ),
        (lambda told: told["ledger"].update(head="0" * 64), {"ledger"}),
        (lambda told: told["evidence"]["fdr"].update(level=0.05), {"discoveries"}),
        (lambda told: told["evidence"]["fdr"].update(test=9), {"discoveries"}),
        (lambda told: told.update(verdict="gold"), {"verdict"}),
        (lambda told: told.pop("surrogates"), {"certificate whole"}),
        (lambda told: told["surrogates"].update(planned=3), {"certificate whole"}),
        (lambda told: told.update(evidence=[]), {"certificate whole"}),
    ],
)
def test_an_edited_certificate_is_caught_and_the_figure_is_named(crowned, capsys, change, names):
    document = json.loads(crowned.certificate.read_text())
    change(document)
    crowned.certificate.write_text(json.dumps(document))
    assert names <= set(failed(capsys))


def test_other_data_under_the_same_name_is_caught(crowned, capsys):
    table = pq.read_table(crowned.bars)
    column = table["close"].to_pylist()
    column[-2] *= 1.0000001
    pq.write_table(table.set_column(table.column_names.index("close"), "close", [column]), crowned.bars)
    assert failed(capsys) == ["data"]


def test_a_ledger_that_was_removed_or_cut_is_missed(crowned, capsys):
    (ledger,) = crowned.root.glob("state/ledger/EDGE/*.jsonl")
    lines = ledger.read_bytes().splitlines(keepends=True)
    ledger.write_bytes(b"".join(lines[:-1]))
    assert failed(capsys) == ["ledger"]
    ledger.unlink()
    assert failed(capsys) == ["ledger"]


def test_rows_that_came_later_change_nothing_and_bars_that_moved_are_named(crowned, capsys, tmp_path):
    crowned.let_days_pass(20, is_alive=True)
    assert told(capsys, "verify", SYMBOL, "--json")["holds"]
    moved = crowned.bars.rename(tmp_path / "moved.parquet")
    assert told(capsys, "verify", SYMBOL, "--data", moved, "--json")["holds"]
    crowned.bars.parent.rmdir()
    edited(crowned.root / "results" / "c" / SYMBOL / "preflight.json", report={})
    assert "name them with --data" in told(capsys, "verify", SYMBOL, code=2)[1]


def test_one_set_by_hand_has_nothing_to_verify_but_its_checksum(crowned, capsys):
    told(capsys, "set", *BY_HAND, "--reason", "r")
    checks = told(capsys, "verify", SYMBOL, "--json")["checks"]
    assert [(check["name"], check["holds"]) for check in checks] == [("checksum", True), ("certificate", None)]


# -- certificate ------------------------------------------------------------------------------------------------------


def test_the_certificate_is_shown_as_a_screen_a_page_and_its_document(crowned, capsys, tmp_path):
    document = json.loads(crowned.certificate.read_text())
    assert told(capsys, "certificate", SYMBOL, "--json") == document
    screen, _ = told(capsys, "certificate", SYMBOL, INTERVAL)
    assert "CHAMPION" in screen
    assert screen in told(capsys, "show", SYMBOL)[0]
    page = tmp_path / "page.html"
    told(capsys, "certificate", SYMBOL, "--output", page)
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert SYMBOL in page.read_text()


def test_where_there_is_no_certificate_it_says_why(crowned, capsys):
    edited(crowned.certificate, trial=77)
    assert "of another finalist" in told(capsys, "certificate", SYMBOL, code=2)[1]
    edited(crowned.certificate, schema="swarmd.screen/1")
    assert "did not crown on evidence" in told(capsys, "certificate", SYMBOL, code=2)[1]
    told(capsys, "set", *BY_HAND, "--reason", "a try")
    assert "it has no certificate (manual: a try)" in told(capsys, "certificate", SYMBOL, code=2)[1]
    assert "it has no certificate (manual: a try)" in told(capsys, "show", SYMBOL)[0]


# -- monitor ----------------------------------------------------------------------------------------------------------


def monitored(capsys, *arguments, code=0):
    (row,) = told(capsys, "monitor", *arguments, "--json", code=code)["champions"]
    return row


def test_without_new_days_there_is_nothing_to_say(crowned, capsys):
    row = monitored(capsys)
    assert (row["action"], row["state"], row["days"]) == ("kept", "silent", [])
    assert "no bars after 2022-05-15" in row["sentence"]


def test_an_edge_that_is_still_there_stands(crowned, capsys):
    crowned.let_days_pass(150, is_alive=True)
    row = monitored(capsys, "--once")
    assert (row["action"], row["state"], row["n_days"]) == ("kept", "stands", 149)
    assert len(row["log_e"]) == 149
    assert "stands" in told(capsys, "monitor")[0]


def test_a_dead_edge_is_dethroned_and_what_was_before_it_does_not_follow_without_a_promise(crowned, capsys):
    told(capsys, "set", *BY_HAND, "--reason", "a try")
    told(capsys, "rollback", SYMBOL, "--reason", "back")
    crowned.let_days_pass(300, is_alive=False)
    assert monitored(capsys, "--dry-run")["action"] == "would fall"
    assert crowned.champion.exists()
    row = monitored(capsys)
    assert (row["action"], row["heir"]) == ("dethroned", None)
    assert row["largest_e"] >= 20.0
    assert not crowned.champion.exists()
    loaded = ChampionLoader(crowned.champion.parent).load(SYMBOL, INTERVAL)
    assert "where" in loaded.meta["champion"]["reason"]
    assert loaded.meta["champion"]["source"] == "baseline"
    last = read_changes(crowned.champion.parent)[-1]
    assert (last.change, last.evidence["state"], "log_e" in last.evidence) == ("dethroned", "falls", False)
    assert told(capsys, "monitor", "--json")["champions"] == []


def test_an_heir_without_its_certificate_does_not_follow(crowned, capsys):
    crowned.let_days_pass(150, is_alive=True)
    was = read_champion(crowned.champion)
    boastful = was.model_copy(update={"score": 9.0, "metrics": was.metrics | {"forecast": {"annual_sharpe": 40.0}}})
    edited(crowned.certificate, score=9.0)
    write_champion(crowned.champion, boastful)
    # Both name one certificate, and it is the boastful one's by now.
    assert monitored(capsys)["heir"] is None


def test_the_one_before_follows_where_it_keeps_its_own_promise(crowned, capsys):
    crowned.let_days_pass(150, is_alive=True)
    was = read_champion(crowned.champion)
    other = crowned.certificate.with_name("other.json")
    other.write_text(json.dumps(json.loads(crowned.certificate.read_text()) | {"score": 9.0}))
    boast = was.metrics | {"forecast": {"annual_sharpe": 40.0}}
    named = str(other.relative_to(crowned.root))
    write_champion(crowned.champion, was.model_copy(update={"score": 9.0, "metrics": boast, "certificate": named}))
    row = monitored(capsys)
    assert row["action"] == "dethroned"
    now = read_champion(crowned.champion)
    assert now.says_the_same(was)
    assert (now.origin, f"score {was.score:.4f}" in row["heir"]) == ("rollback", True)
    assert monitored(capsys)["state"] == "stands"


def test_one_put_back_by_hand_is_judged_by_the_days_from_then_on(crowned, capsys):
    crowned.let_days_pass(300, is_alive=False)
    monitored(capsys)
    fallen = told(capsys, "history", SYMBOL, "--json")["backups"][0]["digest"]
    assert "no backup to go back to" in told(capsys, "rollback", SYMBOL, "--reason", "r", code=2)[1]
    told(capsys, "rollback", SYMBOL, "--to", fallen, "--reason", "I know better")
    row = monitored(capsys)
    assert (row["action"], row["state"]) == ("kept", "silent")


def test_one_that_was_dethroned_is_not_crowned_again_by_its_campaign(crowned, capsys):
    content = crowned.bars.read_bytes()
    again = crowned.crown_again()
    assert "is in force already" in again.headline
    assert again.figures["pine"] == "exported"
    assert f"exports/pine/{NICHE}.pine" in again.artifacts
    crowned.let_days_pass(300, is_alive=False)
    monitored(capsys)
    crowned.bars.write_bytes(content)
    summary = crowned.crown_again()
    assert (summary.verdict, "dethroned this very champion" in summary.headline) == ("fail", True)
    assert not crowned.champion.exists()


def test_a_dethroned_one_copied_back_is_put_away_again(crowned, capsys):
    content = crowned.champion.read_bytes()
    crowned.let_days_pass(300, is_alive=False)
    monitored(capsys)
    crowned.champion.write_bytes(content)
    assert failed(capsys) == ["in force"]
    assert monitored(capsys)["action"] == "dethroned"
    assert not crowned.champion.exists()


def test_rows_changed_under_it_judge_nobody(crowned, capsys):
    crowned.let_days_pass(300, is_alive=False)
    table = pq.read_table(crowned.bars)
    column = table["volume"].to_pylist()
    column[7] += 1.0
    pq.write_table(table.set_column(table.column_names.index("volume"), "volume", [column]), crowned.bars)
    row = monitored(capsys, code=1)
    assert row["action"] == "unseen"
    assert "put the old rows back" in row["error"]
    assert crowned.champion.exists()


def test_a_champion_by_hand_has_no_promise_unless_it_is_given_one(crowned, capsys):
    told(capsys, "set", *BY_HAND, "--reason", "r")
    row = monitored(capsys, "--data-root", crowned.bars.parent)
    assert "nothing was forecast" in row["sentence"]
    row = monitored(capsys, SYMBOL, "--data", crowned.bars, "--promise", 1.5)
    assert (row["promised_annual_sharpe"], row["state"]) == (1.5, "silent")
    assert "of one champion; name it" in told(capsys, "monitor", "--promise", "2", code=2)[1]


def test_a_damaged_one_does_not_keep_the_others_from_being_seen(crowned, capsys):
    (crowned.champion.parent / "AAA_5m.json").write_text("{}")
    rows = told(capsys, "monitor", "--json", code=1)["champions"]
    assert [(row["niche"], row["action"]) for row in rows] == [("AAA_5m", "unseen"), (NICHE, "kept")]


def test_every_so_often_it_looks_until_it_is_interrupted(home):
    command = [sys.executable, "-m", "swarmd", "champion", "monitor", "--every", "1s"]
    watching = subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, text=True, bufsize=1)
    assert [watching.stdout.readline() for _ in range(2)] == ["no champions yet\n"] * 2
    watching.send_signal(signal.SIGINT)
    assert watching.wait(60) == 130
    watching.stdout.close()


def test_looking_at_champions_imports_no_numerics(home):
    program = (
        "import sys; from swarmd.cli import exit_code_of; exit_code_of(['champion', 'list']);"
        "sys.exit(bool({'numpy', 'numba', 'optuna', 'pyarrow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
