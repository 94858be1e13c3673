"""What is true: records, their order, and one picture of them.

No decision lives here and no number crunching; every other wing may import this one, and this one imports none of them.
"""
