"""What should be done: pure decisions over the View.

Each agent is a module with a ``NAME`` and ``decide(view, now) -> list[Action]``. No I/O, no clock, no sibling:
agents meet in the View and the arbiter settles what they disagree about. Rules that several share live in ``rules``.
"""
