"""The markers and paths every test shares."""

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# Tests never time: a machine that others use is no reason to fail. And what fails today fails tomorrow.
settings.register_profile("house", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
# Daemons of the tests serve no pages but where a test asks for them: a server each costs a second of processor time.
os.environ.setdefault("SWARMD_DASHBOARD", "off")
# Nor are half a dozen commands run for every handoff page: twenty seconds of processor time for each campaign.
os.environ.setdefault("SWARMD_NO_VERIFY", "1")
# A shell without job control starts what it puts into the background deaf to Ctrl-C, and so would be all that tests
# start and then interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def ledger_server() -> Iterator[str]:
    """The address of a real Postgres, one for all tests of the group "lease"."""
    import postgres_server

    if postgres_server.programs() is None:
        pytest.skip(postgres_server.ADVICE)
    with postgres_server.postgres() as url:
        yield url
