"""The one refusal of this package, so that a caller can tell bad data from a bug without reading the message."""


class DataError(ValueError):
    """Data that cannot be used as it is; one line that names file, row, value, and what to do."""
