"""The experiment runner: a person's own search over any bar strategy, laid out in one YAML file.

Reads the file, expands or draws the vectors, evaluates them in processes of its own, and keeps every trial as a file of
its own, which is also what a run that is taken up again goes by. Nothing here decides what a trade is, ranks otherwise
than `search` does, or knows the supervisor.
"""
