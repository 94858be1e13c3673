"""Where messages go: the addresses, which hold tokens and passwords, and the labels that stand for them elsewhere.

A campaign's settings are journalled and copied into every order, so they hold the label. The address itself is in
HOME/state/notify.json (mode 0600); ``${NAME}`` in it is taken from the environment when something is sent.
"""

import hashlib
import re
from pathlib import Path
from urllib.parse import urlsplit

import orjson

from swarmd.state.environment_words import filled
from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign_settings import CampaignSettings
from swarmd.state.store.files import Home, atomic_write

_LABEL = re.compile(r"[a-z][a-z0-9+.-]*#[0-9a-f]{8}")


def label_of(url: str) -> str:
    """``tgram#1a2b3c4d``: the service, and a digest that tells two channels of it apart."""
    if _LABEL.fullmatch(url):
        return url
    return f"{urlsplit(url).scheme.lower() or 'unknown'}#{hashlib.sha256(url.encode()).hexdigest()[:8]}"


def set_apart(settings: CampaignSettings) -> tuple[CampaignSettings, dict[str, str]]:
    """The settings with labels for addresses, and the addresses by label."""
    addresses = {label_of(each.url): each.url for each in settings.notify if label_of(each.url) != each.url}
    labelled = tuple(each.model_copy(update={"url": label_of(each.url)}) for each in settings.notify)
    return settings.model_copy(update={"notify": labelled}), addresses


def keep(home: Home, addresses: dict[str, str]) -> None:
    if addresses:
        kept = {**known(home), **addresses}
        atomic_write(_path(home), orjson.dumps(kept, option=orjson.OPT_INDENT_2), sync=True)


def known(home: Home) -> dict[str, str]:
    try:
        said = orjson.loads(_path(home).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(label): str(url) for label, url in said.items()} if isinstance(said, dict) else {}


def address_of(home: Home, label: str) -> str:
    """Ready to be sent to. Raises OperatorError where the address is not known here, or a variable is not set."""
    kept = known(home).get(label)
    if kept is None:
        raise OperatorError(
            f"the address of {label} is not in {_path(home)}; give the campaign's file to `swarmd start`"
        )
    return filled(kept, whose=label)


def _path(home: Home) -> Path:
    return home.state / "notify.json"
