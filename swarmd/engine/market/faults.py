"""The refusals of this package, so that a caller can tell bad data from a bug without reading the message."""


class DataError(ValueError):
    """Data that cannot be used as it is; one line that names file, row, value, and what to do."""


class DataAway(DataError):  # noqa: N818  (it says what is so)
    """No data at all where it is kept: rather a disk that is not mounted than data that is bad."""
