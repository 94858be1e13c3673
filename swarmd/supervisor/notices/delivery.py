"""The process that delivers: everything that is due now, each message within a time, each outcome written down.

Started by the daemon where something is due, by a person for a test. It may be killed at any point: what it had not
written down is due again, which is why a message may come twice and never not at all.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import orjson

from swarmd.state.errors import OperatorError
from swarmd.state.records.campaign_settings import NotifySettings
from swarmd.state.store.files import Home, lock_file
from swarmd.state.units import Millis
from swarmd.state.view import View
from swarmd.supervisor.notices import ledger
from swarmd.supervisor.notices.addresses import address_of
from swarmd.supervisor.notices.due import TRIES, Message, messages_due
from swarmd.supervisor.notices.events import notices
from swarmd.supervisor.picture import picture
from swarmd.supervisor.presence import looks

LOCK = "notices"
SENT_WITHIN_S = 30.0
_OTHER_ENDS_WITHIN_S = 120.0
_SENDER = """\
import json, sys
import apprise
said = json.load(sys.stdin)
kinds = {"info": "info", "good": "success", "warning": "warning", "error": "failure"}
there = apprise.Apprise()
if not there.add(said["url"]):
    sys.exit("the address is none that apprise knows")
sys.exit(0 if there.notify(title=said["title"], body=said["text"], notify_type=kinds[said["level"]]) else
         "the service did not take it")
"""


def channels_of(view: View) -> tuple[NotifySettings, ...]:
    return () if view.campaign is None else view.campaign.settings.notify


def due_now(view: View, home: Home, now: Millis) -> list[Message]:
    return messages_due(channels_of(view), notices(view), ledger.records(ledger.lines(home)), now)


def deliver(home: Home, *, waits: bool) -> tuple[int, int]:
    """How many messages were sent, and how many were not, until nothing is due. Nothing where somebody else delivers.

    ``waits`` for the other to end: what came about while it was at its last message would be told by nobody.
    """
    for _ in looks(_OTHER_ENDS_WITHIN_S if waits else 0.0):
        held = lock_file(home.lock_path(LOCK), {"pid": os.getpid()})
        if held is not None:
            break
    else:
        return 0, 0
    try:
        sent = failed = 0
        while messages := _due(home):
            for message, now in messages:
                why = send(home, message.channel, message.title, message.text, message.level)
                status = "sent" if not why else "failed" if message.tries < TRIES else "given_up"
                ledger.append(home, ledger.told(message, status, why, now))
                sent, failed = sent + (not why), failed + bool(why)
        if ledger.is_long(found := ledger.lines(home)):
            ledger.shortened(home, found, {each.id for each in notices(picture(home).view)})
        return sent, failed
    finally:
        os.close(held)


def _due(home: Home) -> list[tuple[Message, Millis]]:
    seen = picture(home)
    return [(message, seen.now) for message in due_now(seen.view, home, seen.now)]


def send(home: Home, channel: str, title: str, text: str, level: str) -> str:
    """Why it was not taken; empty where it was. In a process of its own, which is ended when its time is up."""
    try:
        url = address_of(home, channel)
    except OperatorError as wrong:
        return str(wrong)
    words = orjson.dumps({"url": url, "title": title[:250], "text": text[:3_500], "level": level})
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", _SENDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, said = child.communicate(words, timeout=SENT_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return f"{channel} did not answer within {SENT_WITHIN_S:g} s"
    if child.returncode == 0:
        return ""
    # The last line only, and never the address: libraries like to print it.
    last = (said.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
    return f"{channel}: {last.replace(url, channel)[:300]}" if url not in last else f"{channel}: not taken"


def tested(home: Home, channels: Sequence[NotifySettings]) -> list[dict[str, Any]]:
    """One message to each channel, and what came of it."""
    return [
        {"channel": each.url, "error": send(home, each.url, "swarmd: a test", f"sent from {home.root}", "info")}
        for each in channels
    ]
