"""The public names of splits and guards can be taken from their package: functions, not the files they are in."""

import importlib
import inspect

import pytest

NAMES = [
    *(("validation", name) for name in importlib.import_module("swarmd.engine.validation").__all__),
    *(
        ("guards", name)
        for name in (
            "parameter_sensitivity",
            "regime_mismatch",
            "stable_cluster",
            "stress1_sharpe",
            "top10_excess",
            "top10_share",
        )
    ),
]


@pytest.mark.parametrize(("package", "name"), NAMES)
def test_a_name_is_a_documented_function_of_its_package(package, name):
    home = importlib.import_module(f"swarmd.engine.{package}")
    found = getattr(home, name)
    assert inspect.isfunction(found)
    assert found.__module__.startswith(f"swarmd.engine.{package}.")
    assert inspect.getdoc(found)
    assert name in dir(home)


def test_an_unknown_name_is_refused_as_from_any_module():
    with pytest.raises(AttributeError, match="has no attribute 'windowz'"):
        _ = importlib.import_module("swarmd.engine.validation").windowz
