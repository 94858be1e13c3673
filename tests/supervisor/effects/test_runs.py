"""What a hung run leaves as evidence: a stack that names the place, and not one that broke off under py-spy's eyes."""

import subprocess
import sys

import pytest

from swarmd.supervisor.effects.runs import has_whole_main_thread

PID = 9405
HEARTBEAT = """\
Thread 9411 (idle): "heartbeat"
    Condition.wait (threading.py:331)
    Event.wait (threading.py:629)
    Thread._bootstrap_inner (threading.py:1045)
    Thread._bootstrap (threading.py:1002)
"""
HEAD = f"Process {PID}: python -P -m swarmd.engine.lane order.json\nPython v3.11.7 (/usr/bin/python3.11)\n\n"


def a_dump(*frames: str) -> str:
    return HEAD + f'Thread {PID} (active+gil): "MainThread"\n' + "".join(f"    {each}\n" for each in frames) + HEARTBEAT


def test_a_main_thread_that_breaks_off_is_not_whole() -> None:
    assert not has_whole_main_thread(a_dump("Path.stat (pathlib.py:1008)"), PID), "py-spy exited with 0"
    assert not has_whole_main_thread(a_dump(), PID)


@pytest.mark.parametrize("root", ["<module> (<string>:1)", "_run_module_as_main (<frozen runpy>:198)"])
def test_one_that_goes_down_to_where_python_began_is(root: str) -> None:
    assert has_whole_main_thread(a_dump("Path.stat (pathlib.py:1008)", "_obey (obedient.py:92)", root), PID)


def test_where_no_main_thread_is_told_of_nothing_is_missed() -> None:
    assert has_whole_main_thread("Error: Failed to find a python interpreter\n", PID)
    assert has_whole_main_thread(HEAD + HEARTBEAT, PID)


def test_what_py_spy_says_of_a_real_process_is_whole() -> None:
    program = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
    with subprocess.Popen(program, stdout=subprocess.PIPE) as asleep:
        try:
            assert asleep.stdout is not None
            asleep.stdout.readline()
            words = ["dump", "--nonblocking", "--pid", str(asleep.pid)]
            spy = f"{sys.executable.rpartition('/')[0]}/py-spy"
            told = subprocess.run([spy, *words], capture_output=True, text=True, check=True).stdout
        finally:
            asleep.kill()
    assert f"Thread {asleep.pid} (" in told
    assert has_whole_main_thread(told, asleep.pid)
    without_root = told.rstrip().rpartition("\n")[0] + "\n"
    assert not has_whole_main_thread(without_root, asleep.pid)
