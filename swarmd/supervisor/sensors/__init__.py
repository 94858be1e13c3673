"""World to records: each sensor compares what it sees with the View and returns what changed.

No decision, no writing.
"""
