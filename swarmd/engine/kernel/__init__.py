"""The one trade simulator: events and an exit plan in, trades and equity out, in a slow obvious form and in fast ones.

Knows prices only as plain arrays. No bars, no indicators, no metrics beyond the screening columns, no strategies, no
files.
"""
