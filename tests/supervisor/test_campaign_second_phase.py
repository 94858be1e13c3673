"""The second phase in a campaign file: what its fields mean, where a mistake is told, and whose question it is."""

from pathlib import Path

import pytest

from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.supervisor.campaign_file import CampaignFileError, read_campaign, schema
from swarmd.supervisor.question import digest

HEAD = """\
name: majors
data: {root: bars}
strategy: {name: mtf_ema, modes: [balanced]}
"""
ASSETS = "assets: {tiers: {ONE: [BTCUSDT, ETHUSDT], TWO: [SOLUSDT]}}\n"
STRICT = "validation: {crown_on: source_strict}\n"


def read(folder: Path, text: str) -> CampaignSettings:
    path = folder / "campaign.yaml"
    path.write_text(HEAD + text, encoding="utf-8")
    return read_campaign(path).settings


def test_without_a_word_evidence_crowns_and_there_is_no_second_phase(tmp_path: Path) -> None:
    settings = read(tmp_path, ASSETS)
    assert (settings.validation.crown_on, settings.is_strict, settings.asks_evidence) == ("evidence", False, True)
    assert (settings.validation.surrogates, settings.validation.alpha) == (199, 0.01)
    assert read(tmp_path, ASSETS + "validation: {crown_on: both}\n").asks_evidence
    assert not read(tmp_path, ASSETS + "validation: {crown_on: screen}\n").asks_evidence


def test_the_defaults_of_the_second_phase(tmp_path: Path) -> None:
    settings = read(tmp_path, ASSETS + STRICT)
    assert settings.is_strict
    assert settings.validation.strict == "source_strict"
    assert (settings.search.reoptimize.trials, settings.search.reoptimize.window_trials) == (300, 40)
    assert settings.important() == ("BTCUSDT", "ETHUSDT"), "the first tier"


def test_important_assets_may_be_listed_and_may_be_none(tmp_path: Path) -> None:
    for written, meant in (("[SOLUSDT]", ("SOLUSDT",)), ("[]", ())):
        assets = ASSETS.replace("}}", f"}}, important: {written}}}")
        assert read(tmp_path, assets + STRICT).important() == meant


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        (
            ASSETS + "validation: {crown_on: source_strikt}\n",
            "validation.crown_on",
            "'evidence', 'source_strict', 'both' or 'screen'",
        ),
        (ASSETS + "validation: {crown_on: source_strict, strict: soft}\n", "validation.strict", "'source_strict'"),
        (
            ASSETS + STRICT + "search: {reoptimize: {trials: 0}}\n",
            "search.reoptimize.trials",
            "greater than or equal to 1",
        ),
        (ASSETS + STRICT + "search: {reoptimize: {trails: 9}}\n", "search.reoptimize.trails", "did you mean 'trials'?"),
        (
            ASSETS + STRICT + "search: {method: grid, reoptimize: {trials: 100}}\nspace: {L_fast: [5, 6]}\n",
            "search.reoptimize",
            "counts draws, and a grid tries every point of its space",
        ),
        (
            ASSETS + "search: {reoptimize: {trials: 100}}\n",
            "search.reoptimize.trials",
            "belongs to validation.crown_on source_strict, and it is evidence",
        ),
        (
            ASSETS + "validation: {crown_on: screen}\nsearch: {reoptimize: {window_trials: 10}}\n",
            "search.reoptimize",
            "belongs to validation.crown_on source_strict, and it is screen",
        ),
        (
            ASSETS + "validation: {crown_on: screen, surrogates: 99}\n",
            "validation.surrogates",
            "belongs to validation.crown_on evidence or both, and it is screen",
        ),
        (
            ASSETS + "search: {refine: {workers: 4}}\n",
            "search.refine.workers",
            "surrogates repeat the search trial for trial",
        ),
        (ASSETS + "validation: {surrogates: 12}\n", "validation.surrogates", "greater than or equal to 19 (got 12)"),
        (
            ASSETS.replace("}}", "}, important: [BTCUSDT]}"),
            "assets.important",
            "belongs to validation.crown_on source_strict",
        ),
        (
            ASSETS.replace("}}", "}, important: [XRPUSDT]}") + STRICT,
            "assets.important",
            "XRPUSDT is in no tier; list it in one, or leave it out",
        ),
    ],
)
def test_a_mistake_is_told_at_its_field(tmp_path: Path, text: str, field: str, said: str) -> None:
    with pytest.raises(CampaignFileError) as caught:
        read(tmp_path, text)
    assert [(each.field, said in each.text) for each in caught.value.problems] == [(field, True)], caught.value


def test_the_example_is_sound() -> None:
    settings = read_campaign(Path(__file__).parents[2] / "docs/examples/strict.yaml").settings
    assert settings.is_strict
    assert settings.important() == ("BTCUSDT", "ETHUSDT")


def test_the_schema_names_the_fields_with_their_values() -> None:
    parts = schema()["$defs"]
    assert parts["ValidationSettings"]["properties"]["crown_on"]["enum"] == [
        "evidence",
        "source_strict",
        "both",
        "screen",
    ]
    assert [*parts["ReoptimizeSettings"]["properties"]] == ["trials", "window_trials"]
    assert "important" in parts["AssetSettings"]["properties"]


def test_a_campaign_that_crowns_on_the_screen_asks_the_question_of_before(tmp_path: Path) -> None:
    plain = read(tmp_path, ASSETS)
    other = plain.model_copy(
        update={"search": plain.search.model_copy(update={"reoptimize": plain.search.reoptimize.model_copy(
            update={"trials": 7})})}
    )  # fmt: skip
    assert digest(plain) == digest(other)
    strict = read(tmp_path, ASSETS + STRICT)
    fewer = read(tmp_path, ASSETS + STRICT + "search: {reoptimize: {trials: 7}}\n")
    assert len({digest(plain), digest(strict), digest(fewer)}) == 3
