"""Three families of error, told apart by who must move.

Only the shell catches them, once each. Findings about data are records, not exceptions.
"""


class OperatorError(Exception):
    """A person can mend it: the message says what was wrong, where, and what to do. The command exits with code 2."""


class OutsideError(Exception):
    """Disk, driver, exchange or a lost process: an incident, tried again later."""


class InvariantError(Exception):
    """Our own bug: the evidence is kept and the turn in which it arose is lost."""
