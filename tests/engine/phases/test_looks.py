"""Looks at the vault: three finalists of an asset and no fourth, whatever campaign or family they come from."""

import multiprocessing
from dataclasses import replace

import pytest
from ledger_homes import emptied, joined
from search_builders import a_desk, a_market, an_order, run_phase

from swarmd.engine.phases.looks import VaultSpent, finalist_digest, note_look, vault_days
from swarmd.engine.phases.question import question_of
from swarmd.engine.phases.remembered import heads_in, require_told
from swarmd.engine.phases.tried import days_of, ledger_of, note_tried, tried_so_far, vintage_of
from swarmd.engine.strategies.registry import strategy_named
from swarmd.state.errors import OperatorError
from swarmd.state.store.files import Home
from swarmd.state.store.ledger_place import address, remember, url_path
from swarmd.state.store.trial_ledger import ledger_path

pytestmark = pytest.mark.xdist_group("lease")

NOW = 1_700_000_000_000
VECTOR = {"L_fast": 5, "L_slow": 20, "sl": 0.02, "tp": 0.05}


@pytest.fixture(scope="module")
def question(tmp_path_factory):
    folder = tmp_path_factory.mktemp("looks")
    a_market(folder / "bars", days=120)
    run_phase(folder / "home", folder / "bars", "preflight")
    return question_of(an_order(folder / "home", folder / "bars", "refine"), a_desk(folder / "home"))


@pytest.fixture(params=["files", "postgres"])
def home(request, tmp_path):
    server = emptied(request.getfixturevalue("ledger_server")) if request.param == "postgres" else None
    return joined(Home(tmp_path / "home"), server).home


@pytest.fixture
def beside(home, tmp_path):
    """The home of another supervisor, on another machine, with the same ledger."""
    if not url_path(home).exists():
        return home
    other = Home(tmp_path / "beside")
    remember(other, address(home))
    return other


def a_finalist(L_fast: float = 5, **more: object) -> dict[str, object]:
    return {"params": VECTOR | {"L_fast": L_fast}, **more}


def looked(question, home, finalist, **more):
    return note_look(question, finalist, home, run="cpu0-c1-1", at=NOW, **more)


def test_the_vaults_days_begin_after_the_last_that_the_search_saw(question):
    assert str(vintage_of(question)) == "2021-01-01_2021-03-21"
    assert str(vault_days(question)) == "2021-03-22_2021-04-30"
    within_a_day = replace(question, vault_bar=question.vault_bar + 1)
    assert vintage_of(within_a_day).last == "2021-03-22"
    assert str(vault_days(within_a_day)) == "2021-03-23_2021-04-30"


def test_a_look_is_one_trial_on_the_vaults_days_and_none_on_the_development_days(question, home):
    note_tried(question, home, phase="refine", count=16, run="cpu0-c1-1", at=NOW)
    look = looked(question, home, a_finalist())
    assert (look.number, look.finalists, look.is_new, look.searched) == (1, 1, True, 0)
    batch = ledger_of(question, home)[1][-1].batch
    assert (batch.phase, batch.count, batch.finalist) == ("vault", 1, look.finalist)
    assert batch.vintage == vault_days(question)
    assert tried_so_far(question, home) == 16


def test_the_same_finalist_may_look_again_and_leaves_no_second_line(question, home):
    first = looked(question, home, a_finalist(7, number=3))
    looked(question, home, a_finalist(8))
    again = looked(question, home, a_finalist(7.0, number=99, score=1.5))
    assert (again.number, again.finalists, again.is_new) == (1, 2, False)
    assert again.finalist == first.finalist
    assert len(ledger_of(question, home)[1]) == 2


def test_the_fourth_finalist_is_refused_and_told_who_has_looked(question, home):
    for number in (1, 2, 3):
        assert looked(question, home, a_finalist(number)).number == number
    with pytest.raises(VaultSpent, match=r"vault 2021-03-22_2021-04-30 is spent: 3 finalists .*cpu0-c1-1.*nobody"):
        looked(question, home, a_finalist(4))
    assert looked(question, home, a_finalist(2)).number == 2
    assert looked(question, home, a_finalist(4), most=None).finalists == 4
    assert looked(question, home, a_finalist(5), most=None).number == 5


def test_finalists_of_another_family_timeframe_or_longer_data_count_too(question, home):
    looked(question, home, a_finalist())
    other = replace(question, strategy=strategy_named("ema_cross"), strategy_name="ema_cross")
    assert looked(other, home, {"params": {"fast": 5, "slow": 20}}).number == 2
    longer = replace(question, origin=replace(question.origin, data_sha256="e" * 64))
    assert looked(longer, home, a_finalist()).number == 3
    with pytest.raises(VaultSpent, match="ema_cross"):
        looked(question, home, a_finalist(9))


def test_looks_at_other_days_or_another_asset_spend_nothing_here(question, home):
    for number in (1, 2, 3):
        looked(question, home, a_finalist(number))
    earlier = replace(question, bars=question.development, vault_bar=question.vault_bar // 2)
    assert looked(earlier, home, a_finalist()).number == 1


def test_a_vault_that_a_search_has_seen_is_told(question, home):
    beyond = replace(question, vault_bar=question.bars.n_bars - 96)
    note_tried(beyond, home, phase="prescreen", count=300, run="cpu0-c0-1", at=NOW)
    assert looked(question, home, a_finalist()).searched == 300


def test_the_mode_is_part_of_who_a_finalist_is(question):
    assert finalist_digest(question, VECTOR) != finalist_digest(replace(question, mode="conservative"), VECTOR)
    assert finalist_digest(question, VECTOR) == finalist_digest(question, dict(reversed(VECTOR.items())))


def _look(question, root, L_fast, told) -> None:
    try:
        told.put(note_look(question, a_finalist(L_fast), Home(root), run="r", at=NOW).number)
    except VaultSpent:
        told.put(0)


def test_of_many_that_ask_at_once_no_more_than_three_may_look(question, home, beside):
    context = multiprocessing.get_context("fork")
    told = context.SimpleQueue()
    asking = [context.Process(target=_look, args=(question, (home, beside)[n % 2].root, n, told)) for n in range(1, 9)]
    for each in asking:
        each.start()
    for each in asking:
        each.join()
    assert sorted(told.get() for _ in asking) == [0] * 5 + [1, 2, 3]
    assert len(ledger_of(question, home)[1]) == 3


def test_a_look_that_was_cut_off_the_ledger_is_missed(question, tmp_path):
    home = Home(tmp_path / "home")
    days = days_of(question.bars)
    looked(question, home, a_finalist(), folder=home.results_of("mine", question.symbol, "long"))
    require_told(home, question.symbol, days)
    ledger_path(home, question.symbol, "mtf_ema").unlink()
    looked(question, home, a_finalist(6))
    with pytest.raises(OperatorError, match="deleted, cut off or replaced"):
        require_told(home, question.symbol, days)


def test_a_run_that_is_repeated_after_it_had_looked_remembers_the_line_it_left(question, home, tmp_path):
    looked(question, home, a_finalist())
    assert looked(question, home, a_finalist(), folder=tmp_path / "mine").is_new is False
    (entry,) = ledger_of(question, home)[1]
    assert heads_in(tmp_path / "mine") == (entry.digest,)


def test_a_vault_that_was_looked_at_in_one_home_is_spent_in_the_other(question, home, beside):
    for number in (1, 2, 3):
        assert looked(question, (home, beside)[number % 2], a_finalist(number)).number == number
    for each in (home, beside):
        with pytest.raises(VaultSpent, match="3 finalists"):
            looked(question, each, a_finalist(4))


def test_a_campaign_opens_the_vault_for_one_finalist_whichever_of_its_homes_asks(question, home, beside):
    def asked(place, L_fast, campaign, attempt):
        run = f"{campaign}.{question.symbol}.{question.mode}.validate-a{attempt}"
        return note_look(question, a_finalist(L_fast), place, run=run, at=NOW, campaign=campaign)

    assert asked(home, 5, "majors", 1).number == 1
    assert asked(beside, 5, "majors", 1).is_new is False
    for place in (home, beside):
        with pytest.raises(VaultSpent, match=r"opened by campaign 'majors' before.*majors\..*validate-a1"):
            asked(place, 6, "majors", 2)
    assert asked(beside, 6, "minors", 1).number == 2
