"""The daemon's word to systemd: that it works, that it still turns, what it is at, that it leaves.

Three datagrams of the sd_notify protocol, and nothing where nobody asked for them (``NOTIFY_SOCKET`` unset). Made and
fed by ``daemon``, from the cycle itself: a beat sent by a thread or a timer would go on beating over a loop that hangs.
"""

import os
import socket
from collections.abc import MutableMapping
from dataclasses import dataclass

from swarmd.state.units import SECOND, Millis

# What systemd tells a service it watches. Taken out of the environment: a lane gets a socket of ours under the first
# name, and a monitor must not speak for the daemon.
_SOCKET, _WATCHDOG, _WATCHED_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"

# A restless loop turns thirty times a second. A quarter of the time systemd waits is soon enough, and a line for
# `systemctl status` every few seconds, for each costs the user manager a signal on its bus.
_BEATS_PER_LIMIT = 4
_STATUS_EVERY: Millis = 5 * SECOND
_STATUS_MAX = 200


@dataclass(slots=True)
class Systemd:
    """``address`` is empty where no systemd listens; ``watchdog`` is how long it waits for a beat, 0 for ever."""

    address: str = ""
    watchdog: Millis = 0
    _is_ready: bool = False
    _beat_at: Millis = 0
    _told_at: Millis = 0
    _told: str = ""

    @classmethod
    def taken_from(cls, environment: MutableMapping[str, str]) -> "Systemd":
        """What systemd left in the environment, which is without it afterwards. Meant for another process: ignored."""
        address = environment.pop(_SOCKET, "")
        limit, watched = environment.pop(_WATCHDOG, ""), environment.pop(_WATCHED_PID, "")
        is_ours = limit.isdigit() and watched in ("", str(os.getpid()))
        return cls(address, int(limit) // 1000 if is_ours else 0)

    def turned(self, told: str, *, now: Millis) -> None:
        """Called after each turn of the cycle, whatever came of it: a lost turn is a turn, and no restart frees a disk.

        The first one is READY: the home is held, the journal is open, and what ran has been looked at.
        """
        if not self.address:
            return
        lines = []
        if not self._is_ready:
            lines.append("READY=1")
        if not self._is_ready or (self.watchdog and now - self._beat_at >= self.watchdog // _BEATS_PER_LIMIT):
            lines.append("WATCHDOG=1")
            self._beat_at = now
        if told != self._told and (not self._is_ready or now - self._told_at >= _STATUS_EVERY):
            lines.append(f"STATUS={_one_line(told)}")
            self._told, self._told_at = told, now
        # Said once more with the next turn where it could not be sent: unheard, systemd would wait in vain.
        self._is_ready = (not lines or self._send(lines)) or self._is_ready

    def leaving(self, told: str) -> None:
        """The session ends; what follows (closing the journal, the handoff) is no hang."""
        if self.address:
            self._send(["STOPPING=1", f"STATUS={_one_line(told)}"])

    def _send(self, lines: list[str]) -> bool:
        # An address that begins with @ lies in the abstract namespace, whose names begin with a zero byte.
        address = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaking:
                # Never waited for: a manager with a full queue must not hold up the cycle.
                speaking.sendto("\n".join(lines).encode(), socket.MSG_DONTWAIT, address)
        except (OSError, ValueError):  # systemd is restarting, or gone; ValueError: a zero byte in a path
            return False
        return True


def _one_line(told: str) -> str:
    return " ".join(told.split())[:_STATUS_MAX]
