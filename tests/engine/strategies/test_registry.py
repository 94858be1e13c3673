"""Strategies are found by name, by the nearest name in an error, and in a user's own file."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from swarmd.engine.laws.markets import random_walk
from swarmd.engine.strategies.contract import BatchStrategy, ParamSpec
from swarmd.engine.strategies.own import StrategyError
from swarmd.engine.strategies.registry import (
    register_strategy,
    strategies_listed,
    strategy_file,
    strategy_named,
    strategy_names,
)

OWN = """
import numpy as np
from swarmd.engine.kernel.events import no_events
from swarmd.engine.kernel.plan import Direction, ExitPlan
from swarmd.engine.strategies.contract import ModeSpec, StrategyCard


class Nothing:
    card = StrategyCard("nothing", "Trades never", "bars", (), {"idle": ModeSpec(Direction.LONG, ())}, {})

    def events(self, bars, params):
        return no_events()

    def plan(self, params):
        return ExitPlan(stop=0.1, target=None)

    def admissible(self, columns):
        return np.ones(1, bool)

    def lookback_bars(self, params, interval_minutes):
        return 0


class Half:
    card = None
"""

ODD = """

class NoCard(Nothing):
    card = None


class Asking(Nothing):
    def __init__(self, n):
        pass
"""


def test_the_strategies_of_the_package_are_found():
    assert {"mtf_ema", "ema_cross"} <= set(strategy_names())
    assert strategy_named("mtf_ema").card.name == "mtf_ema"


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'mtf_ema'"):
        strategy_named("mtf-ema")


def test_a_users_own_class_is_loaded_from_its_file(tmp_path: Path):
    file = tmp_path / "own.py"
    file.write_text(OWN)
    assert strategy_named(f"{file}:Nothing").card.title == "Trades never"


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("missing.py:Name", "no file"),
        ("own.py:Nought", "no class 'Nought'; it has: Nothing, Half"),
        ("own.py:Half", "class Half lacks events"),
        ("broken.py:Name", "fails on import: ZeroDivisionError"),
        ("leaving.py:Name", "fails on import: SystemExit"),
        ("odd.py:NoCard", "the card of NoCard is no StrategyCard"),
        ("odd.py:Asking", r"Asking\(\) fails .*it must take no arguments"),
    ],
)
def test_a_reference_that_leads_nowhere_says_where_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, told: str
):
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_text(OWN)
    Path("broken.py").write_text("1 / 0\n")
    Path("leaving.py").write_text("raise SystemExit(3)\n")
    Path("odd.py").write_text(OWN + ODD)
    with pytest.raises(ValueError, match=told):
        strategy_named(reference)


def test_a_name_belongs_to_one_strategy_and_to_its_card():
    with pytest.raises(ValueError, match="the name is taken"):

        @register_strategy("mtf_ema")
        class Other(type(strategy_named("mtf_ema"))):  # type: ignore[misc]
            pass

    with pytest.raises(ValueError, match="give both the same name"):
        register_strategy("other")(type(strategy_named("mtf_ema")))


@pytest.mark.parametrize(
    ("spec", "value", "fits"),
    [
        (ParamSpec("n", "int", 1, 5), 5, True),
        (ParamSpec("n", "int", 1, 5), 6, False),
        (ParamSpec("n", "int", 1, 5), 2.5, False),
        (ParamSpec("x", "float", 0.1, 0.5), 0.1, True),
        (ParamSpec("x", "float", 0.1, 0.5), float("nan"), False),
        (ParamSpec("c", "choice", choices=(15, 30)), 30, True),
        (ParamSpec("c", "choice", choices=(15, 30)), 31, False),
        (ParamSpec("n", "int", 1, 5), 10**400, False),
    ],
)
def test_a_parameter_knows_which_values_fit(spec: ParamSpec, value: float, fits: bool):
    assert (spec.refusal(value) is None) is fits


Offer = Callable[..., Path]


# -- two of one name, and code that fails -----------------------------------------------------------------------------


def registered(name: str) -> str:
    """The same file with its class decorated, under a name of its own."""
    decorated = OWN.replace("class Nothing:", f'@register_strategy("{name}")\nclass Nothing:')
    return "from swarmd.engine.strategies.registry import register_strategy\n" + decorated.replace(
        '"nothing"', f'"{name}"'
    )


def test_a_users_file_that_takes_a_name_of_the_package_is_refused_with_both_places(tmp_path: Path):
    file = tmp_path / "own.py"
    file.write_text(registered("mtf_ema"))
    with pytest.raises(ValueError, match="the name is taken") as refusal:
        strategy_named(f"{file}:Nothing")
    assert "swarmd.engine.strategies.mtf_ema:MtfEma" in str(refusal.value)
    assert f"{file}:Nothing" in str(refusal.value)
    assert strategy_named("mtf_ema").card.title.startswith("EMA crossing")


@pytest.mark.parametrize(
    ("taken", "by"),
    [("mtf_ema", "strategies.mtf_ema:MtfEma"), ("ofi_momentum", "strategies.ofi_momentum:OfiMomentum")],
)
def test_a_users_card_may_not_bear_a_name_of_the_package_though_it_registers_nothing(
    tmp_path: Path, taken: str, by: str
):
    file = tmp_path / "own.py"
    file.write_text(OWN.replace('"nothing"', f'"{taken}"'))
    with pytest.raises(ValueError, match=f"bears the name '{taken}', which another strategy has") as refusal:
        strategy_named(f"{file}:Nothing")
    assert by in str(refusal.value)


def test_a_users_card_may_not_bear_the_name_of_an_installed_strategy_but_its_own_file_may_be_named(
    tmp_path: Path, offer: Offer
):
    module = offer("kept", OWN, nothing="kept_code:Nothing")
    other = tmp_path / "other.py"
    other.write_text(OWN)
    with pytest.raises(ValueError, match=r"kept_code:Nothing of kept 1\.2"):
        strategy_named(f"{other}:Nothing")
    assert strategy_named(f"{module}:Nothing").card.name == "nothing"


def test_two_files_of_one_name_are_refused_with_both_places_and_one_file_may_be_run_again(tmp_path: Path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own.py").write_text(registered("twice_by_test"))
    for _ in range(2):
        assert strategy_named(f"{tmp_path}/a/own.py:Nothing").card.name == "twice_by_test"
    with pytest.raises(ValueError, match="the name is taken") as refusal:
        strategy_named(f"{tmp_path}/b/own.py:Nothing")
    assert f"{tmp_path}/a/own.py:Nothing" in str(refusal.value)
    assert f"{tmp_path}/b/own.py:Nothing" in str(refusal.value)
    assert "twice_by_test" not in strategy_names()


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Installs a package that offers strategies: a folder on the path with a module and the metadata of a wheel."""

    def install(distribution: str, source: str, **strategies: str) -> Path:
        folder = tmp_path / distribution
        told = folder / f"{distribution}-1.2.dist-info"
        told.mkdir(parents=True)
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        lines = [f"{name} = {target}" for name, target in strategies.items()]
        (told / "entry_points.txt").write_text("\n".join(["[swarmd.strategies]", *lines, ""]))
        module = folder / f"{distribution}_code.py"
        module.write_text(source)
        monkeypatch.syspath_prepend(str(folder))
        return module

    return install


def test_a_strategy_of_an_installed_package_is_found_by_its_name_and_imported_when_it_is_named(offer: Offer):
    module = offer("quiet", OWN, nothing="quiet_code:Nothing")
    assert "nothing" not in strategy_names()
    assert strategy_file("nothing") == module
    assert "quiet_code" not in sys.modules
    assert strategy_named("nothing").card.title == "Trades never"
    listed = {one.name: one for one in strategies_listed()}["nothing"]
    assert listed.place == "quiet_code:Nothing of quiet 1.2"
    assert listed.card is not None


def test_two_packages_that_offer_one_name_are_refused_with_both_and_the_rest_is_listed(offer: Offer):
    offer("first", OWN, nothing="first_code:Nothing")
    offer("second", OWN, nothing="second_code:Nothing")
    with pytest.raises(ValueError, match="two places claim the name") as refusal:
        strategy_named("nothing")
    assert "first_code:Nothing of first 1.2" in str(refusal.value)
    assert "second_code:Nothing of second 1.2" in str(refusal.value)
    listed = {one.name: one for one in strategies_listed()}
    assert listed["nothing"].card is None
    assert "two places" in str(listed["nothing"].problem)
    assert listed["mtf_ema"].card is not None


def test_a_package_that_offers_a_name_of_ours_is_refused_with_both(offer: Offer):
    offer("rival", OWN.replace('"nothing"', '"ema_cross"'), ema_cross="rival_code:Nothing")
    with pytest.raises(ValueError, match=r"ema_cross:EmaCross and rival_code:Nothing of rival 1\.2"):
        strategy_named("ema_cross")


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        (
            "1 / 0\n",
            "odd{}_code:Nothing",
            "fails on import: ZeroDivisionError: division by zero (odd{}_code.py, line 1)",
        ),
        (OWN, "odd{}_code:Nought", "fails on import: AttributeError"),
        (OWN, "odd{}_code:no_events", "is a function; an entry point must name a class"),
        (OWN, "odd{}_code:Half", "class Half lacks events"),
        (OWN.replace('"nothing"', '"other"'), "odd{}_code:Nothing", "its card says 'other'; give both the same name"),
    ],
)
def test_what_an_installed_package_does_wrong_is_told(
    offer: Offer, request: pytest.FixtureRequest, source: str, target: str, told: str
):
    at = request.node.callspec.indices["source"]
    offer(f"odd{at}", source, nothing=target.format(at))
    with pytest.raises(ValueError, match=re.escape(told.format(at))):
        strategy_named("nothing")


FAULTY = (
    OWN
    + """

class Raising(Nothing):
    def events(self, bars, params):
        return {}["gone"]

    def plan(self, params):
        raise SystemExit("out of here")

    def admissible(self, columns):
        return [True]

    def lookback_bars(self, params, interval_minutes):
        return None


class Listing(Nothing):
    def events(self, bars, params):
        return [(1, 1)]

    def plan(self, params):
        return 0.02


class Poor(Nothing):
    def events(self, bars, params):
        raise MemoryError


class Early(Nothing):
    def events(self, bars, params):
        return Events(np.array([0]), np.array([1]))
"""
).replace("import no_events", "import Events, no_events")


def test_what_a_users_strategy_raises_or_gives_back_is_told_with_its_line(tmp_path: Path):
    file = tmp_path / "own.py"
    file.write_text(FAULTY)
    line = FAULTY.splitlines().index('        return {}["gone"]') + 1
    bars = random_walk(10)

    def told(name: str, ask: Callable[[Any], object]) -> str:
        with pytest.raises(StrategyError) as refusal:
            ask(strategy_named(f"{file}:{name}"))
        return str(refusal.value).removeprefix(f"strategy {file}:{name}: ")

    said = told("Raising", lambda own: own.events(bars, {"n": 3}))
    assert said == f"events raises KeyError: 'gone' (own.py, line {line}), with {{'n': 3}}"
    assert told("Raising", lambda own: own.plan({})).startswith("plan raises SystemExit: out of here (own.py, line ")
    assert "gives back a list; give one bool per row" in told("Raising", lambda own: own.admissible({"n": np.ones(2)}))
    assert "lookback_bars gives back a NoneType" in told("Raising", lambda own: own.lookback_bars({}, 5))
    assert "events gives back a list; give swarmd.engine" in told("Listing", lambda own: own.events(bars, {}))
    assert "plan gives back a float; give an ExitPlan" in told("Listing", lambda own: own.plan({}))
    assert "events: number 0 is (bar 0, side 1)" in told("Early", lambda own: own.events(bars, {}))
    with pytest.raises(MemoryError):
        strategy_named(f"{file}:Poor").events(bars, {})


def test_a_users_class_stays_what_it_is(tmp_path: Path):
    file = tmp_path / "own.py"
    file.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass, replace\n"
        "from typing import ClassVar\nfrom swarmd.engine.strategies.mtf_ema import MtfEma\n\n\n"
        '@dataclass\nclass Mine(MtfEma):\n    """My own."""\n\n    n: int = 3\n'
        '    card: ClassVar = replace(MtfEma.card, name="mine")\n'
    )
    mine = strategy_named(f"{file}:Mine")
    assert isinstance(mine, BatchStrategy)
    assert (type(mine).__name__, type(mine).__doc__, mine.n) == ("Mine", "My own.", 3)  # type: ignore[attr-defined]


def test_a_strategy_on_bars_is_found_without_arrow():
    """It is 46 MB of a lane's memory, and strategies on ticks, which need it, stand beside in the registry."""
    call = (
        "import sys; import swarmd.engine.search.prescreen;"
        "from swarmd.engine.strategies.registry import strategy_names, strategy_named;"
        "print(len([strategy_named(name) for name in strategy_names()]), 'pyarrow' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, check=True)
    found, is_arrow_there = told.stdout.split()
    assert int(found) >= 4
    assert is_arrow_there == "False"
