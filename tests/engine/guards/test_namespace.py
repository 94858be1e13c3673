"""The namespace of the guards: every public statistic by its name, and nothing heavy read before it is asked for."""

import subprocess
import sys

import pytest

from swarmd.engine import guards


@pytest.mark.parametrize("name", guards.__all__)
def test_every_public_name_is_the_function_of_that_name(name):
    assert getattr(guards, name).__name__ == name
    assert name in dir(guards)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'sharp_ratio'"):
        guards.sharp_ratio  # noqa: B018


def test_asking_for_a_light_statistic_reads_neither_scipy_nor_numba():
    code = (
        "import sys; from swarmd.engine.guards import deflated_sharpe_ratio, online_fdr, spa_p_values;"
        "print(sorted({'scipy', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
