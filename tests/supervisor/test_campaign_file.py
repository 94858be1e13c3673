"""Campaign files: what a sound one becomes, and what is said of each mistake, at its place."""

import re
from pathlib import Path

import pytest
import yaml

from swarmd.engine.kernel.fold import SCREEN_METRICS
from swarmd.engine.market.timeframes import INTERVALS as ENGINE_INTERVALS
from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.supervisor.campaign_file import (
    INTERVALS,
    SCORE_METRICS,
    CampaignFileError,
    read_campaign,
    schema,
)
from swarmd.supervisor.question import digest, resolved

SOUND = """\
name: majors
data: {root: bars, interval: 5m, start: 2023-01-01, end: 2024-06-01, known_gaps: [2023-12-31]}
assets: {tiers: {TIER1: [BTCUSDT, ETHUSDT], TIER2: [SOLUSDT]}, batch_size: 2}
strategy: {name: mtf_ema, modes: [aggressive, balanced]}
space: {L_fast: {low: 5, high: 50, type: int}, sl: {low: 0.005, high: 0.05, log: true}, tf_fast: [15, 30]}
limits: {run_timeout: 1.5h, backoff: [5s, 1m], disk_free_min: 5GiB}
"""


REFINE = "search: {refine: {trials: 200, "


def written(folder: Path, text: str) -> Path:
    path = folder / "campaign.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(folder: Path, text: str) -> list[tuple[int, int, str, str]]:
    with pytest.raises(CampaignFileError) as caught:
        read_campaign(written(folder, text))
    return [(each.place.line, each.place.column, each.field, each.text) for each in caught.value.problems]


def test_a_sound_file_is_resolved_to_the_last_default(tmp_path: Path) -> None:
    settings = read_campaign(written(tmp_path, SOUND)).settings
    assert settings.data.root == str(tmp_path / "bars")
    assert settings.data.start == "2023-01-01"
    assert settings.data.known_gaps == ("2023-12-31",)
    assert settings.symbols() == ("BTCUSDT", "ETHUSDT", "SOLUSDT")
    assert settings.limits.run_timeout == 5_400_000
    assert settings.limits.backoff == (5_000, 60_000)
    assert settings.limits.disk_free_min == 5 << 30
    assert settings.search.prescreen.combos == 250_000
    assert settings.space["tf_fast"] == (15.0, 30.0)
    assert resolved(settings)["costs"] == {"fee_bps": 5.0, "slippage_bps": 2.0}


def test_the_digest_is_that_of_the_question_and_not_of_its_spelling(tmp_path: Path) -> None:
    first = read_campaign(written(tmp_path, SOUND)).settings
    spelt_out = SOUND.replace("1.5h", "90m") + "costs: {slippage_bps: 2, fee_bps: 5}\n"
    assert digest(read_campaign(written(tmp_path, spelt_out)).settings) == digest(first)
    other = SOUND.replace("batch_size: 2", "batch_size: 3")
    assert digest(read_campaign(written(tmp_path, other)).settings) != digest(first)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("trials: 200", (50, 100)),
        ("trials: 200, rungs: auto", (50, 100)),
        ("trials: 200, rungs: [20, 60]", (20, 60)),
        ("trials: 200, rungs: []", ()),
        ("trials: 99", ()),
    ],
)
def test_rungs_are_a_quarter_and_a_half_of_many_trials_or_what_is_listed(
    tmp_path: Path, asked: str, found: tuple[int, ...]
) -> None:
    settings = read_campaign(written(tmp_path, SOUND + f"search: {{refine: {{{asked}}}}}\n")).settings
    assert settings.rungs() == found


def test_one_asset_alone_climbs_no_rungs_and_rungs_are_the_question_however_they_are_written(tmp_path: Path) -> None:
    def read(asked: str, text: str = SOUND) -> CampaignSettings:
        return read_campaign(written(tmp_path, text + f"search: {{refine: {{{asked}}}}}\n")).settings

    alone = SOUND.replace("{TIER1: [BTCUSDT, ETHUSDT], TIER2: [SOLUSDT]}", "{TIER1: [BTCUSDT]}")
    assert read("trials: 200", alone).rungs() == ()
    assert digest(read("rungs: auto")) == digest(read("rungs: [50, 100]")) != digest(read("rungs: []"))
    # As it was before there were rungs: such a campaign is taken up with `rungs: []`.
    assert digest(read("rungs: [], trials: 80")) == digest(read("trials: 80"))


def test_a_setting_that_came_later_changes_the_question_only_where_it_asks_something(tmp_path: Path) -> None:
    def of(text: str) -> str:
        return digest(read_campaign(written(tmp_path, SOUND + text)).settings)

    same = (
        "search: {refine: {prune: off, workers: 1}}\n", "constraints: {enforce_tp_progression: true}\n",
        "validation: {surrogates: 199, paths: 2000}\n",
    )  # fmt: skip
    other = (
        "search: {refine: {prune: median}}\n", "validation: {crown_on: screen}\nsearch: {refine: {workers: 2}}\n",
        "validation: {surrogates: 99}\n", "validation: {paths: 4000}\n",
        "search: {reoptimize: {window_trials: 7}}\n",
        "constraints: {enforce_tp_progression: false}\n", "search: {method: monte_carlo}\n",
        "search: {method: walk_forward}\n", "search: {method: walk_forward, walk_forward: {windows: 7}}\n",
    )  # fmt: skip
    assert {of(text) for text in same} == {of("")}
    assert len({of(""), *(of(text) for text in other)}) == 1 + len(other)


def test_a_grid_without_a_space_is_told_at_its_method(tmp_path: Path) -> None:
    text = re.sub("space: .*\n", "", SOUND) + "search: {method: grid}\n"
    ((line, column, field, said),) = problems_of(tmp_path, text)
    assert (line, column, field) == (6, 18, "search.method")
    assert said == "a grid needs a space; give at least one parameter its values"


def test_resolved_settings_read_back_as_the_same_campaign(tmp_path: Path) -> None:
    settings = read_campaign(written(tmp_path, SOUND)).settings
    again = read_campaign(written(tmp_path, yaml.safe_dump(resolved(settings)))).settings
    assert again == settings


def test_an_absolute_root_and_a_strategy_of_ones_own_are_found_from_anywhere(tmp_path: Path) -> None:
    text = SOUND.replace("root: bars", "root: /data/bars").replace("name: mtf_ema", "name: 'mine/own.py:Mine'")
    settings = read_campaign(written(tmp_path, text)).settings
    assert settings.data.root == "/data/bars"
    assert settings.strategy.name == f"{tmp_path / 'mine/own.py'}:Mine"


# The mark § stands where the mistake should be told.
@pytest.mark.parametrize(
    ("old", "new", "field", "said"),
    [
        ("name: majors", "name: §my majors", "name", "is not a name"),
        ("name: majors", "name:§", "name", "is empty"),
        ("name: majors\n", "§", "name", "is missing"),
        ("name: majors", "§nmae: majors", "nmae", "did you mean 'name'?"),
        ("interval: 5m", "interval: §7m", "data.interval", "(known: 1m, 3m, 5m"),
        ("interval: 5m", "§intervall: 5m", "data.intervall", "did you mean 'interval'?"),
        ("start: 2023-01-01", "start: §2023-02-30", "data.start", "is not a day; write it as 2023-01-31"),
        ("end: 2024-06-01", "end: §2022-06-01", "data.end", "is not after data.start"),
        ("[2023-12-31]", "[§soon]", "data.known_gaps.0", "'soon' is not a day"),
        ("[2023-12-31]", "§2023-12-31", "data.known_gaps", "list"),
        ("root: bars,", "root: §[bars],", "data.root", "text"),
        ("{root: bars, ", "§{", "data.root", "is missing"),
        ("BTCUSDT,", "§btcusdt,", "assets.tiers.TIER1.0", "did you mean 'BTCUSDT'?"),
        ("{TIER1: [BTCUSDT,", "§{TIER1: [SOLUSDT,", "assets.tiers", "SOLUSDT is listed twice"),
        ("batch_size: 2", "batch_size: §0", "assets.batch_size", "greater than or equal to 1 (got 0)"),
        ("batch_size: 2", "batch_size: §1:30", "assets.batch_size", "valid integer (got '1:30')"),
        ("batch_size: 2", "batch_size: §yes", "assets.batch_size", "valid integer (got 'yes')"),
        ("[aggressive, balanced]", "§[]", "strategy.modes", "needs at least one entry"),
        ("[aggressive,", "[aggressive, §aggressive,", "strategy.modes.1", "is listed twice"),
        ("{low: 5, high: 50", "§{low: 50, high: 5", "space.L_fast", "low 50 is above high 5; exchange them"),
        ("{low: 5,", "§{low: 5.5,", "space.L_fast", "whole numbers"),
        ("low: 5,", "low: §five,", "space.L_fast.low", "valid number (got 'five')"),
        ("low: 5,", "§lo: 5,", "space.L_fast.lo", "did you mean 'low'?"),
        ("{low: 0.005", "§{low: 0", "space.sl", "logarithmic scale"),
        ("low: 0.005", "low: §.nan", "space.sl.low", "finite number"),
        ("[15, 30]", "[15, §x]", "space.tf_fast.1", "valid number (got 'x')"),
        ("[15, 30]", "§[]", "space.tf_fast", "has no values"),
        ("[15, 30]", "§15", "space.tf_fast", "a list of values (got 15)"),
        ("1.5h", "§90 minutes", "limits.run_timeout", "write a number and a unit"),
        ("1.5h", "§-1", "limits.run_timeout", "greater than 0"),
        ("[5s, 1m]", "§[5m, 1m]", "limits.backoff", "above its cap"),
        ("[5s, 1m]", "§[5s]", "limits.backoff.1", "is missing"),
        ("5GiB", "§5GB", "limits.disk_free_min", "write 512MiB or 5GiB"),
        ("disk_free_min: 5GiB", "max_lanes: §lots", "limits.max_lanes", "must be 'auto'"),
        ("limits:", "§name: other\nlimits:", "name", "is given twice (first on line 1)"),
        (
            "limits:",
            f"{REFINE}rungs: §aoto}}}}\nlimits:",
            "search.refine.rungs",
            "must be 'auto' (got 'aoto'); did you",
        ),
        ("limits:", f"{REFINE}rungs: §50}}}}\nlimits:", "search.refine.rungs", "must be a list (got 50)"),
        ("limits:", f"{REFINE}rungs: [50, §x]}}}}\nlimits:", "search.refine.rungs.1", "valid integer (got 'x')"),
        ("limits:", f"{REFINE}rungs: [§0]}}}}\nlimits:", "search.refine.rungs.0", "greater than or equal to 1 (got 0)"),
        ("limits:", f"{REFINE}rungs: §[50, 50]}}}}\nlimits:", "search.refine.rungs", "50 does not come after 50; list"),
        (
            "limits:",
            f"{REFINE}rungs: §[50, 200]}}}}\nlimits:",
            "search.refine.rungs",
            "200 is not below trials 200; list",
        ),
        ("limits:", "score: {primary: §sharpe}\nlimits:", "score.primary", "'annual_sharpe'"),
        ("limits:", "search: {method: §gird}\nlimits:", "search.method", "did you mean 'grid'?"),
        ("limits:", f"{REFINE}prune: §half}}}}\nlimits:", "search.refine.prune", "must be 'off' or 'median'"),
        ("limits:", f"{REFINE}workers: §0}}}}\nlimits:", "search.refine.workers", "greater than or equal to 1 (got 0)"),
        ("limits:", "search: {walk_forward: §{windows: 4}}\nlimits:", "search.walk_forward", "and the method is tpe"),
        (
            "limits:",
            "search: {method: walk_forward, walk_forward: {windows: §1}}\nlimits:",
            "search.walk_forward.windows",
            "greater than or equal to 2 (got 1)",
        ),
        (
            "limits:",
            "search: {method: walk_forward, walk_forward: {§window: 6}}\nlimits:",
            "search.walk_forward.window",
            "did you mean 'windows'?",
        ),
        (
            "limits:",
            "search: {method: walk_forward, refine: {workers: §2}}\nlimits:",
            "search.refine.workers",
            "must be 1",
        ),
        ("limits:", "search: {method: grid, refine: {trials: §100}}\nlimits:", "search.refine.trials", "every point"),
        ("limits:", "search: {method: grid, refine: {rungs: §[10]}}\nlimits:", "search.refine.rungs", "every point"),
        (
            "limits:",
            "constraints: {enforce_tp_progression: §maybe}\nlimits:",
            "constraints.enforce_tp_progression",
            "valid boolean",
        ),
        ("limits:", "? §{a: 1}\n: 2\nlimits:", "", "a key must be one word"),
        ("limits:", "label: §*nobody\nlimits:", "", "this is not YAML"),
        ("limits:", "§\tlimits:", "", "this is not YAML"),
        ("limits:", "label: §&me [*me]\nlimits:", "label.0", "refers to itself"),
        ("limits:", "label: §\x07\nlimits:", "", "U+0007 is not allowed"),
        ("limits:", "§---\nlimits:", "", "this is not YAML"),
    ],
)
def test_a_mistake_is_told_at_its_line_column_and_field(
    tmp_path: Path, old: str, new: str, field: str, said: str
) -> None:
    assert old in SOUND
    before, mark, _ = (marked := SOUND.replace(old, new, 1)).partition("§")
    assert mark
    place = (before.count("\n") + 1, len(before) - before.rfind("\n"), field)
    found = problems_of(tmp_path, marked.replace("§", ""))
    assert [each[:3] for each in found if said in each[3]] == [place], found


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = SOUND.replace("name: majors", "name: ''").replace("SOLUSDT", "sol").replace("1.5h", "soon") + "extra: 1\n"
    assert [(each[0], each[2]) for each in problems_of(tmp_path, text)] == [
        (1, "name"), (3, "assets.tiers.TIER2.0"), (6, "limits.run_timeout"), (7, "extra"),
    ]  # fmt: skip


def test_a_field_of_the_wrong_type_hides_no_mistake_of_sense(tmp_path: Path) -> None:
    text = SOUND.replace("interval: 5m", "interval: 5x").replace("batch_size: 2", "batch_size: 0")
    text = text.replace("run_timeout: 1.5h, backoff: [5s, 1m]", "run_timeout: long, backoff: [1m, 5s]")
    text += "score: {primary: sharp, weights: {max_drawdown: x}}\nsearch: {method: gird}\n"
    assert [(line, field) for line, _, field, _ in problems_of(tmp_path, text)] == [
        (2, "data.interval"), (3, "assets.batch_size"), (6, "limits.run_timeout"), (6, "limits.backoff"),
        (7, "score.primary"), (7, "score.weights.max_drawdown"), (8, "search.method"),
    ]  # fmt: skip


def test_the_one_line_error_shows_the_first_and_counts_the_others(tmp_path: Path) -> None:
    path = written(tmp_path, "name: 1 2\nextra: 1\n")
    with pytest.raises(CampaignFileError) as caught:
        read_campaign(path)
    told = str(caught.value)
    assert told.startswith(f"{path}:1:1: assets: is missing; add it (and 4 more: `swarmd config check {path}`")
    assert "\n" not in told


@pytest.mark.parametrize("text", ["", "# only a comment\n", "- a\n- b\n", "just words\n"])
def test_a_file_without_fields_is_told_what_it_needs(tmp_path: Path, text: str) -> None:
    assert "needs at least name, data, assets and strategy" in problems_of(tmp_path, text)[0][3]


def test_aliases_that_grow_without_end_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    found = problems_of(tmp_path, "\n".join(lines) + "\n")
    assert any("grows without end" in each[3] for each in found)


def test_merge_keys_are_followed_and_may_be_overridden(tmp_path: Path) -> None:
    text = SOUND + "search: {refine: {<<: {trials: 5, seed: 3}, trials: 7}}\n"
    settings = read_campaign(written(tmp_path, text)).settings
    assert (settings.search.refine.trials, settings.search.refine.seed) == (7, 3)


def test_what_is_no_readable_text_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match="there is no such campaign file"):
        read_campaign(tmp_path / "nowhere.yaml")
    with pytest.raises(OperatorError, match="Is a directory"):
        read_campaign(tmp_path)
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("name: x\nlabel: café\n".encode("latin-1"))
    with pytest.raises(OperatorError, match=r"latin\.yaml:2:11: this is not UTF-8"):
        read_campaign(latin)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"# " + b"x" * (1 << 20))
    with pytest.raises(OperatorError, match="larger than 1 MiB"):
        read_campaign(large)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SOUND.encode())
    assert read_campaign(path).settings.name == "majors"


def test_the_closed_sets_are_those_of_the_engine() -> None:
    assert tuple(ENGINE_INTERVALS) == INTERVALS
    assert SCREEN_METRICS == SCORE_METRICS


def test_the_schema_names_every_field_and_lets_measures_have_units() -> None:
    document = schema()
    assert set(document["required"]) == {"name", "data", "assets", "strategy"}
    limits = document["$defs"]["LimitSettings"]["properties"]
    assert {each["type"] for each in limits["run_timeout"]["anyOf"]} == {"integer", "string"}
    assert {each["type"] for each in limits["disk_free_min"]["anyOf"]} == {"integer", "string"}
    search = document["$defs"]["SearchSettings"]["properties"]
    assert search["method"]["enum"] == ["tpe", "grid", "monte_carlo", "walk_forward"]
    refine = document["$defs"]["RefineSettings"]["properties"]
    assert (refine["prune"]["enum"], refine["workers"]["maximum"]) == (["off", "median"], 64)
    assert set(document["$defs"]["WalkSettings"]["properties"]) == {
        "windows", "fit", "anchored", "purge", "embargo", "procedure",
    }  # fmt: skip
    assert document["$defs"]["ConstraintSettings"]["properties"]["enforce_tp_progression"]["type"] == "boolean"


def test_a_list_where_a_number_or_a_word_belongs_is_named(tmp_path: Path) -> None:
    text = SOUND.replace("limits: {", "limits: {max_lanes: [], ")
    ((line, _, field, said),) = problems_of(tmp_path, text)
    assert (line, field) == (6, "limits.max_lanes")
    assert "must be 'auto' (got [])" in said
