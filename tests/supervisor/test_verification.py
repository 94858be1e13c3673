"""Commands really run for a page: which, within bounds, and without secrets in what they said."""

from pathlib import Path

import pytest
from builders import a_campaign, a_champion, a_result, a_view, the_settings
from swarm_builders import a_home

from swarmd.state.store.journal import Journal
from swarmd.supervisor.redaction import redacted, secrets_of
from swarmd.supervisor.verification import Check, checks_for, run_checks, shortened


def words(view: object, home: object) -> list[str]:
    return [" ".join(check.words) for check in checks_for(view, home)]  # type: ignore[arg-type]


def test_only_commands_that_have_something_to_say_are_run(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    assert words(a_view(campaigns=[]), home) == ["replay", "query --json"]
    (tmp_path / "bars").mkdir()
    for symbol in ("AAA", "BBB"):
        (tmp_path / "bars" / f"{symbol}.csv").touch()
    data = {"root": str(tmp_path / "bars"), "known_gaps": ["2023-03-24"], "allow_gaps": 3}
    campaign = a_campaign(settings=the_settings(data=data, assets={"tiers": {"T": ["AAA", "BBB", "CCC"]}}))
    view = a_view(campaigns=[campaign], results=[a_result()], champions=[a_champion(id="BBB_5m", symbol="BBB")])
    bars = tmp_path / "bars"
    assert words(view, home) == [
        "replay",
        "champion verify BBB 5m",
        f"data validate {bars}/BBB.csv {bars}/AAA.csv --interval 5m --known-gap 2023-03-24 --allow-gaps 3",
        "summarize majors",
        "query --json",
    ]
    many = [a_champion(id=f"S{n}_5m", symbol=f"S{n}", since=n) for n in range(9)]
    assert [w for w in words(a_view(champions=many), home) if w.startswith("champion")] == [
        f"champion verify S{n} 5m" for n in (6, 7, 8)
    ]


def test_each_is_told_with_its_exit_code_and_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    with Journal.open(home.journal)[0]:
        pass
    checks = [
        Check(("query", "incidents"), "", 60.0),
        Check(("explain", "nobody"), "", 60.0),
        Check(("log", "--follow"), "", 4.0),
    ]
    (home.logs / "swarmd.log").write_text("")
    query, explain, follow = run_checks(home, checks, within_s=60)
    assert (query.command, query.exit_code, query.output) == ("swarmd query incidents", 0, "no incidents")
    assert (explain.exit_code, explain.holds) == (2, False)
    assert (follow.exit_code, follow.output) == (None, "no answer within 4 s, so it was ended")
    (late,) = run_checks(home, checks[:1], within_s=0)
    assert (late.exit_code, late.output) == (None, "not run: the time for all commands was up")


def test_what_is_long_keeps_its_beginning_and_its_end() -> None:
    assert shortened("short\n", 100) == "short"
    lines = "\n".join(f"line {n}" for n in range(1_000))
    told = shortened(lines, 300)
    assert told.startswith("line 0\n")
    assert told.endswith("line 999")
    assert "characters left out" in told
    assert len(told) < 400


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("postgresql://me:hunter2@db:5432/x", "postgresql://[hidden]@db:5432/x"),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=[hidden] psql"),
        ('{"api_key": "abc123", "n": 1}', '{"api_key": "[hidden]", "n": 1}'),
        ("X-Auth-Token: abcdef", "X-Auth-Token: [hidden]"),
        ("the value of it is s3cr3t-value", "the value of it is [hidden]"),
        ("2 tokens, https://x.org/a and a@b.org", "2 tokens, https://x.org/a and a@b.org"),
    ],
)
def test_no_secret_stands_on_the_page(text: str, told: str) -> None:
    hidden = secrets_of({"MY_SECRET": "s3cr3t-value", "TOKEN": "ab", "HOME": "/a/long/path"})
    assert hidden == ("s3cr3t-value",)
    assert redacted(text, hidden) == told
