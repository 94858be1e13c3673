"""A champion's trades once more, by an engine that nobody of this project wrote: backtesting.py.

`opinion` is the door, `peer` drives the foreign engine, `account` compares the two lists of trades. Asked by the phase
that writes a certificate. The foreign engine is an extra and is imported when it is asked; nothing else here, and
nothing outside, may import it.
"""
