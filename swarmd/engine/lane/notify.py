"""sd_notify, best effort: a few words to whoever supervises by the common protocol. Nobody listening is no error."""

import socket


def notify(address: str | None, message: str) -> None:
    """Send one datagram to `NOTIFY_SOCKET`; a leading @ names an abstract socket."""
    if not address:
        return
    place = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            link.setblocking(False)
            link.sendto(message.encode(), place)
    except OSError:
        return
