"""``swarmd serve`` from outside: what it refuses, what it tells, and that it leaves when nobody needs it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from dashboard_browser import WITHIN_S, waited_for
from dashboard_home import told_home

from swarmd.cli import exit_code_of
from swarmd.state.store.files import Home
from swarmd.supervisor.dashboard.address import served_at, token_path


@contextmanager
def serving(home: Home, *words: str) -> Iterator[dict[str, Any]]:
    """A server with its own word about itself."""
    command = [sys.executable, "-P", "-m", "swarmd", "serve", "--home", str(home.root), "--json", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = ""
            while not told.rstrip().endswith("}") and (line := process.stdout.readline()):
                told += line
            yield json.loads(told) | {"process": process}
        finally:
            process.kill()


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert exit_code_of(["serve", *words]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    return err


def test_where_there_is_nothing_to_show_it_says_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert "start with `swarmd start" in refused(capsys, "--home", str(tmp_path / "none"))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "box.lan"])
def test_other_machines_are_let_in_only_on_purpose(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, host: str
) -> None:
    home = told_home(tmp_path)
    assert "--beyond-this-machine" in refused(capsys, "--home", str(home.root), "--host", host)


def test_an_address_that_cannot_be_had_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    home = told_home(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(capsys, "--home", str(home.root), "--port", str(port))
        assert f"cannot listen on 127.0.0.1 port {port}" in said
        assert served_at(home) is None


def test_a_second_one_tells_of_the_first_and_a_further_one_is_none_to_be_found(tmp_path: Path) -> None:
    home = told_home(tmp_path)
    with serving(home, "--port", "0") as first:
        assert (first["schema"], first["started"]) == ("swarmd.serve/1", True)
        there = served_at(home)
        assert there is not None
        assert there.url == first["url"]
        assert there.token not in json.dumps({name: first[name] for name in first if name != "process"})
        with serving(home) as again:
            assert (again["started"], again["url"], again["pid"]) == (False, first["url"], first["pid"])
            assert again["process"].wait(WITHIN_S) == 0
        with serving(home, "--port", "0", "--read-only") as further:
            assert further["url"] != first["url"]
            assert served_at(home) == there
            bearer = {"authorization": f"Bearer {token_path(home).read_text().strip()}"}
            for url, is_read_only in ((first["url"], False), (further["url"], True)):
                told = httpx.get(f"{url}api/session", headers=bearer).json()
                assert told["read_only"] is is_read_only


def test_status_tells_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = told_home(tmp_path)
    with serving(home, "--port", "0") as first:
        assert exit_code_of(["status", "--home", str(home.root), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["dashboard"] == {"url": first["url"], "token_file": str(token_path(home))}
        assert exit_code_of(["status", "--home", str(home.root)]) == 0
        out = capsys.readouterr().out
        assert first["url"] in out
        assert token_path(home).read_text().strip() not in out  # no terminal: it may be a log


def test_it_ends_quickly_with_pages_open_and_when_its_home_is_taken_away(tmp_path: Path) -> None:
    home = told_home(tmp_path)
    with serving(home, "--port", "0") as first:
        bearer = {"authorization": f"Bearer {token_path(home).read_text().strip()}"}
        with httpx.stream("GET", f"{first['url']}events", headers=bearer, timeout=WITHIN_S) as stream:
            assert next(stream.iter_lines()).startswith("retry")
            os.kill(first["pid"], signal.SIGTERM)
            first["process"].wait(WITHIN_S)
    with serving(home, "--port", "0") as second:
        shutil.rmtree(home.root)
        second["process"].wait(WITHIN_S)


def test_a_scraper_gets_in_with_the_file_of_the_token(tmp_path: Path) -> None:
    home = told_home(tmp_path)
    with serving(home, "--port", "0") as first:
        bearer = {"authorization": f"Bearer {token_path(home).read_text().strip()}"}
        assert httpx.get(f"{first['url']}metrics").status_code == 401
        scraped = httpx.get(f"{first['url']}metrics", headers=bearer)
        assert scraped.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert "swarmd_up 0.0" in scraped.text


def test_a_header_of_great_length_is_refused_and_the_next_question_answered(tmp_path: Path) -> None:
    home = told_home(tmp_path)
    with serving(home, "--port", "0") as first:
        bearer = {"authorization": f"Bearer {token_path(home).read_text().strip()}"}
        assert httpx.get(f"{first['url']}api/now", headers=bearer | {"x-long": "y" * 100_000}).status_code >= 400
        assert httpx.get(f"{first['url']}api/now", headers=bearer).status_code == 200
        assert waited_for(lambda: served_at(home))
