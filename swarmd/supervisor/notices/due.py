"""What is to be delivered now: pure, from the channels asked for, the notices there are, and what was tried before.

Each notice reaches each channel that asks for its level and event at least once. Several that are due together become
one message, and so does what had to wait: for a digest, for the hour's allowance, for a channel that did not answer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from swarmd.state.records.campaign_settings import NotifySettings
from swarmd.state.units import HOUR, MINUTE, SECOND, Millis
from swarmd.supervisor.notices.events import Notice

TRIES = 6
_TOGETHER = 3
_LINES_MAX = 40
_RANK = {"info": 0, "warning": 1, "error": 2}


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of a notice on a channel: ``sent``, ``failed`` (to be tried again) or ``given_up``."""

    status: str
    at: Millis
    tries: int


@dataclass(frozen=True, slots=True)
class Record:
    """Of one channel: since when it is asked for, what was tried by notice, and when messages were sent."""

    since: Millis
    tried: Mapping[str, Tried] = field(default_factory=dict)
    sent_at: Sequence[Millis] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one channel; ``tries`` counts this one."""

    channel: str
    notices: tuple[Notice, ...]
    tries: int

    @property
    def level(self) -> str:
        return max((each.level for each in self.notices), key=_RANK.__getitem__)

    @property
    def title(self) -> str:
        if len(self.notices) == 1:
            return f"swarmd: {self.notices[0].title}"
        return f"swarmd: {len(self.notices)} notices, the last: {self.notices[-1].title}"

    @property
    def text(self) -> str:
        if len(self.notices) == 1:
            return self.notices[0].text
        lines = [f"[{each.level}] {each.title}: {each.text}" for each in self.notices[-_LINES_MAX:]]
        left = len(self.notices) - len(lines)
        return "\n".join([*([f"{left} older ones left out"] if left else []), *lines])


def messages_due(
    channels: Iterable[NotifySettings], found: Sequence[Notice], known: Mapping[str, Record], now: Millis
) -> list[Message]:
    """At most one message a channel, but for a few single ones; a channel that nobody knows yet has nothing due."""
    due: list[Message] = []
    for channel in channels:
        record = known.get(channel.url)
        if record is not None:
            due += _of_channel(channel, found, record, now)
    return due


def _of_channel(channel: NotifySettings, found: Sequence[Notice], record: Record, now: Millis) -> list[Message]:
    waiting = [each for each in found if each.at >= record.since and _wants(channel, each) and _is_open(record, each)]
    if any(_rests(record, each, now) for each in waiting) or not waiting:
        return []
    room = _room(channel, record, now)
    if room <= 0:
        return []
    if channel.digest is not None:
        urgent = [each for each in waiting if each.level == "error"]
        if waiting[0].at + channel.digest > now:
            waiting = urgent
        return [_message(channel, record, waiting)] if waiting else []
    if len(waiting) > min(_TOGETHER, room):
        return [_message(channel, record, waiting)]
    return [_message(channel, record, [each]) for each in waiting]


def _message(channel: NotifySettings, record: Record, chosen: list[Notice]) -> Message:
    before = max((record.tried[each.id].tries for each in chosen if each.id in record.tried), default=0)
    return Message(channel.url, tuple(chosen), before + 1)


def _wants(channel: NotifySettings, notice: Notice) -> bool:
    return notice.level in channel.levels and notice.event in channel.events


def _is_open(record: Record, notice: Notice) -> bool:
    tried = record.tried.get(notice.id)
    return tried is None or tried.status == "failed"


def _rests(record: Record, notice: Notice, now: Millis) -> bool:
    """A channel that did not answer is left alone for 10 s, 20 s, … up to half an hour."""
    tried = record.tried.get(notice.id)
    return tried is not None and now < tried.at + min(10 * SECOND << (tried.tries - 1), 30 * MINUTE)


def _room(channel: NotifySettings, record: Record, now: Millis) -> int:
    most, _, unit = channel.at_most.partition("/")
    window = {"m": MINUTE, "h": HOUR, "d": 24 * HOUR}[unit]
    return int(most) - sum(1 for at in record.sent_at if at > now - window)
