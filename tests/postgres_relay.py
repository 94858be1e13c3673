"""A line to a real Postgres that can be cut at a word: before the server has heard it, or before its answer comes."""

import contextlib
import select
import shutil
import socket
import tempfile
import threading
from pathlib import Path

_PORT = 5432
_READ_BYTES = 1 << 16


class Relay:
    """Listens on a Unix socket of its own and hands on what is said, until it is told to cut."""

    def __init__(self, server: str) -> None:
        there = server.partition("host=")[2]
        self._there = f"{there}/.s.PGSQL.{_PORT}"
        # Short: a socket's path has room for a hundred letters.
        self._folder = Path(tempfile.mkdtemp(prefix="swarmd-relay-", dir="/tmp"))
        self.url = server.replace(there, str(self._folder))
        self.n_cut = 0
        self._word = b""
        self._is_carried_out = False
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._folder / f".s.PGSQL.{_PORT}"))
        self._listener.listen()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut_next(self, word: bytes, *, is_carried_out: bool) -> None:
        """The next connection on which this is said is cut there, once."""
        self._word, self._is_carried_out = word, is_carried_out

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        shutil.rmtree(self._folder)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        with client, server, contextlib.suppress(OSError):
            server.connect(self._there)
            while True:
                for side in select.select([client, server], [], [])[0]:
                    data = side.recv(_READ_BYTES)
                    if not data:
                        return
                    if side is client and self._word and self._word in data:
                        self._word = b""
                        self.n_cut += 1
                        if self._is_carried_out:
                            server.sendall(data)
                            server.recv(_READ_BYTES)  # done, and nobody hears of it
                        return
                    (server if side is client else client).sendall(data)
