"""The phases of a campaign: an order and a desk in, artifacts on disk and one summary out.

Each phase is one function `(order, desk) -> ResultSummary`; a lane or a command runs it. No phase starts another,
keeps a clock, or knows a supervisor; what it must hear or tell goes through the desk.
"""
