"""The strategies in force: one file per niche (symbol and timeframe), how it is replaced, put back, watched and loaded.

Does not decide who is worthy: the phases do, and a crowning here only refuses what is not strictly better. The monitor
weighs daily returns; whoever replays them and acts on it stands above.
"""
