"""The strategies in force: one file per niche (symbol and timeframe), how it is replaced, and how it is loaded.

Does not decide who is worthy: the phases do, and a crowning here only refuses what is not strictly better.
"""
