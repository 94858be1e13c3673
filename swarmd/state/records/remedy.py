"""What may be tried when a run was lost: the rungs of the ladder, from the mildest to the last."""

from enum import StrEnum


class Remedy(StrEnum):
    """``relaunch`` is the same once more; ``smaller`` asks for less memory and fewer threads at a time."""

    RELAUNCH = "relaunch"
    SMALLER = "smaller"
    OTHER_DEVICE = "other_device"
    QUARANTINE = "quarantine"
    FAIL = "fail"
