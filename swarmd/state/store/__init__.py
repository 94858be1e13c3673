"""Where records are kept: paths, locks, the journal and the views published from it.

Files and bytes live here and nowhere else in this wing. No decision, and nothing that knows what a record means.
"""
