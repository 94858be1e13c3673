"""What is traded: one strategy a file, each with a card, found by its name in the registry.

A strategy turns bars and parameters into events and an exit plan. It resolves no trade, reads no file, ranks no result.
"""
