"""The daemon's log is where a person looks for it, whatever becomes of its folder."""

import logging
import shutil
from pathlib import Path

import pytest
from swarm_builders import a_home

from swarmd.supervisor.logs import log, open_log


@pytest.fixture(autouse=True)
def _as_before() -> object:
    handlers, level, raises = list(log.handlers), log.level, logging.raiseExceptions
    yield
    for handler in log.handlers:
        handler.close()
    log.handlers[:] = handlers
    log.setLevel(level)
    log.propagate = True
    logging.raiseExceptions = raises


def test_a_log_that_was_removed_is_begun_anew(tmp_path: Path) -> None:
    home = a_home(tmp_path)
    path = home.logs / "swarmd.log"
    open_log(home)
    log.info("first")
    path.unlink()
    log.info("second")
    assert path.read_text().endswith(" INFO second\n")
    assert "first" not in path.read_text()
    shutil.rmtree(home.logs)
    log.info("lost with its folder")
    home.prepare()
    log.info("third")
    assert path.read_text().endswith(" INFO third\n")
