"""Addresses of storages: what of them may be seen, where a password is kept instead, and what is no address."""

import stat
from pathlib import Path

import pytest
from builders import the_settings

from swarmd.state.errors import OperatorError
from swarmd.state.records.storage import GRPC_LOOPBACK, StorageSettings
from swarmd.state.storage_address import is_ours, set_apart, shown, storage_at, whole
from swarmd.state.store.files import Home
from swarmd.supervisor.question import digest

URL = "postgresql+psycopg://swarm:s3cret@db.lan:5433/studies?sslmode=require"
SEEN = "postgresql+psycopg://swarm:***@db.lan:5433/studies?sslmode=require"


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        (URL, SEEN),
        ("postgresql://swarm@db/x", "postgresql://swarm@db/x"),
        ("postgresql://db/x?user=me&password=s3cret", "postgresql://db/x?user=me&password=***"),
        ("postgresql://me:${PG_SECRET}@db/x", "postgresql://me:${PG_SECRET}@db/x"),
        ("postgresql://me:s3cret@/x?host=/run/pg", "postgresql://me:***@/x?host=/run/pg"),
        ("grpc://127.0.0.1:8788", "grpc://127.0.0.1:8788"),
    ],
)
def test_no_password_is_seen(url: str, seen: str) -> None:
    assert shown(url) == seen


def test_a_password_is_kept_apart_from_what_is_journalled_and_found_again(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    settings = the_settings(storage={"kind": "postgres", "url": URL})
    apart = set_apart(settings, home)
    assert "s3cret" not in apart.model_dump_json()
    assert apart.storage.url == SEEN
    assert whole(apart.storage, home) == URL
    assert stat.S_IMODE((home.state / "storage.json").stat().st_mode) == 0o600
    assert set_apart(apart, home) == apart
    with pytest.raises(OperatorError, match=r"the password of .* is not in") as refused:
        whole(apart.storage, Home(tmp_path / "other"))
    assert "s3cret" not in str(refused.value)


def test_a_variable_stays_what_it_is_until_the_storage_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    settings = the_settings(storage={"kind": "postgres", "url": "postgresql://me:${PG_SECRET}@db/x"})
    assert set_apart(settings, home) == settings
    monkeypatch.delenv("PG_SECRET", raising=False)
    with pytest.raises(OperatorError, match=r"needs \$\{PG_SECRET\}"):
        whole(settings.storage, home)
    monkeypatch.setenv("PG_SECRET", "s3cret")
    assert whole(settings.storage, home) == "postgresql://me:s3cret@db/x"


def test_where_the_trials_are_kept_is_no_part_of_the_question() -> None:
    plain, elsewhere = the_settings(), the_settings(storage={"kind": "grpc"})
    assert elsewhere.storage.url == GRPC_LOOPBACK
    assert digest(plain) == digest(elsewhere)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "journal", "url": "x"}, "has no url"),
        ({"url": "grpc://h:1"}, "has no url"),
        ({"kind": "grpc", "url": "grpc://host"}, "no address of a gRPC proxy"),
        ({"kind": "grpc", "url": "http://host:1"}, "no address of a gRPC proxy"),
        ({"kind": "grpc", "url": "grpc://host:99999"}, "no address of a gRPC proxy"),
        ({"kind": "postgres"}, "no address of a Postgres"),
        ({"kind": "postgres", "url": "mysql://a:s3cret@h/d"}, "no address of a Postgres"),
        ({"kind": "sqlite"}, "'journal', 'grpc' or 'postgres'"),
    ],
)
def test_what_is_no_address_is_refused_with_what_to_write(settings: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        StorageSettings.model_validate(settings)


def test_an_address_alone_says_its_kind_and_a_wrong_one_no_password() -> None:
    assert storage_at("grpc://h:1").kind == "grpc"
    assert storage_at(URL).kind == "postgres"
    with pytest.raises(OperatorError, match="no address of a Postgres") as refused:
        storage_at("mysql://a:s3cret@h/d")
    assert "s3cret" not in str(refused.value)


def test_only_what_no_other_machine_reaches_is_ours() -> None:
    assert [is_ours(host) for host in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "10.0.0.7", "")] == [
        True, True, True, False, False, False,
    ]  # fmt: skip
