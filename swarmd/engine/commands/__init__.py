"""The engine's verbs: each reads its arguments, calls the engine, and prints for a person or as one JSON document.

A command imports what it computes with inside its function, so that `swarmd --help` stays instant. No numerics here,
and nothing of the agents or the daemon.
"""
