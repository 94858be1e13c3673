"""What one who joins believes of an invitation, which anybody who reaches the storage may have written."""

from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from search_builders import an_order

from swarmd.engine.phases.joining import invitations, order_here
from swarmd.engine.search.storage import SoleWriterJournal
from swarmd.state.errors import OperatorError
from swarmd.state.records.storage import StorageSettings


@pytest.fixture
def invited(tmp_path: Path):
    """What is found after somebody has left this order there."""
    storage = JournalStorage(SoleWriterJournal(str(tmp_path / "s.journal")))
    study = optuna.create_study(storage=storage, study_name="c d", direction="maximize")

    def found(**changes):
        order = an_order(tmp_path / "there", tmp_path / "bars", "refine", **changes.pop("settings", {}))
        told = {**order.model_dump(mode="json"), **changes}
        study.set_user_attr("invitation", {"digest": "d", "identity": {}, "order": told})
        return invitations(storage)

    return found


def test_the_order_is_carried_out_in_ones_own_home_on_ones_own_data(invited, tmp_path):
    (invitation,) = invited()
    storage = StorageSettings(kind="grpc")
    here = order_here(invitation, storage, tmp_path / "home", tmp_path / "copy", None)
    assert (here.home, here.campaign.data.root) == (str(tmp_path / "home"), str(tmp_path / "copy"))
    assert (here.symbol, here.campaign.storage) == (invitation.order.symbol, storage)


@pytest.mark.parametrize(
    "changes",
    [
        {"symbol": "../../etc"}, {"mode": "../x"}, {"branch": "../x"}, {"phase": "crown"}, {"symbol": "OTHER"},
        {"campaign": {"name": "../x"}}, {"campaign": None},
    ],
)  # fmt: skip
def test_what_would_lead_out_of_the_home_or_is_no_search_is_passed_over(invited, changes):
    assert invited(**changes) == []


def test_code_in_a_file_is_run_where_a_person_here_has_named_it(invited, tmp_path):
    name = "/somewhere/evil.py:Evil"
    (invitation,) = invited(settings={"strategy": {"name": name, "modes": ["aggressive"]}})
    for own in (None, "/somewhere/other.py:Evil"):
        with pytest.raises(OperatorError, match=r"asks to run the code in /somewhere/evil.py:Evil"):
            order_here(invitation, StorageSettings(), tmp_path, None, own)
    assert order_here(invitation, StorageSettings(), tmp_path, None, name).campaign.strategy.name == name
