"""The refusals of this package, so that a caller can tell bad data from a bug without reading the message."""

import errno

# What a disk or a server says that may be well again in a while, and what a process says that has used up its share.
_PASSING = frozenset(
    {errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENODEV}
    | {errno.ENXIO, errno.ENOMEDIUM, errno.EREMOTEIO, errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOMEM}
)


class DataError(ValueError):
    """Data that cannot be used as it is; one line that names file, row, value, and what to do."""


class DataAway(DataError):  # noqa: N818  (it says what is so)
    """No data at all where it is kept, or none to be had now: rather a disk that is away than data that is bad."""


def is_passing(problem: BaseException) -> bool:
    """Whether the trouble lies with the disk and not with what stands on it."""
    return isinstance(problem, OSError) and problem.errno in _PASSING
