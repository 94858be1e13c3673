"""`swarmd clean`: what is old and needed by nobody goes, just what is said and nothing else, and no truth is lost."""

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from builders import a_champion, a_gauge, a_job, a_run, a_session, an_incident
from click.testing import CliRunner, Result
from swarm_builders import a_home

from swarmd.cli import cli, exit_code_of
from swarmd.state.errors import OperatorError
from swarmd.state.records.record import Record
from swarmd.state.store import compaction
from swarmd.state.store.files import Home, lock_file
from swarmd.state.store.journal import Journal
from swarmd.state.store.raw import BASE, SNAPSHOT, history, reaches_back_to, read_journal
from swarmd.state.units import DAY
from swarmd.supervisor.clock import wall_millis

OLD = wall_millis() - 90 * DAY


def write(home: Home, *batches: Iterable[Record], snapshot: bool = True, segment_bytes: int = 2000) -> None:
    journal, damages = Journal.open(home.journal, segment_bytes=segment_bytes)
    assert damages == ()
    with journal:
        for batch in batches:
            journal.append(batch)
            journal.commit()
        if snapshot:
            journal.snapshot()


def gauges(first: int, last: int, at: int) -> list[list[Record]]:
    return [[a_gauge(id=f"g{number % 7}", value=number, at=at + number)] for number in range(first, last + 1)]


def clean(home: Home, *words: str) -> Result:
    return CliRunner().invoke(cli, ["--home", str(home.root), "clean", *words], catch_exceptions=False)


def cleaned(home: Home, *words: str) -> dict[str, object]:
    told = clean(home, "--json", *words)
    assert told.exit_code == 0, told.output
    document: dict[str, object] = json.loads(told.stdout)
    return document


def grown_old(*paths: Path) -> None:
    for path in paths:
        for each in (*(path.rglob("*") if path.is_dir() else ()), path):
            os.utime(each, ((OLD) / 1000, (OLD) / 1000))


def files_of(home: Home, run: str) -> list[Path]:
    outbox = home.outbox_of(run)
    outbox.mkdir(parents=True)
    (outbox / "events.jsonl").write_text("{}\n" * 10)
    log, evidence = home.log_path(run), home.logs / "lanes" / f"{run}.evidence.txt"
    log.write_text("said\n")
    evidence.write_text("seen\n")
    grown_old(outbox, log, evidence)
    return [outbox, log, evidence]


def everything(home: Home) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(home.root.rglob("*")) if path.is_file()}


# -- files of runs --------------------------------------------------------------------------------------------------


def test_only_what_nobody_needs_goes(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    jobs = {
        name: a_job(symbol=name, status=status)
        for name, status in (
            ("DONE", "done"), ("TODO", "queued"), ("POISON", "quarantined"), ("CROWNED", "done"), ("ASKED", "done"),
            ("FRESH", "done"), ("ALIVE", "done"), ("HELD", "done"),
        )
    }  # fmt: skip
    runs = {
        name: a_run(job.id, 1, **({"status": "running"} if name == "ALIVE" else {"status": "done"}))
        for name, job in jobs.items()
    }
    told = an_incident(runs["ASKED"].id)
    write(
        home, [*jobs.values()], [*runs.values()], [a_champion(symbol="CROWNED"), told],
        snapshot=False, segment_bytes=1 << 20,
    )  # fmt: skip
    paths = {name: files_of(home, run.id) for name, run in runs.items()}
    unknown = files_of(home, "nobody.remembers.it-a1")
    os.utime(paths["FRESH"][0] / "events.jsonl")
    os.utime(paths["FRESH"][1])
    os.utime(paths["FRESH"][2])
    for kept in (home.results_of("majors") / "all_trials.json", home.champions / "BTCUSDT_5m.json"):
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text("{}")
        grown_old(kept)
    held = lock_file(home.lock_path(runs["HELD"].id), {})
    assert held is not None
    before = everything(home)
    would = cleaned(home, "--dry-run")
    assert everything(home) == before
    did = cleaned(home)
    going = [*paths["DONE"], *unknown]
    assert [did[name] for name in ("removed", "bytes", "paths", "kept")] == [
        would[name] for name in ("removed", "bytes", "paths", "kept")
    ]
    assert sorted(str(home.root / path) for path in did["paths"]) == sorted(map(str, going))  # type: ignore[attr-defined]
    assert not any(path.exists() for path in going)
    gone = {path: data for path, data in before.items() if any(path.startswith(str(each)) for each in going)}
    assert did["bytes"] == sum(map(len, gone.values()))
    assert everything(home) == {path: data for path, data in before.items() if path not in gone}
    assert did["kept"] == {
        "their run lives": 6,
        "their job is still to do": 3,
        "their job is quarantined, and they are its evidence": 3,
        "a champion came of them": 3,
        "an open incident is about them": 3,
    }
    assert cleaned(home)["paths"] == []
    os.close(held)


def test_what_rotated_goes_and_what_is_written_on_stays(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    write(home, [a_session(), a_session(id="bt-2", status="closed")])
    here, gone, events = a_session().id, "bt-2", "session_state_manager_events.jsonl"
    stays = [home.logs / name for name in ("swarmd.log", "workflow_events.log")]
    stays += [home.state / name for name in (f"session_state_{here}.jsonl", f"session_state_{here}.jsonl.1", events)]
    goes = [home.logs / name for name in ("swarmd.log.1", "workflow_events.log.5")]
    goes += [home.state / name for name in (f"session_state_{gone}.jsonl", f"session_state_{gone}.jsonl.2")]
    goes.append(home.state / f"{events}.1")
    for path in (*stays, *goes):
        path.write_text("said\n")
        grown_old(path)
    cleaned(home)
    assert ([path for path in stays if not path.exists()], [path for path in goes if path.exists()]) == ([], [])


def test_it_says_in_words_what_goes_and_what_stays(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    write(home, [a_job(status="done")], [a_run(status="done")])
    files_of(home, "gone-a1")
    told = clean(home, "--dry-run").output
    assert "would go: 1 outboxes, 30 B" in told
    assert "would go in all" in told
    assert "removed: 1 lane logs, 5 B" in clean(home).output
    assert "nothing older than 30 d 0 h may go" in clean(home).output


@pytest.mark.parametrize("age", ["5", "soon", "10m"])
def test_a_wrong_age_is_refused_with_the_reason(tmp_path: Path, age: str) -> None:
    home = a_home(tmp_path)
    write(home, [a_gauge()])
    with pytest.raises(OperatorError, match="--older-than"):
        CliRunner().invoke(cli, ["--home", str(home.root), "clean", "--older-than", age], catch_exceptions=False)


# -- segments -------------------------------------------------------------------------------------------------------


@pytest.fixture
def long_lived(tmp_path: Path) -> Home:
    """Segments of 90 days ago and of today, a snapshot, and a little after it."""
    home = a_home(tmp_path)
    write(home, *gauges(1, 60, OLD), *gauges(61, 100, wall_millis()))
    write(home, *gauges(101, 103, wall_millis()), snapshot=False)
    return home


def folded(home: Home) -> dict[str, bytes]:
    return {name: line.content for name, line in read_journal(home.journal).folded().table("gauge").items()}


def test_old_segments_go_and_what_they_come_to_stays(long_lived: Home) -> None:
    state, (lines, _) = folded(long_lived), history(long_lived.journal)
    first = sorted(long_lived.journal.glob("0*.jsonl"))[0]
    size = long_lived.journal.joinpath(SNAPSHOT).stat().st_size
    told = cleaned(long_lived)
    assert told["removed"]["journal segments"]["count"] > 2  # type: ignore[index]
    assert not first.exists()
    assert size == long_lived.journal.joinpath(SNAPSHOT).stat().st_size
    assert folded(long_lived) == state
    # Without the snapshot the base stands in for what is gone.
    aside = (long_lived.journal / SNAPSHOT).rename(long_lived.root / "aside")
    assert folded(long_lived) == state
    assert read_journal(long_lived.journal).damages == []
    left, damages = history(long_lived.journal)
    assert damages == []
    assert [line.seq for line in left] == sorted(line.seq for line in left)
    since = reaches_back_to(long_lived.journal)
    assert told["journal"]["history_from"] == since  # type: ignore[index]
    whole = [line for line in lines if line.at > since]
    assert left[-len(whole) :] == whole
    assert len(left) < len(lines)
    aside.rename(long_lived.journal / SNAPSHOT)
    journal, named = Journal.open(long_lived.journal)
    with journal:
        assert named == ()
        assert journal.seq == 103
    assert cleaned(long_lived)["paths"] == []


def test_a_second_clean_builds_on_the_base_of_the_first(long_lived: Home) -> None:
    cleaned(long_lived, "--older-than", "60d")
    first = reaches_back_to(long_lived.journal)
    write(long_lived, *gauges(104, 160, wall_millis()))
    later = compaction.removable(long_lived.journal, "9000")
    assert later.segments
    state = folded(long_lived)
    compaction.compact(long_lived.journal, later)
    (long_lived.journal / SNAPSHOT).unlink()
    assert folded(long_lived) == state
    assert reaches_back_to(long_lived.journal) > first
    assert read_journal(long_lived.journal).damages == []


def test_an_interrupted_clean_is_taken_up_by_the_next(long_lived: Home) -> None:
    state = folded(long_lived)
    kept = {path.name: path.read_bytes() for path in long_lived.journal.glob("0*.jsonl")}
    cleaned(long_lived)
    for name, data in kept.items():  # as if it had been killed after the base and before the first removal
        (long_lived.journal / name).write_bytes(data)
    assert history(long_lived.journal)[1] == []
    assert folded(long_lived) == state
    assert [line.seq for line in history(long_lived.journal)[0]] == sorted(
        {line.seq for line in history(long_lived.journal)[0]}
    )
    assert cleaned(long_lived)["paths"] != []
    assert len(list(long_lived.journal.glob("0*.jsonl"))) < len(kept)


def test_a_damaged_base_is_named_with_what_it_stood_for(long_lived: Home) -> None:
    cleaned(long_lived)
    state = folded(long_lived)
    base = long_lived.journal / BASE
    sound = base.read_bytes()
    for place in (5, len(sound) // 2, len(sound) - 2):
        base.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        assert folded(long_lived) == state, "the snapshot does not need it"
        reasons = [damage.reason for damage in history(long_lived.journal)[1]]
        assert any("missing" in reason for reason in reasons)
        assert any("the segments are used" in reason for reason in reasons)


def test_without_a_sound_snapshot_no_segment_goes(long_lived: Home) -> None:
    snapshot = long_lived.journal / SNAPSHOT
    snapshot.write_bytes(snapshot.read_bytes()[:-9])
    told = cleaned(long_lived)
    assert told["paths"] == []
    assert told["journal"]["ends"] == "no sound snapshot covers the rest"  # type: ignore[index]


def test_a_damaged_segment_stays_as_evidence_and_ends_the_row(long_lived: Home) -> None:
    second = sorted(long_lived.journal.glob("0*.jsonl"))[1]
    data = bytearray(second.read_bytes())
    data[50] ^= 1
    second.write_bytes(data)
    told = cleaned(long_lived)
    assert told["paths"] == ["state/journal/000001.jsonl"]
    assert "is damaged" in told["journal"]["ends"]  # type: ignore[index]
    assert second.read_bytes() == data


def test_readers_survive_a_clean_under_their_eyes(long_lived: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Listed before, removed when opened: the reader looks again."""
    from swarmd.state.store import raw

    listed = raw.segments_by_name
    state = folded(long_lived)
    copy = long_lived.root / "copy"
    shutil.copytree(long_lived.journal, copy)

    def listing(directory: Path) -> list[Path]:
        found = listed(directory)
        monkeypatch.setattr(raw, "segments_by_name", listed)
        compaction.compact(directory, compaction.removable(directory, "9000"))
        return found

    monkeypatch.setattr(raw, "segments_by_name", listing)
    assert {n: line.content for n, line in read_journal(copy).folded().table("gauge").items()} == state


# -- results of experiments -----------------------------------------------------------------------------------------


def an_experiment(home: Home, name: str, *, kind: str = "experiment") -> Path:
    folder = home.results_of(name)
    trial = folder / "BTCUSDT" / "long" / "trials" / "trial_0.json"
    trial.parent.mkdir(parents=True)
    trial.write_text("{}\n" * 100)
    (folder / "run_meta.json").write_text(json.dumps({"schema": "swarmd.run_meta/1", "kind": kind}))
    grown_old(folder)
    return folder


def test_results_of_experiments_go_only_where_they_are_asked_for_and_nobody_needs_them(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    write(home, [a_champion(symbol="BTCUSDT", campaign="crowned")], snapshot=False, segment_bytes=1 << 20)
    going = [an_experiment(home, "old"), an_experiment(home, "old.before-1")]
    an_experiment(home, "campaign", kind="campaign")
    an_experiment(home, "crowned")
    fresh = an_experiment(home, "fresh")
    os.utime(fresh / "BTCUSDT" / "long" / "trials" / "trial_0.json")
    outside = an_experiment(Home(tmp_path / "elsewhere"), "stranger")
    (home.results / "linked").symlink_to(outside)
    running = an_experiment(home, "running")
    held = lock_file(running / ".lock", {})
    grown_old(running)
    assert held is not None
    before = everything(home)
    assert cleaned(home)["paths"] == []
    would = cleaned(home, "--experiments", "--dry-run")
    assert would["paths"] == ["results/old", "results/old.before-1"]
    assert would["kept"] == {"their experiment runs": 1, "a champion came of them": 1}
    assert everything(home) == before
    did = cleaned(home, "--experiments")
    assert did["paths"] == would["paths"]
    assert everything(home) == {
        path: data for path, data in before.items() if not any(path.startswith(f"{folder}/") for folder in going)
    }
    assert (outside / "run_meta.json").exists()
    os.close(held)


def test_experiments_that_would_go_are_named_one_by_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home(tmp_path / "home")
    an_experiment(home, "old")
    an_experiment(home, "older")
    assert exit_code_of(["--home", str(home.root), "clean", "--experiments", "--dry-run"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("would go: 2 experiments, ")
    assert told[1:3] == ["  results/old", "  results/older"]


def test_experiments_of_a_home_that_never_had_a_daemon_can_be_removed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    folder = an_experiment(home, "old")
    with pytest.raises(OperatorError, match="there is no journal"):
        clean(home)
    assert cleaned(home, "--experiments")["paths"] == ["results/old"]
    assert not folder.exists()
    assert not home.journal.exists()
