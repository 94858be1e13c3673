"""A loss by its signature: the exit code first, then what its device, the kernel's memory and its signal say."""

from typing import Any

import pytest
from builders import a_device, a_gauge, a_lane, a_run, a_view

from swarmd.agents.pages.troubles import in_words
from swarmd.agents.rules.signatures import diagnosis
from swarmd.state.records.incident import Signature
from swarmd.state.records.run import RunEnded

LANES = [a_lane("cpu0"), a_lane("gpu0", device="gpu0")]


def lost(**fields: Any) -> RunEnded:
    run = a_run(**({"status": "lost", "ordered_at": 10_000, "ended_at": 20_000} | fields))
    assert isinstance(run, RunEnded)
    return run


def xid(code: int) -> dict[str, Any]:
    return {"at": 20_000, "errors": [{"xid": code, "at": 15_000}], "n_errors": 1}


@pytest.mark.parametrize(
    ("fields", "signature"),
    [
        ({"exit_code": 64, "status": "failed"}, Signature.CRASH),
        ({"signal": 11}, Signature.CRASH),
        ({"signal": 9, "reason": "oom_kill counter of lane rose by 1"}, Signature.OUT_OF_MEMORY),
        (
            {"exit_code": 1, "status": "failed", "reason": "CUDA error: launch failure"},
            Signature.DEVICE_FAILED,
        ),
        ({"was_launched": False}, Signature.NEVER_STARTED),
    ],
)
def test_what_ended_it_names_it(fields: dict[str, Any], signature: Signature) -> None:
    assert diagnosis(a_view(lanes=LANES), lost(**fields)).signature is signature


def test_an_xid_of_its_device_names_the_loss_of_a_run_there_and_of_no_other() -> None:
    view = a_view(lanes=LANES, devices=[a_device(**xid(79))])
    there, elsewhere = diagnosis(view, lost(lane="gpu0", signal=6)), diagnosis(view, lost(lane="cpu0", signal=6))
    assert there.signature is Signature.DEVICE_FAILED
    assert "Xid 79 (the GPU has fallen off the bus), 5 s after the launch" in there.cause
    assert elsewhere.signature is Signature.CRASH
    assert "Xid" not in elsewhere.cause


def test_an_xid_that_its_own_program_caused_is_evidence_of_a_crash() -> None:
    view = a_view(lanes=LANES, devices=[a_device(**xid(31))])
    told = diagnosis(view, lost(lane="gpu0", signal=6))
    assert told.signature is Signature.CRASH
    assert "SIGABRT" in told.cause
    assert "Xid 31 (memory page fault by a program)" in told.cause


def test_little_memory_left_makes_an_unexplained_kill_the_kernels() -> None:
    view = a_view(lanes=LANES, gauges=[a_gauge("host.mem_available_bytes", 1)])
    told = diagnosis(view, lost(signal=9))
    assert told.signature is Signature.OUT_OF_MEMORY
    assert "0 MiB of memory were available" in told.cause


@pytest.mark.parametrize("signature", Signature)
def test_every_signature_has_words_for_a_person(signature: Signature) -> None:
    assert in_words(signature).strip()
