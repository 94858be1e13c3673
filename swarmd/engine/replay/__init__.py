"""Tick streams replayed: one pass over quotes and trades, and many strategy instances that share it.

The contract of a tick strategy, the account that fills its wishes and keeps its books, and the pass itself. No strategy
is known here by name, no file is opened, and nothing is ranked.
"""
