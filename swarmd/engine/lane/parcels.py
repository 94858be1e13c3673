"""What a lane on a node and the machine that owns its home say to each other, as bytes: a header and contents.

A parcel is its length (eight bytes), the length of its header (four), the header as JSON, and the contents one after
the other; the header says how long each is. Nothing in it is ever evaluated.
"""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

_LENGTH = struct.Struct(">Q")
_HEADER = struct.Struct(">I")
# A result of a day's search has some ten megabytes; what claims to be longer is no parcel.
PARCEL_MAX_BYTES = 1 << 30


def packed(header: Mapping[str, Any], contents: Sequence[bytes] = ()) -> bytes:
    """One parcel, ready to be sent."""
    told = json.dumps({**header, "sizes": [len(content) for content in contents]}).encode()
    length = _HEADER.size + len(told) + sum(map(len, contents))
    return b"".join((_LENGTH.pack(length), _HEADER.pack(len(told)), told, *contents))


def unpacked(parcel: bytes) -> tuple[dict[str, Any], list[bytes]]:
    """Header and contents of one whole parcel. ValueError where it is none."""
    start = _LENGTH.size + _HEADER.size
    if len(parcel) < start or _LENGTH.unpack_from(parcel)[0] != len(parcel) - _LENGTH.size:
        raise ValueError(f"{len(parcel)} bytes are no parcel")
    (n_header,) = _HEADER.unpack_from(parcel, _LENGTH.size)
    header = json.loads(parcel[start : start + n_header])
    at, contents = start + n_header, []
    for size in header.pop("sizes"):
        contents.append(parcel[at : at + size])
        at += size
    if at != len(parcel):
        raise ValueError(f"{len(parcel)} bytes, and the header tells of {at}")
    return header, contents


class Unpacker:
    """Whole parcels out of a stream that gives bytes as it likes."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def fed(self, data: bytes) -> list[bytes]:
        """The parcels that are whole now. ValueError for one that is too long to be one."""
        self._pending += data
        whole: list[bytes] = []
        while len(self._pending) >= _LENGTH.size:
            length = _LENGTH.unpack_from(self._pending)[0] + _LENGTH.size
            if length > PARCEL_MAX_BYTES:
                raise ValueError(f"a parcel of {length} bytes; {PARCEL_MAX_BYTES} may be one")
            if len(self._pending) < length:
                break
            whole.append(bytes(self._pending[:length]))
            del self._pending[:length]
        return whole
