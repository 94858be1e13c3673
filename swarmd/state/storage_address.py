"""Where a study is kept when it is not in a file beside its results: the addresses, and what of them may be seen.

A campaign's settings are journalled and copied into every order, so a password in an address stands apart from them,
in HOME/state/storage.json (mode 0600), and the settings hold ``***`` in its place. ``${NAME}`` in an address is taken
from the environment of whoever opens it.
"""

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import orjson
from pydantic import ValidationError

from swarmd.state.environment_words import VARIABLE, filled
from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.records.storage import StorageSettings
from swarmd.state.store.files import Home, atomic_write

KEPT_APART = "***"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def shown(url: str) -> str:
    """The address as people may see it: no password before the host, and none among the parameters."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    name, colon, password = user.partition(":")
    netloc = f"{name}{colon}{_hidden(password)}@{host}" if user else host
    query = "&".join(
        f"{key}={_hidden(value) if 'pass' in key.lower() else value}" for key, value in parse_qsl(parts.query)
    )
    return urlunsplit((parts.scheme, netloc, parts.path, query, ""))


def _hidden(secret: str) -> str:
    return secret if not secret or VARIABLE.fullmatch(secret) else KEPT_APART


def is_ours(host: str) -> bool:
    """Whether only this machine can reach it, so that a server there is ours to keep."""
    return host in _LOOPBACK


def host_and_port(url: str) -> tuple[str, int]:
    """Of a ``grpc://HOST:PORT`` that the settings have let through."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 0


def missing_extra(storage: StorageSettings) -> str | None:
    """The extra that this kind of storage needs and that is not installed."""
    needed = {"grpc": "grpc", "postgres": "psycopg"}.get(storage.kind)
    # Each extra is named like its kind.
    return storage.kind if needed is not None and find_spec(needed) is None else None


def set_apart(settings: CampaignSettings, home: Home) -> CampaignSettings:
    """The settings without the password, which is kept in the home; as they are where there is none."""
    url = settings.storage.url
    if url is None or shown(url) == url:
        return settings
    home.prepare()
    kept = {**_known(home), shown(url): url}
    atomic_write(_path(home), orjson.dumps(kept, option=orjson.OPT_INDENT_2), sync=True)
    return settings.model_copy(update={"storage": settings.storage.model_copy(update={"url": shown(url)})})


def whole(storage: StorageSettings, home: Home) -> str:
    """The address ready to be used. OperatorError where its password or a variable in it is not known here."""
    url = storage.url or ""
    if KEPT_APART in url:
        kept = _known(home).get(url)
        if kept is None:
            raise OperatorError(
                f"the password of {url} is not in {_path(home)}; give the campaign's file to `swarmd start`, or write "
                "${NAME} in its place and set that variable"
            )
        return kept
    return filled(url, whose="storage.url")


def storage_at(url: str) -> StorageSettings:
    """The settings of a storage by its address alone. OperatorError where it is none."""
    kind = "grpc" if url.startswith("grpc:") else "postgres"
    try:
        return StorageSettings.model_validate({"kind": kind, "url": url})
    except ValidationError as wrong:
        said = wrong.errors()[0]["msg"].removeprefix("Value error, ")
        raise OperatorError(
            f"{shown(url)} {said}; or grpc://HOST:PORT" if kind == "postgres" else f"{url} {said}"
        ) from None


def studies_path(home: Home) -> Path:
    """The journal that the home's own proxy serves."""
    return home.state / "studies.journal"


def studies_lock(home: Home) -> Path:
    """Held by the proxy that serves them; its content says its pid and its address."""
    return studies_path(home).with_suffix(".lock")


def _known(home: Home) -> dict[str, str]:
    try:
        said = orjson.loads(_path(home).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(label): str(url) for label, url in said.items()} if isinstance(said, dict) else {}


def _path(home: Home) -> Path:
    return home.state / "storage.json"
